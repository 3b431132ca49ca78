//! Amounts, adjustments, times and statuses of an order.

use domain::{AdjustmentKind, HistoryStatus};

use crate::run::{import, shown};

/// One order of one line for 10.00, with more columns and keys.
fn one(more: &str, columns: &str, cells: &str) -> Result<String, String> {
    let text = format!(
        "currency = \"USD\"\n{}[line]\nproduct_name = \"name\"\nquantity = \"qty\"\nunit_price = \"price\"\n",
        more.replace(
            "[order]",
            "[order]\nexternal_id = \"no\"\nuser_id = \"user\""
        )
    );
    let outcome = import(
        &text,
        &[&format!(
            "no,user,name,qty,price,{columns}\n1,u,p,2,5.00,{cells}\n"
        )],
    );
    match outcome.orders.first() {
        Some(ready) => Ok(shown(&ready.order)),
        None => Err(outcome.refused[0]
            .iter()
            .map(|own| format!("{} {} {}", own.column, own.code, own.reason))
            .collect::<Vec<_>>()
            .join("; ")),
    }
}

#[test]
fn adjustments_have_the_sign_of_their_kind_and_a_discount_is_read_by_magnitude() {
    let text = "[order]\n[[adjustment]]\nkind = \"discount\"\namount = \"off\"\nlabel = \"code\"\n\
        [[adjustment]]\nkind = \"shipping\"\namount = \"ship\"\n[[adjustment]]\nkind = \"other\"\namount = \"credit\"\nnegate = true\n\
        [[adjustment]]\nkind = \"tax\"\namount = \"vat\"\nincluded = true\nlabel = { value = \"VAT\" }\n";
    let columns = "off,code,ship,credit,vat";
    assert_eq!(
        one(text, columns, "1.50,SPRING,4.00,2.00,1.60").unwrap(),
        "10.50 USD: 2 x p (10.00), discount SPRING -150, shipping 400, other -200, tax VAT 160 included"
    );
    assert_eq!(
        one(text, columns, "-1.50,,0.00,,").unwrap(),
        "8.50 USD: 2 x p (10.00), discount -150"
    );
    let fault = one(text, columns, ",,-4.00,,").unwrap_err();
    assert!(
        fault.starts_with("ship out_of_range \"-4.00\" must not be below zero"),
        "{fault}"
    );
}

#[test]
fn adjustments_of_lines_are_added_up_by_label() {
    let text = "currency = \"USD\"\n[order]\nexternal_id = \"no\"\nuser_id = \"no\"\n[line]\nproduct_name = \"name\"\nquantity = { value = \"1\" }\ntotal = \"total\"\n\
        [[adjustment]]\nkind = \"tax\"\nlevel = \"line\"\namount = \"tax\"\nlabel = \"rate\"\n";
    let outcome = import(
        text,
        &["no,name,total,tax,rate\n1,a,10,1.00,10%\n1,b,20,1.40,7%\n1,c,5,0.50,10%\n1,,,0.10,7%\n"],
    );
    assert_eq!(
        shown(&outcome.order("1").order),
        "38.00 USD: 1 x a (10.00) 1 x b (20.00) 1 x c (5.00), tax 10% 150, tax 7% 150"
    );
}

#[test]
fn kinds_from_a_column_make_each_row_an_adjustment_of_its_own() {
    let text = "currency = \"USD\"\n[order]\nexternal_id = \"no\"\nuser_id = \"no\"\n[line]\nproduct_name = \"name\"\nquantity = \"qty\"\ntotal = \"total\"\n\
        [[adjustment]]\nkind = { column = \"kind\" }\namount = \"adj\"\nlabel = \"label\"\nincluded = { column = \"inc\" }\n";
    let outcome = import(
        text,
        &[
            "no,name,qty,total,kind,adj,label,inc\n1,a,1,10,,,,\n1,,,,tax,1.00,VAT,true\n1,,,,tax,1.00,VAT,true\n1,,,,discount,-2.00,,false\n",
        ],
    );
    assert_eq!(
        shown(&outcome.order("1").order),
        "8.00 USD: 1 x a (10.00), tax VAT 100 included, tax VAT 100 included, discount -200"
    );
}

#[test]
fn the_amount_is_compared_with_the_sum_and_a_tolerated_difference_is_kept_as_rounding() {
    let strict = "[order]\namount = \"amount\"\n";
    assert!(one(strict, "amount", "10.00").is_ok());
    let fault = one(strict, "amount", "10.03").unwrap_err();
    assert_eq!(
        fault,
        "amount not_the_sum \"10.03\" is 0.03 more than the sum of the lines, which is 10"
    );
    let tolerant = "[order]\namount = \"amount\"\namount_tolerance = \"0.03\"\n";
    assert_eq!(
        one(tolerant, "amount", "10.03").unwrap(),
        "10.03 USD: 2 x p (10.00), rounding 3"
    );
    assert_eq!(
        one(tolerant, "amount", "9.97").unwrap(),
        "9.97 USD: 2 x p (10.00), rounding -3"
    );
    assert!(one(tolerant, "amount", "10.04").is_err());
}

#[test]
fn a_difference_with_a_usual_cause_names_it() {
    let taxed = "[order]\namount = \"amount\"\n[[adjustment]]\nkind = \"tax\"\namount = \"tax\"\n";
    let fault = one(taxed, "amount,tax", "10.00,1.60").unwrap_err();
    assert!(fault.contains("set included = true"), "{fault}");
    // The column is the total of the line, and not the price of one piece.
    let fault = one("[order]\namount = \"amount\"\n", "amount", "5.00").unwrap_err();
    assert!(fault.contains("map that column as line.total"), "{fault}");
}

#[test]
fn values_are_rounded_on_request_only_and_counted() {
    let text = |round: &str| {
        format!(
            "currency = \"USD\"\n{round}[order]\nexternal_id = \"no\"\nuser_id = \"no\"\n[line]\nproduct_name = \"no\"\nquantity = \"qty\"\nunit_price = \"price\"\n"
        )
    };
    let rows = "no,qty,price\n1,100,0.4550\n2,0.485,3.99\n3,3,1.005\n4,1.0005,2.00\n5,1,1.00\n";
    let strict = import(&text(""), &[rows]);
    assert_eq!(
        strict.lines,
        [
            "-2:price:too_precise",
            "-3:price:required",
            "-4:price:too_precise",
            "-5:qty:too_precise",
            "+5"
        ]
    );
    let rounded = import(&text("round = \"half_even\"\n"), &[rows]);
    let all: Vec<String> = rounded
        .orders
        .iter()
        .map(|own| format!("{} {}", shown(&own.order), own.rounded))
        .collect();
    assert_eq!(
        all,
        [
            "45.50 USD: 100 x 1 (45.50) 1",
            "1.94 USD: 0.485 x 2 (1.94) 1",
            "3.02 USD: 3 x 3 (3.02) 1",
            "2.00 USD: 1 x 4 (2.00) 1",
            "1.00 USD: 1 x 5 (1.00) 0"
        ]
    );
}

#[test]
fn statuses_make_history_new_orders_or_nothing_and_unknown_words_are_refused() {
    let text = "currency = \"USD\"\n[order]\nexternal_id = \"no\"\nuser_id = \"no\"\namount = \"amount\"\ncreated_at = \"at\"\n\
        [[status]]\ncolumn = \"cancelled\"\nmap = { \"not blank\" = \"cancelled\" }\n\
        [[status]]\ncolumn = \"status\"\nmap = { Paid = \"processed\", open = \"pending\", draft = \"skip\" }\n";
    let outcome = import(
        text,
        &[
            "no,amount,at,status,cancelled\n1,1,2026-01-31T12:00:00Z,paid,\n2,1,2026-01-31T12:00:00Z,PAID,yes\n3,1,,open,\n4,1,,draft,\n5,1,,odd,\n6,1,,,\n7,1,,paid,\n",
        ],
    );
    assert_eq!(
        outcome.lines,
        [
            "+1",
            "+2",
            "+3",
            "=",
            "-6:status:unknown_status",
            "-7:status:unknown_status",
            "-8:at:not_a_time"
        ]
    );
    let status = |number: &str| outcome.order(number).history.map(|history| history.status);
    assert_eq!(status("1"), Some(HistoryStatus::Processed));
    assert_eq!(status("2"), Some(HistoryStatus::Cancelled));
    assert_eq!(status("3"), None);
    let json = &outcome.order("2").json;
    assert!(
        json.contains(
            r#""history":{"created_at":"2026-01-31T12:00:00.000Z","status":"CANCELLED"}"#
        ),
        "{json}"
    );
}

#[test]
fn rows_of_one_order_with_other_words_for_the_same_agree_and_others_contradict() {
    let text = "currency = \"USD\"\n[order]\nexternal_id = \"no\"\nuser_id = \"no\"\n[line]\nproduct_name = \"no\"\nquantity = \"q\"\nunit_price = \"q\"\n\
        [status]\ncolumn = \"status\"\nmap = { a = \"pending\", b = \"pending\", c = \"skip\" }\n";
    let outcome = import(text, &["no,q,status\n1,1,a\n1,1,b\n2,1,a\n2,1,c\n"]);
    assert_eq!(outcome.lines, ["+1", "-5:status:contradicts"]);
}

#[test]
fn withdrawn_currencies_are_for_history_and_a_blank_one_needs_a_default() {
    let text = "[order]\nexternal_id = \"no\"\nuser_id = \"no\"\namount = \"amount\"\ncurrency = \"cur\"\ncreated_at = \"at\"\n\
        [status]\ncolumn = \"status\"\nmap = { done = \"processed\", open = \"pending\" }\n";
    let outcome = import(
        text,
        &[
            "no,amount,cur,at,status\n1,1,DEM,1999-01-31T12:00:00Z,done\n2,1,DEM,,open\n3,1,,,open\n4,1,usd,,open\n",
        ],
    );
    assert_eq!(
        outcome.lines,
        [
            "+1",
            "-3:cur:unknown_value",
            "-4:cur:required",
            "-5:cur:unknown_value"
        ]
    );
    let reason = &outcome.refused[2][0].reason;
    assert!(reason.contains("USD"), "{reason}");
}

#[test]
fn process_after_keys_and_json_notes_are_read() {
    let text = "currency = \"USD\"\nformula_quote = true\n[order]\ngroup_by = \"id\"\nexternal_id = \"no\"\nidempotency_key = { template = \"import-{id}\" }\n\
        user_id = \"user\"\namount = \"amount\"\nprocess_after = \"after\"\nmetadata_json = \"notes\"\n";
    let outcome = import(
        text,
        &[
            "id,no,user,amount,after,notes\n7,,'=u,1,2026-01-31T12:00:00Z,\"{\"\"a\"\":\"\"b\"\"}\"\n8,N,u,1,soon,{\n",
        ],
    );
    assert_eq!(outcome.lines[1], "-3:after:not_a_time,3:notes:bad_json");
    let ready = &outcome.orders[0];
    assert_eq!(ready.key.as_deref(), Some("import-7"));
    assert!(ready.is_repeatable && ready.order.external_id.is_none());
    assert_eq!(ready.order.user_id.as_str(), "=u");
    assert_eq!(ready.order.metadata.pairs()["a"], "b");
    assert!(
        ready
            .json
            .contains(r#""process_after":"2026-01-31T12:00:00.000Z""#)
    );
}

#[test]
fn the_kind_that_keeps_a_difference_is_rounding() {
    let text = "currency = \"JPY\"\n[order]\nexternal_id = \"no\"\nuser_id = \"no\"\namount = \"amount\"\namount_tolerance = \"1\"\n[line]\nproduct_name = \"no\"\nquantity = \"q\"\nunit_price = \"p\"\n";
    let outcome = import(text, &["no,q,p,amount\n1,3,333,1000\n"]);
    let order = &outcome.order("1").order;
    assert_eq!(order.adjustments[0].kind, AdjustmentKind::Rounding);
    assert_eq!(
        (order.amount.minor(), outcome.orders[0].difference),
        (1000, Some(1))
    );
}
