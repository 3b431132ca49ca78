//! Each use case needs its scope, and says which one is missing before it reads or writes anything.

use application::ports::{ListFilter, StoreError};
use application::watch::Cursor;
use application::{
    BatchRow, Caller, CommandError, ExpectedVersion, Forbidden, ListRequest, PlaceError, ReadError,
    ReadReceiptError, Scope, Scopes,
};
use domain::{ExternalId, Order, OrderCommand, Status};
use port_conformance::order_store::sample;

use crate::opened::{Find, Opened, caller};

fn without(missing: Scope) -> Caller {
    let scopes = Scope::ALL.into_iter().filter(|scope| *scope != missing);
    Caller {
        scopes: scopes.collect(),
        ..caller()
    }
}

async fn placed(opened: &Opened) -> std::sync::Arc<Order> {
    let command = sample::numbered("alice", 5, "A-1");
    match opened.orders.place(&caller(), command, None).await.unwrap() {
        application::Placed::Created(order) => order,
        other => panic!("{other:?}"),
    }
}

/// What every read of `order` answers, except for receipts.
async fn every_read(opened: &Opened, caller: &Caller, order: &Order) -> Vec<Option<ReadError>> {
    let orders = &opened.orders;
    let number = ExternalId::new("A-1").unwrap();
    let request = ListRequest {
        limit: 10,
        ..ListRequest::default()
    };
    let cursor = Cursor::default();
    vec![
        orders.get(caller, order.id).await.err(),
        orders.find(caller, &order.user_id, &number).await.err(),
        orders.find_by_name(caller, "A-1").await.err(),
        orders.list(caller, request).await.err(),
        orders.events(caller, order.id, None, 10).await.err(),
        orders.has_seen_all(caller, order.id, &cursor).await.err(),
        orders.counts(caller).await.err(),
    ]
}

#[tokio::test]
async fn every_read_needs_the_scope_to_read() {
    let opened = Opened::rendered().await;
    let order = placed(&opened).await;
    let scope = Scope::OrdersRead;
    let refused = Forbidden::MissingScope { scope };
    let caller = without(scope);
    for answer in every_read(&opened, &caller, &order).await {
        assert_eq!(answer, Some(ReadError::Forbidden(refused)));
    }
    let receipt = opened.orders.receipt(&caller, order.id).await;
    assert_eq!(receipt, Err(ReadReceiptError::Forbidden(refused)));
}

#[tokio::test]
async fn placing_needs_the_scope_to_write() {
    let opened = Opened::rendered().await;
    let scope = Scope::OrdersWrite;
    let refused = PlaceError::Forbidden(Forbidden::MissingScope { scope });
    let caller = without(scope);
    let command = sample::plain("alice", 5);
    let placed = opened.orders.place(&caller, command.clone(), None).await;
    assert_eq!(placed, Err(refused.clone()));
    let row = BatchRow {
        command,
        key: None,
        history: None,
    };
    let answers = opened.orders.place_batch(&caller, vec![row]).await;
    assert_eq!(answers, [Err(refused)]);
}

#[tokio::test]
async fn commands_and_dead_letters_need_the_scope_to_operate() {
    let opened = Opened::rendered().await;
    let order = placed(&opened).await;
    let scope = Scope::OrdersOperate;
    let refused = Forbidden::MissingScope { scope };
    let caller = without(scope);
    let orders = &opened.orders;
    for command in [OrderCommand::Cancel, OrderCommand::Hold] {
        let any = ExpectedVersion::Any;
        let answer = orders.command(&caller, order.id, command, any, None).await;
        assert_eq!(answer, Err(CommandError::Forbidden(refused)));
    }
    for status in Status::ALL {
        let any = ExpectedVersion::Any;
        let answer = orders.set_status(&caller, order.id, status, any, None);
        assert_eq!(answer.await, Err(CommandError::Forbidden(refused)));
    }
    let command = OrderCommand::Discard;
    let answer = orders.command_dead_letters(&caller, ListFilter::default(), command, None, 10);
    assert_eq!(answer.await, Err(CommandError::Forbidden(refused)));
    let reasons = orders.dead_letter_reasons(&caller, None, 10).await;
    assert_eq!(reasons, Err(ReadError::Forbidden(refused)));
}

#[tokio::test]
async fn health_needs_no_scope() {
    let opened = Opened::rendered().await;
    let caller = Caller {
        scopes: Scopes::default(),
        ..caller()
    };
    assert!(opened.orders.store_health(&caller).await.takes_orders());
}

#[tokio::test(start_paused = true)]
async fn a_read_that_the_store_does_not_answer_ends_at_the_deadline() {
    let opened = Opened::rendered().await;
    let order = placed(&opened).await;
    opened.troubles.find_does(Find::Hangs);
    opened.troubles.reads_hang();
    let caller = caller();
    let expired = Some(ReadError::Store(StoreError::Expired));
    for answer in every_read(&opened, &caller, &order).await {
        assert_eq!(answer, expired);
    }
    let receipt = opened.orders.receipt(&caller, order.id).await;
    let expired = ReadReceiptError::Store(StoreError::Expired);
    assert_eq!(receipt, Err(expired));
    let any = ExpectedVersion::Any;
    let command = OrderCommand::Hold;
    let held = opened
        .orders
        .command(&caller, order.id, command, any, None)
        .await;
    assert_eq!(held, Err(CommandError::Store(StoreError::Expired)));
}
