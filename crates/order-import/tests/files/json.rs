//! NDJSON.

use order_import::files::{FileLayout, Format, Limits};

use crate::reading::{open, read, refusal, texts};

#[test]
fn numbers_keep_their_digits_and_a_bad_line_is_one_broken_row() {
    let text = "\u{feff}{\"a\": \"x\\n\", \"b\": 0.10}\r\n\r\n{\"a\": 1,\r\n{\"b\": null, \"c\": 1}\n{\"a\": [1]}\n{\"a\": true, \"b\": 1e2}";
    let file = open(text, &FileLayout::default());
    assert_eq!(file.format(), Format::Ndjson);
    let (columns, rows) = read(&file, &["a", "b"]);
    assert_eq!(columns, texts(&["a", "b"]));
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| (row.number, row.cells, row.broken.map(|broken| broken.code)))
        .collect();
    assert_eq!(
        rows,
        [
            (1, texts(&["x\n", "0.10"]), None),
            (3, vec![], Some("bad_json")),
            (4, texts(&["", ""]), None),
            (5, vec![], Some("wrong_type")),
            (6, texts(&["true", "1e2"]), None),
        ]
    );
}

#[test]
fn other_encodings_long_lines_and_undecodable_bytes_are_read_like_text() {
    let utf_16: Vec<u8> = "\u{feff}{\"a\": \"é\"}\n"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    assert_eq!(
        read(&open(utf_16, &FileLayout::default()), &["a"]).1[0].cells,
        texts(&["é"])
    );
    let text = [
        &b"{\"a\": \"\xe9\"}\n"[..],
        format!("{{\"a\": \"{}\"}}\n", "x".repeat(1 << 20)).as_bytes(),
        b"{\"a\": 1}\n",
    ]
    .concat();
    let (_, rows) = read(&open(text, &FileLayout::default()), &["a"]);
    let codes: Vec<_> = rows
        .iter()
        .map(|row| row.broken.as_ref().map(|broken| broken.code))
        .collect();
    assert_eq!(codes, [Some("undecodable"), Some("too_long"), None]);
    let (_, rows) = read(
        &open("{\"a\": \"x\\u0000\"}\n", &FileLayout::default()),
        &["a"],
    );
    assert_eq!(rows[0].undecodable, [0]);
}

#[test]
fn columns_are_those_of_the_first_object_and_a_missing_one_is_answered_with_the_nearest() {
    let file = open(
        "oops\n{\"total\": 1, \"order_no\": 2}\n",
        &FileLayout {
            format: Some(Format::Ndjson),
            ..FileLayout::default()
        },
    );
    assert_eq!(file.columns().unwrap(), texts(&["order_no", "total"]));
    assert_eq!(
        file.diagnose(&["order_nr"]).to_string(),
        "has no column \"order_nr\"; did you mean \"order_no\" instead of \"order_nr\"?"
    );
}

#[test]
fn lines_can_be_read_whole() {
    let mut lines = open("{}\n\n {\"a\": 1}", &FileLayout::default())
        .lines()
        .unwrap();
    let first = lines.next().unwrap().unwrap();
    assert_eq!(
        (first.number, first.text.as_str(), first.broken),
        (1, "{}", None)
    );
    let second = lines.next().unwrap().unwrap();
    assert_eq!((second.number, second.text.as_str()), (3, "{\"a\": 1}"));
    assert_eq!(lines.next().unwrap(), None);
}

#[test]
fn a_format_that_the_content_is_not_is_refused() {
    let layout = |format| FileLayout {
        format: Some(format),
        ..FileLayout::default()
    };
    let message =
        |text: &str, format| refusal(text, &layout(format), &Limits::default()).to_string();
    assert_eq!(
        message("{\"a\": 1}", Format::Delimited),
        "orders is NDJSON, and not CSV; remove the setting format"
    );
    assert_eq!(
        message("a,b\n", Format::Spreadsheet),
        "orders is CSV, and not a spreadsheet; remove the setting format"
    );
    assert!(
        open("", &layout(Format::Ndjson))
            .rows(&["a"])
            .unwrap()
            .is_none()
    );
}
