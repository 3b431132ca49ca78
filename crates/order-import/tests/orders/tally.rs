//! What an import takes, by number and by sum; what a mapping expects; and which orders of a run are the same.

use order_import::{Mapping, Ready, Repeats, Taken, Tally};

use crate::run::{import, mapping};

const MAPPING: &str = "[order]\nexternal_id = \"no\"\nuser_id = { value = \"u\" }\namount = \"amount\"\ncurrency = \"cur\"\n";

fn orders(rows: &str) -> Vec<Ready> {
    import(MAPPING, &[&format!("no,amount,cur\n{rows}")]).orders
}

fn tally(rows: &str) -> Tally {
    let mut tally = Tally::default();
    orders(rows).iter().for_each(|order| tally.add(order));
    tally
}

fn expecting(expect: &str) -> Mapping {
    mapping(&format!("expect = {expect}\n{MAPPING}"))
}

fn compare(rows: &str, expect: &str) -> Result<(), String> {
    let mapping = expecting(expect);
    let compared = tally(rows).compare(mapping.expect.as_ref().unwrap());
    compared.map_err(|mismatch| mismatch.to_string())
}

#[test]
fn sums_and_the_largest_orders_are_kept_by_currency() {
    let tally = tally("a,1.50,USD\nb,500,JPY\nc,20.00,USD\nd,3.00,USD\ne,4.00,USD\n");
    let shown: Vec<String> = tally
        .currencies
        .iter()
        .map(|(currency, own)| {
            let largest: Vec<String> = own
                .largest(*currency)
                .map(|(amount, order)| format!("{order}={amount}"))
                .collect();
            format!(
                "{currency} {} {} {}",
                own.orders,
                own.sum(*currency),
                largest.join(" ")
            )
        })
        .collect();
    assert_eq!(
        shown,
        ["JPY 1 500 b=500", "USD 4 28.50 c=20.00 e=4.00 d=3.00"]
    );
}

#[test]
fn what_is_not_as_expected_is_named_with_both_values() {
    let rows = "a,1.50,USD\nb,2.00,USD\n";
    assert_eq!(compare(rows, "{ orders = 2, sum = \"3.5\" }"), Ok(()));
    assert_eq!(compare(rows, "{ sum = { USD = \"3.50\" } }"), Ok(()));
    assert_eq!(
        compare(rows, "{ orders = 3, sum = \"3.40\" }").unwrap_err(),
        "3 orders are expected, and there are 2; a sum of USD 3.40 is expected, and it is 3.50"
    );
    let fault = compare(rows, "{ sum = { USD = \"3.50\", EUR = \"1.00\" } }").unwrap_err();
    assert_eq!(fault, "a sum of EUR 1.00 is expected, and it is 0.00");
    let fault = compare("a,1,USD\nb,2,EUR\n", "{ sum = \"3\" }").unwrap_err();
    assert!(fault.contains("EUR = \"...\", USD = \"...\""), "{fault}");
    assert!(
        compare("", "{ sum = \"3\" }")
            .unwrap_err()
            .contains("no orders")
    );
}

#[test]
fn the_same_order_twice_exists_and_another_with_its_number_differs() {
    let mut repeats = Repeats::default();
    let first = orders("a,1.50,USD\nb,1.50,USD\n");
    let second = orders("a,1.50,USD\nb,1.60,USD\n");
    let taken: Vec<Taken> = first
        .iter()
        .chain(&second)
        .map(|order| repeats.take(order))
        .collect();
    assert_eq!(
        taken,
        [Taken::New, Taken::New, Taken::Existing, Taken::Differs]
    );
}
