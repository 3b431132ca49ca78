//! `export` as CSV: which columns, byte order mark, and text that a spreadsheet program could run as a formula.

use crate::server::{Server, run};

#[test]
fn a_csv_export_has_the_chosen_columns_and_no_text_that_runs_as_a_formula() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--http-addr", "127.0.0.1:0", "--ws-addr", ""];
    let idle = ["--set", "worker.enabled=false"];
    let server = Server::start_with(folder.path(), &[&flags[..], &idle].concat());
    server.ok(&[
        "place",
        "--user",
        "+15550100",
        "--external-id",
        "=HYPERLINK(\"http://evil\")",
        "--line",
        "@Home:2:1.50",
    ]);
    let columns = "external_id,user_id,row,product_name,quantity,unit_price,amount";
    let csv = server.ok(&["export", "--columns", columns]);
    assert_eq!(
        csv,
        format!(
            "{columns}\n\"'=HYPERLINK(\"\"http://evil\"\")\",'+15550100,line,'@Home,2,1.50,3.00\n"
        )
    );
    let raw = server.ok(&["export", "--columns", "user_id", "--raw", "--bom"]);
    assert_eq!(raw, "\u{feff}user_id\n+15550100\n");
    let whole = server.ok(&["export", "--format", "csv"]);
    assert!(
        whole
            .starts_with("order_id,external_id,user_id,source,status,version,currency,amount,row,"),
        "{whole}"
    );
}

#[test]
fn an_unknown_column_and_flags_that_do_not_fit_together_are_exit_2() {
    for (arguments, part) in [
        (
            &["export", "--columns", "user_id,amuont"][..],
            "a similar value exists: 'amount'",
        ),
        (
            &["export", "--columns", "status,amount,status"],
            "--columns names status twice",
        ),
        (
            &["export", "--format", "ndjson", "--bom"],
            "--bom needs --format csv",
        ),
        (
            &["export", "--format", "ndjson", "--columns", "status"],
            "--columns needs --format csv",
        ),
    ] {
        let output = run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
}
