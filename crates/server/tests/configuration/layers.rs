//! Which layer wins, and that each value keeps its origin.

use edge_http::{CorsOrigin, HostName};
use server::{ConfigFlags, Configuration, Override};

use crate::{load, shown};

#[test]
fn defaults_are_a_configuration_that_starts() {
    assert!(Configuration::load_with(&ConfigFlags::default(), &[], []).is_ok());
}

#[test]
fn later_layers_win() {
    let file = "[store]\nqueue = 10\nbatch = 10\n[worker]\nconcurrency = 10\n";
    let environment = [
        ("ORDERMILL__STORE__BATCH", "20"),
        ("ORDERMILL__WORKER__CONCURRENCY", "20"),
    ];
    let sets = [("worker.concurrency", "30")];
    let data_dir = Override::new("store.data_dir", "/srv/orders", "--data-dir");
    let loaded = load(file, &environment, &sets, &[data_dir]).unwrap();
    let set = &loaded.settings;
    assert_eq!(
        (set.store.queue, set.store.batch, set.worker.concurrency),
        (10, 20, 30)
    );
    let origin = |name: &str| shown(&loaded, name).1;
    assert!(origin("store.queue").ends_with(":2"));
    assert_eq!(origin("store.batch"), "ORDERMILL__STORE__BATCH");
    assert_eq!(origin("worker.concurrency"), "--set worker.concurrency");
    assert_eq!(origin("store.data_dir"), "--data-dir");
    assert_eq!(origin("store.pool"), "default");
}

#[test]
fn every_kind_of_value_is_read_from_a_file_and_from_a_text() {
    let file = "[http]\naddr = \"localhost:1\"\nws_addr = \"\"\n\
                allowed_hosts = [\"Mill.Example\", \"::1\"]\n\
                cors_origins = [\"loopback\", \"null\", \"https://shop.example\"]\n\
                trusted_proxies = [\"10.1.2.3/8\", \"192.0.2.7\", \"fd00::/8\"]\n[health]\nlate_after = \"\"\n\
                [handler]\nkind = \"http\"\nurl = \"http://localhost/\"\nsecret = \"one\"\n\
                [dialects]\norders = \"order-system\"\n[log]\nlevel = \"info,worker=debug\"\nrequests = true\n";
    let from_file = load(file, &[], &[], &[]).unwrap();
    let sets = [
        ("http.addr", "localhost:1"),
        ("http.ws_addr", ""),
        ("http.allowed_hosts", "Mill.Example,::1"),
        ("http.cors_origins", "loopback,null,https://shop.example"),
        ("http.trusted_proxies", "10.1.2.3/8,192.0.2.7,fd00::/8"),
        ("health.late_after", ""),
        ("handler.kind", "http"),
        ("handler.url", "http://localhost/"),
        ("handler.secret", "one"),
        ("dialects.orders", "order-system"),
        ("log.level", "info,worker=debug"),
        ("log.requests", "true"),
    ];
    let from_texts = load("", &[], &sets, &[]).unwrap();
    assert_eq!(
        format!("{:?}", from_file.settings),
        format!("{:?}", from_texts.settings)
    );
    let set = &from_texts.settings;
    assert_eq!(set.http.addr.to_string(), "127.0.0.1:1");
    assert_eq!(set.http.ws_addr, None);
    let hosts = ["mill.example", "::1"].map(HostName::parse);
    assert_eq!(set.http.allowed_hosts, hosts.map(Option::unwrap));
    let origins = ["loopback", "null", "https://shop.example"].map(CorsOrigin::parse);
    assert_eq!(set.http.cors_origins, origins.map(Option::unwrap));
    let networks: Vec<String> = set
        .http
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"]);
    assert_eq!(set.health.late_after, None);
    assert_eq!(set.handler.url.as_deref(), Some("http://localhost/"));
    assert_eq!(*set.handler.secret, ["one"]);
    assert!(set.log.requests);
}

#[test]
fn a_printed_configuration_has_no_secret() {
    let sets = [
        ("handler.kind", "http"),
        ("handler.url", "http://localhost/"),
        ("handler.secret", "s3cret"),
        ("handler.headers", "X-A: s3cret"),
    ];
    let loaded = load("", &[], &sets, &[]).unwrap();
    let printed = format!("{:?}", loaded.settings);
    assert!(printed.contains("max_in_flight"), "{printed}");
    assert!(!printed.contains("s3cret"), "{printed}");
    assert!(!loaded.show().contains("s3cret"));
}
