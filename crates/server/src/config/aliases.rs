//! Names of the environment that set three other order systems, as aliases of our settings: above the file, below
//! `ORDERMILL__`. An empty value means that system's default, and sets nothing here.
//!
//! Called while the layers are added; what became of each name is kept for the log and for `config show`. Never shows a
//! value: some are secrets.

use std::collections::BTreeMap;

use super::layers::{Layers, Origin};

/// What a name means.
enum Meaning {
    /// A setting, as it is written.
    Setting(&'static str),
    /// The port of an address; its host stays.
    Port(&'static str),
    /// A number of retries, which is one attempt fewer.
    Retries(&'static str),
    /// One database for all users.
    Database,
    /// The database of one half of the users; the other name has the other half.
    HalfDatabase,
    /// Nothing, and why.
    Nothing(&'static str),
}

use Meaning::{Database, HalfDatabase, Nothing, Port, Retries, Setting};

const KAFKA: &str = "Kafka is not connected";
const S3: &str = "receipts are kept in the store or in a folder";
const RATES: &str = "rates are not limited";

/// Every name, with what it means. Names of one group set the same and must not disagree.
const ALIASES: [(&str, &str, Meaning); 21] = [
    ("KAFKA_BROKERS", "brokers", Nothing(KAFKA)),
    ("KAFKA_TOPIC", "topic", Nothing(KAFKA)),
    ("KAFKA_GROUP_ID", "group", Nothing(KAFKA)),
    ("KAFKA_GROUP", "group", Nothing(KAFKA)),
    (FIRST_HALF, "first half", HalfDatabase),
    (SECOND_HALF, "second half", HalfDatabase),
    (WHOLE, "database", Database),
    ("S3_ENDPOINT", "endpoint", Nothing(S3)),
    ("S3_BUCKET", "bucket", Nothing(S3)),
    ("AWS_REGION", "region", Nothing(S3)),
    ("AWS_ACCESS_KEY_ID", "key", Nothing(S3)),
    ("AWS_SECRET_ACCESS_KEY", "secret", Nothing(S3)),
    ("PORT", "port", Port("http.addr")),
    ("HTTP_PORT", "port", Port("http.addr")),
    ("GRPC_PORT", "grpc port", Port("grpc.addr")),
    ("WORKER_COUNT", "workers", Setting("worker.concurrency")),
    ("BATCH_SIZE", "batch", Setting("store.batch")),
    (
        "BATCH_FLUSH_INTERVAL",
        "flush",
        Nothing("a commit never waits for a timer"),
    ),
    ("MAX_RETRIES", "retries", Retries("worker.max_attempts")),
    ("RATE_LIMIT_REQUESTS", "rate", Nothing(RATES)),
    ("RATE_LIMIT_INTERVAL", "interval", Nothing(RATES)),
];

const FIRST_HALF: &str = "PG_SHARD1_DSN";
const SECOND_HALF: &str = "PG_SHARD2_DSN";
const WHOLE: &str = "DB_DSN";

/// What became of a name that the environment has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The name.
    pub name: &'static str,
    /// The settings that it sets; empty if it has no effect.
    pub settings: Vec<&'static str>,
    /// Why it has no effect, if it has none.
    pub without_effect: Option<&'static str>,
}

/// Adds the aliases in `variables` as the uppermost layer; faults stay in the layers. Returns what each sets.
pub fn add(layers: &mut Layers, variables: &BTreeMap<String, String>) -> Vec<Alias> {
    let mut aliases = Vec::new();
    let given = |name: &str| variables.get(name).filter(|text| !text.trim().is_empty());
    let mut values: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for (name, group, meaning) in &ALIASES {
        let Some(text) = given(name) else { continue };
        let text = text.trim();
        if let Some((other, value)) = values.get(group)
            && *value != text
        {
            layers.complain(format!(
                "{other} and {name} say the same setting and disagree: leave one of them out"
            ));
            continue;
        }
        // Two names that agree are one origin.
        let origin = Origin::Environment(match values.insert(group, (name, text)) {
            Some((other, _)) => format!("{other}, {name}"),
            None => (*name).to_owned(),
        });
        let mut settings = Vec::new();
        let mut without_effect = None;
        match meaning {
            Setting(setting) => {
                layers.set_text(setting, text, origin);
                settings.push(*setting);
            }
            Port(setting) => match port(layers, setting, text) {
                Ok(Some(addr)) => {
                    layers.set_text(setting, &addr, origin);
                    settings.push(*setting);
                }
                Ok(None) => without_effect = Some("there is no such listener"),
                Err(reason) => layers.complain(format!("{name} {reason}")),
            },
            Retries(setting) => match text.parse::<u32>().ok().and_then(|n| n.checked_add(1)) {
                Some(attempts) => {
                    layers.set_text(setting, &attempts.to_string(), origin);
                    settings.push(*setting);
                }
                None => layers.complain(format!(
                    "{name} must be a whole number from 0 on: the number of retries after the first attempt"
                )),
            },
            Database => databases(layers, &[text], "spread", name),
            HalfDatabase => {}
            Nothing(why) => without_effect = Some(*why),
        }
        if matches!(meaning, Database | HalfDatabase) {
            settings.extend(["store.kind", "store.shards", "store.map"]);
        }
        if *name == FIRST_HALF {
            settings.push("dialects.orderflow");
        }
        aliases.push(Alias {
            name,
            settings,
            without_effect,
        });
    }
    halves(layers, given(FIRST_HALF), given(SECOND_HALF), given(WHOLE));
    aliases
}

/// What became of each alias, one line each: which settings it sets, or why it has no effect.
pub fn lines(aliases: &[Alias], layers: &Layers) -> impl Iterator<Item = String> {
    aliases.iter().map(|alias| {
        let name = alias.name;
        if let Some(why) = alias.without_effect {
            return format!("{name} has no effect: {why}");
        }
        let overridden = alias.settings.iter().find_map(|setting| {
            let origin = &layers.settings().get(*setting)?.origin;
            match origin {
                Origin::Environment(names) if names.split(", ").any(|n| n == name) => None,
                other => Some(format!("{setting} is set by {other}")),
            }
        });
        match overridden {
            Some(by) => format!("{name} has no effect: {by}"),
            None => format!("{name} sets {}", alias.settings.join(", ")),
        }
    })
}

/// The two halves are one store, or none.
fn halves(
    layers: &mut Layers,
    first: Option<&String>,
    second: Option<&String>,
    whole: Option<&String>,
) {
    if whole.is_some() && (first.is_some() || second.is_some()) {
        let name = if first.is_some() {
            FIRST_HALF
        } else {
            SECOND_HALF
        };
        layers.complain(format!(
            "{name} and {WHOLE} say the same setting and disagree: leave one of them out"
        ));
        return;
    }
    match (first, second) {
        (None, None) => {}
        (Some(first), Some(second)) => {
            let names = "PG_SHARD1_DSN, PG_SHARD2_DSN";
            databases(layers, &[first.trim(), second.trim()], "letter", names);
            // Only orderflow has a database of half the users: its clients are the ones to be served.
            let origin = Origin::Environment(FIRST_HALF.to_owned());
            layers.set_text("dialects.orderflow", "true", origin);
        }
        (Some(_), None) => layers.complain(one_half(FIRST_HALF, SECOND_HALF)),
        (None, Some(_)) => layers.complain(one_half(SECOND_HALF, FIRST_HALF)),
    }
}

fn one_half(there: &str, missing: &str) -> String {
    format!(
        "{there} names one half of the users' database, but {missing} does not name the other's"
    )
}

fn databases(layers: &mut Layers, shards: &[&str], map: &str, names: &str) {
    let origin = || Origin::Environment(names.to_owned());
    layers.set_text("store.kind", "postgres", origin());
    layers.set_list("store.shards", shards, origin());
    layers.set_text("store.map", map, origin());
}

/// The address of a listener with another port and the same host. `None` if there is no such listener.
fn port(layers: &Layers, setting: &str, text: &str) -> Result<Option<String>, &'static str> {
    let port: u16 = text
        .trim_start_matches(':')
        .parse()
        .map_err(|_| "must be a port from 0 to 65535")?;
    let Some(known) = layers.settings().get(setting) else {
        return Ok(None);
    };
    let host = known.value.as_str().and_then(|addr| addr.rsplit_once(':'));
    let host = host.map_or("127.0.0.1", |(host, _)| host);
    Ok(Some(format!("{host}:{port}")))
}
