//! Delimited text: encodings, delimiters, quotes, headings, ragged rows, and what is wrong with a row.

use order_import::files::{FileLayout, Heading, MAX_COLUMNS, Quote, encoding_for};

use crate::reading::{cells, open, read, texts};

fn plain() -> FileLayout {
    FileLayout::default()
}

fn encoded(label: &str) -> FileLayout {
    FileLayout {
        encoding: Some(encoding_for(label).unwrap()),
        ..plain()
    }
}

fn utf_16(text: &str, is_big_endian: bool) -> Vec<u8> {
    let bytes = |unit: u16| {
        if is_big_endian {
            unit.to_be_bytes()
        } else {
            unit.to_le_bytes()
        }
    };
    text.encode_utf16().flat_map(bytes).collect()
}

/// Number, cells and fault of each row.
fn rows(text: &str, layout: &FileLayout) -> Vec<(u64, Vec<String>, Option<&'static str>)> {
    let (_, rows) = read(&open(text, layout), &[]);
    rows.into_iter()
        .map(|row| (row.number, row.cells, row.broken.map(|broken| broken.code)))
        .collect()
}

#[test]
fn a_byte_order_mark_is_stronger_than_the_setting() {
    let text = "\u{feff}né,b\r\n\"a\r\n\"\"1\"\"\",€\r\n";
    let expected = [texts(&["né", "b"]), texts(&["a\r\n\"1\"", "€"])];
    for layout in [plain(), encoded("windows-1252"), encoded("utf-16be")] {
        assert_eq!(cells(&open(text, &layout)), expected);
        assert_eq!(cells(&open(utf_16(text, false), &layout)), expected);
        assert_eq!(cells(&open(utf_16(text, true), &layout)), expected);
    }
    // Without one, the setting is needed.
    assert_eq!(
        cells(&open(utf_16(&text[3..], true), &encoded("utf-16be"))),
        expected
    );
}

#[test]
fn single_byte_and_asian_encodings_are_read_by_their_labels() {
    for (label, bytes, text) in [
        ("windows-1252", &b"\x80\xe9"[..], "€é"),
        ("iso-8859-1", b"\xe9\xff", "éÿ"),
        ("iso-8859-15", b"\xa4\xbd", "€œ"),
        ("windows-1251", b"\xcf\xee", "По"),
        ("shift_jis", b"\x93\xfa\x95\\", "日表"),
        ("gb18030", b"\xc4\xe3", "你"),
    ] {
        let file = [b"a,b\n1,", bytes, b"\n"].concat();
        assert_eq!(
            cells(&open(file, &encoded(label)))[1],
            texts(&["1", text]),
            "{label}"
        );
    }
}

#[test]
fn undecodable_bytes_are_named_by_cell_and_cost_no_other() {
    for (label, bytes) in [
        ("utf-8", b"a,b,c\n1,caf\xe9,\xe2\x82\n2,x,y\n".to_vec()),
        ("shift_jis", b"a,b,c\n1,caf\xff,\xfc\xfc\n2,x,y\n".to_vec()),
    ] {
        let (_, rows) = read(&open(bytes, &encoded(label)), &[]);
        assert_eq!(
            (rows[0].undecodable.as_slice(), &rows[0].broken),
            (&[1, 2][..], &None),
            "{label}"
        );
        assert_eq!(rows[0].cells[..2], texts(&["1", "caf\u{fffd}"]));
        assert!(rows[1].undecodable.is_empty());
    }
    // Half a unit at the end of UTF-16.
    let mut odd = utf_16("\u{feff}a,b\n1,2", false);
    odd.push(b'3');
    let (_, rows) = read(&open(odd, &plain()), &[]);
    assert_eq!(
        (rows[0].cells[1].as_str(), &rows[0].undecodable),
        ("2\u{fffd}", &vec![1])
    );
}

#[test]
fn a_nul_makes_its_cell_uncertain() {
    let (_, rows) = read(&open("a,b\n1,x\0y\n2,z\n", &plain()), &[]);
    assert_eq!(
        (rows[0].cells[1].as_str(), &rows[0].undecodable),
        ("x\u{fffd}y", &vec![1])
    );
    assert!(rows[1].undecodable.is_empty());
}

#[test]
fn the_delimiter_is_detected_from_heading_and_rows_outside_of_quotes() {
    for (text, width) in [
        ("a,b;c\n1,2;3\n", 2),
        ("a;b\n1,5;2,5\n3,5;4,5\n", 2),
        ("a;b;c\n1,00;2,00;3,00\n", 3),
        ("\"a;b;c;d\",\"e\"\n\"1;1\",2\n", 2),
        ("a\tb, c\td\n1\t2, 3\t4\n", 3),
        ("a|b\n1|2\n", 2),
        ("Name, first;Total\nA, b;1,5\nC;2,5\n", 2),
        ("only\n1,5\n2,5\n", 1),
    ] {
        assert_eq!(
            open(text, &plain()).columns().unwrap().len(),
            width,
            "{text:?}"
        );
    }
}

#[test]
fn the_columns_of_the_mapping_decide_between_delimiters() {
    let file = open("a;b,c;d\n1;2,3;4\n", &plain());
    assert_eq!(read(&file, &["b,c"]).0, texts(&["a", "b,c", "d"]));
    assert_eq!(read(&file, &["c;d"]).0, texts(&["a;b", "c;d"]));
    // A setting is stronger.
    let file = open(
        "a;b,c;d\n",
        &FileLayout {
            delimiter: Some(b','),
            ..plain()
        },
    );
    assert_eq!(read(&file, &["b,c"]).0, texts(&["a;b", "c;d"]));
}

#[test]
fn a_separator_line_names_the_delimiter() {
    for layout in [
        plain(),
        FileLayout {
            heading: Heading::AfterLines(1),
            ..plain()
        },
    ] {
        let file = open("\u{feff}sep=|\r\na,x;b,x;c|d\r\n1|2\r\n", &layout);
        assert_eq!(
            cells(&file),
            [texts(&["a,x;b,x;c", "d"]), texts(&["1", "2"])]
        );
        assert_eq!(read(&file, &[]).1[0].number, 3);
    }
}

#[test]
fn quotes_can_be_another_character_or_none() {
    let text = "a;b\n'x;''y';\"2\n";
    let other = FileLayout {
        quote: Quote::Other(b'\''),
        ..plain()
    };
    assert_eq!(cells(&open(text, &other))[1], texts(&["x;'y", "\"2"]));
    let none = FileLayout {
        quote: Quote::Disabled,
        ..plain()
    };
    assert_eq!(
        cells(&open("a\tb\n\"1\" rack\t\"\n", &none))[1],
        texts(&["\"1\" rack", "\""])
    );
}

#[test]
fn blank_rows_are_passed_over_and_counted() {
    let text = "\n;;\n\"\"; ;\na;b;c\n\n1;2;3\n;;;;\n\"\"\n4;5;6\n\n";
    assert_eq!(
        rows(text, &plain()),
        [
            (6, texts(&["1", "2", "3"]), None),
            (9, texts(&["4", "5", "6"]), None)
        ]
    );
}

#[test]
fn lines_end_with_lf_crlf_or_cr() {
    for end in ["\n", "\r\n", "\r"] {
        for last in [end, ""] {
            let text = format!("a,b{end}1,\"x{end}y\"{end}{end}2,z{last}");
            let expected = [
                texts(&["a", "b"]),
                vec!["1".to_owned(), format!("x{end}y")],
                texts(&["2", "z"]),
            ];
            assert_eq!(cells(&open(text, &plain())), expected, "{end:?} {last:?}");
        }
    }
}

#[test]
fn ragged_rows_are_filled_up_or_cut_where_that_loses_nothing() {
    let text = "a,b,c\n1\n2,3,4,,\n5,6,7,8\n9,,\n";
    let ragged = FileLayout {
        is_ragged: true,
        ..plain()
    };
    assert_eq!(
        rows(text, &ragged),
        [
            (2, texts(&["1", "", ""]), None),
            (3, texts(&["2", "3", "4"]), None),
            (4, texts(&["5", "6", "7", "8"]), Some("wrong_column_count")),
            (5, texts(&["9", "", ""]), None),
        ]
    );
    assert_eq!(
        rows(text, &plain())
            .into_iter()
            .map(|row| row.2)
            .collect::<Vec<_>>(),
        [
            Some("wrong_column_count"),
            Some("wrong_column_count"),
            Some("wrong_column_count"),
            None
        ]
    );
}

#[test]
fn a_broken_row_says_what_is_wrong_and_which_cells_can_be_trusted() {
    let broken = |text: &str| {
        let (_, rows) = read(
            &open(
                text,
                &FileLayout {
                    delimiter: Some(b','),
                    ..plain()
                },
            ),
            &[],
        );
        rows[0].broken.clone().unwrap()
    };
    let fault = broken("a,b,c\n1,2,\"3\n4,5,6\n");
    assert_eq!((fault.code, fault.trusted_cells), ("bad_quotes", 2));
    assert_eq!(fault.reason, "opens a quote that is never closed");
    let fault = broken("a,b,c\n1,\"2\"x,3\n");
    assert_eq!((fault.code, fault.trusted_cells), ("bad_quotes", 1));
    let fault = broken("a,b,c\n1,2\n");
    assert_eq!((fault.code, fault.trusted_cells), ("wrong_column_count", 1));
    assert_eq!(fault.reason, "has 2 columns; the heading has 3");
    let fault = broken(&format!("a,b,c\n1,2,{}\n", "x".repeat(1 << 20)));
    assert_eq!((fault.code, fault.trusted_cells), ("too_long", 0));
}

#[test]
fn an_empty_or_blank_file_has_no_rows_and_one_line_is_a_heading() {
    for text in ["", "\n\r\n", "\u{feff}", "  \n,,,\n"] {
        for layout in [
            plain(),
            FileLayout {
                heading: Heading::AfterLines(3),
                ..plain()
            },
        ] {
            assert!(
                open(text, &layout).rows::<&str>(&[]).unwrap().is_none(),
                "{text:?}"
            );
        }
    }
    assert_eq!(
        read(&open("a,b", &plain()), &[]),
        (texts(&["a", "b"]), vec![])
    );
}

#[test]
fn a_heading_that_cannot_be_read_stops_with_its_row_and_the_remedy() {
    let error = |text: &str, layout: &FileLayout| {
        let rows = open(text, layout).rows(&["a", "b"]);
        rows.map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(
        error("\n\"a,b\n1,2\n", &plain()),
        "orders: the heading in row 2 opens a quote that is never closed: has no columns \"a\", \"b\"; its cells are not \
         quoted: set quote = \"\""
    );
    let heading = Heading::Contains(texts(&["Order", "Total"]));
    let layout = FileLayout { heading, ..plain() };
    let message = error("Order;Totals\n1;2\n", &layout);
    assert!(
        message.starts_with(
            "orders has no row with the columns of header_contains (\"Order\", \"Total\")"
        ),
        "{message}"
    );
    let message = error(
        "x\nOrder;Total\n1;2\n",
        &FileLayout {
            delimiter: Some(b','),
            ..layout
        },
    );
    assert!(message.ends_with("set delimiter = \";\""), "{message}");
}

#[test]
fn a_million_columns_are_refused_and_the_most_that_spreadsheets_have_are_read() {
    let wide = |columns: usize| {
        format!(
            "{}\n{}\n",
            vec!["c"; columns].join(","),
            vec!["1"; columns].join(",")
        )
    };
    assert_eq!(
        cells(&open(wide(MAX_COLUMNS), &plain()))[1].len(),
        MAX_COLUMNS
    );
    for columns in [MAX_COLUMNS + 1, 1_000_000] {
        let error = open(wide(columns), &plain())
            .rows::<&str>(&[])
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("orders: the heading in row 1 "),
            "{error}"
        );
    }
}

#[test]
fn rows_can_be_read_again_and_progress_counts_up_to_the_size() {
    let text = format!("a,b\n{}", "1,2\n".repeat(100_000));
    let file = open(text, &plain());
    for _ in 0..2 {
        let mut rows = file.rows::<&str>(&[]).unwrap().unwrap();
        assert!(rows.bytes_read() < file.size());
        let mut last = 0;
        while rows.next().unwrap().is_some() {
            assert!(rows.bytes_read() >= last);
            last = rows.bytes_read();
        }
        assert_eq!(last, file.size());
    }
}

#[test]
fn an_encoding_that_is_in_doubt_is_named_before_letters_go_wrong() {
    let doubt = |bytes: &[u8], layout: &FileLayout| open(bytes.to_vec(), layout).encoding_doubt();
    assert!(
        doubt("a\né\n".as_bytes(), &encoded("windows-1252"))
            .unwrap()
            .contains("encoding = \"utf-8\"")
    );
    assert!(
        doubt(b"a\n\xe9\n", &plain())
            .unwrap()
            .contains("windows-1252")
    );
    assert_eq!(doubt("a\né\n".as_bytes(), &plain()), None);
    assert_eq!(doubt(b"a\n\xe9\n", &encoded("windows-1252")), None);
    assert_eq!(doubt(b"a\n1\n", &encoded("windows-1252")), None);
}
