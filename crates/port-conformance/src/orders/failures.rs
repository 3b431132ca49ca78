//! Failures of the store: every error reaches the caller with all that it says.

use application::ports::{ListFilter, ReceiptError, StoreError};
use application::watch::Cursor;
use application::{
    BatchRow, CommandError, ExpectedVersion, ListRequest, PlaceError, ReadError, ReadReceiptError,
};
use domain::{History, HistoryStatus, OrderCommand, ShardId, Status};

use super::Carrier;
use super::subject::{Subject, caller};
use crate::faulty::FaultMode;
use crate::order_store::sample;

/// One error of each kind, with shards and reasons that no default has.
fn each_error() -> [StoreError; 6] {
    let reason = |text: &str| format!("{text}: «Ü» 😀");
    [
        StoreError::Overloaded { limit: 4_097 },
        StoreError::Expired,
        StoreError::Unavailable {
            shard: ShardId(1),
            reason: reason("connection refused"),
        },
        StoreError::Full {
            shard: ShardId(2),
            reason: reason("no space left on device"),
        },
        StoreError::Unknown {
            shard: ShardId(u16::MAX),
            reason: reason("connection reset"),
        },
        StoreError::Corrupt {
            shard: ShardId(3),
            reason: reason("row 7"),
        },
    ]
}

/// A placing that fails says why: each error of the store, what it cannot hold, and the receipt store's errors.
pub async fn a_failed_placing_says_all_that_the_store_said(carrier: &dyn Carrier) {
    let subject = Subject::with_receipt_store(carrier).await;
    let place = || async {
        let command = sample::plain("alice", 1);
        subject.orders.place(&caller(), command, None).await
    };
    let row = |history| BatchRow {
        command: sample::plain("bob", 1),
        key: None,
        history,
    };
    for error in each_error() {
        subject.store.set_mode(FaultMode::Failing(error.clone()));
        assert_eq!(place().await, Err(PlaceError::Store(error.clone())));
        let answers = subject.orders.place_batch(&caller(), vec![row(None)]).await;
        assert_eq!(answers, [Err(PlaceError::Store(error))]);
    }
    let reason = "the metadata hold U+0000".to_owned();
    subject.store.set_mode(FaultMode::Refusing(reason.clone()));
    assert_eq!(place().await, Err(PlaceError::Refused(reason)));
    subject.store.set_mode(FaultMode::Well);
    let history = Some(History {
        created_at: sample::time("2011-01-01T00:00:00Z"),
        status: HistoryStatus::Processed,
    });
    let error = ReceiptError::Refused {
        key: "receipts/bob/1.txt".to_owned(),
        reason: "the name is too long".to_owned(),
    };
    subject.receipts.fail_with(error.clone());
    let answers = subject
        .orders
        .place_batch(&caller(), vec![row(history)])
        .await;
    assert_eq!(answers, [Err(PlaceError::Receipt(error))]);
}

/// A read that fails says why, whatever was read.
pub async fn a_failed_read_says_all_that_the_store_said(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::numbered("alice", 1, "A-1")).await;
    let (id, by) = (order.id, caller());
    let orders = &subject.orders;
    let number = sample::external_id("A-1");
    for error in each_error() {
        subject.store.set_mode(FaultMode::Failing(error.clone()));
        let failed = ReadError::Store(error.clone());
        let user = &order.user_id;
        assert_eq!(orders.get(&by, id).await, Err(failed.clone()));
        assert_eq!(orders.find(&by, user, &number).await, Err(failed.clone()));
        assert_eq!(orders.find_by_name(&by, "A-1").await, Err(failed.clone()));
        let page = orders.list(&by, ListRequest::default()).await;
        assert_eq!(page, Err(failed.clone()));
        assert_eq!(orders.events(&by, id, None, 1).await, Err(failed.clone()));
        let seen = orders.has_seen_all(&by, id, &Cursor::default()).await;
        assert_eq!(seen, Err(failed.clone()));
        assert_eq!(orders.counts(&by).await, Err(failed.clone()));
        let reasons = orders.dead_letter_reasons(&by, None, 1).await;
        assert_eq!(reasons, Err(failed));
        let receipt = orders.receipt(&by, id).await;
        assert_eq!(receipt, Err(ReadReceiptError::Store(error)));
    }
}

/// A command that fails says why, and an order that could not be read is not taken for one that is not there.
pub async fn a_failed_command_says_all_that_the_store_said(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::plain("alice", 1)).await;
    let (id, by) = (order.id, caller());
    let any = || ExpectedVersion::Any;
    for error in each_error() {
        for mode in [
            FaultMode::Failing(error.clone()),
            FaultMode::CommitsFailing(error.clone()),
        ] {
            subject.store.set_mode(mode);
            let failed = CommandError::Store(error.clone());
            let hold = OrderCommand::Hold;
            let answer = subject.orders.command(&by, id, hold, any(), None).await;
            assert_eq!(answer, Err(failed.clone()));
            let held = Status::OnHold;
            let answer = subject.orders.set_status(&by, id, held, any(), None).await;
            assert_eq!(answer, Err(failed));
        }
        subject.store.set_mode(FaultMode::Failing(error.clone()));
        let (filter, discard) = (ListFilter::default(), OrderCommand::Discard);
        let discarding = subject
            .orders
            .command_dead_letters(&by, filter, discard, None, 1);
        assert_eq!(discarding.await, Err(CommandError::Store(error)));
    }
    subject.store.set_mode(FaultMode::Well);
    assert_eq!(subject.stored(id).await, order);
}
