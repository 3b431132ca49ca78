//! Imported history: ids that stay the same across retries of a call, and receipts that are written side by side.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use application::ports::Erasure;
use application::{BatchRow, FoundReceipt, PlaceError, Placed};
use domain::{History, HistoryStatus, IdempotencyKey, Order, PlaceOrder, Receipt, Status};
use port_conformance::order_store::sample;

use crate::opened::{Opened, caller, soon};

fn row(command: PlaceOrder, key: Option<&str>, status: HistoryStatus) -> BatchRow {
    BatchRow {
        command,
        key: key.map(|key| IdempotencyKey::new(key).unwrap()),
        history: Some(History {
            created_at: sample::time("2010-12-01T08:26:00Z"),
            status,
        }),
    }
}

fn processed(command: PlaceOrder, key: Option<&str>) -> BatchRow {
    row(command, key, HistoryStatus::Processed)
}

fn created(placed: &Result<Placed, PlaceError>) -> &Arc<Order> {
    match placed {
        Ok(Placed::Created(order)) => order,
        other => panic!("it should have been created: {other:?}"),
    }
}

fn kept_keys(opened: &Opened) -> Vec<String> {
    opened.shelf.kept.lock().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn a_call_that_is_repeated_writes_the_same_receipts_again() {
    let opened = Opened::stored().await;
    let rows = || {
        vec![
            processed(sample::full("alice", "A-1"), None),
            processed(sample::plain("alice", 5), Some("key-1")),
            processed(sample::numbered("bob", 5, "A-1"), Some("key-1")),
        ]
    };
    // The receipts are written, and then the store fails: nothing tells whether the rows are there.
    opened.troubles.commits_fail.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let answers = opened.orders.place_batch(&caller(), rows()).await;
        let all_fail = answers
            .iter()
            .all(|answer| matches!(answer, Err(PlaceError::Store(_))));
        assert!(all_fail, "{answers:?}");
    }
    assert_eq!(kept_keys(&opened).len(), 3, "one object a row");
    opened.troubles.commits_fail.store(false, Ordering::SeqCst);
    let answers = opened.orders.place_batch(&caller(), rows()).await;
    let mut keys: Vec<String> = answers
        .iter()
        .map(|answer| created(answer).receipt_key.as_ref().unwrap().to_string())
        .collect();
    keys.sort_unstable();
    assert_eq!(
        kept_keys(&opened),
        keys,
        "each object belongs to an order: there are no orphans"
    );
    for answer in &answers {
        let order = created(answer);
        let receipt = opened.orders.receipt(&caller(), order.id).await.unwrap();
        assert_eq!(receipt, FoundReceipt::Text(Receipt::of(order).text));
    }
}

#[tokio::test]
async fn another_content_under_one_name_has_another_id() {
    let opened = Opened::stored().await;
    opened.troubles.commits_fail.store(true, Ordering::SeqCst);
    for amount in [1, 2] {
        let row = processed(sample::numbered("alice", amount, "A-1"), None);
        let answers = opened.orders.place_batch(&caller(), vec![row]).await;
        assert!(matches!(answers[..], [Err(PlaceError::Store(_))]));
    }
    assert_eq!(
        kept_keys(&opened).len(),
        2,
        "no receipt is in another's way"
    );
}

#[tokio::test]
async fn nothing_is_written_for_an_order_that_exists_or_was_cancelled() {
    let opened = Opened::stored().await;
    let first = vec![processed(sample::full("alice", "A-1"), None)];
    let first = opened.orders.place_batch(&caller(), first).await;
    assert_eq!(opened.shelf.puts.load(Ordering::SeqCst), 1);
    let rows = vec![
        processed(sample::full("alice", "A-1"), None),
        processed(sample::numbered("alice", 1, "A-1"), None),
        row(sample::full("alice", "A-2"), None, HistoryStatus::Cancelled),
    ];
    let answers = opened.orders.place_batch(&caller(), rows).await;
    assert!(
        matches!(&answers[0], Ok(Placed::Existing(order)) if order == created(&first[0])),
        "{answers:?}"
    );
    assert!(matches!(
        answers[1],
        Err(PlaceError::ExternalIdTaken { .. })
    ));
    assert_eq!(created(&answers[2]).status, Status::Cancelled);
    assert_eq!(
        opened.shelf.puts.load(Ordering::SeqCst),
        1,
        "no more receipts"
    );
    let events = opened
        .store
        .order_events(created(&answers[2]).id, None, 10)
        .await;
    let events = events.unwrap().unwrap();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|found| found.event.history));
}

#[tokio::test(start_paused = true)]
async fn receipts_are_written_side_by_side_with_a_bound() {
    let opened = Opened::stored().await;
    let rows = (0..200)
        .map(|number| {
            let command = sample::numbered("alice", number, &format!("A-{number}"));
            processed(command, None)
        })
        .collect();
    let begun = tokio::time::Instant::now();
    let answers = opened.orders.place_batch(&caller(), rows).await;
    for (number, answer) in answers.iter().enumerate() {
        let external_id = created(answer).external_id.as_ref().unwrap();
        assert_eq!(external_id.as_str(), format!("A-{number}"), "in order");
    }
    let most = opened.shelf.most_running.load(Ordering::SeqCst);
    assert!((2..=16).contains(&most), "{most} at a time");
    // 200 receipts of 10 ms each, 16 at a time.
    let took = begun.elapsed().as_millis();
    assert!(took < 300, "{took} ms");
    assert_eq!(kept_keys(&opened).len(), 200);
}

#[tokio::test]
async fn a_receipt_that_cannot_be_written_fails_its_row_alone() {
    let opened = Opened::stored().await;
    let commands: Vec<PlaceOrder> = (0..5)
        .map(|number| sample::numbered("alice", number, &format!("A-{number}")))
        .collect();
    let rows = |commands: &[PlaceOrder]| -> Vec<BatchRow> {
        commands
            .iter()
            .map(|command| processed(command.clone(), None))
            .collect()
    };
    // Find out which key the third row has.
    opened.troubles.commits_fail.store(true, Ordering::SeqCst);
    let _ = opened
        .orders
        .place_batch(&caller(), rows(&commands[2..3]))
        .await;
    let refused = kept_keys(&opened).remove(0);
    *opened.shelf.refused.lock().unwrap() = Some(refused);
    opened.troubles.commits_fail.store(false, Ordering::SeqCst);
    let mut mixed = rows(&commands);
    mixed.push(BatchRow {
        history: None,
        ..processed(sample::plain("alice", 9), None)
    });
    let answers = opened.orders.place_batch(&caller(), mixed).await;
    assert!(matches!(answers[2], Err(PlaceError::Receipt(_))));
    for number in [0, 1, 3, 4] {
        assert_eq!(created(&answers[number]).status, Status::Processed);
    }
    assert_eq!(
        created(&answers[5]).status,
        Status::Pending,
        "a batch may mix new orders and history"
    );
    let counts = opened.orders.counts(&caller()).await.unwrap();
    assert_eq!(
        (counts.get(Status::Processed), counts.get(Status::Pending)),
        (4, 1)
    );
}

#[tokio::test]
async fn an_erased_order_of_history_does_not_come_back_with_the_same_file() {
    let opened = Opened::rendered().await;
    let rows = || vec![processed(sample::full("alice", "A-1"), Some("key-1"))];
    let answers = opened.orders.place_batch(&caller(), rows()).await;
    let order = created(&answers[0]);
    let erasure = Erasure {
        event: order.erase(opened.clock().now()).unwrap(),
        version: order.version,
        status: order.status,
    };
    opened.store.erase(erasure, soon()).await.unwrap();
    let answers = opened.orders.place_batch(&caller(), rows()).await;
    assert!(
        matches!(answers[..], [Err(PlaceError::Refused(_))]),
        "{answers:?}"
    );
    assert_eq!(opened.orders.counts(&caller()).await.unwrap().accepted(), 0);
    // Another content under its names is another order.
    let other = vec![processed(
        sample::numbered("alice", 5, "A-1"),
        Some("key-1"),
    )];
    let answers = opened.orders.place_batch(&caller(), other).await;
    assert_ne!(created(&answers[0]).id, order.id);
}
