//! `import --preset`, `--print` and `--suggest`, and our own CSV export on its way back.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::server::{Server, repository, run};

fn case(name: &str) -> String {
    let path = repository("crates/order-import/tests/cases").join(name);
    path.to_str().unwrap().to_owned()
}

/// A server that processes nothing, so that what comes in stays as it came.
fn idle_server(data_dir: &Path) -> Server {
    let flags = ["--http-addr", "127.0.0.1:0", "--ws-addr", ""];
    let idle = ["--set", "worker.enabled=false"];
    Server::start_with(data_dir, &[&flags[..], &idle].concat())
}

/// Imports; the exit code, the summary, and standard error.
fn import(server: &Server, folder: &Path, arguments: &[&str]) -> (i32, Value, String) {
    let report = folder.join("report.csv");
    let always = ["import", "--json", "--url", &server.url, "--report"];
    let output = run(&[&always[..], &[report.to_str().unwrap()], arguments].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    let summary = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), summary, said)
}

/// All orders of a server.
fn orders(server: &Server) -> Vec<Value> {
    let lines = server.ok(&["export"]);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What an order is, without what a server makes of it; a time only of history.
fn contents(server: &Server) -> Vec<Value> {
    let mut orders = orders(server);
    for order in &mut orders {
        let order = order.as_object_mut().unwrap();
        let is_history = matches!(order["status"].as_str(), Some("PROCESSED" | "CANCELLED"));
        for name in [
            "id",
            "receipt_key",
            "version",
            "updated_at",
            "attempt",
            "result",
            "failure",
            "waiting_for",
        ] {
            order.remove(name);
        }
        if !is_history {
            order.remove("created_at");
            order.insert("status".to_owned(), "PENDING".into());
        }
    }
    orders.sort_by_key(Value::to_string);
    orders
}

#[test]
fn every_order_of_a_shops_file_comes_in_by_its_preset() {
    let folder = tempfile::tempdir().unwrap();
    let expected = fs::read(case("expected.json")).unwrap();
    let expected: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_slice(&expected).unwrap();
    for (preset, file) in [
        ("shopify", "shopify.csv"),
        ("woocommerce", "woocommerce.csv"),
        ("etsy", "currency_signs.csv"),
        ("ebay", "preamble.csv"),
        ("tiendanube", "semicolon_windows_1252.csv"),
    ] {
        let server = idle_server(&folder.path().join(preset));
        let (code, summary, said) =
            import(&server, folder.path(), &["--preset", preset, &case(file)]);
        assert_eq!(code, 0, "{preset}: {said}");
        let expected = &expected[file];
        assert_eq!(summary["accepted"], expected.len(), "{preset}: {summary}");
        for order in orders(&server) {
            let number = order["external_id"].as_str().unwrap();
            let Value::Object(wanted) = &expected[number] else {
                assert_eq!(order["status"], "CANCELLED", "{preset} {number}");
                continue;
            };
            assert_eq!(order["user_id"], wanted["user"], "{preset} {number}");
            assert_eq!(order["currency"], wanted["currency"], "{preset} {number}");
            assert_eq!(
                format!("{:.2}", order["amount"].as_f64().unwrap()),
                wanted["amount"].as_str().unwrap(),
                "{number}"
            );
            assert_eq!(
                order["lines"].as_array().unwrap().len() as u64,
                wanted["lines"].as_u64().unwrap(),
                "{number}"
            );
        }
        let (code, summary, _) = import(&server, folder.path(), &["--preset", preset, &case(file)]);
        assert_eq!(
            (code, &summary["accepted"], &summary["existing"]),
            (0, &0.into(), &expected.len().into())
        );
    }
}

#[test]
fn a_printed_preset_is_a_mapping_that_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = idle_server(&folder.path().join("data"));
    let printed = run(&["import", "--preset", "woocommerce", "--print"]);
    assert!(printed.status.success());
    let mapping = folder.path().join("shop.toml");
    fs::write(&mapping, &printed.stdout).unwrap();
    let arguments = [
        "--mapping",
        mapping.to_str().unwrap(),
        &case("woocommerce.csv"),
    ];
    let (code, summary, said) = import(&server, folder.path(), &arguments);
    assert_eq!((code, &summary["accepted"]), (0, &4.into()), "{said}");
}

#[test]
fn an_unknown_preset_and_flags_that_do_not_fit_together_are_exit_2() {
    for (arguments, part) in [
        (&["import", "--preset", "shopfy", "x.csv"][..], "shopify"),
        (&["import", "--print", "x.csv"], "--preset"),
        (
            &["import", "--preset", "etsy", "--mapping", "m.toml", "x.csv"],
            "cannot be used with",
        ),
        (&["import", "--preset", "etsy"], "FILE"),
        (
            &["import", "--suggest", "a.csv", "--preset", "etsy"],
            "cannot be used with",
        ),
    ] {
        let output = run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

#[test]
fn a_suggested_mapping_takes_the_file_that_it_was_guessed_from() {
    let folder = tempfile::tempdir().unwrap();
    let server = idle_server(&folder.path().join("data"));
    let file = case("semicolon_windows_1252.csv");
    let suggested = run(&["import", "--suggest", &file]);
    assert!(suggested.status.success());
    let mapping = folder.path().join("shop.toml");
    fs::write(&mapping, &suggested.stdout).unwrap();
    let arguments = ["--mapping", mapping.to_str().unwrap(), &file];
    let (code, summary, said) = import(&server, folder.path(), &arguments);
    assert_eq!((code, &summary["accepted"]), (0, &2.into()), "{said}");
    let absent = run(&["import", "--suggest", "/does/not/exist.csv"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("/does/not/exist.csv"));
}

/// Orders of every shape and status that a server without workers can have.
fn fill(server: &Server, folder: &Path) {
    let file = folder.join("orders.ndjson");
    fs::write(
        &file,
        concat!(
            r#"{"external_id":"=1+1","user_id":"+15550100","source":"web","currency":"USD","lines":[{"sku":"-KB","product_name":"@Keyboard","quantity":2,"unit_price":149.99},{"product_name":"'=x","quantity":0.485,"total":"2.00"}],"adjustments":[{"kind":"discount","label":"-SPRING","amount":-20.00},{"kind":"discount","label":"-SPRING","amount":-1.00},{"kind":"tax","amount":6.00,"included":true}],"metadata":{"note":"two\nlines","=x":"\t'@y"},"process_after":"2090-02-01T00:00:00.000Z"}"#,
            "\n",
            r#"{"user_id":"anna","currency":"JPY","amount":500,"adjustments":[{"kind":"tip","amount":20}],"idempotency_key":"k-1"}"#,
            "\n",
            r#"{"external_id":"H-1","user_id":"anna","currency":"KWD","amount":1.005,"source":"pos"}"#,
            "\n",
        ),
    )
    .unwrap();
    for arguments in [
        &[file.to_str().unwrap()][..],
        &["--preset", "shopify", &case("shopify.csv")],
    ] {
        let (code, _, said) = import(server, folder, arguments);
        assert_eq!(code, 0, "{said}");
    }
    let held = orders(server)
        .into_iter()
        .find(|order| order["external_id"] == "H-1")
        .unwrap();
    server.ok(&["hold", held["id"].as_str().unwrap()]);
}

#[test]
fn a_csv_export_comes_in_again_as_it_was_without_a_mapping() {
    let folder = tempfile::tempdir().unwrap();
    let from = idle_server(&folder.path().join("from"));
    fill(&from, folder.path());
    let export = folder.path().join("orders.csv");
    let path = export.to_str().unwrap();
    from.ok(&["export", "--format", "csv", "--output", path]);
    let count = orders(&from).len();

    let to = idle_server(&folder.path().join("to"));
    let (code, summary, said) = import(&to, folder.path(), &[path]);
    assert_eq!((code, &summary["accepted"]), (0, &count.into()), "{said}");
    assert_eq!(contents(&to), contents(&from));
    let (code, summary, said) = import(&to, folder.path(), &[path]);
    assert_eq!((code, &summary["existing"]), (0, &count.into()), "{said}");

    // With a byte order mark, and without defusing, as well.
    let again = idle_server(&folder.path().join("again"));
    from.ok(&["export", "--bom", "--output", path]);
    let (code, _, said) = import(&again, folder.path(), &[path]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(contents(&again), contents(&from));

    // Without its columns it is known all the same, and says what it lacks.
    from.ok(&[
        "export",
        "--columns",
        "order_id,user_id,status,currency,amount,row,adjustment_kind",
        "--output",
        path,
    ]);
    let (code, _, said) = import(&again, folder.path(), &[path]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("has no columns") && said.contains("external_id"),
        "{said}"
    );
}
