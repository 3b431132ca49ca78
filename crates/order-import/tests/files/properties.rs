//! Any table reads back as it was written; any bytes end in rows or an error.

use encoding_rs::Encoding;
use order_import::files::{FileLayout, Heading, Limits, OrderFile, Quote, encoding_for};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::reading::{open, read};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
const LABELS: [&str; 7] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "iso-8859-15",
    "shift_jis",
    "gb18030",
];

/// Text that every encoding of a test has, with everything that CSV must quote.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9 ,;|'\"\t.-]{0,12}",
        "[a-z\"]{0,3}\r?\n[\",;]{0,3}",
        Just(String::new()),
        "[a-zéüñ€ß]{0,6}",
        "[日本語表ソ]{0,4}"
    ]
}

fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    (1_usize..6).prop_flat_map(|width| vec(vec(cell(), width), 1..12))
}

fn written(rows: &[Vec<String>], delimiter: u8, end: &str, quotes_all: bool) -> String {
    let delimiter = char::from(delimiter);
    let needs_quotes = |cell: &str| quotes_all || cell.contains([delimiter, '"', '\r', '\n']);
    let cell = |cell: &String| {
        if needs_quotes(cell) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.clone()
        }
    };
    let row = |row: &Vec<String>| {
        row.iter()
            .map(cell)
            .collect::<Vec<_>>()
            .join(&delimiter.to_string())
            + end
    };
    rows.iter().map(row).collect()
}

fn encoded(text: &str, label: &str) -> Option<Vec<u8>> {
    let encoding: &Encoding = encoding_for(label).unwrap();
    match label {
        "utf-16le" => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "utf-16be" => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        _ => {
            let (bytes, _, has_unmappable) = encoding.encode(text);
            (!has_unmappable).then(|| bytes.into_owned())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_table_reads_back_in_any_encoding(
        table in table(), delimiter in 0..DELIMITERS.len(), label in 0..LABELS.len(), is_crlf: bool, quotes_all: bool,
    ) {
        let end = if is_crlf { "\r\n" } else { "\n" };
        let heading: Vec<String> = (0..table[0].len()).map(|column| format!("c{column}")).collect();
        let rows = [vec![heading.clone()], table.clone()].concat();
        let text = written(&rows, DELIMITERS[delimiter], end, quotes_all);
        let Some(bytes) = encoded(&text, LABELS[label]) else {
            return Ok(());
        };
        let layout = FileLayout {
            encoding: Some(encoding_for(LABELS[label]).unwrap()),
            delimiter: Some(DELIMITERS[delimiter]),
            ..FileLayout::default()
        };
        let (columns, read_rows) = read(&open(bytes.clone(), &layout), &[]);
        prop_assert_eq!(&columns, &heading);
        let is_blank = |row: &Vec<String>| row.iter().all(|cell| cell.trim().is_empty());
        let expected: Vec<_> = table.into_iter().filter(|row| !is_blank(row)).collect();
        for row in &read_rows {
            prop_assert_eq!((&row.broken, &row.undecodable), (&None, &vec![]));
        }
        prop_assert_eq!(read_rows.into_iter().map(|row| row.cells).collect::<Vec<_>>(), expected);
        // The names of the columns are enough to detect the delimiter.
        if heading.len() > 1 {
            let detected = FileLayout { delimiter: None, ..layout };
            let names: Vec<&str> = heading.iter().map(String::as_str).collect();
            prop_assert_eq!(read(&open(bytes, &detected), &names).0, heading);
        }
    }

    #[test]
    fn any_bytes_end_in_rows_or_an_error(
        start in 0_usize..6, bytes in vec(any::<u8>(), 0..600), label in 0..LABELS.len(), quote in 0_usize..3,
        skipped in 0_u32..4, is_ragged: bool,
    ) {
        let starts: [&[u8]; 6] = [b"", b"a,b\n", b"PK\x03\x04", b"\x1f\x8b\x08\0", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\"a\":"];
        let bytes = [starts[start], &bytes].concat();
        let layout = FileLayout {
            encoding: (label > 0).then(|| encoding_for(LABELS[label]).unwrap()),
            quote: [Quote::Double, Quote::Other(b'\''), Quote::Disabled][quote],
            heading: Heading::AfterLines(skipped),
            is_ragged,
            ..FileLayout::default()
        };
        if let Ok(file) = OrderFile::from_bytes("orders", bytes.clone(), &layout, &Limits::default()) {
            if let Ok(Some(mut rows)) = file.rows(&["a", "b"]) {
                let mut last = 0;
                while let Ok(Some(row)) = rows.next() {
                    prop_assert!(row.number > last);
                    last = row.number;
                }
                prop_assert!(last <= bytes.len() as u64 + 1);
            }
            let _ = file.diagnose(&["a", "b"]).to_string();
        }
    }

    #[test]
    fn one_bad_row_costs_no_other(
        before in vec("[a-z]{1,5},[a-z]{1,5}", 1..10), bad in "\"[a-z]{0,5}\"?[a-z]{1,3},\"?[a-z]{0,5}", after in vec("[a-z]{1,5},[a-z]{1,5}", 1..10),
    ) {
        let text = format!("a,b\n{}\n{bad}\n{}\n", before.join("\n"), after.join("\n"));
        let (_, rows) = read(&open(text, &FileLayout::default()), &[]);
        prop_assert_eq!(rows.len(), before.len() + 1 + after.len());
        let good: Vec<String> = rows.iter().filter(|row| row.broken.is_none()).map(|row| row.cells.join(",")).collect();
        prop_assert_eq!(good, [before.clone(), after].concat());
        prop_assert!(rows[before.len()].broken.is_some());
    }
}
