//! A caller that is bound to one user: every use case treats the orders of other users as if they did not exist.

use std::sync::Arc;

use application::ports::{ClaimLimits, EventContent, ListFilter};
use application::watch::Cursor;
use application::{
    BatchRow, Caller, CommandError, ExpectedVersion, Forbidden, FoundReceipt, ListRequest,
    NamedOrder, PlaceError, Placed, Principal, ReadError, Scope, Scopes,
};
use domain::{
    Failure, Order, OrderCommand, OrderId, PlaceOrder, Reason, Receipt, Status, UserId, Version,
};
use port_conformance::order_store::sample;

use crate::opened::{Opened, caller};

const COMMANDS: [OrderCommand; 5] = [
    OrderCommand::Cancel,
    OrderCommand::Hold,
    OrderCommand::Release,
    OrderCommand::Replay,
    OrderCommand::Discard,
];

/// A caller with these scopes that is bound to alice.
fn alice_with(scopes: Scopes) -> Caller {
    Caller {
        principal: Principal {
            subject: None,
            user_id: Some(UserId::new("alice").unwrap()),
        },
        scopes,
        ..caller()
    }
}

fn alice() -> Caller {
    alice_with(Scopes::all())
}

async fn place(opened: &Opened, command: PlaceOrder) -> Arc<Order> {
    match opened.orders.place(&caller(), command, None).await {
        Ok(Placed::Created(order)) => order,
        other => panic!("{other:?}"),
    }
}

/// Brings the only order that waits to the dead letters.
async fn fail(opened: &Opened, order: &Order) {
    let shard = opened.store.shard_of(order.id.bucket());
    let lease = std::time::Duration::from_secs(60);
    let claiming = opened.store.claim(shard, ClaimLimits::any(1), lease);
    let claimed = claiming.await.unwrap().remove(0);
    assert_eq!(claimed.id, order.id);
    let failure = Failure::new("handler_rejected", "no stock");
    let decision = claimed.fail(failure, opened.clock().now()).unwrap();
    opened.write(&claimed, decision).await;
}

fn ids(orders: &[Arc<Order>]) -> Vec<OrderId> {
    orders.iter().map(|order| order.id).collect()
}

fn unknown_of(user: &str) -> OrderId {
    let created_at = sample::time("2026-01-01T00:00:00Z");
    OrderId::new(created_at, &sample::user(user), 7)
}

#[tokio::test]
async fn it_places_orders_of_its_own_user_alone() {
    let opened = Opened::rendered().await;
    let own = sample::plain("alice", 5);
    let of_bob = sample::plain("bob", 5);
    let placed = opened.orders.place(&alice(), own.clone(), None).await;
    assert!(matches!(placed, Ok(Placed::Created(_))), "{placed:?}");
    let refused = opened.orders.place(&alice(), of_bob.clone(), None).await;
    assert_eq!(refused, Err(Forbidden::BoundToUser.into()));
    let row = |command| BatchRow {
        command,
        key: None,
        history: None,
    };
    let rows = vec![row(of_bob), row(own)];
    let answers = opened.orders.place_batch(&alice(), rows).await;
    let [Err(PlaceError::Forbidden(refused)), Ok(Placed::Created(_))] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(*refused, Forbidden::BoundToUser);
    let counts = opened.orders.counts(&caller()).await.unwrap();
    assert_eq!(counts.accepted(), 2, "nothing of bob was placed");
}

#[tokio::test]
async fn it_reads_orders_of_its_own_user_alone() {
    let opened = Opened::rendered().await;
    let own = place(&opened, sample::numbered("alice", 1, "A-1")).await;
    let of_bob = place(&opened, sample::numbered("bob", 1, "B-1")).await;
    let (orders, alice) = (&opened.orders, alice());
    assert_eq!(orders.get(&alice, own.id).await, Ok(Some(own.clone())));
    assert_eq!(orders.get(&alice, of_bob.id).await, Ok(None));

    let find = async |user: &str, number: &str| {
        let number = domain::ExternalId::new(number).unwrap();
        orders.find(&alice, &sample::user(user), &number).await
    };
    assert_eq!(find("alice", "A-1").await, Ok(Some(own.clone())));
    assert_eq!(find("bob", "B-1").await, Ok(None));

    let events = orders.events(&alice, own.id, None, 10).await.unwrap();
    assert_eq!(events.unwrap().events.len(), 1);
    for after in [None, Version::from_number(1)] {
        let events = orders.events(&alice, of_bob.id, after, 10).await;
        assert_eq!(events, Ok(None));
    }
}

#[tokio::test]
async fn a_name_means_an_order_of_its_own_user_or_none() {
    let opened = Opened::rendered().await;
    let own = place(&opened, sample::numbered("alice", 1, "1")).await;
    let of_bob = place(&opened, sample::numbered("bob", 1, "1")).await;
    place(&opened, sample::numbered("bob", 1, "2")).await;
    let by_name = async |caller: &Caller, name: &str| {
        let found = opened.orders.find_by_name(caller, name).await;
        found.unwrap()
    };
    assert_eq!(by_name(&caller(), "1").await, NamedOrder::Several);
    let alice = alice();
    assert_eq!(by_name(&alice, "1").await, NamedOrder::Order(own.clone()));
    assert_eq!(by_name(&alice, "2").await, NamedOrder::Unknown);
    let own_id = own.id.to_string();
    assert_eq!(by_name(&alice, &own_id).await, NamedOrder::Order(own));
    let id_of_bob = of_bob.id.to_string();
    assert_eq!(by_name(&alice, &id_of_bob).await, NamedOrder::Unknown);
}

#[tokio::test]
async fn lists_are_narrowed_to_its_own_user() {
    let opened = Opened::rendered().await;
    let own = place(&opened, sample::plain("alice", 1)).await;
    let of_bob = place(&opened, sample::plain("bob", 1)).await;
    let list = async |caller: &Caller, user: Option<&str>| {
        let request = ListRequest {
            filter: ListFilter {
                user_id: user.map(sample::user),
                ..ListFilter::default()
            },
            before: None,
            limit: 10,
        };
        opened.orders.list(caller, request).await.unwrap()
    };
    let mut all = ids(&list(&caller(), None).await.orders);
    all.sort();
    let mut both = [own.id, of_bob.id];
    both.sort();
    assert_eq!(all, both);
    let alice = alice();
    assert_eq!(ids(&list(&alice, None).await.orders), [own.id]);
    assert_eq!(ids(&list(&alice, Some("alice")).await.orders), [own.id]);
    let of_another = list(&alice, Some("bob")).await;
    assert_eq!(of_another, list(&alice, Some("alice-without-orders")).await);
    assert_eq!((of_another.orders.len(), of_another.next_before), (0, None));
}

#[tokio::test]
async fn counts_of_all_users_are_refused() {
    let opened = Opened::rendered().await;
    let counts = opened.orders.counts(&alice()).await;
    assert_eq!(counts, Err(ReadError::Forbidden(Forbidden::BoundToUser)));
}

#[tokio::test]
async fn receipts_and_the_ends_of_other_users_orders_stay_hidden() {
    let opened = Opened::rendered().await;
    let mut processed = Vec::new();
    for user in ["alice", "bob"] {
        let order = place(&opened, sample::plain(user, 5)).await;
        processed.push(opened.process(&order).await);
    }
    let (orders, alice) = (&opened.orders, alice());
    let text = Receipt::of(&processed[0]).text;
    let own = orders.receipt(&alice, processed[0].id).await;
    assert_eq!(own, Ok(FoundReceipt::Text(text)));
    let of_bob = orders.receipt(&alice, processed[1].id).await;
    assert_eq!(of_bob, Ok(FoundReceipt::UnknownOrder));

    // A cursor behind everything that happened.
    let mut heads = Vec::new();
    for shard in opened.store.shards() {
        let reading = opened
            .store
            .events_after(*shard, domain::Seq(0), 1, EventContent::Events);
        let page = reading.await;
        heads.push((*shard, page.unwrap().head));
    }
    let cursor = Cursor::new(heads);
    for (caller, order, expected) in [
        (caller(), &processed[1], true),
        (alice.clone(), &processed[0], true),
        (alice, &processed[1], false),
    ] {
        let seen_all = orders.has_seen_all(&caller, order.id, &cursor).await;
        assert_eq!(seen_all, Ok(expected));
    }
    let unknown = unknown_of("bob");
    let seen_all = orders.has_seen_all(&caller(), unknown, &cursor).await;
    assert_eq!(seen_all, Ok(false));
}

#[tokio::test]
async fn commands_on_other_users_orders_find_nothing_and_change_nothing() {
    let opened = Opened::rendered().await;
    let of_bob = place(&opened, sample::plain("bob", 5)).await;
    let (orders, alice) = (&opened.orders, alice());
    for id in [of_bob.id, unknown_of("bob")] {
        for command in COMMANDS {
            for expected in [ExpectedVersion::Any, Version::from_number(9).into()] {
                let answer = orders.command(&alice, id, command, expected, None).await;
                assert_eq!(answer, Err(CommandError::NotFound), "{command:?}");
            }
        }
        for status in Status::ALL {
            let any = ExpectedVersion::Any;
            let answer = orders.set_status(&alice, id, status, any, None).await;
            assert_eq!(answer, Err(CommandError::NotFound), "{status}");
        }
    }
    let untouched = opened.store.get(of_bob.id).await.unwrap().unwrap();
    assert_eq!(untouched, of_bob);
}

#[tokio::test]
async fn it_cancels_its_own_orders_without_being_an_operator() {
    let opened = Opened::rendered().await;
    let own = place(&opened, sample::plain("alice", 5)).await;
    let writes = alice_with([Scope::OrdersWrite].into_iter().collect());
    let any = || ExpectedVersion::Any;
    let missing = CommandError::Forbidden(Forbidden::MissingScope {
        scope: Scope::OrdersOperate,
    });
    for command in COMMANDS.into_iter().skip(1) {
        let refused = opened
            .orders
            .command(&writes, own.id, command, any(), None)
            .await;
        assert_eq!(refused, Err(missing.clone()), "{command:?}");
    }
    for status in [Status::OnHold, Status::Pending, Status::Processed] {
        let refused = opened
            .orders
            .set_status(&writes, own.id, status, any(), None)
            .await;
        assert_eq!(refused, Err(missing.clone()), "{status}");
    }
    let reason = Reason::new("changed my mind").unwrap();
    let cancelled = opened
        .orders
        .command(&writes, own.id, OrderCommand::Cancel, any(), Some(reason))
        .await
        .unwrap();
    assert_eq!(cancelled.status, Status::Cancelled);
    let again = opened
        .orders
        .set_status(&writes, own.id, Status::Cancelled, any(), None)
        .await;
    assert_eq!(again, Ok(cancelled), "it has the status already");
}

#[tokio::test]
async fn dead_letters_are_those_of_its_own_user() {
    let opened = Opened::rendered().await;
    let mut letters = Vec::new();
    for user in ["alice", "bob"] {
        let order = place(&opened, sample::plain(user, 5)).await;
        fail(&opened, &order).await;
        letters.push(order.id);
    }
    let (orders, alice) = (&opened.orders, alice());
    let counted = async |user: Option<&str>| {
        let user = user.map(sample::user);
        let reasons = orders.dead_letter_reasons(&alice, user, 100).await;
        reasons.unwrap().counted
    };
    assert_eq!(counted(None).await, 1);
    assert_eq!(counted(Some("alice")).await, 1);
    assert_eq!(counted(Some("bob")).await, 0);

    let replay = async |user: Option<&str>| {
        let filter = ListFilter {
            user_id: user.map(sample::user),
            ..ListFilter::default()
        };
        let command = OrderCommand::Replay;
        let replaying = orders.command_dead_letters(&alice, filter, command, None, 100);
        replaying.await.unwrap()
    };
    assert_eq!(replay(Some("bob")).await, 0);
    assert_eq!(replay(None).await, 1);
    let status = async |id| opened.store.get(id).await.unwrap().unwrap().status;
    assert_eq!(status(letters[0]).await, Status::Pending);
    assert_eq!(status(letters[1]).await, Status::Failed);
}
