//! Sizes and texts at the edge of what the domain allows come back as they were.

use std::sync::Arc;

use application::ports::{CommitError, Committed, Ids, ListFilter};
use application::system::SystemIds;
use domain::adjustment::MAX_ADJUSTMENTS;
use domain::order::{MAX_LINES, MAX_RESULT_BYTES};
use domain::{
    Adjustment, AdjustmentKind, Cause, Currency, Failure, Line, Money, Order, PlaceOrder, Quantity,
    Receipt, ReceiptForm, ReceiptLocation, Source, Timestamp,
};

use super::subject::{Subject, write_at, write_new};
use super::{LONG, StoreFactory, sample};

/// Texts that have broken quoting, encodings and patterns elsewhere.
const TEXTS: [&str; 12] = [
    "Robert'); DROP TABLE orders;--",
    "a\"b'c`d\\e",
    "<script>alert(1)</script> &amp;",
    "100% _under_ *star* [a-z] ?",
    "😀 👩‍👩‍👧‍👦 🇩🇪",
    "\u{202e}evil\u{202c} שלום مرحبا",
    "e\u{301} \u{e9} ß SS ı I",
    "\u{feff}bom \u{200b}zero\u{200d}width",
    "\u{10ffff}\u{e000}\u{fffd}\u{fffe}",
    "{\"json\": [1, null]}",
    "$1 ${x} {{y}} :name @p %s",
    " leading and trailing ",
];

/// Quotes, SQL, patterns, emoji and right-to-left text come back as they were, everywhere.
pub async fn any_text_comes_back_as_it_was(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    for text in TEXTS {
        let command = PlaceOrder {
            external_id: Some(sample::external_id(text)),
            metadata: sample::metadata(&[(text, text), ("control", "tab\tcr\rlf\n")]),
            ..sample::of_lines_and(
                text,
                vec![sample::line(Some(text), text, 1, 5)],
                vec![sample::adjustment(AdjustmentKind::Other, Some(text), 1)],
            )
        };
        let (placed, _) = subject.place(&command).await;
        assert_eq!(subject.get(placed.id).await, placed, "{text:?}");
        let found = subject
            .store
            .find(&placed.user_id, &sample::external_id(text))
            .await;
        assert_eq!(found, Ok(Some(Arc::clone(&placed))), "{text:?}");
        for filter in [
            ListFilter {
                user_id: Some(placed.user_id.clone()),
                ..ListFilter::default()
            },
            ListFilter {
                text_prefix: Some(text.to_owned()),
                ..ListFilter::default()
            },
        ] {
            let listed = subject.list(filter.clone()).await;
            assert_eq!(listed, [Arc::clone(&placed)], "{filter:?}");
        }
        let claimed = subject.claim_only(placed.id, LONG).await;
        let decision = claimed
            .fail(Failure::new("handler_rejected", text), subject.now())
            .expect("a claimed order can fail");
        let dead = subject.advance(&claimed, decision).await;
        assert_eq!(subject.get(placed.id).await, dead);
        let events = subject.events(placed.id).await;
        assert_eq!(events[2].event.failure, dead.failure, "{text:?}");
    }
}

/// The largest order that the domain allows, with the largest result.
pub async fn a_large_order_comes_back_whole(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let long_name = "ü".repeat(255);
    let long_sku = "S".repeat(128);
    let lines: Vec<Line> = (0..MAX_LINES)
        .map(|_| sample::line(Some(&long_sku), &long_name, 1_000_000, 9_007_199))
        .collect();
    let adjustments: Vec<Adjustment> = (0..MAX_ADJUSTMENTS)
        .map(|_| sample::adjustment(AdjustmentKind::Shipping, Some(&long_name), 1))
        .collect();
    let pairs: Vec<(String, String)> = (0..50)
        .map(|number| (format!("key-{number:02}"), "v".repeat(150)))
        .collect();
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let command = PlaceOrder {
        external_id: Some(sample::external_id(&"9".repeat(128))),
        metadata: sample::metadata(&pairs),
        source: Source::Pos,
        ..sample::of_lines_and(&"𝕏".repeat(100), lines, adjustments)
    };
    let write = subject.new_write(&command, Some(&"~".repeat(255)));
    let placed = Arc::clone(&write.decision.order);
    subject.must_write(write).await;
    assert_eq!(subject.get(placed.id).await, placed);

    let claimed = subject.claim_only(placed.id, LONG).await;
    let result = format!("\"{}\"", "r".repeat(MAX_RESULT_BYTES - 2));
    let receipt_key = Receipt::key_of(&claimed.user_id, claimed.id);
    let decision = claimed
        .complete(Some(Arc::from(result)), receipt_key, subject.now())
        .expect("a claimed order can be completed");
    let processed = subject.advance(&claimed, decision).await;
    assert_eq!(subject.get(placed.id).await, processed);
}

/// The largest and the smallest amounts and times, in every kind of currency and from every source.
pub async fn extreme_values_come_back_as_they_were(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let times = ["1970-01-01T00:00:00.000Z", "9999-12-30T22:00:00.000Z"];
    for (code, minor) in [
        ("JPY", 0),
        ("USD", 1),
        ("KWD", 5),
        ("CLF", Money::MAX_MINOR),
    ] {
        let currency = Currency::parse(code).expect("an ISO 4217 currency");
        for (time, source) in times.into_iter().cycle().zip(Source::ALL) {
            let command = PlaceOrder {
                amount: Money::new(minor, currency).expect("within bounds"),
                source,
                ..sample::plain("extreme", 0)
            };
            let at = Timestamp::parse(time).expect("a valid time");
            let id = SystemIds.order_id(at, &command.user_id);
            let (cause, rendered) = (Cause::default(), ReceiptLocation::Rendered);
            let decision = Order::place(command.clone(), id, at, cause, rendered);
            let placed = Arc::clone(&decision.order);
            subject
                .must_write(write_new(decision, &command, None))
                .await;
            assert_eq!(subject.get(id).await, placed);
            let cancelled = subject.apply(&placed, domain::OrderCommand::Cancel).await;
            assert_eq!(subject.get(id).await, cancelled);
        }
    }
    let ids = subject.list(ListFilter::default()).await;
    assert_eq!(ids.len(), 20);
    assert!(ids.windows(2).all(|pair| pair[0].id > pair[1].id));
}

/// Every form of receipt, kind of adjustment, and quantities and prices at their bounds come back as they were. A stored
/// order may be in a currency that was withdrawn since.
pub async fn every_fact_of_an_order_comes_back(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let mut placed = Vec::new();
    for code in 0..=u8::MAX {
        let Some(form) = ReceiptForm::from_code(code) else {
            break;
        };
        let deutschmark = Currency::parse_any("DEM").expect("a currency of the past");
        let command = PlaceOrder {
            amount: Money::new(u64::from(code), deutschmark).expect("within bounds"),
            receipt_template: form.template,
            ..sample::plain("forms", 0)
        };
        let now = subject.now();
        let id = SystemIds.order_id(now, &command.user_id);
        let decision = Order::place(command.clone(), id, now, sample::cause(), form.location);
        assert_eq!(decision.order.receipt, form);
        placed.push(Arc::clone(&decision.order));
        subject
            .must_write(write_new(decision, &command, None))
            .await;
    }
    assert!(placed.len() >= 4, "two templates in two places");
    let bounds = [
        (1, None, 0),
        (1, Some(Money::MAX_MINOR), 9_007_199_254_741),
        (Quantity::MAX.thousandths(), Some(0), 0),
        (999_999_999, None, 1_000_000_000_000_000),
    ];
    let lines = bounds
        .into_iter()
        .map(|(quantity, unit_price, total)| {
            sample::priced(None, "bounds", quantity, unit_price, total)
        })
        .collect();
    let mut adjustments = sample::adjustments();
    for kind in AdjustmentKind::ALL {
        let amount = if kind == AdjustmentKind::Discount {
            -1_000_000_000_000
        } else {
            1_000_000_000_000
        };
        adjustments.push(sample::adjustment(kind, None, amount));
    }
    let other = Money::MAX_MINOR.try_into().expect("within an i64");
    adjustments.push(Adjustment {
        included: true,
        ..sample::adjustment(AdjustmentKind::Tax, None, other)
    });
    let command = sample::of_lines_and("bounds", lines, adjustments);
    placed.push(subject.place(&command).await.0);
    for order in &placed {
        assert_eq!(subject.get(order.id).await, *order);
    }
    let subject = subject.reopen().await;
    for order in &placed {
        assert_eq!(subject.get(order.id).await, *order, "in the next process");
        let cancelled = subject.apply(order, domain::OrderCommand::Cancel).await;
        assert_eq!(subject.get(order.id).await, cancelled, "after a change");
    }
}

/// A result that some databases cannot hold is kept as it is or refused for good; it harms nothing else.
pub async fn a_result_with_nul_is_kept_or_refused(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    for result in ["\"\\u0000\"", "\"a\u{0}b\""] {
        let claimed = subject
            .place_and_claim(&sample::plain("nul", 1), LONG)
            .await;
        let receipt_key = Receipt::key_of(&claimed.user_id, claimed.id);
        let decision = claimed
            .complete(Some(Arc::from(result)), receipt_key, subject.now())
            .expect("a claimed order can be completed");
        let processed = Arc::clone(&decision.order);
        let write = write_at(&claimed, decision);
        let neighbour = sample::plain("nul-neighbour", 1);
        let (answer, _) = tokio::join!(subject.commit_one(write), subject.place(&neighbour));
        match answer {
            Ok(Committed::Written { .. }) => {
                assert_eq!(subject.get(claimed.id).await, processed);
            }
            Err(CommitError::Refused(_)) => {
                assert_eq!(subject.get(claimed.id).await, claimed);
            }
            other => panic!("kept or refused for good: {other:?}"),
        }
        assert_eq!(
            subject.claim_all(LONG).await.len(),
            1,
            "the neighbour is well"
        );
    }
}
