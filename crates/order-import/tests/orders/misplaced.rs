//! Orders whose rows are apart, or in two files: refused whole before anything of them is handed out, or collected.

use order_import::ImportError;

use crate::run::{import, shown, try_import};

const MAPPING: &str = "currency = \"USD\"\n[order]\nexternal_id = \"no\"\nuser_id = \"user\"\n[line]\nproduct_name = \"name\"\n\
    quantity = \"qty\"\nunit_price = \"price\"\n";
const HEADING: &str = "no,user,name,qty,price\n";

fn anywhere() -> String {
    format!("rows = \"anywhere\"\n{MAPPING}")
}

fn file(rows: &str) -> String {
    let rows: Vec<String> = rows
        .split_whitespace()
        .map(|row| format!("{},u,{},1,1.00\n", &row[..1], &row[1..]))
        .collect();
    format!("{HEADING}{}", rows.concat())
}

#[test]
fn an_order_whose_number_comes_again_is_refused_whole_with_all_its_rows() {
    let outcome = import(MAPPING, &[&file("a1 b1 a2 c1 d1 c2 c3")]);
    assert_eq!(
        outcome.lines,
        [
            "-2:no:rows_apart",
            "+b",
            "-4:no:rows_apart",
            "-5:no:rows_apart",
            "+d",
            "-7:no:rows_apart,8:no:rows_apart"
        ]
    );
    assert_eq!(
        outcome.refused_count, 2,
        "orders count once, not their runs of rows"
    );
}

#[test]
fn rows_from_anywhere_are_collected() {
    let outcome = import(&anywhere(), &[&file("a1 b1 a2 c1 d1 c2 a3")]);
    assert_eq!(outcome.lines, ["+b", "+d", "+c", "+a"]);
    assert_eq!(
        shown(&outcome.order("a").order),
        "3.00 USD: 1 x 1 (1.00) 1 x 2 (1.00) 1 x 3 (1.00)"
    );
}

#[test]
fn a_broken_row_that_names_an_order_counts_as_a_row_of_it() {
    let rows = format!("{}a,u\n", file("a1 b1"));
    assert_eq!(
        import(MAPPING, &[&rows]).lines,
        ["-2:no:rows_apart", "+b", "-4::wrong_column_count"]
    );
    assert_eq!(
        import(&anywhere(), &[&rows]).lines,
        ["+b", "-4::wrong_column_count"]
    );
}

#[test]
fn a_broken_row_of_any_order_stops_an_import_of_rows_from_anywhere() {
    let rows = format!("{}\"x\"y,u,n,1,1\n{}", file("a1 b1"), "a,u,2,1,1.00\n");
    let stop = try_import(&anywhere(), &[&rows]).err().unwrap();
    assert!(matches!(stop, ImportError::Stop(_)));
    let text = stop.to_string();
    assert!(
        text.contains("row 4 cannot be read") && text.contains("any order"),
        "{text}"
    );
}

#[test]
fn the_same_order_in_two_files_is_taken_twice_and_one_with_other_rows_is_refused_in_both() {
    let outcome = import(
        MAPPING,
        &[&file("a1 a2 b1"), &file("b1 c1"), &file("a1 d1")],
    );
    assert_eq!(
        outcome.lines,
        [
            "-2:no:in_two_files,3:no:in_two_files",
            "+b",
            "+b",
            "+c",
            "-2:no:in_two_files",
            "+d"
        ]
    );
    assert_eq!(outcome.refused_count, 1);
    let reason = &outcome.refused[0][0].reason;
    assert!(
        reason.contains("3.csv has too, with other rows"),
        "{reason}"
    );
}

#[test]
fn an_order_at_the_end_of_a_file_does_not_go_on_in_the_next() {
    let outcome = import(MAPPING, &[&file("a1 b1"), &file("b2 c1")]);
    assert_eq!(
        outcome.lines,
        ["+a", "-3:no:in_two_files", "-2:no:in_two_files", "+c"]
    );
}
