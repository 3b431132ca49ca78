//! Access: scopes that are missing are named, and a caller that is bound to a user sees and changes nothing of others.

use application::ports::{Counts, ListFilter};
use application::watch::Cursor;
use application::{
    BatchRow, Caller, CommandError, ExpectedVersion, Forbidden, FoundReceipt, ListRequest,
    NamedOrder, PlaceError, Placed, ReadError, ReadReceiptError, Scope,
};
use domain::{Failure, Order, OrderCommand, OrderId, Status};

use super::Carrier;
use super::subject::{Subject, bound_to, caller};
use crate::order_store::sample;

fn without(scope: Scope) -> Caller {
    let scopes = Scope::ALL.into_iter().filter(|other| *other != scope);
    Caller {
        scopes: scopes.collect(),
        ..caller()
    }
}

fn with_only(scope: Scope) -> Caller {
    Caller {
        scopes: [scope].into_iter().collect(),
        ..caller()
    }
}

/// Each call that needs a scope, with the scope, and why it was forbidden to the caller; `None` if it was not.
async fn each_call(
    subject: &Subject,
    id: OrderId,
    by: impl Fn(Scope) -> Caller,
) -> Vec<(&'static str, Scope, Option<Forbidden>)> {
    let orders = &subject.orders;
    let (user, number) = (sample::user("zoe"), sample::external_id("Z-1"));
    let read = by(Scope::OrdersRead);
    let reads = [
        ("get", reading(orders.get(&read, id).await)),
        ("find", reading(orders.find(&read, &user, &number).await)),
        (
            "find_by_name",
            reading(orders.find_by_name(&read, "Z-1").await),
        ),
        (
            "list",
            reading(orders.list(&read, ListRequest::default()).await),
        ),
        ("events", reading(orders.events(&read, id, None, 1).await)),
        (
            "has_seen_all",
            reading(orders.has_seen_all(&read, id, &Cursor::default()).await),
        ),
        ("counts", reading(orders.counts(&read).await)),
        (
            "receipt",
            match orders.receipt(&read, id).await {
                Err(ReadReceiptError::Forbidden(forbidden)) => Some(forbidden),
                _ => None,
            },
        ),
    ];
    let write = by(Scope::OrdersWrite);
    let row = BatchRow {
        command: sample::plain("zoe", 1),
        key: None,
        history: None,
    };
    let placed = orders.place(&write, row.command.clone(), None).await;
    let mut rows = orders.place_batch(&write, vec![row]).await;
    let writes = [
        ("place", placing(placed)),
        ("place_batch", placing(rows.remove(0))),
    ];
    let operate = by(Scope::OrdersOperate);
    let (hold, any) = (OrderCommand::Hold, ExpectedVersion::Any);
    let (filter, discard) = (ListFilter::default(), OrderCommand::Discard);
    let operations = [
        (
            "command",
            changing(orders.command(&operate, id, hold, any.clone(), None).await),
        ),
        (
            "set_status",
            changing(
                orders
                    .set_status(&operate, id, Status::Pending, any, None)
                    .await,
            ),
        ),
        (
            "command_dead_letters",
            changing(
                orders
                    .command_dead_letters(&operate, filter, discard, None, 1)
                    .await,
            ),
        ),
        (
            "dead_letter_reasons",
            reading(orders.dead_letter_reasons(&operate, None, 1).await),
        ),
    ];
    let mut calls = Vec::new();
    calls.extend(reads.map(|(name, forbidden)| (name, Scope::OrdersRead, forbidden)));
    calls.extend(writes.map(|(name, forbidden)| (name, Scope::OrdersWrite, forbidden)));
    calls.extend(operations.map(|(name, forbidden)| (name, Scope::OrdersOperate, forbidden)));
    calls
}

fn reading<T>(answer: Result<T, ReadError>) -> Option<Forbidden> {
    match answer {
        Err(ReadError::Forbidden(forbidden)) => Some(forbidden),
        _ => None,
    }
}

fn placing(answer: Result<Placed, PlaceError>) -> Option<Forbidden> {
    match answer {
        Err(PlaceError::Forbidden(forbidden)) => Some(forbidden),
        _ => None,
    }
}

fn changing<T>(answer: Result<T, CommandError>) -> Option<Forbidden> {
    match answer {
        Err(CommandError::Forbidden(forbidden)) => Some(forbidden),
        _ => None,
    }
}

/// A call whose scope the caller lacks is refused with that scope, although the caller has every other one.
pub async fn a_missing_scope_is_named(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::plain("alice", 1)).await;
    for (call, scope, forbidden) in each_call(&subject, order.id, without).await {
        let expected = Some(Forbidden::MissingScope { scope });
        assert_eq!(forbidden, expected, "{call}");
    }
    assert_eq!(subject.stored(order.id).await, order, "nothing changed");
    let mut one = Counts::default();
    one.set(Status::Pending, 1);
    assert_eq!(subject.orders.counts(&caller()).await, Ok(one));
}

/// The scope of a call is enough for it.
pub async fn a_scope_is_enough_for_its_calls(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::plain("alice", 1)).await;
    for (call, scope, forbidden) in each_call(&subject, order.id, with_only).await {
        assert_eq!(forbidden, None, "{call} with {scope}");
    }
    let nobody = Caller {
        scopes: [].into_iter().collect(),
        ..caller()
    };
    let health = subject.orders.store_health(&nobody).await;
    assert!(health.takes_orders(), "the health is for everyone");
}

/// For a caller that is bound to a user, the orders of others do not exist.
pub async fn a_bound_caller_reads_its_own_user_alone(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let own = subject.place(sample::full("alice", "A-1")).await;
    let other = subject.place(sample::full("bob", "B-1")).await;
    subject.process(&other).await;
    let by = bound_to(&own.user_id);
    let orders = &subject.orders;
    assert_eq!(orders.get(&by, own.id).await, Ok(Some(own.clone())));
    assert_eq!(orders.get(&by, other.id).await, Ok(None));
    let number = sample::external_id("B-1");
    let found = orders.find(&by, &other.user_id, &number).await;
    assert_eq!(found, Ok(None));
    for name in ["B-1", &other.id.to_string()] {
        let found = orders.find_by_name(&by, name).await;
        assert_eq!(found, Ok(NamedOrder::Unknown), "{name}");
    }
    let page = ListRequest {
        limit: 10,
        ..ListRequest::default()
    };
    let page = orders.list(&by, page).await.expect("a healthy store lists");
    assert_eq!(page.orders, [own]);
    assert_eq!(orders.events(&by, other.id, None, 10).await, Ok(None));
    let receipt = orders.receipt(&by, other.id).await;
    assert_eq!(receipt, Ok(FoundReceipt::UnknownOrder));
    let counts = orders.counts(&by).await;
    assert_eq!(counts, Err(ReadError::Forbidden(Forbidden::BoundToUser)));
}

async fn dead(subject: &Subject, user: &str) -> std::sync::Arc<Order> {
    let order = subject.place(sample::plain(user, 1)).await;
    subject.fail(&order, Failure::new("rejected", "no")).await
}

/// A caller that is bound to a user places for that user, and changes that user's orders alone.
pub async fn a_bound_caller_changes_its_own_user_alone(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let (own_letter, letter) = (dead(&subject, "alice").await, dead(&subject, "bob").await);
    let own = subject.place(sample::plain("alice", 1)).await;
    let other = subject.place(sample::plain("bob", 1)).await;
    let by = Caller {
        scopes: [Scope::OrdersWrite, Scope::OrdersOperate]
            .into_iter()
            .collect(),
        ..bound_to(&own.user_id)
    };
    let orders = &subject.orders;
    let placed = orders.place(&by, sample::plain("bob", 2), None).await;
    assert_eq!(placing(placed), Some(Forbidden::BoundToUser));
    let rows = ["bob", "alice"].map(|user| BatchRow {
        command: sample::plain(user, 3),
        key: None,
        history: None,
    });
    let placed = orders.place_batch(&by, rows.to_vec()).await;
    let forbidden: Vec<_> = placed.into_iter().map(placing).collect();
    assert_eq!(forbidden, [Some(Forbidden::BoundToUser), None]);
    let any = ExpectedVersion::Any;
    let cancel = OrderCommand::Cancel;
    let answer = orders
        .command(&by, other.id, cancel, any.clone(), None)
        .await;
    assert_eq!(answer, Err(CommandError::NotFound));
    let writes_alone = Caller {
        scopes: [Scope::OrdersWrite].into_iter().collect(),
        ..by.clone()
    };
    let answer = orders
        .command(&writes_alone, own.id, cancel, any, None)
        .await;
    assert_eq!(answer.map(|order| order.status), Ok(Status::Cancelled));
    let (filter, discard) = (ListFilter::default(), OrderCommand::Discard);
    let discarding = orders.command_dead_letters(&by, filter, discard, None, 10);
    assert_eq!(discarding.await, Ok(1));
    let discarded = subject.stored(own_letter.id).await;
    assert_eq!(discarded.status, Status::Cancelled);
    assert_eq!(subject.stored(letter.id).await, letter);
    let reasons = orders.dead_letter_reasons(&by, None, 10).await;
    assert_eq!(reasons.map(|reasons| reasons.counted), Ok(0));
}
