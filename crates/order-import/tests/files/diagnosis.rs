//! Why columns are missing: the setting to change comes before any suggestion of a name.

use order_import::files::{FileLayout, Heading, Quote, encoding_for};

use crate::reading::open;

const SPANISH: [&str; 3] = ["Número de orden", "Costo de envío", "SKU"];

fn encode(text: &str, label: &str) -> Vec<u8> {
    encoding_for(label).unwrap().encode(text).0.into_owned()
}

fn diagnose(bytes: impl Into<Vec<u8>>, layout: &FileLayout, names: &[&str]) -> String {
    open(bytes, layout).diagnose(names).to_string()
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn encoding(label: &str) -> FileLayout {
    FileLayout {
        encoding: Some(encoding_for(label).unwrap()),
        ..FileLayout::default()
    }
}

#[test]
fn another_encoding_is_named_with_its_setting() {
    let text = "Número de orden;Costo de envío;SKU\n1;2;3\n";
    let missing = "has no columns \"Número de orden\", \"Costo de envío\"; ";
    let plain = FileLayout::default();
    assert_eq!(
        diagnose(encode(text, "windows-1252"), &plain, &SPANISH),
        format!("{missing}the file is Windows-1252: set encoding = \"windows-1252\"")
    );
    assert_eq!(
        diagnose(text, &encoding("windows-1252"), &SPANISH),
        format!("{missing}the file is UTF-8: set encoding = \"utf-8\"")
    );
    assert_eq!(
        diagnose(utf_16(text), &plain, &["SKU"]),
        "has no column \"SKU\"; the file is UTF-16 (little endian): set encoding = \"utf-16le\""
    );
    let names = ["Номер", "Сумма"];
    assert!(
        diagnose(encode("Номер,Сумма\n1,2\n", "windows-1251"), &plain, &names)
            .ends_with("set encoding = \"windows-1251\"")
    );
    let names = ["注文番号", "表示"];
    assert!(
        diagnose(encode("注文番号,表示\n1,2\n", "shift_jis"), &plain, &names)
            .ends_with("set encoding = \"shift_jis\"")
    );
}

#[test]
fn another_delimiter_is_named_with_its_setting() {
    for (text, setting) in [
        (
            "a;b;c\n1;2;3\n",
            "its cells are separated by ;: set delimiter = \";\"",
        ),
        (
            "a\tb\tc\n1\t2\t3\n",
            "its cells are separated by TAB: set delimiter = \"\\t\"",
        ),
        (
            "a|b|c\n1|2|3\n",
            "its cells are separated by |: set delimiter = \"|\"",
        ),
    ] {
        let layout = FileLayout {
            delimiter: Some(b','),
            ..FileLayout::default()
        };
        assert_eq!(
            diagnose(text, &layout, &["a", "c"]),
            format!("has no columns \"a\", \"c\"; {setting}")
        );
    }
}

#[test]
fn encoding_and_delimiter_can_both_be_wrong() {
    let bytes = encode(
        "Número de orden;Costo de envío;SKU\n1;2;3\n",
        "windows-1252",
    );
    let layout = FileLayout {
        delimiter: Some(b','),
        ..FileLayout::default()
    };
    let message = diagnose(bytes, &layout, &SPANISH);
    assert!(
        message.ends_with(
            "the file is Windows-1252, and its cells are separated by ;: set encoding = \"windows-1252\" and delimiter = \";\""
        ),
        "{message}"
    );
}

#[test]
fn a_heading_further_down_is_named_with_its_row() {
    let text = "Report\nStart;2026\n\nOrder;User;Total\n1;2;3\n";
    for (heading, setting) in [
        (Heading::First, "header_contains = [\"Order\", \"Total\"]"),
        (Heading::AfterLines(1), "skip_lines = 3"),
        (Heading::AfterLines(9), "skip_lines = 3"),
    ] {
        let file = open(
            text,
            &FileLayout {
                heading,
                ..FileLayout::default()
            },
        );
        let diagnosis = file.diagnose(&["Order", "Total"]);
        assert_eq!(
            diagnosis.to_string(),
            format!("has no columns \"Order\", \"Total\"; the heading is in row 4: set {setting}")
        );
        assert_eq!(diagnosis.settings(), [setting]);
    }
    // Rows are not lines if a cell of the preamble spans several.
    let layout = FileLayout {
        heading: Heading::AfterLines(1),
        ..FileLayout::default()
    };
    let message = diagnose(
        "\"Report\n2026\n\"\nNo\n\nOrder;Total\n1;2\n",
        &layout,
        &["Order", "Total"],
    );
    assert!(
        message.ends_with("the heading is in row 4: set header_contains = [\"Order\", \"Total\"]"),
        "{message}"
    );
}

#[test]
fn another_quote_is_named_with_its_setting() {
    let message = diagnose(
        "'a,x','b'\n'1','2'\n",
        &FileLayout::default(),
        &["a,x", "b"],
    );
    assert!(
        message.ends_with("its cells are quoted by ': set quote = \"'\""),
        "{message}"
    );
    let layout = FileLayout {
        quote: Quote::Disabled,
        ..FileLayout::default()
    };
    let message = diagnose("\"a\",\"b\"\n1,2\n", &layout, &["a", "b"]);
    assert!(
        message.ends_with("its cells are quoted by \": set quote = \"\\\"\""),
        "{message}"
    );
}

#[test]
fn the_setting_that_a_diagnosis_names_makes_the_columns_appear() {
    let names = ["Número de orden", "SKU"];
    let bytes = encode(
        "Informe\n\nNúmero de orden\tx;y\tSKU\n1\t2\t3\n",
        "windows-1252",
    );
    let layout = FileLayout {
        delimiter: Some(b';'),
        ..FileLayout::default()
    };
    let diagnosis = open(bytes.clone(), &layout).diagnose(&names);
    assert_eq!(
        diagnosis.settings(),
        [
            "encoding = \"windows-1252\"",
            "header_contains = [\"Número de orden\", \"SKU\"]",
            "delimiter = \"\\t\""
        ]
    );
    let fixed = FileLayout {
        delimiter: Some(b'\t'),
        heading: Heading::Contains(names.map(str::to_owned).to_vec()),
        ..encoding("windows-1252")
    };
    let file = open(bytes, &fixed);
    assert!(file.diagnose(&names).missing().is_empty());
    assert_eq!(file.columns().unwrap(), ["Número de orden", "x;y", "SKU"]);
}

#[test]
fn only_without_a_wrong_setting_is_the_nearest_column_suggested() {
    let diagnosis = open("order_number;user;total\n1;2;3\n", &FileLayout::default()).diagnose(&[
        "order_nomber",
        "user",
        "zzz",
    ]);
    assert_eq!(
        diagnosis.to_string(),
        "has no columns \"order_nomber\", \"zzz\"; did you mean \"order_number\" instead of \"order_nomber\"?"
    );
    assert!(diagnosis.settings().is_empty());
    assert_eq!(diagnosis.missing()[1].nearest, None);
}

#[test]
fn what_no_setting_helps_is_named_too() {
    let plain = FileLayout::default();
    assert!(
        diagnose("[{\"order\": 1},\n{\"order\": 2}]\n", &plain, &["order"])
            .contains("one object a line")
    );
    assert!(diagnose(b"o\0rder\0,x\n1,2\n".to_vec(), &plain, &["order"]).contains("NUL bytes"));
    assert!(diagnose(b"caf\xe9\n1\n".to_vec(), &plain, &["order"]).contains("set encoding"));
}

#[test]
fn a_diagnosis_of_a_hostile_heading_ends() {
    let text = format!("{}\n", "\"é',\";|\t".repeat(40_000));
    let layout = FileLayout {
        delimiter: Some(b','),
        quote: Quote::Disabled,
        ..FileLayout::default()
    };
    assert!(
        !open(encode(&text, "windows-1252"), &layout)
            .diagnose(&["a", "b"])
            .missing()
            .is_empty()
    );
}
