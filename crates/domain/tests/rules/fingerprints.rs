//! Fingerprints: equal for equal commands, and for them alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{
    Adjustment, AdjustmentKind, Currency, ExternalId, Label, Line, Metadata, Money, PlaceOrder,
    ProductName, Quantity, ReceiptTemplate, Sku, Source, UserId,
};
use proptest::prelude::*;

use crate::made::{any_currency, at, place_order};

/// Commands of few letters, so that different ones look alike when their fields run into one another.
fn any_place_order() -> impl Strategy<Value = PlaceOrder> {
    let text = || "[ab1 ]{0,2}[ab1]";
    let line = (
        prop::option::of(text()),
        text(),
        prop::sample::select(vec![1_u32, 500, 1_000, 2_000]),
        prop::option::of(0_u64..3),
        0_u64..3,
    )
        .prop_map(
            |(sku, product_name, thousandths, unit_price_minor, total_minor)| Line {
                sku: sku.map(|sku| Sku::new(&sku).expect("valid")),
                product_name: ProductName::new(&product_name).expect("valid"),
                quantity: Quantity::from_thousandths(thousandths).expect("valid"),
                unit_price_minor,
                total_minor,
            },
        );
    let adjustment = (
        prop::sample::select(AdjustmentKind::ALL.to_vec()),
        prop::option::of(text()),
        -1_i64..2,
        any::<bool>(),
    )
        .prop_map(|(kind, label, amount_minor, included)| Adjustment {
            kind,
            label: label.map(|label| Label::new(&label).expect("valid")),
            amount_minor,
            included,
        });
    let parties = (
        text(),
        prop::option::of(text()),
        prop::sample::select(Source::ALL.to_vec()),
    );
    let lists = (
        prop::collection::vec(line, 0..3),
        prop::collection::vec(adjustment, 0..3),
        prop::option::of(0_u64..2),
    );
    let metadata = prop::collection::btree_map(text(), text(), 0..3);
    (parties, 0_u64..4, any_currency(), lists, metadata).prop_map(
        |((user, external_id, source), minor, currency, (lines, adjustments, ms), metadata)| {
            PlaceOrder {
                source,
                amount: Money::new(minor, currency).expect("valid"),
                lines: Arc::from(lines),
                adjustments: Arc::from(adjustments),
                process_after: ms.map(at),
                metadata: Arc::new(Metadata::new(metadata).expect("valid")),
                ..place_order(&user, external_id.as_deref(), 0)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn equal_commands_and_only_they_have_equal_fingerprints(a in any_place_order(), b in any_place_order()) {
        prop_assert_eq!(a.fingerprint(), a.clone().fingerprint());
        // The same order may come in by another way, with another look of its receipt.
        let b = PlaceOrder { source: a.source, receipt_template: ReceiptTemplate::Orderflow, ..b };
        let equal = a == PlaceOrder { receipt_template: a.receipt_template, ..b.clone() };
        prop_assert_eq!(a.fingerprint() == b.fingerprint(), equal, "{:?} and {:?}", a, b);
    }

    #[test]
    fn any_change_of_one_field_changes_the_fingerprint(command in any_place_order(), which in 0_usize..8) {
        let mut other = command.clone();
        match which {
            0 => other.user_id = UserId::new(&format!("{}a", command.user_id)).unwrap(),
            1 => other.external_id = match &command.external_id {
                Some(_) => None,
                None => Some(ExternalId::new("a").unwrap()),
            },
            2 => other.amount = Money::new(command.amount.minor() + 1, command.amount.currency()).unwrap(),
            3 => other.amount = Money::new(command.amount.minor(), Currency::parse("GBP").unwrap()).unwrap(),
            4 => {
                let mut lines = command.lines.to_vec();
                lines.push(Line {
                    sku: None,
                    product_name: ProductName::new("a").unwrap(),
                    quantity: Quantity::ONE,
                    unit_price_minor: None,
                    total_minor: 0,
                });
                other.lines = Arc::from(lines);
            }
            5 => {
                let mut pairs: BTreeMap<String, String> = command.metadata.pairs().clone();
                pairs.insert("other".to_owned(), "a".to_owned());
                other.metadata = Arc::new(Metadata::new(pairs).unwrap());
            }
            6 => other.process_after = Some(at(command.process_after.map_or(0, |time| time.as_millis() + 1))),
            _ => {
                let mut adjustments = command.adjustments.to_vec();
                adjustments.push(Adjustment {
                    kind: AdjustmentKind::Fee,
                    label: None,
                    amount_minor: 0,
                    included: false,
                });
                other.adjustments = Arc::from(adjustments);
            }
        }
        prop_assume!(other != command);
        prop_assert_ne!(other.fingerprint(), command.fingerprint());
    }
}

#[test]
fn the_fingerprint_of_a_known_command_never_changes() {
    let command = PlaceOrder {
        lines: Arc::from([Line {
            sku: Some(Sku::new("KB-1").unwrap()),
            product_name: ProductName::new("Mechanical Keyboard").unwrap(),
            quantity: Quantity::whole(2).unwrap(),
            unit_price_minor: Some(14_999),
            total_minor: 29_998,
        }]),
        ..place_order("alice", Some("A-1"), 29_998)
    };
    let hex: String = command
        .fingerprint()
        .0
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hex,
        "aa93bd3301fef81a23e2a449ed4350874ed21a12c11bfde51582d23b41c27eeb"
    );
}
