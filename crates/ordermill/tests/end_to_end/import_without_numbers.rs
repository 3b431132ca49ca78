//! `import` of what has no mapping or no number of its own: our own export, orders as they are posted, and tables
//! whose rows nothing tells apart.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::eight_days::days;
use crate::server::{Server, repository, run};

/// A server that processes nothing, so that what comes in stays as it came.
fn idle_server(data_dir: &Path) -> Server {
    let flags = ["--http-addr", "127.0.0.1:0", "--ws-addr", ""];
    let idle = ["--set", "worker.enabled=false"];
    Server::start_with(data_dir, &[&flags[..], &idle].concat())
}

/// Imports; the exit code, the counts by name, and what was said.
fn import(server: &Server, folder: &Path, arguments: &[&str]) -> (i32, Value, String) {
    let report = folder.join("report.csv");
    let always = ["import", "--json", "--url", &server.url, "--report"];
    let output = run(&[&always[..], &[report.to_str().unwrap()], arguments].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    let summary = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), summary, said)
}

fn counts(summary: &Value) -> [u64; 4] {
    ["accepted", "existing", "refused", "unrepeatable"].map(|name| summary[name].as_u64().unwrap())
}

/// What an order is, without what a server makes of it.
fn contents(server: &Server) -> Vec<Value> {
    let mut orders: Vec<Value> = server
        .ok(&["export"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for order in &mut orders {
        let order = order.as_object_mut().unwrap();
        for name in [
            "id",
            "receipt_key",
            "version",
            "updated_at",
            "attempt",
            "result",
        ] {
            order.remove(name);
        }
    }
    orders.sort_by_key(Value::to_string);
    orders
}

#[test]
fn an_export_comes_in_again_as_it_was_and_a_second_time_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let from = idle_server(&folder.path().join("from"));
    let mapping = repository("examples/online-retail.toml");
    let day = days()[0].display().to_string();
    let arguments = [
        "--as",
        "processed",
        "--mapping",
        mapping.to_str().unwrap(),
        &day,
    ];
    let (_, summary, said) = import(&from, folder.path(), &arguments);
    let [taken, ..] = counts(&summary);
    assert!(taken > 50, "{said}");
    let export = folder.path().join("orders.ndjson");
    let path = export.to_str().unwrap();
    from.ok(&["export", "--output", path]);

    let to = idle_server(&folder.path().join("to"));
    let (code, summary, said) = import(&to, folder.path(), &["--as", "processed", path]);
    assert_eq!((code, counts(&summary)), (0, [taken, 0, 0, 0]), "{said}");
    assert_eq!(contents(&to), contents(&from));
    let (code, summary, said) = import(&to, folder.path(), &["--as", "processed", path]);
    assert_eq!((code, counts(&summary)), (0, [0, taken, 0, 0]), "{said}");

    // The status of each order decides, whatever --as says of orders without one.
    for more in [&[][..], &["--as", "pending"]] {
        let (code, summary, said) = import(&to, folder.path(), &[more, &[path]].concat());
        assert_eq!((code, counts(&summary)), (0, [0, taken, 0, 0]), "{said}");
    }
}

#[test]
fn orders_as_they_are_posted_come_in_and_it_is_said_which_of_them_would_come_twice() {
    let folder = tempfile::tempdir().unwrap();
    let server = idle_server(&folder.path().join("data"));
    let file = folder.path().join("orders.ndjson");
    fs::write(
        &file,
        "{\"user_id\":\"a\",\"amount\":1.10}\n\n\
         {\"user_id\":\"a\",\"amount\":1.10}\n\
         {\"user_id\":\"b\",\"lines\":[{\"product_name\":\"p\",\"quantity\":2,\"unit_price\":3}],\"external_id\":\"E-1\"}\n\
         {\"user_id\":\"c\",\"amount\":1,\"idempotency_key\":\"K-1\"}\n\
         {\"user_id\":\"d\",\"amuont\":1}\n\
         {\"user_id\":\"e\",\"amount\":1",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let (code, summary, said) = import(&server, folder.path(), &[path]);
    assert_eq!((code, counts(&summary)), (3, [4, 0, 2, 2]), "{said}");
    let report = fs::read_to_string(folder.path().join("report.csv")).unwrap();
    assert!(report.contains(",6,amuont,,unknown_field,"), "{report}");
    assert!(report.contains(",7,,,bad_json,"), "{report}");

    let (_, summary, _) = import(&server, folder.path(), &[path]);
    assert_eq!(counts(&summary), [2, 2, 2, 2]);
    let for_people = server.run(&["import", "--report", "/dev/null", path]);
    let text = String::from_utf8(for_people.stdout).unwrap();
    assert!(
        text.contains("2 of them have no external id and no key"),
        "{text}"
    );
}

#[test]
fn a_file_with_columns_needs_a_mapping_and_the_mapping_needs_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let server = idle_server(&folder.path().join("data"));
    let file = folder.path().join("till.csv");
    fs::write(
        &file,
        "user,amount,slip\na,1.00,s1\na,1.00,s2\na,2.00,s3\nb,x,s4\n",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let (code, _, said) = import(&server, folder.path(), &[path]);
    assert_eq!(code, 1);
    assert!(said.contains("--mapping"), "{said}");

    let mapping = folder.path().join("mapping.toml");
    let plain = "currency = \"USD\"\n[order]\nuser_id = \"user\"\namount = \"amount\"\n";
    fs::write(&mapping, plain).unwrap();
    let arguments = ["--mapping", mapping.to_str().unwrap(), path];
    let (code, summary, said) = import(&server, folder.path(), &arguments);
    assert_eq!((code, counts(&summary)), (3, [3, 0, 1, 3]), "{said}");
    let (_, summary, _) = import(&server, folder.path(), &arguments);
    assert_eq!(counts(&summary), [3, 0, 1, 3], "each run takes them");

    // A key column makes it repeatable.
    fs::write(&mapping, format!("{plain}idempotency_key = \"slip\"\n")).unwrap();
    let (_, summary, _) = import(&server, folder.path(), &arguments);
    assert_eq!(counts(&summary), [3, 0, 1, 0]);
    let (_, summary, _) = import(&server, folder.path(), &arguments);
    assert_eq!(counts(&summary), [0, 3, 1, 0]);
}
