//! The names of other order systems in the environment: what each sets, how it ranks, and which do not fit together.

use std::collections::BTreeMap;

use server::Configuration;
use server::config::{ShardMapText, StoreKind};

use crate::{faults, shown};

/// Every name that means something.
const NAMES: [&str; 21] = [
    "KAFKA_BROKERS",
    "KAFKA_TOPIC",
    "KAFKA_GROUP_ID",
    "KAFKA_GROUP",
    "PG_SHARD1_DSN",
    "PG_SHARD2_DSN",
    "DB_DSN",
    "S3_ENDPOINT",
    "S3_BUCKET",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "PORT",
    "HTTP_PORT",
    "GRPC_PORT",
    "WORKER_COUNT",
    "BATCH_SIZE",
    "BATCH_FLUSH_INTERVAL",
    "MAX_RETRIES",
    "RATE_LIMIT_REQUESTS",
    "RATE_LIMIT_INTERVAL",
];

fn load(file: &str, environment: &[(&str, &str)]) -> Configuration {
    crate::load(file, environment, &[], &[]).unwrap()
}

/// What `config show` says of each name that the environment has.
fn lines(configuration: &Configuration) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (name, rest) = line.strip_prefix("# ")?.split_once(' ')?;
        Some((name.to_owned(), rest.to_owned()))
    };
    configuration.show().lines().filter_map(line).collect()
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
    let loaded = load("", &values);
    let config = &loaded.settings;
    assert_eq!(config.http.addr.to_string(), "127.0.0.1:9001");
    let grpc_addr = config.grpc.addr.map(|addr| addr.to_string());
    assert_eq!(grpc_addr.as_deref(), Some("127.0.0.1:9002"));
    assert_eq!(config.worker.concurrency, 20);
    assert_eq!(
        config.worker.max_attempts, 4,
        "3 retries follow the first attempt"
    );
    assert_eq!(config.store.batch, 1000);
    let lines = lines(&loaded);
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
}

#[test]
fn they_rank_above_the_file_and_below_our_own_names() {
    let file = "[worker]\nconcurrency = 1\nmax_attempts = 1\n[store]\nbatch = 1\n";
    let environment = [
        ("WORKER_COUNT", "2"),
        ("MAX_RETRIES", "2"),
        ("ORDERMILL__WORKER__MAX_ATTEMPTS", "9"),
    ];
    let loaded = load(file, &environment);
    let config = &loaded.settings;
    assert_eq!(
        (
            config.store.batch,
            config.worker.concurrency,
            config.worker.max_attempts
        ),
        (1, 2, 9)
    );
    assert_eq!(shown(&loaded, "worker.concurrency").1, "WORKER_COUNT");
    let lines = lines(&loaded);
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
    let loaded = load("", &halves);
    let config = &loaded.settings;
    assert_eq!(config.store.kind, StoreKind::Postgres);
    assert_eq!(*config.store.shards, [first, second]);
    assert_eq!(config.store.map, ShardMapText::Letter);
    assert_eq!(
        lines(&loaded)["PG_SHARD1_DSN"],
        "sets store.kind, store.shards, store.map, dialects.orderflow"
    );
    assert!(config.dialects.orderflow, "its clients ask for its health");
    let off = [&halves[..], &[("ORDERMILL__DIALECTS__ORDERFLOW", "false")]].concat();
    assert!(!load("", &off).settings.dialects.orderflow);
    let config = load("", &[("DB_DSN", first), ("PG_SHARD1_DSN", "")]).settings;
    assert!(!config.dialects.orderflow);
    assert_eq!(*config.store.shards, [first]);
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
        let found = faults("", environment, &[]);
        assert!(found.contains(part), "{part} is not in {found}");
    }
}

#[test]
fn a_port_alone_leaves_the_host_and_its_rule_as_they_are() {
    let config = load("", &[("HTTP_PORT", ":9000")]).settings;
    assert!(config.http.addr.ip().is_loopback());
    let open = "[http]\naddr = \"[::]:80\"\n[auth]\nmode = \"none\"\n";
    let config = load(open, &[("PORT", "9000")]).settings;
    assert_eq!(config.http.addr.to_string(), "[::]:9000");
    let found = faults("[http]\naddr = \"0.0.0.0:80\"\n", &[("PORT", "9000")], &[]);
    assert!(found.contains("auth.mode"), "{found}");
}

#[test]
fn an_empty_value_says_nothing() {
    let names = NAMES.map(|name| (name, " "));
    let loaded = load("", &names);
    assert_eq!(lines(&loaded), BTreeMap::new());
}
