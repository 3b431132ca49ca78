//! Keys and external ids: what a caller gets whose order was there before, or differs from it.

use application::{Caller, PlaceError, Placed};
use domain::{AdjustmentKind, Currency, IdempotencyKey, Money, PlaceOrder, Source};
use port_conformance::order_store::sample;

use crate::opened::{Find, Opened, caller};

fn body() -> PlaceOrder {
    PlaceOrder {
        process_after: None,
        ..sample::full("alice", "A-1")
    }
}

/// The fields that a refusal names.
async fn differing(opened: &Opened, command: PlaceOrder) -> Vec<String> {
    match opened.orders.place(&caller(), command, None).await {
        Err(PlaceError::ExternalIdTaken { differing }) => differing,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_conflict_of_an_external_id_names_the_fields_that_differ() {
    let opened = Opened::rendered().await;
    let placed = opened.orders.place(&caller(), body(), None).await;
    assert!(matches!(placed, Ok(Placed::Created(_))));
    let lines = vec![sample::line(Some("KB-1"), "Mechanical Keyboard", 2, 14_999)];
    let fewer_lines = PlaceOrder {
        external_id: body().external_id,
        source: body().source,
        adjustments: body().adjustments,
        metadata: body().metadata,
        ..sample::of_lines("alice", lines)
    };
    let more = sample::adjustment(AdjustmentKind::Tip, Some("thanks"), 0);
    let adjustments: Vec<_> = body().adjustments.iter().cloned().chain([more]).collect();
    let cases: [(PlaceOrder, &[&str]); 5] = [
        (fewer_lines, &["/amount", "/lines"]),
        (
            PlaceOrder {
                adjustments: adjustments.into(),
                ..body()
            },
            &["/adjustments"],
        ),
        (
            PlaceOrder {
                metadata: sample::metadata(&[("campaign", "another")]),
                process_after: Some(sample::time("2030-01-01T00:00:00Z")),
                ..body()
            },
            &["/metadata", "/process_after"],
        ),
        (
            PlaceOrder {
                amount: Money::new(body().amount.minor(), Currency::parse("EUR").unwrap()).unwrap(),
                ..body()
            },
            &["/currency"],
        ),
        (
            sample::numbered("alice", 1, "A-1"),
            &["/amount", "/lines", "/adjustments", "/metadata"],
        ),
    ];
    for (command, expected) in cases {
        assert_eq!(differing(&opened, command).await, expected);
    }
    let refusal = opened
        .orders
        .place(&caller(), sample::numbered("alice", 1, "A-1"), None)
        .await
        .unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("which differs in amount, lines, adjustments, metadata;"),
        "{refusal}"
    );
}

#[tokio::test]
async fn the_source_is_no_part_of_the_comparison() {
    let opened = Opened::rendered().await;
    let by = caller();
    let place = async |command| {
        let placed = opened.orders.place(&by, command, None);
        placed.await.unwrap()
    };
    let Placed::Created(first) = place(body()).await else {
        panic!("it is new");
    };
    let other_source = PlaceOrder {
        source: Source::Pos,
        ..body()
    };
    assert_eq!(place(other_source).await, Placed::Existing(first));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_certain_even_if_the_other_order_cannot_be_read() {
    let opened = Opened::rendered().await;
    opened.orders.place(&caller(), body(), None).await.unwrap();
    for trouble in [Find::Fails, Find::Hangs] {
        opened.troubles.find_does(trouble);
        let other = sample::numbered("alice", 1, "A-1");
        assert_eq!(differing(&opened, other.clone()).await, [] as [&str; 0]);
        let refusal = opened
            .orders
            .place(&caller(), other, None)
            .await
            .unwrap_err();
        assert!(
            refusal
                .to_string()
                .contains("which differs in its content;"),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn a_replay_is_the_first_answer_and_an_existing_order_the_current_one() {
    let opened = Opened::rendered().await;
    let key = IdempotencyKey::new("key-1").unwrap();
    let by: Caller = caller();
    let place = async |key| {
        let placed = opened.orders.place(&by, body(), key);
        placed.await.unwrap()
    };
    let Placed::Created(created) = place(Some(key.clone())).await else {
        panic!("it is new");
    };
    let processed = opened.process(&created).await;
    assert_eq!(place(Some(key)).await, Placed::Replayed(created));
    assert_eq!(place(None).await, Placed::Existing(processed));
}
