//! The suite of [`ReceiptStore`]: written once, never changed, and found again for any user id.
//!
//! Called by the adapters' tests through [`receipt_store_suite!`](crate::receipt_store_suite).

use std::sync::Arc;

use application::ports::{ReceiptError, ReceiptStore};
use async_trait::async_trait;
use domain::{OrderId, Receipt, Timestamp, UserId};
use tokio::task::JoinSet;

/// Opens receipt stores for the suite.
#[async_trait]
pub trait ReceiptStoreFactory: Send + Sync + 'static {
    /// A new store without receipts; another one each time.
    async fn fresh(&self) -> Box<dyn OpenReceiptStore>;
}

/// An open receipt store.
#[async_trait]
pub trait OpenReceiptStore: Send + Sync + 'static {
    /// The store.
    fn store(&self) -> Arc<dyn ReceiptStore>;

    /// Lets go of the store and opens it again, as a new process would.
    async fn reopen(self: Box<Self>) -> Box<dyn OpenReceiptStore>;
}

/// A receipt of `user_id`'s order with this number.
fn receipt(user_id: &str, number: u64, text: &str) -> Receipt {
    let user = UserId::new(user_id).expect("the suite's user ids are valid");
    let created_at = Timestamp::from_millis(1_767_225_600_000).expect("a valid time");
    let id = OrderId::new(created_at, &user, number << 2);
    Receipt {
        key: Receipt::key_of(&user, id),
        text: text.to_owned(),
    }
}

async fn must_put(store: &dyn ReceiptStore, receipt: &Receipt) {
    if let Err(error) = store.put(receipt).await {
        panic!("{} should have been kept: {error}", receipt.key);
    }
}

async fn get(store: &dyn ReceiptStore, receipt: &Receipt) -> Option<String> {
    store
        .get(&receipt.key)
        .await
        .expect("a healthy receipt store reads")
}

/// A kept receipt is found, by this process and the next; what was never kept is not.
pub async fn a_kept_receipt_is_found(factory: &dyn ReceiptStoreFactory) {
    let opened = factory.fresh().await;
    let store = opened.store();
    assert!(store.is_reachable().await);
    let kept = receipt("alice", 1, "ORDER RECEIPT\nÜ 😀 \u{202e}\r\n");
    let never = receipt("alice", 2, "");
    assert_eq!(get(&*store, &kept).await, None);
    must_put(&*store, &kept).await;
    assert_eq!(get(&*store, &kept).await.as_ref(), Some(&kept.text));
    assert_eq!(get(&*store, &never).await, None);
    drop(store);
    let opened = opened.reopen().await;
    let store = opened.store();
    assert_eq!(get(&*store, &kept).await.as_ref(), Some(&kept.text));
    must_put(&*store, &kept).await;
}

/// The same bytes again are a success, others are a conflict for good, and the first ones stay.
pub async fn a_receipt_is_never_changed(factory: &dyn ReceiptStoreFactory) {
    let opened = factory.fresh().await;
    let store = opened.store();
    let first = receipt("bob", 1, "one");
    must_put(&*store, &first).await;
    must_put(&*store, &first).await;
    for text in ["two", "on", "one ", ""] {
        let other = receipt("bob", 1, text);
        let answer = store.put(&other).await;
        assert!(
            matches!(&answer, Err(ReceiptError::Conflict { key }) if **key == *first.key),
            "{text:?}: {answer:?}"
        );
    }
    assert_eq!(get(&*store, &first).await.as_ref(), Some(&first.text));
}

/// Many writers of one receipt all succeed; of writers of different texts one does, and its text is whole.
pub async fn concurrent_writers_agree(factory: &dyn ReceiptStoreFactory) {
    let opened = factory.fresh().await;
    let long = "equal bytes\n".repeat(1_000);
    let mut equal = JoinSet::new();
    for _ in 0..20 {
        let (store, receipt) = (opened.store(), receipt("carol", 1, &long));
        equal.spawn(async move { must_put(&*store, &receipt).await });
    }
    while let Some(ended) = equal.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    let mut different = JoinSet::new();
    for number in 0..20 {
        let text = format!("text {number}\n").repeat(500);
        let (store, receipt) = (opened.store(), receipt("carol", 2, &text));
        different.spawn(async move { (store.put(&receipt).await, receipt.text) });
    }
    let mut winners = Vec::new();
    while let Some(ended) = different.join_next().await {
        match ended.expect("a writer does not panic") {
            (Ok(()), text) => winners.push(text),
            (Err(ReceiptError::Conflict { .. }), _) => {}
            (Err(error), _) => panic!("kept or a conflict: {error}"),
        }
    }
    assert_eq!(winners.len(), 1, "one text is kept");
    let kept = get(&*opened.store(), &receipt("carol", 2, "")).await;
    assert_eq!(kept.as_ref(), winners.first(), "whole, and the winner's");
}

/// Users with hostile names have receipts of their own.
pub async fn hostile_users_have_receipts_of_their_own(factory: &dyn ReceiptStoreFactory) {
    let opened = factory.fresh().await;
    let store = opened.store();
    let long = "😀".repeat(100);
    let users = [
        ".",
        "..",
        "...",
        "../..",
        "/etc/passwd",
        "a/b",
        "a%2Fb",
        "a%2fb",
        "%",
        "%25",
        "a\\b",
        "C:",
        "COM1",
        "~",
        "a b",
        "a  b",
        " a",
        "a ",
        "é",
        "e\u{301}",
        "\u{202e}x",
        "?*:|<>\"",
        "A",
        "a",
        &long,
    ];
    for user_id in users {
        must_put(&*store, &receipt(user_id, 1, user_id)).await;
    }
    for user_id in users {
        let kept = receipt(user_id, 1, user_id);
        assert_eq!(
            get(&*store, &kept).await.as_deref(),
            Some(user_id),
            "{user_id:?}"
        );
    }
}

/// Expands to one test a behaviour of the receipt store, each on a fresh store of the [`ReceiptStoreFactory`]
/// `$factory`.
#[macro_export]
macro_rules! receipt_store_suite {
    ($factory:expr) => {
        $crate::receipt_store_suite! { @tests ($factory)
            a_kept_receipt_is_found,
            a_receipt_is_never_changed,
            concurrent_writers_agree,
            hostile_users_have_receipts_of_their_own,
        }
    };
    (@tests ($factory:expr) $($name:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                $crate::receipt_store::$name(&$factory).await;
            }
        )*
    };
}
