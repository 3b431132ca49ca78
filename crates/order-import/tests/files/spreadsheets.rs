//! Spreadsheets: cells as a person types them, sheets, headings, bounds, and files that only look like one.

use std::io::{Cursor, Write as _};

use order_import::files::{FileError, FileLayout, Format, Heading, Limits};
use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Formula, Workbook};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::reading::{cells, open, read, refusal, texts};

fn plain() -> FileLayout {
    FileLayout::default()
}

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn ods(content: &str) -> Vec<u8> {
    let content = format!(
        "<?xml version=\"1.0\"?><office:document-content><office:body><office:spreadsheet>{content}\
         </office:spreadsheet></office:body></office:document-content>"
    );
    let mimetype = b"application/vnd.oasis.opendocument.spreadsheet";
    zipped(&[
        ("mimetype", mimetype),
        ("META-INF/manifest.xml", b"<manifest/>"),
        ("content.xml", content.as_bytes()),
    ])
}

fn orders() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let date = CellFormat::new().set_num_format("dd/mm/yyyy hh:mm:ss");
    let hours = CellFormat::new().set_num_format("[h]:mm:ss");
    let sheet = workbook.add_worksheet();
    for (column, name) in (0..).zip(["Order", " Total ", "Placed", "Paid", "Note", "Took"]) {
        sheet.write(0, column, name).unwrap();
    }
    sheet.write(1, 0, 3_812_345_671_u64).unwrap();
    sheet.write(1, 1, 1234.5).unwrap();
    let placed = ExcelDateTime::parse_from_str("2026-04-05 21:06:21").unwrap();
    sheet.write_with_format(1, 2, &placed, &date).unwrap();
    sheet.write(1, 3, true).unwrap();
    sheet.write(1, 4, "two\nlines, \"quoted\"").unwrap();
    sheet.write_with_format(1, 5, 1.5, &hours).unwrap();
    sheet.write(3, 0, "00123").unwrap();
    sheet.write(3, 1, 0.1 + 0.2).unwrap();
    sheet
        .write_with_format(3, 2, ExcelDateTime::from_ymd(2026, 4, 6).unwrap(), &date)
        .unwrap();
    sheet
        .write(3, 4, Formula::new("=NA()").set_result("#N/A"))
        .unwrap();
    workbook.save_to_buffer().unwrap()
}

#[test]
fn cells_are_what_a_person_types() {
    let file = open(orders(), &plain());
    assert_eq!(file.format(), Format::Spreadsheet);
    let (columns, rows) = read(&file, &["Order"]);
    assert_eq!(
        columns,
        texts(&["Order", "Total", "Placed", "Paid", "Note", "Took"])
    );
    let first = [
        "3812345671",
        "1234.5",
        "2026-04-05T21:06:21",
        "TRUE",
        "two\nlines, \"quoted\"",
        "36:00:00",
    ];
    assert_eq!((rows[0].number, &rows[0].cells), (2, &texts(&first)));
    assert_eq!(
        (rows[1].number, &rows[1].cells),
        (4, &texts(&["00123", "0.3", "2026-04-06", "", "#N/A", ""]))
    );
    assert_eq!(rows.len(), 2);
}

#[test]
fn dates_can_be_taken_without_parsing_and_errors_are_uncertain() {
    let (_, rows) = read(&open(orders(), &plain()), &[]);
    assert_eq!(rows[0].date(2).unwrap().to_string(), "2026-04-05T21:06:21");
    assert_eq!(rows[1].date(2).unwrap().to_string(), "2026-04-06T00:00:00");
    assert_eq!(rows[0].date(0), None);
    assert_eq!(
        (
            rows[0].undecodable.as_slice(),
            rows[1].undecodable.as_slice()
        ),
        (&[][..], &[4][..])
    );
}

#[test]
fn a_sheet_is_chosen_by_name_and_the_first_visible_one_otherwise() {
    let mut workbook = Workbook::new();
    for (name, is_hidden) in [("Hidden", true), ("Orders", false), ("Returns", false)] {
        let sheet = workbook.add_worksheet().set_name(name).unwrap();
        sheet.set_hidden(is_hidden);
        sheet.write(0, 0, name).unwrap();
    }
    workbook.worksheet_from_index(1).unwrap().set_active(true);
    let bytes = workbook.save_to_buffer().unwrap();
    assert_eq!(open(bytes.clone(), &plain()).columns().unwrap(), ["Orders"]);
    let sheet = |name: &str| FileLayout {
        sheet: Some(name.into()),
        ..plain()
    };
    assert_eq!(
        open(bytes.clone(), &sheet("Returns")).columns().unwrap(),
        ["Returns"]
    );
    assert_eq!(
        open(bytes.clone(), &sheet("Hidden")).columns().unwrap(),
        ["Hidden"]
    );
    assert_eq!(
        refusal(bytes.clone(), &sheet("Order"), &Limits::default()).to_string(),
        "orders has no sheet \"Order\"; it has \"Hidden\", \"Orders\", \"Returns\"; set sheet to one of them"
    );
    let message = open(bytes, &plain()).diagnose(&["Returns"]).to_string();
    assert!(
        message.ends_with(
            "the sheet \"Orders\" was read; set sheet for another one: \"Hidden\", \"Returns\""
        ),
        "{message}"
    );
}

#[test]
fn the_heading_of_a_sheet_is_found_like_that_of_a_text() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write(0, 0, "Report").unwrap();
    sheet.write_row(3, 1, ["Order", "Total"]).unwrap();
    sheet.write_row(4, 1, ["1", "2"]).unwrap();
    sheet.write_row(5, 1, ["1", "2", "surplus"]).unwrap();
    let bytes = workbook.save_to_buffer().unwrap();
    assert_eq!(
        open(bytes.clone(), &plain())
            .diagnose(&["Order", "Total"])
            .to_string(),
        "has no columns \"Order\", \"Total\"; the heading is in row 4: set header_contains = [\"Order\", \"Total\"]"
    );
    for heading in [Heading::Contains(texts(&["Total"])), Heading::AfterLines(1)] {
        let (columns, rows) = read(
            &open(bytes.clone(), &FileLayout { heading, ..plain() }),
            &[],
        );
        assert_eq!(columns, texts(&["", "Order", "Total"]));
        assert_eq!(
            (rows[0].number, &rows[0].cells, &rows[0].broken),
            (5, &texts(&["", "1", "2"]), &None)
        );
        assert_eq!(rows[1].broken.as_ref().unwrap().code, "wrong_column_count");
    }
    let absent = FileLayout {
        heading: Heading::Contains(texts(&["Summe"])),
        ..plain()
    };
    assert!(matches!(
        open(bytes, &absent).rows::<&str>(&[]),
        Err(FileError::NoHeading { .. })
    ));
}

#[test]
fn an_empty_sheet_has_no_rows() {
    let mut workbook = Workbook::new();
    workbook.add_worksheet();
    assert!(
        open(workbook.save_to_buffer().unwrap(), &plain())
            .rows::<&str>(&[])
            .unwrap()
            .is_none()
    );
}

#[test]
fn an_opendocument_sheet_is_read_too() {
    let row = |cells: &str| format!("<table:table-row>{cells}</table:table-row>");
    let text = |text: &str| {
        format!(
            "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>"
        )
    };
    let heading = row(&format!(
        "{}{}{}",
        text("Order"),
        text("Total"),
        text("Placed")
    ));
    let values = "<table:table-cell office:value-type=\"float\" office:value=\"7\"><text:p>7</text:p></table:table-cell>\
        <table:table-cell office:value-type=\"float\" office:value=\"12.5\"><text:p>12,50</text:p></table:table-cell>\
        <table:table-cell office:value-type=\"date\" office:date-value=\"2026-04-05\"><text:p>5.4.</text:p></table:table-cell>";
    let content = format!(
        "<table:table table:name=\"Orders\">{heading}{}</table:table>",
        row(values)
    );
    let file = open(ods(&content), &plain());
    assert_eq!(cells(&file)[1], texts(&["7", "12.5", "2026-04-05"]));
    assert_eq!(
        read(&file, &[]).1[0].date(2).unwrap().to_string(),
        "2026-04-05T00:00:00"
    );
}

#[test]
fn a_spreadsheet_is_bounded_packed_and_unpacked() {
    let limits = |max_spreadsheet_bytes| Limits {
        max_spreadsheet_bytes,
        ..Limits::default()
    };
    let message = |bytes: Vec<u8>, limit| refusal(bytes, &plain(), &limits(limit)).to_string();
    assert_eq!(
        message(orders(), 1000),
        "orders is a spreadsheet of more than 1000 bytes; save the sheet as CSV, or set max_spreadsheet_bytes higher"
    );
    let bytes = orders();
    let packed = bytes.len() as u64;
    assert!(message(bytes, packed + 1).contains("more than"));
    // A bomb: 20 MB of blanks in 20 KB.
    let blanks = vec![b' '; 20_000_000];
    let bomb = zipped(&[
        ("[Content_Types].xml", b""),
        ("xl/workbook.xml", b""),
        ("xl/worksheets/sheet1.xml", &blanks),
    ]);
    assert!(bomb.len() < 100_000);
    let error = refusal(bomb, &plain(), &limits(10_000_000));
    assert!(
        matches!(
            error,
            FileError::SpreadsheetTooLarge {
                is_unpacked: true,
                ..
            }
        ),
        "{error}"
    );
    // Another: a cell that stands for a hundred million.
    let cell = "<table:table-row table:number-rows-repeated=\"1000000\"><table:table-cell office:value-type=\"string\" \
        table:number-columns-repeated=\"100\"><text:p>x</text:p></table:table-cell></table:table-row>";
    let error = refusal(
        ods(&format!(
            "<table:table table:name=\"a\">{cell}</table:table>"
        )),
        &plain(),
        &Limits::default(),
    );
    assert!(
        matches!(
            error,
            FileError::SpreadsheetTooLarge {
                is_unpacked: true,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_damaged_spreadsheet_is_refused_and_never_read_in_part() {
    let whole = orders();
    for length in (4..whole.len()).step_by(whole.len() / 50) {
        let error = refusal(&whole[..length], &plain(), &Limits::default());
        assert!(matches!(error, FileError::BadSpreadsheet { .. }), "{error}");
    }
    let ole2 = [&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &[0; 4096]].concat();
    let error = refusal(ole2, &plain(), &Limits::default());
    assert!(matches!(error, FileError::BadSpreadsheet { .. }), "{error}");
}

#[test]
fn what_only_looks_like_an_order_file_is_named_with_the_remedy() {
    for (bytes, message) in [
        (
            zipped(&[("orders.csv", b"a,b\n")]),
            "orders is a zip archive and not a spreadsheet; unpack it first",
        ),
        (
            b"\x28\xb5\x2f\xfd....".to_vec(),
            "orders is a Zstandard file; unpack it first",
        ),
        (
            b"%PDF-1.7\n".to_vec(),
            "orders is a PDF document; export the orders as CSV or .xlsx instead",
        ),
        (
            b"\xef\xbb\xbf\n <HTML><table><tr><td>".to_vec(),
            "orders is an HTML page, as some shops call .xls; open it in a spreadsheet program and save it as .xlsx or CSV",
        ),
    ] {
        assert_eq!(
            refusal(bytes, &plain(), &Limits::default()).to_string(),
            message
        );
    }
}
