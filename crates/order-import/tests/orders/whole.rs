//! NDJSON whose lines are whole orders, read and checked as a server reads the rows of a batch.

use order_import::files::Input;
use order_import::{Fate, ImportError, Inputs, Item, Progress, RunKeys, WholeFiles};

fn import(text: &str, default_fate: Fate) -> Result<Vec<Result<String, String>>, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.ndjson");
    std::fs::write(&path, text).unwrap();
    let inputs = Inputs {
        files: vec![Input::new(&path)],
        ..Inputs::default()
    };
    let files = WholeFiles::open(&inputs)?;
    let mut all = Vec::new();
    files.read(
        RunKeys::of(7),
        default_fate,
        &Progress::default(),
        &mut |item| {
            all.push(match item {
                Item::Order(ready) => Ok(ready.json),
                Item::Refused(refused) => Err(refused
                    .refusals
                    .iter()
                    .map(|own| format!("{}:{}:{}", own.place.row, own.column, own.code))
                    .collect::<Vec<_>>()
                    .join(",")),
                Item::Skipped => Err("skipped".to_owned()),
                Item::EmptyFile(_) => Err("empty".to_owned()),
            });
            true
        },
    )?;
    Ok(all)
}

fn one(line: &str, default_fate: Fate) -> Result<String, String> {
    import(line, default_fate).unwrap().remove(0)
}

#[test]
fn what_was_posted_goes_as_it_is_under_a_key_of_the_run() {
    assert_eq!(
        one(
            r#"{"user_id":"a","amount":1.10,"currency":"USD"}"#,
            Fate::Pending
        )
        .unwrap(),
        r#"{"user_id":"a","amount":1.10,"currency":"USD","source":"import","idempotency_key":"import-0000000000000007-1"}"#
    );
    let own = r#"{"user_id":"a","amount":"1","idempotency_key":"k","source":"web"}"#;
    assert_eq!(one(own, Fate::Pending).unwrap(), own);
}

fn exported(status: &str) -> String {
    format!(
        r#"{{"id":"0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11","external_id":null,"user_id":"a","source":"web","status":"{status}","version":3,"currency":"USD","amount":2.00,"lines":[],"adjustments":[],"metadata":{{}},"process_after":null,"attempt":1,"failure":null,"result":{{"x":1}},"receipt_key":"r","waiting_for":null,"created_at":"2026-01-31T12:00:00.000Z","updated_at":"2026-01-31T12:00:00.000Z"}}"#
    )
}

#[test]
fn the_status_of_an_exported_order_decides_and_what_the_server_set_is_left_out() {
    for (status, history) in [
        ("PROCESSED", Some("PROCESSED")),
        ("CANCELLED", Some("CANCELLED")),
        ("FAILED", None),
        ("PENDING", None),
        ("RETRYING", None),
        ("ON_HOLD", None),
        ("PROCESSING", None),
    ] {
        for default_fate in [Fate::Pending, Fate::Processed] {
            let json = one(&exported(status), default_fate).unwrap();
            let expected = history.map(|status| {
                format!(r#","history":{{"created_at":"2026-01-31T12:00:00.000Z","status":"{status}"}}}}"#)
            });
            assert_eq!(
                json.contains("history"),
                expected.is_some(),
                "{status}: {json}"
            );
            assert!(expected.is_none_or(|part| json.ends_with(&part)), "{json}");
            assert!(
                json.contains(r#""idempotency_key":"import-0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11""#)
            );
            for name in [
                "receipt_key",
                "version",
                "waiting_for",
                "updated_at",
                "\"id\"",
            ] {
                assert!(!json.contains(name), "{name} is in {json}");
            }
        }
    }
}

#[test]
fn orders_without_a_status_become_what_the_caller_says() {
    let line =
        r#"{"user_id":"a","amount":1,"external_id":"x","created_at":"2026-01-31T12:00:00Z"}"#;
    assert!(
        one(line, Fate::Processed)
            .unwrap()
            .contains("\"PROCESSED\"")
    );
    let json = one(line, Fate::Pending).unwrap();
    assert!(
        !json.contains("created_at") && !json.contains("idempotency_key"),
        "{json}"
    );
    let untimed = r#"{"user_id":"a","amount":1}"#;
    assert_eq!(
        one(untimed, Fate::Processed),
        Err("1:created_at:required".to_owned())
    );
    let row = r#"{"user_id":"a","amount":1,"source":"pos","idempotency_key":"k","history":{"status":"CANCELLED","created_at":"2026-01-31T12:00:00Z"}}"#;
    assert_eq!(one(row, Fate::Pending).unwrap(), row);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let lines = [
        ("{\"user_id\":\"a\",\"amount\":1", "1::bad_json"),
        (r#"{"user_id":"a","user_id":"b","amount":1}"#, "1::bad_json"),
        (r#"{"amount":1}"#, "1:user_id:required"),
        (
            r#"{"user_id":"a","amount":1,"idempotency_key":"ü"}"#,
            "1:idempotency_key:not_visible_ascii",
        ),
        (
            r#"{"user_id":"a","amount":1,"status":"DONE"}"#,
            "1:status:unknown_value",
        ),
    ];
    for (line, fault) in lines {
        assert_eq!(one(line, Fate::Pending), Err(fault.to_owned()), "{line}");
    }
    assert_eq!(
        import("", Fate::Pending).unwrap(),
        [Err("empty".to_owned())]
    );
    assert_eq!(
        import(" \n\n", Fate::Pending).unwrap(),
        [Err("empty".to_owned())]
    );
    let error = import("a,b\n1,2\n", Fate::Pending).unwrap_err();
    assert!(error.to_string().contains("--mapping"), "{error}");
}
