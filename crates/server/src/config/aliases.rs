//! Names of the environment that three other order systems are set by, as aliases of our settings: above the file,
//! below `ORDERMILL__`. An empty value means that system's default, and says nothing here.
//!
//! Called while the layers are put on top of each other; what became of each name is kept for the log and for
//! `config show`. Never shows a value: some are secrets.

use std::collections::BTreeMap;

use super::layers::{Layers, Origin};

/// What a name means.
enum Meaning {
    /// A setting, as it is written.
    Setting(&'static str),
    /// The port of an address; its host stays.
    Port(&'static str),
    /// So many retries are one attempt more.
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

/// Every name, with what it means. Names of one group say the same thing and must not disagree.
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
    /// The settings that it sets; empty where it has no effect.
    pub settings: Vec<&'static str>,
    /// Why it has no effect, where it has none.
    pub without_effect: Option<&'static str>,
}

/// Lays the aliases in `variables` on top; faults stay in the layers.
pub(super) fn add(layers: &mut Layers, variables: &BTreeMap<String, String>) {
    let given = |name: &str| variables.get(name).filter(|text| !text.trim().is_empty());
    let mut said: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for (name, group, meaning) in &ALIASES {
        let Some(text) = given(name) else { continue };
        let text = text.trim();
        if let Some((other, value)) = said.get(group)
            && *value != text
        {
            layers.complain(format!(
                "{other} and {name} say the same setting and disagree: leave one of them out"
            ));
            continue;
        }
        // Two names that agree are one origin.
        let origin = Origin::Environment(match said.insert(group, (name, text)) {
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
                    "{name} must be a whole number from 0 on: so many retries follow the first attempt"
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
        layers.note(Alias {
            name,
            settings,
            without_effect,
        });
    }
    halves(layers, given(FIRST_HALF), given(SECOND_HALF), given(WHOLE));
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

/// The address that a listener has with another port: where it listens is not what the port says. `None` where there
/// is no such listener.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write as _;

    use super::super::{Config, ConfigFlags, Layers, ShardMapText, StoreKind, load_with};
    use super::ALIASES;

    fn load(file: &str, environment: &[(&str, &str)]) -> Result<(Config, Layers), Vec<String>> {
        let mut written = tempfile::NamedTempFile::new().unwrap();
        written.write_all(file.as_bytes()).unwrap();
        let flags = ConfigFlags {
            config: Some(written.path().to_owned()),
            set: Vec::new(),
        };
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load_with(&flags, &[], environment).map_err(|error| error.faults)
    }

    fn lines(layers: &Layers) -> BTreeMap<String, String> {
        let line = |line: String| {
            let (name, rest) = line.split_once(' ').unwrap();
            (name.to_owned(), rest.to_owned())
        };
        layers.alias_lines().map(line).collect()
    }

    #[test]
    fn each_name_is_a_setting_or_says_why_it_has_no_effect() {
        let values = [
            ("PORT", "9001"),
            ("HTTP_PORT", "9001"),
            ("GRPC_PORT", "9002"),
            ("WORKER_COUNT", "20"),
            ("BATCH_SIZE", "1000"),
            ("MAX_RETRIES", "3"),
            ("KAFKA_BROKERS", "localhost:9092"),
            ("KAFKA_TOPIC", "orders"),
            ("KAFKA_GROUP_ID", "g"),
            ("KAFKA_GROUP", "g"),
            ("S3_ENDPOINT", "http://localhost:4566"),
            ("S3_BUCKET", "order-receipts"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "s3cret"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
            ("BATCH_FLUSH_INTERVAL", "5s"),
            ("RATE_LIMIT_REQUESTS", "100"),
            ("RATE_LIMIT_INTERVAL", "1m"),
        ];
        let (config, layers) = load("", &values).unwrap();
        assert_eq!(config.http.addr.to_string(), "127.0.0.1:9001");
        let grpc_addr = config.grpc.addr.map(|addr| addr.to_string());
        assert_eq!(grpc_addr.as_deref(), Some("127.0.0.1:9002"));
        assert_eq!(config.worker.concurrency, 20);
        assert_eq!(
            config.worker.max_attempts, 4,
            "3 retries follow the first attempt"
        );
        assert_eq!(config.store.batch, 1000);
        let lines = lines(&layers);
        assert_eq!(lines.len(), values.len());
        for (name, line) in &lines {
            let has_effect = [
                "PORT",
                "HTTP_PORT",
                "GRPC_PORT",
                "WORKER_COUNT",
                "BATCH_SIZE",
                "MAX_RETRIES",
            ]
            .contains(&name.as_str());
            let expected = if has_effect {
                "sets "
            } else {
                "has no effect: "
            };
            assert!(line.starts_with(expected), "{name} {line}");
            assert!(!line.contains("s3cret"));
        }
        let is_known = |name: &str| ALIASES.iter().any(|(known, _, _)| *known == name);
        assert!(
            ["PG_SHARD1_DSN", "PG_SHARD2_DSN", "DB_DSN"]
                .into_iter()
                .all(is_known)
        );
    }

    #[test]
    fn they_rank_above_the_file_and_below_our_own_names() {
        let file = "[worker]\nconcurrency = 1\nmax_attempts = 1\n[store]\nbatch = 1\n";
        let environment = [
            ("WORKER_COUNT", "2"),
            ("MAX_RETRIES", "2"),
            ("ORDERMILL__WORKER__MAX_ATTEMPTS", "9"),
        ];
        let (config, layers) = load(file, &environment).unwrap();
        assert_eq!(
            (
                config.store.batch,
                config.worker.concurrency,
                config.worker.max_attempts
            ),
            (1, 2, 9)
        );
        assert_eq!(
            layers.settings()["worker.concurrency"].origin.to_string(),
            "WORKER_COUNT"
        );
        let lines = lines(&layers);
        assert_eq!(lines["WORKER_COUNT"], "sets worker.concurrency");
        assert_eq!(
            lines["MAX_RETRIES"],
            "has no effect: worker.max_attempts is set by ORDERMILL__WORKER__MAX_ATTEMPTS"
        );
    }

    #[test]
    fn two_databases_are_shards_by_letter_and_one_is_the_store() {
        let (first, second) = ("postgres://u:p@a/x", "host=b user=u password='a,b'");
        let halves = [("PG_SHARD1_DSN", first), ("PG_SHARD2_DSN", second)];
        let (config, layers) = load("", &halves).unwrap();
        assert_eq!(config.store.kind, StoreKind::Postgres);
        assert_eq!(config.store.shards, [first, second]);
        assert_eq!(config.store.map, ShardMapText::Letter);
        assert_eq!(
            lines(&layers)["PG_SHARD1_DSN"],
            "sets store.kind, store.shards, store.map, dialects.orderflow"
        );
        assert!(config.dialects.orderflow, "its clients ask for its health");
        let off = [&halves[..], &[("ORDERMILL__DIALECTS__ORDERFLOW", "false")]].concat();
        assert!(!load("", &off).unwrap().0.dialects.orderflow);
        let (config, _) = load("", &[("DB_DSN", first), ("PG_SHARD1_DSN", "")]).unwrap();
        assert!(!config.dialects.orderflow);
        assert_eq!(config.store.shards, [first]);
        assert_eq!(config.store.map, ShardMapText::Spread);
    }

    #[test]
    fn what_disagrees_or_is_no_value_is_a_fault_by_name() {
        for (environment, part) in [
            (
                &[("PORT", "1"), ("HTTP_PORT", "2")][..],
                "PORT and HTTP_PORT say the same setting and disagree",
            ),
            (
                &[("KAFKA_GROUP", "a"), ("KAFKA_GROUP_ID", "b")],
                "KAFKA_GROUP_ID and KAFKA_GROUP",
            ),
            (
                &[("DB_DSN", "x"), ("PG_SHARD2_DSN", "y")],
                "PG_SHARD2_DSN and DB_DSN",
            ),
            (&[("PG_SHARD1_DSN", "x")], "PG_SHARD2_DSN does not name"),
            (&[("PG_SHARD2_DSN", "x")], "PG_SHARD1_DSN does not name"),
            (&[("PORT", "http")], "PORT must be a port"),
            (&[("PORT", "65536")], "PORT must be a port"),
            (&[("MAX_RETRIES", "-1")], "MAX_RETRIES must be"),
            (&[("MAX_RETRIES", "4294967295")], "MAX_RETRIES must be"),
            (
                &[("WORKER_COUNT", "many")],
                "worker.concurrency must be a whole number (WORKER_COUNT)",
            ),
            (
                &[("WORKER_COUNT", "0")],
                "worker.concurrency must be at least 1 (WORKER_COUNT)",
            ),
        ] {
            let faults = load("", environment).unwrap_err().join("\n");
            assert!(faults.contains(part), "{part} is not in {faults}");
        }
    }

    #[test]
    fn a_port_alone_leaves_the_host_and_its_rule_as_they_are() {
        let (config, _) = load("", &[("HTTP_PORT", ":9000")]).unwrap();
        assert!(config.http.addr.ip().is_loopback());
        let open = "[http]\naddr = \"[::]:80\"\n[auth]\nmode = \"none\"\n";
        let (config, _) = load(open, &[("PORT", "9000")]).unwrap();
        assert_eq!(config.http.addr.to_string(), "[::]:9000");
        let faults = load("[http]\naddr = \"0.0.0.0:80\"\n", &[("PORT", "9000")]).unwrap_err();
        assert!(faults.join("").contains("auth.mode"), "{faults:?}");
    }

    #[test]
    fn an_empty_value_says_nothing() {
        let names: Vec<(&str, &str)> = ALIASES.iter().map(|(name, _, _)| (*name, " ")).collect();
        let (_, layers) = load("", &names).unwrap();
        assert_eq!(lines(&layers), BTreeMap::new());
    }
}
