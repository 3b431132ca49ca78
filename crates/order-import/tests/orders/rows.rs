//! What rows make of an order: lines, first texts, contradictions, unreadable rows.

use crate::run::{import, shown};

const MAPPING: &str = "currency = \"GBP\"\n[order]\nexternal_id = \"no\"\n\
    user_id = { column = \"user\", strip_suffix = \".0\", when_empty = \"guest\" }\n\
    metadata = { country = \"country\" }\n[line]\nproduct_name = [\"name\", \"sku\"]\nsku = \"sku\"\n\
    quantity = \"quantity\"\nunit_price = \"price\"\n";
const HEADING: &str = "no,sku,name,quantity,price,user,country\n";

/// What became of each order, in the order of the file.
fn lines(rows: &str) -> Vec<String> {
    import(MAPPING, &[&format!("{HEADING}{rows}")]).lines
}

#[test]
fn rows_that_follow_each_other_with_one_number_are_one_order() {
    let rows = "1,A,a,1,1.00,7.0,UK\n1,B,b,2,2.50,7.0,UK\n2,C,,1,0.0,,UK\n";
    let outcome = import(MAPPING, &[&format!("{HEADING}{rows}")]);
    assert_eq!(outcome.lines, ["+1", "+2"]);
    assert_eq!(
        shown(&outcome.order("1").order),
        "6.00 GBP: 1 x a (1.00) 2 x b (5.00)"
    );
    assert_eq!(outcome.order("2").order.user_id.as_str(), "guest");
}

#[test]
fn blank_cells_of_later_rows_are_ignored_and_the_first_text_that_is_there_counts() {
    let rows = "1,A,a,1,1.00,,\n1,B,b,1,1.00,7,\n1,C,c,1,1.00,,UK\n1,D,d,1,1.00,7.0,DE\n";
    let outcome = import(MAPPING, &[&format!("{HEADING}{rows}")]);
    let order = &outcome.order("1").order;
    assert_eq!(order.lines.len(), 4);
    assert_eq!(order.user_id.as_str(), "7");
    assert_eq!(order.metadata.pairs()["country"], "UK");
}

#[test]
fn a_row_whose_line_columns_are_all_blank_adds_no_line() {
    let rows = "1,,,,,7,UK\n1,A,a,1,1.00,7,\n1,,,,,,\n";
    let outcome = import(MAPPING, &[&format!("{HEADING}{rows}")]);
    assert_eq!(outcome.order("1").order.lines.len(), 1);
}

#[test]
fn an_order_with_faulty_rows_is_refused_whole_with_every_fault_and_the_others_are_taken() {
    assert_eq!(
        lines(
            "1,A,a,1,1.00,7,UK\n2,A,a,-1,1.005,7,UK\n2,,,1,1.00,7,UK\n2,B,b,1,1.00,8,UK\n3,A,a,1,1,7,UK\n"
        ),
        [
            "+1",
            "-3:quantity:out_of_range,3:price:too_precise,4:name|sku:required,5:user:contradicts",
            "+3"
        ]
    );
}

#[test]
fn the_report_quotes_a_cell_as_the_file_has_it() {
    let text = format!("decimal = \",\"\n{MAPPING}");
    let rows = "1,A,a,\"1.5\",\"1.234,50\",7,UK\n2,A,a,1,\"1,00 $\",7,UK\n";
    let outcome = import(&text, &[&format!("{HEADING}{rows}")]);
    let reasons: Vec<&str> = outcome
        .refused
        .iter()
        .flatten()
        .map(|refusal| refusal.reason.as_str())
        .collect();
    assert!(
        reasons[0].starts_with("\"1.5\" has '.', which is neither the decimal sign"),
        "{reasons:#?}"
    );
    assert!(
        reasons[1].starts_with("\"1.234,50\" has '.'"),
        "{reasons:#?}"
    );
    assert!(
        reasons[2].starts_with("\"1,00 $\" is an amount of another currency"),
        "{reasons:#?}"
    );
}

#[test]
fn a_broken_row_refuses_the_order_that_it_names_and_no_other() {
    let good = |no: u32| format!("{no},A,a,1,1.00,7,UK\n");
    let broken = |no: u32| format!("{no},A,\"a\"b,1,1.00,7,UK\n");
    assert_eq!(
        lines(&format!("{}{}{}", good(1), broken(2), good(3))),
        ["+1", "-3::bad_quotes", "+3"]
    );
    assert_eq!(
        lines(&format!("{}{}{}", good(1), broken(1), good(3))),
        ["-3::bad_quotes", "+3"]
    );
    assert_eq!(
        lines(&format!("{}{}{}", good(1), broken(2), good(2))),
        ["+1", "-3::bad_quotes"]
    );
}

#[test]
fn a_broken_row_of_an_unknown_order_refuses_both_neighbours() {
    let good = |no: u32| format!("{no},A,a,1,1.00,7,UK\n");
    let rows = format!("{}{}\"x\"y,1\n{}{}", good(1), good(2), good(3), good(4));
    assert_eq!(
        lines(&rows),
        [
            "+1",
            "-4::bad_quotes",
            "-4::broken_row",
            "-4::broken_row",
            "+4"
        ]
    );
}

#[test]
fn a_row_without_a_number_is_refused_alone() {
    assert_eq!(
        lines("1,A,a,1,1.00,7,UK\n,A,a,1,1.00,7,UK\n,A,a,1,1.00,7,UK\n2,A,a,1,1.00,7,UK\n"),
        ["+1", "-3:no:required", "-4:no:required", "+2"]
    );
}

#[test]
fn a_thousand_and_one_lines_are_too_many() {
    let row = "1,A,a,1,1.00,7,UK\n";
    assert_eq!(lines(&row.repeat(1000)), ["+1"]);
    assert_eq!(
        lines(&row.repeat(5000)),
        ["-2:sku|name|quantity|price:too_many"]
    );
}

#[test]
fn filters_leave_rows_out_before_they_are_anything() {
    let text = format!("{MAPPING}[only]\ncountry = [\"UK\", \"\"]\n[skip]\nsku = \"POST\"\n");
    let rows = "1,A,a,1,1.00,7,UK\n1,POST,p,1,9.00,7,UK\n2,A,a,1,1.00,7,DE\n1,B,b,1,1.00,7,\n3,B,b,x,1.00,7,FR\n";
    let outcome = import(&text, &[&format!("{HEADING}{rows}")]);
    assert_eq!(
        outcome.lines,
        ["+1"],
        "row 4 does not separate the rows of order 1"
    );
    assert_eq!(
        shown(&outcome.order("1").order),
        "2.00 GBP: 1 x a (1.00) 1 x b (1.00)"
    );
}

#[test]
fn without_a_number_each_row_is_an_order_under_a_key_of_the_run() {
    let text = "currency = \"USD\"\n[order]\nuser_id = \"user\"\namount = \"amount\"\n";
    let outcome = import(text, &["user,amount\na,1\na,1\nb,\n"]);
    assert_eq!(outcome.lines, ["+", "+", "-4:amount:required"]);
    let keys: Vec<_> = outcome
        .orders
        .iter()
        .map(|order| order.key.clone().unwrap())
        .collect();
    assert_eq!(
        keys,
        ["import-0000000000000007-1", "import-0000000000000007-2"]
    );
    assert!(!outcome.orders[0].is_repeatable);
}
