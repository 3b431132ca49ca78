//! Fingerprints: equal for equal commands, and for them alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{
    Currency, ExternalId, Line, Metadata, Money, PlaceOrder, ProductName, Sku, Source, UserId,
};
use proptest::prelude::*;

use crate::made::{any_currency, place_order};

/// Commands of few letters, so that different ones look alike when their fields run into one another.
fn any_place_order() -> impl Strategy<Value = PlaceOrder> {
    let text = || "[ab1 ]{0,2}[ab1]";
    let line = (prop::option::of(text()), text(), 1_u32..3, 0_u64..3).prop_map(
        |(sku, product_name, quantity, unit_price_minor)| Line {
            sku: sku.map(|sku| Sku::new(&sku).expect("valid")),
            product_name: ProductName::new(&product_name).expect("valid"),
            quantity,
            unit_price_minor,
        },
    );
    let parties = (
        text(),
        prop::option::of(text()),
        prop::sample::select(Source::ALL.to_vec()),
    );
    let lines = prop::collection::vec(line, 0..3);
    let metadata = prop::collection::btree_map(text(), text(), 0..3);
    (parties, 0_u64..4, any_currency(), lines, metadata).prop_map(
        |((user, external_id, source), minor, currency, lines, metadata)| PlaceOrder {
            source,
            amount: Money::new(minor, currency).expect("valid"),
            lines: Arc::from(lines),
            metadata: Arc::new(Metadata::new(metadata).expect("valid")),
            ..place_order(&user, external_id.as_deref(), 0)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn equal_commands_and_only_they_have_equal_fingerprints(a in any_place_order(), b in any_place_order()) {
        prop_assert_eq!(a.fingerprint(), a.clone().fingerprint());
        prop_assert_eq!(a.fingerprint() == b.fingerprint(), a == b, "{:?} and {:?}", a, b);
    }

    #[test]
    fn any_change_of_one_field_changes_the_fingerprint(command in any_place_order(), which in 0_usize..7) {
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
                    quantity: 1,
                    unit_price_minor: 0,
                });
                other.lines = Arc::from(lines);
            }
            5 => {
                let mut pairs: BTreeMap<String, String> = command.metadata.pairs().clone();
                pairs.insert("other".to_owned(), "a".to_owned());
                other.metadata = Arc::new(Metadata::new(pairs).unwrap());
            }
            _ => other.source = Source::ALL[(usize::from(command.source.code()) + 1) % 5 ],
        }
        prop_assume!(other != command);
        prop_assert_ne!(other.fingerprint(), command.fingerprint());
    }
}
