//! Receipts, and the first answer: made of facts of the creation alone.

use std::collections::HashSet;
use std::sync::Arc;

use domain::{
    Adjustment, AdjustmentKind, Label, Line, Order, OrderId, PlaceOrder, ProductName, Quantity,
    Receipt, ReceiptForm, ReceiptLocation, ReceiptTemplate, Sku, UserId,
};
use proptest::prelude::*;

use crate::made::{any_command, at, decide, place, place_order, plain_order};

proptest! {
    #[test]
    fn receipt_keys_are_injective_and_stay_in_their_folder(
        users in prop::collection::hash_set(r"[%./\\2EFef~ \u{e9}a]{1,6}|\PC{1,12}", 2..12),
    ) {
        let id = OrderId::new(at(1), &UserId::new("x").unwrap(), 1);
        let users: Vec<UserId> = users.iter().filter_map(|user| UserId::new(user).ok()).collect();
        let keys: HashSet<Arc<str>> = users.iter().map(|user| Receipt::key_of(user, id)).collect();
        prop_assert_eq!(keys.len(), users.len(), "no two users share a key");
        for key in keys {
            let segments: Vec<&str> = key.split(['/', '\\']).collect();
            prop_assert_eq!(segments.len(), 3, "{}", &key);
            prop_assert_eq!(segments[0], "receipts");
            prop_assert!(!segments[1].is_empty() && segments[1].bytes().any(|b| b != b'.'), "{}", &key);
            prop_assert_eq!(segments[2], &format!("{id}.txt"));
            prop_assert!(!key.chars().any(char::is_control), "{:?}", &key);
        }
    }

    #[test]
    fn a_receipt_is_made_of_facts_of_the_creation_alone(
        commands in prop::collection::vec((any_command(), 0_u64..2_000_000), 0..20),
    ) {
        let placed = plain_order().order;
        let mut order = Arc::clone(&placed);
        for (command, now_ms) in commands {
            if let Some(decision) = decide(&order, command, at(now_ms)) {
                order = decision.order;
            }
        }
        prop_assert_eq!(Receipt::of(&order), Receipt::of(&placed));
        prop_assert_eq!(order.as_created(), (*placed).clone(), "the first answer can be given again");
    }
}

fn full_order(template: ReceiptTemplate) -> Order {
    let command = PlaceOrder {
        lines: Arc::from([
            Line {
                sku: Some(Sku::new("KB-1").expect("valid")),
                product_name: ProductName::new("Mechanical Keyboard").expect("valid"),
                quantity: Quantity::whole(2).expect("valid"),
                unit_price_minor: Some(14_999),
                total_minor: 29_998,
            },
            Line {
                sku: None,
                product_name: ProductName::new("Tea, loose").expect("valid"),
                quantity: Quantity::parse("0.485").expect("valid"),
                unit_price_minor: None,
                total_minor: 1_000,
            },
        ]),
        adjustments: Arc::from([
            Adjustment {
                kind: AdjustmentKind::Discount,
                label: Some(Label::new("SPRING").expect("valid")),
                amount_minor: -2_000,
                included: false,
            },
            Adjustment {
                kind: AdjustmentKind::Tax,
                label: None,
                amount_minor: 463,
                included: true,
            },
        ]),
        receipt_template: template,
        ..place_order("alice", Some("A-1"), 28_998)
    };
    let id = OrderId::new(at(1_769_860_800_000), &command.user_id, 42);
    Arc::unwrap_or_clone(place(command, id, at(1_769_860_800_123)).order)
}

#[test]
fn a_receipt_shows_totals_adjustments_and_the_amount() {
    let order = full_order(ReceiptTemplate::Standard);
    let expected = format!(
        "RECEIPT
=====================================
Order        {id}
Number       A-1
Customer     alice
Date         2026-01-31T12:00:00Z
-------------------------------------
Item         Mechanical Keyboard
SKU          KB-1
Quantity     2
Unit price   149.99
Total        299.98
-------------------------------------
Item         Tea, loose
Quantity     0.485
Total        10.00
-------------------------------------
Adjustment   discount (SPRING) -20.00
Adjustment   tax 4.63, included in the prices
-------------------------------------
Amount       USD 289.98
=====================================
",
        id = order.id
    );
    assert_eq!(Receipt::of(&order).text, expected);
}

#[test]
fn a_shard_and_a_status_are_on_the_receipts_of_orderflow_alone() {
    let standard = Receipt::of(&full_order(ReceiptTemplate::Standard)).text;
    assert!(!standard.contains("hard") && !standard.contains("pending"));
    let orderflow = Receipt::of(&full_order(ReceiptTemplate::Orderflow)).text;
    assert!(orderflow.contains("Shard:       shard1\n"));
    assert!(orderflow.contains("Status:      pending\n"));
}

#[test]
fn a_form_is_found_by_its_code() {
    for template in [ReceiptTemplate::Standard, ReceiptTemplate::Orderflow] {
        for location in [ReceiptLocation::Rendered, ReceiptLocation::Stored] {
            let form = ReceiptForm { template, location };
            assert_eq!(ReceiptForm::from_code(form.code()), Some(form));
        }
    }
    assert_eq!(ReceiptForm::from_code(4), None);
}
