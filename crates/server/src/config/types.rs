//! The types of settings that serde does not bring: times, addresses, currencies, secrets. Used by the sections alone; each
//! says what its value must be, and knows no setting by name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

use domain::Currency;
use ipnet::IpNet;
use jiff::SignedDuration;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// Reads a text by a function that says what is wrong with it.
struct Parse<T> {
    expected: &'static str,
    parse: fn(&str) -> Result<T, String>,
}

impl<T> Visitor<'_> for Parse<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

/// Times are added to the clock and to each other, which must not overflow.
const MAX_TIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A time such as `30s`.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    const EXPECTED: &str = "a time such as \"500ms\", \"30s\" or \"5m\"";
    deserializer.deserialize_str(Parse {
        expected: EXPECTED,
        parse: |text| {
            let parsed: SignedDuration = text.parse().map_err(|_| format!("must be {EXPECTED}"))?;
            let time =
                Duration::try_from(parsed).map_err(|_| "must not be below zero".to_owned())?;
            if time > MAX_TIME {
                return Err("must not be above 365 days".to_owned());
            }
            Ok(time)
        },
    })
}

/// A time, or an empty text for none.
pub fn optional_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    #[derive(serde::Deserialize)]
    struct Time(#[serde(deserialize_with = "time")] Duration);

    let time = Option::<Time>::deserialize(deserializer)?;
    Ok(time.map(|Time(time)| time))
}

/// An address with a port.
pub fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    const EXPECTED: &str = "an address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"";
    deserializer.deserialize_str(Parse {
        expected: EXPECTED,
        parse: |text| {
            let localhost = text.strip_prefix("localhost:");
            if let Some(Ok(port)) = localhost.map(str::parse) {
                return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
            }
            text.parse().map_err(|_| format!("must be {EXPECTED}"))
        },
    })
}

/// An address with a port, or an empty text for none.
pub fn optional_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    #[derive(serde::Deserialize)]
    struct Address(#[serde(deserialize_with = "address")] SocketAddr);

    let address = Option::<Address>::deserialize(deserializer)?;
    Ok(address.map(|Address(address)| address))
}

/// Networks, of which a bare address is the smallest.
pub fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    struct Network(IpNet);

    impl<'de> Deserialize<'de> for Network {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            const EXPECTED: &str =
                "an address or a network, such as \"192.0.2.7\" or \"10.0.0.0/8\"";
            deserializer.deserialize_str(Parse {
                expected: EXPECTED,
                parse: |text| {
                    let address = text.parse().map(|address: IpAddr| IpNet::from(address));
                    let network = address.ok().or_else(|| text.parse().ok());
                    network
                        .map(Self)
                        .ok_or_else(|| format!("must be {EXPECTED}"))
                },
            })
        }
    }

    let networks = Vec::<Network>::deserialize(deserializer)?;
    Ok(networks
        .into_iter()
        .map(|Network(network)| network)
        .collect())
}

/// The code of a currency.
pub fn currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Currency, D::Error> {
    deserializer.deserialize_str(Parse {
        expected: "the code of a currency in quotes",
        parse: |text| Currency::parse(text).map_err(|error| error.to_string()),
    })
}

/// Which logs are written.
pub fn log_filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Targets, D::Error> {
    const EXPECTED: &str =
        "error, warn, info, debug or trace, or a filter such as \"info,worker=debug\"";
    deserializer.deserialize_str(Parse {
        expected: EXPECTED,
        parse: |text| {
            // The filter's own grammar takes any bare word for a part of the program, a mistyped level too.
            let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
            let is_directive = |directive: &str| match directive.split_once('=') {
                Some((part, level)) => !part.trim().is_empty() && is_level(level.trim()),
                None => is_level(directive),
            };
            let filter = text.parse().ok();
            filter
                .filter(|_| text.split(',').map(str::trim).all(is_directive))
                .ok_or_else(|| format!("must be {EXPECTED}"))
        },
    })
}

/// How `store.map` names a shard map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardMapText {
    /// Evenly.
    Spread,
    /// A-M first, all others second.
    Letter,
    /// Ranges of buckets: the first, the last and the shard of each.
    Ranges(Vec<(u16, u16, u16)>),
}

impl<'de> Deserialize<'de> for ShardMapText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "\"spread\", \"letter\", or stretches of the 4096 buckets with their shards, such as \
                                \"ranges:0-2047=0,2048-4095=1\"";
        deserializer.deserialize_str(Parse {
            expected: EXPECTED,
            parse: |text| match text {
                "spread" => Ok(Self::Spread),
                "letter" => Ok(Self::Letter),
                _ => ranges(text)
                    .map(Self::Ranges)
                    .ok_or_else(|| format!("must be {EXPECTED}")),
            },
        })
    }
}

fn ranges(text: &str) -> Option<Vec<(u16, u16, u16)>> {
    let range = |range: &str| {
        let (buckets, shard) = range.trim().split_once('=')?;
        let (first, last) = buckets.split_once('-')?;
        Some((
            first.trim().parse().ok()?,
            last.trim().parse().ok()?,
            shard.trim().parse().ok()?,
        ))
    };
    text.strip_prefix("ranges:")?
        .split(',')
        .map(range)
        .collect()
}

/// A value that is never shown.
#[derive(Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Hidden<T>(pub T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl<T> Deref for Hidden<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Secrets: one text, or a list of texts. An empty text is an empty list.
pub fn secrets<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Hidden<Vec<String>>, D::Error> {
    struct OneOrMore;

    impl<'de> Visitor<'de> for OneOrMore {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text in quotes or a list of texts")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<String>, E> {
            let is_given = !text.is_empty();
            Ok(is_given.then(|| text.to_owned()).into_iter().collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<String>, A::Error> {
            let mut texts = Vec::new();
            while let Some(text) = items.next_element()? {
                texts.push(text);
            }
            Ok(texts)
        }
    }

    deserializer.deserialize_any(OneOrMore).map(Hidden)
}
