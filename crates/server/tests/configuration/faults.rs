//! Faults: all at once, each with its origin and the nearest name, and none with its value.

use crate::faults;

#[test]
fn all_faults_are_named_at_once_with_their_origin_and_the_nearest_name() {
    let found = faults(
        "[htp]\naddr = 1\n[store]\nqeue = 5\nbatch = \"many\"\n",
        &[
            ("ORDERMILL__WORKER__LEESE", "5s"),
            ("ORDERMILL__WORKER__LEASE", "soon"),
        ],
        &[("handler.kind", "smtp")],
    );
    for part in [
        "[htp] is no section; did you mean http?",
        "store.qeue is no setting; did you mean store.queue?",
        "store.batch must be a whole number, not text",
        "worker.leese is no setting; did you mean worker.lease? (ORDERMILL__WORKER__LEESE)",
        "worker.lease must be a time such as",
        "handler.kind must be \"none\" or \"http\" (--set handler.kind)",
    ] {
        assert!(found.contains(part), "{part} is not in\n{found}");
    }
    assert_eq!(found.lines().count(), 6, "{found}");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_in_words_and_never_repeated() {
    for (section, line, expected) in [
        (
            "store",
            "queue = -12345",
            "store.queue must be from 0 to 4294967295",
        ),
        (
            "store",
            "queue = 12345678901",
            "store.queue must be from 0 to 4294967295",
        ),
        (
            "store",
            "queue = 12345.5",
            "store.queue must be a whole number, not a number with a point",
        ),
        (
            "store",
            "queue = 1979-05-27",
            "store.queue must be a whole number, not a date",
        ),
        (
            "worker",
            "max_attempts = \"12345\"",
            "worker.max_attempts must be a whole number, not text",
        ),
        (
            "worker",
            "enabled = 12345",
            "worker.enabled must be true or false, not a whole number",
        ),
        (
            "worker",
            "lease = 12345",
            "worker.lease must be a time such as \"500ms\", \"30s\" or \"5m\", not a whole number",
        ),
        (
            "worker",
            "lease = \"-12345s\"",
            "worker.lease must not be below zero",
        ),
        (
            "health",
            "late_after = \"12345\"",
            "health.late_after must be a time such as",
        ),
        (
            "http",
            "addr = \"12345\"",
            "http.addr must be an address with a port, such as",
        ),
        (
            "http",
            "addr = true",
            "http.addr must be an address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\", not true or false",
        ),
        (
            "http",
            "allowed_hosts = \"12345\"",
            "http.allowed_hosts must be a list of texts, not text",
        ),
        (
            "http",
            "allowed_hosts = [\"mill.example\", \"mill.example:12345\"]",
            "http.allowed_hosts holds an item that must be a host name or IP address without scheme and port",
        ),
        (
            "http",
            "allowed_hosts = [12345]",
            "http.allowed_hosts holds an item that must be a host name or IP address",
        ),
        (
            "http",
            "cors_origins = [\"https://shop.example:12345/\"]",
            "http.cors_origins holds an item that must be an origin without a path, such as \"https://shop.example\"",
        ),
        (
            "http",
            "cors_origins = [\"NULL12345\"]",
            "http.cors_origins holds an item that must be an origin without a path",
        ),
        (
            "http",
            "trusted_proxies = [\"10.0.0.0/12345\"]",
            "http.trusted_proxies holds an item that must be an IP network or address, such as \"10.0.0.0/8\"",
        ),
        (
            "grpc",
            "addr = \"12345\"",
            "grpc.addr must be an address with a port, such as",
        ),
        (
            "store",
            "kind = 12345",
            "store.kind must be \"sqlite\" or \"postgres\"",
        ),
        (
            "store",
            "kind = \"12345\"",
            "store.kind must be \"sqlite\" or \"postgres\"",
        ),
        (
            "store",
            "map = \"ranges:12345\"",
            "store.map must be \"spread\", \"letter\", or ",
        ),
        (
            "store",
            "data_dir = 12345",
            "store.data_dir must be text in quotes, not a whole number",
        ),
        (
            "store",
            "shards = \"12345\"",
            "store.shards must be a list of texts, not text",
        ),
        (
            "store",
            "shards = [12345]",
            "store.shards holds an item that must be text in quotes, not a whole number",
        ),
        (
            "handler",
            "secret = 12345",
            "handler.secret must be text in quotes or a list of texts, not a whole number",
        ),
        (
            "handler",
            "secret = [12345]",
            "handler.secret holds an item that must be text in quotes, not a whole number",
        ),
        (
            "dialects",
            "orders = \"12345\"",
            "dialects.orders must be \"auto\" or \"orderSystem\" or \"order-system\"",
        ),
        (
            "orders",
            "default_currency = \"12345\"",
            "orders.default_currency ",
        ),
        (
            "log",
            "level = \"12345\"",
            "log.level must be error, warn, info, debug or trace, or a filter",
        ),
        (
            "log",
            "level.deep = \"12345\"",
            "log.level must be error, warn, info, debug or trace, or a filter such as \"info,worker=debug\", not a section",
        ),
    ] {
        let found = faults(&format!("[{section}]\n{line}\n"), &[], &[]);
        assert!(found.starts_with(expected), "{line}: {found}");
        let is_of_currency = section == "orders";
        assert!(
            is_of_currency || !found.contains("12345"),
            "{line}: {found}"
        );
        assert_eq!(found.lines().count(), 1, "{line}: {found}");
    }
}

#[test]
fn impossible_combinations_are_refused_with_the_reason() {
    for (sets, part) in [
        (vec![("http.addr", "0.0.0.0:8080")], "auth.mode"),
        (vec![("grpc.addr", "0.0.0.0:50051")], "grpc.addr"),
        (vec![("grpc.addr", "127.0.0.1:8080")], "grpc.addr"),
        (
            vec![("grpc.max_messages_bytes", "1000")],
            "grpc.max_messages_bytes",
        ),
        (vec![("handler.kind", "http")], "handler.url"),
        (vec![("handler.url", "http://localhost/")], "handler.kind"),
        (vec![("store.kind", "postgres")], "store.shards"),
        (
            vec![("store.shards", "postgres://localhost/a")],
            "store.kind",
        ),
        (vec![("receipts.store", "folder")], "receipts.folder"),
        (vec![("worker.backoff_first", "10m")], "worker.backoff_last"),
        (vec![("store.queue", "0")], "store.queue"),
        (
            vec![("orders.default_currency", "ABC")],
            "orders.default_currency",
        ),
        (vec![("http.ws_addr", "127.0.0.1:8080")], "http.ws_addr"),
    ] {
        let found = faults("", &[], &sets);
        assert!(found.contains(part), "{sets:?}: {part} is not in {found:?}");
    }
    let open = [("http.addr", "0.0.0.0:80"), ("auth.mode", "none")];
    assert_eq!(faults("", &[], &open), "");
}
