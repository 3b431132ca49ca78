//! Checking what comes in: every fault is found, at its place.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use domain::order::MAX_LINES;
use domain::{
    AdjustmentDraft, CheckRules, Currency, Fault, Given, LineDraft, Money, OrderDraft, PlaceOrder,
    Timestamp,
};
use proptest::prelude::*;

use crate::made::{any_currency, own_code};

fn given(text: &str) -> Given<Cow<'_, str>> {
    Given::Value(Cow::Borrowed(text))
}

fn good_line() -> LineDraft<'static> {
    LineDraft {
        sku: Given::Missing,
        product_name: given("Lamp"),
        quantity: given("2"),
        unit_price: given("1.50"),
        total: Given::Missing,
    }
}

fn rules() -> CheckRules {
    CheckRules::new_orders(Currency::USD)
}

fn good_draft() -> OrderDraft<'static> {
    OrderDraft {
        user_id: given("alice"),
        lines: Given::Value(vec![good_line()]),
        ..OrderDraft::default()
    }
}

fn faults_of(draft: OrderDraft<'_>) -> Vec<(String, &'static str)> {
    let mut faults: Vec<Fault> = Vec::new();
    let command = PlaceOrder::check(draft, rules(), &mut faults);
    assert_eq!(
        command.is_none(),
        !faults.is_empty(),
        "a command or faults, never both nor neither"
    );
    assert!(faults.iter().all(|fault| !fault.detail.is_empty()));
    faults
        .into_iter()
        .map(|fault| (fault.pointer, own_code(fault.code)))
        .collect()
}

/// The only fault of a good draft with one line changed.
fn line_fault(change: impl FnOnce(&mut LineDraft<'static>)) -> (String, &'static str) {
    let mut line = good_line();
    change(&mut line);
    let mut faults = faults_of(OrderDraft {
        lines: Given::Value(vec![good_line(), line]),
        ..good_draft()
    });
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

#[test]
fn each_fault_of_a_line_is_found_at_its_place() {
    let at = |field: &str, code: &'static str| (format!("/lines/1/{field}"), code);
    for (quantity, code) in [
        ("0", "out_of_range"),
        ("-1", "out_of_range"),
        ("1.0005", "too_precise"),
        ("0.0005", "too_precise"),
        ("1e99", "out_of_range"),
        ("-1e99", "out_of_range"),
        ("1000000.001", "out_of_range"),
        ("4294967297", "out_of_range"),
        ("two", "not_a_number"),
    ] {
        let found = line_fault(|line| line.quantity = given(quantity));
        assert_eq!(found, at("quantity", code), "{quantity}");
    }
    for (price, code) in [
        ("1.505", "too_precise"),
        ("-0.01", "out_of_range"),
        ("1e99", "out_of_range"),
        ("90071992547409.92", "out_of_range"),
        ("1,50", "not_a_number"),
        ("NaN", "not_a_number"),
    ] {
        let found = line_fault(|line| line.unit_price = given(price));
        assert_eq!(found, at("unit_price", code), "{price}");
    }
    for (name, code) in [
        ("", "blank"),
        (" \u{3000}", "blank"),
        ("a\0b", "control_character"),
        ("a\tb", "control_character"),
        ("\u{85}x", "control_character"),
    ] {
        assert_eq!(
            line_fault(|line| line.product_name = given(name)),
            at("product_name", code)
        );
        assert_eq!(line_fault(|line| line.sku = given(name)), at("sku", code));
    }
    let long: &'static str = Box::leak("n".repeat(256).into_boxed_str());
    assert_eq!(
        line_fault(|line| line.product_name = given(long)),
        at("product_name", "too_long")
    );
    assert_eq!(
        line_fault(|line| line.sku = given(&long[..129])),
        at("sku", "too_long")
    );
    assert_eq!(
        line_fault(|line| line.product_name = Given::Missing),
        at("product_name", "required")
    );
    assert_eq!(
        line_fault(|line| line.quantity = Given::Missing),
        at("quantity", "required")
    );
    assert_eq!(
        line_fault(|line| line.unit_price = Given::Missing),
        ("/lines/1".to_owned(), "required")
    );
    for (total, code) in [("2.00", "not_the_product"), ("-3.00", "out_of_range")] {
        let found = line_fault(|line| line.total = given(total));
        assert_eq!(found, at("total", code), "{total}");
    }
    // 1.001 x 1.50 is 1.5015.
    assert_eq!(
        line_fault(|line| line.quantity = given("1.001")),
        at("total", "required")
    );
}

/// The only fault of a draft.
fn only(draft: OrderDraft<'_>) -> (String, &'static str) {
    let mut faults = faults_of(draft);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

fn fault(pointer: &str, code: &'static str) -> (String, &'static str) {
    (pointer.to_owned(), code)
}

#[test]
fn each_fault_of_an_order_is_found_at_its_place() {
    assert_eq!(faults_of(good_draft()), []);
    type Change = fn(&mut OrderDraft<'static>);
    let rows: [(Change, &str, &'static str); 9] = [
        (
            |draft| draft.user_id = Given::Missing,
            "/user_id",
            "required",
        ),
        (|draft| draft.user_id = given("  "), "/user_id", "blank"),
        (
            |draft| draft.user_id = given("a\u{7f}"),
            "/user_id",
            "control_character",
        ),
        (
            |draft| draft.source = given("fax"),
            "/source",
            "unknown_value",
        ),
        (
            |draft| draft.external_id = given(""),
            "/external_id",
            "blank",
        ),
        (
            |draft| draft.currency = given("usd"),
            "/currency",
            "unknown_value",
        ),
        (
            |draft| draft.amount = given("3.01"),
            "/amount",
            "not_the_sum",
        ),
        (|draft| draft.lines = Given::Missing, "", "required"),
        (
            |draft| draft.lines = Given::Value(Vec::new()),
            "",
            "required",
        ),
    ];
    for (change, pointer, code) in rows {
        let mut draft = good_draft();
        change(&mut draft);
        assert_eq!(only(draft), fault(pointer, code));
    }
}

fn adjustment(kind: &'static str, amount: &'static str) -> AdjustmentDraft<'static> {
    AdjustmentDraft {
        kind: given(kind),
        label: Given::Missing,
        amount: given(amount),
        included: Given::Missing,
    }
}

fn with_adjustments(adjustments: Vec<AdjustmentDraft<'static>>) -> OrderDraft<'static> {
    OrderDraft {
        adjustments: Given::Value(adjustments),
        ..good_draft()
    }
}

#[test]
fn each_fault_of_an_adjustment_is_found_at_its_place() {
    for (kind, amount, expected) in [
        (
            "gift",
            "1.00",
            fault("/adjustments/0/kind", "unknown_value"),
        ),
        (
            "discount",
            "0.01",
            fault("/adjustments/0/amount", "out_of_range"),
        ),
        (
            "shipping",
            "-0.01",
            fault("/adjustments/0/amount", "out_of_range"),
        ),
        (
            "tax",
            "-1.00",
            fault("/adjustments/0/amount", "out_of_range"),
        ),
        (
            "fee",
            "-1.00",
            fault("/adjustments/0/amount", "out_of_range"),
        ),
        (
            "tip",
            "-1.00",
            fault("/adjustments/0/amount", "out_of_range"),
        ),
        (
            "other",
            "0.001",
            fault("/adjustments/0/amount", "too_precise"),
        ),
        (
            "other",
            "1e99",
            fault("/adjustments/0/amount", "out_of_range"),
        ),
        ("discount", "-3.01", fault("/adjustments", "out_of_range")),
    ] {
        let found = only(with_adjustments(vec![adjustment(kind, amount)]));
        assert_eq!(found, expected, "{kind} {amount}");
    }
    for kind in ["discount", "shipping", "tip", "rounding"] {
        let included = AdjustmentDraft {
            included: Given::Value(true),
            ..adjustment(kind, "0")
        };
        let found = only(with_adjustments(vec![included]));
        assert_eq!(found, fault("/adjustments/0/included", "not_allowed"));
    }
    let missing = AdjustmentDraft::default();
    assert_eq!(
        faults_of(with_adjustments(vec![missing])),
        [
            fault("/adjustments/0/kind", "required"),
            fault("/adjustments/0/amount", "required")
        ]
    );
    let most = vec![adjustment("fee", "0.01"); 50];
    assert_eq!(faults_of(with_adjustments(most)), []);
    let too_many = vec![adjustment("fee", "0.01"); 51];
    assert_eq!(
        only(with_adjustments(too_many)),
        fault("/adjustments", "too_many")
    );
}

#[test]
fn without_lines_the_amount_stands_alone_and_adjustments_inform() {
    let draft = OrderDraft {
        lines: Given::Missing,
        amount: given("10.00"),
        ..with_adjustments(vec![adjustment("tax", "1.90")])
    };
    let mut faults = Vec::new();
    let command = PlaceOrder::check(draft, rules(), &mut faults).unwrap();
    assert_eq!(command.amount.minor(), 1_000);
    assert_eq!(command.adjustments.len(), 1);
}

#[test]
fn withdrawn_currencies_are_for_history_and_a_code_in_lower_case_gets_a_suggestion() {
    let draft = |code| OrderDraft {
        currency: given(code),
        ..good_draft()
    };
    let detail = |code| {
        let mut faults = Vec::new();
        assert_eq!(PlaceOrder::check(draft(code), rules(), &mut faults), None);
        assert_eq!(faults.len(), 1);
        faults.remove(0).detail
    };
    assert!(detail("DEM").contains("withdrawn"), "{}", detail("DEM"));
    assert!(detail("eur").ends_with("did you mean EUR?"));
    let mut faults = Vec::new();
    let history = CheckRules::history(Currency::USD);
    let command = PlaceOrder::check(draft("DEM"), history, &mut faults).unwrap();
    assert_eq!(command.amount.currency().code(), "DEM");
}

#[test]
fn process_after_is_read_as_a_time() {
    let draft = OrderDraft {
        process_after: given("2026-12-01T08:00:00+01:00"),
        ..good_draft()
    };
    let command = PlaceOrder::check(draft, rules(), &mut Vec::new()).unwrap();
    let expected = Timestamp::parse("2026-12-01T07:00:00Z").unwrap();
    assert_eq!(command.process_after, Some(expected));
    let faulty = OrderDraft {
        process_after: given("2026-12-01"),
        ..good_draft()
    };
    assert_eq!(only(faulty), fault("/process_after", "invalid"));
}

#[test]
fn too_many_lines_and_too_much_money_are_found() {
    let of_lines = |lines| OrderDraft {
        lines: Given::Value(lines),
        ..good_draft()
    };
    let most = vec![good_line(); MAX_LINES];
    assert_eq!(faults_of(of_lines(most)), []);
    let too_many = vec![good_line(); MAX_LINES + 1];
    assert_eq!(only(of_lines(too_many)), fault("/lines", "too_many"));
    let dear = |quantity| LineDraft {
        quantity: given(quantity),
        unit_price: given("90071992547409.91"),
        ..good_line()
    };
    let of_two = of_lines(vec![dear("1"); 2]);
    assert_eq!(only(of_two), fault("/lines", "out_of_range"));
    let of_one = of_lines(vec![dear("1000000")]);
    assert_eq!(only(of_one), fault("/lines/0", "out_of_range"));
}

#[test]
fn each_fault_of_metadata_is_found_at_its_key() {
    let metadata = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        OrderDraft {
            metadata: Given::Value(pairs.collect()),
            ..good_draft()
        }
    };
    assert_eq!(faults_of(metadata(&[("k", "tab\tcr\rlf\n")])), []);
    assert_eq!(
        only(metadata(&[("a/b~c", "x\u{1}")])),
        fault("/metadata/a~1b~0c", "control_character")
    );
    assert_eq!(only(metadata(&[("k\n", "x")])).0, "/metadata/k\n");
    assert_eq!(
        only(metadata(&[("k", &"v".repeat(8 * 1024))])),
        fault("/metadata", "too_long")
    );
    let many: Vec<String> = (0..51).map(|number| format!("k{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
    assert_eq!(only(metadata(&many)), fault("/metadata", "too_many"));
}

#[test]
fn all_faults_are_found_at_once_and_none_twice() {
    let bad_line = LineDraft {
        sku: given("\0"),
        product_name: Given::Missing,
        quantity: given("0"),
        unit_price: given("x"),
        total: given("y"),
    };
    let bad_adjustment = AdjustmentDraft {
        kind: given("gift"),
        label: given("\u{1}"),
        amount: given("1,5"),
        included: Given::Missing,
    };
    let found = faults_of(OrderDraft {
        user_id: given(""),
        external_id: given("\u{1b}"),
        source: given("fax"),
        currency: given("XXX"),
        amount: given("-1"),
        lines: Given::Value(vec![good_line(), bad_line]),
        adjustments: Given::Value(vec![bad_adjustment]),
        metadata: Given::Value(BTreeMap::from([(" ".to_owned(), String::new())])),
        process_after: given("tomorrow"),
    });
    let pointers: HashSet<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    let expected = [
        "/user_id",
        "/external_id",
        "/source",
        "/currency",
        "/amount",
        "/lines/1/sku",
        "/lines/1/product_name",
        "/lines/1/quantity",
        "/lines/1/unit_price",
        "/lines/1/total",
        "/adjustments/0/kind",
        "/adjustments/0/label",
        "/adjustments/0/amount",
        "/metadata/ ",
        "/process_after",
    ];
    assert_eq!(pointers, HashSet::from(expected));
    assert_eq!(found.len(), expected.len(), "{found:?}");
}

#[test]
fn a_wrong_currency_is_one_fault_however_many_prices_there_are() {
    let found = faults_of(OrderDraft {
        currency: given("XXX"),
        lines: Given::Value(vec![
            LineDraft {
                unit_price: given("1.505"),
                ..good_line()
            };
            3
        ]),
        ..good_draft()
    });
    assert_eq!(found, [("/currency".to_owned(), "unknown_value")]);
}

#[test]
fn what_the_edge_has_reported_already_is_not_reported_again() {
    let mut faults = vec![Fault::new("/amount", "wrong_type", "must be a number")];
    let draft = OrderDraft {
        amount: Given::Faulty,
        lines: Given::Missing,
        ..good_draft()
    };
    assert_eq!(PlaceOrder::check(draft, rules(), &mut faults), None);
    assert_eq!(faults.len(), 1);
    let mut faults = vec![Fault::new("/lines", "wrong_type", "must be a list")];
    let draft = OrderDraft {
        lines: Given::Faulty,
        ..good_draft()
    };
    assert_eq!(PlaceOrder::check(draft, rules(), &mut faults), None);
    assert_eq!(faults.len(), 1, "{faults:?}");
}

proptest! {
    #[test]
    fn no_draft_makes_the_check_panic(
        texts in prop::collection::vec(prop::option::of(r"\PC{0,8}|[-0-9.e]{0,8}|[\x00-\x20]{0,3}|discount|tax"), 14),
        lines in 0_usize..4,
    ) {
        let text = |index: usize| Given::from(texts[index].as_deref().map(Cow::Borrowed));
        let line = LineDraft {
            sku: text(0), product_name: text(1), quantity: text(2), unit_price: text(3), total: text(9),
        };
        let adjustment = AdjustmentDraft {
            kind: text(10), label: text(11), amount: text(12), included: Given::Value(lines == 1),
        };
        let draft = OrderDraft {
            user_id: text(4),
            external_id: text(5),
            source: text(6),
            currency: text(7),
            amount: text(8),
            lines: Given::Value(vec![line; lines]),
            adjustments: Given::Value(vec![adjustment; lines]),
            metadata: Given::Missing,
            process_after: text(13),
        };
        faults_of(draft);
    }

    #[test]
    fn a_good_draft_is_taken_and_its_amount_is_the_sum(
        lines in prop::collection::vec((1_u32..=1_000_000, 0_u64..1_000_000), 1..20),
        says_amount: bool,
        currency in any_currency(),
    ) {
        let money = |minor| Money::new(minor, currency).unwrap().to_string();
        let sum: u64 = lines.iter().map(|(quantity, price)| u64::from(*quantity) * price).sum();
        let texts: Vec<(String, String)> = lines
            .iter()
            .map(|(quantity, price)| (quantity.to_string(), money(*price)))
            .collect();
        let drafts = texts
            .iter()
            .map(|(quantity, price)| LineDraft { quantity: given(quantity), unit_price: given(price), ..good_line() })
            .collect();
        let amount = money(sum);
        let draft = OrderDraft {
            currency: given(currency.code()),
            amount: Given::from(says_amount.then_some(Cow::Borrowed(amount.as_str()))),
            lines: Given::Value(drafts),
            ..good_draft()
        };
        let mut faults = Vec::new();
        let command = PlaceOrder::check(draft, rules(), &mut faults);
        prop_assert_eq!(faults, []);
        prop_assert_eq!(command.map(|command| command.amount), Some(Money::new(sum, currency).unwrap()));
    }
}
