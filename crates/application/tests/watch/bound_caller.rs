//! A watcher whose caller is bound to one user: changes of other users' orders never reach it.

use application::watch::{Start, Topic, WatchError, WatchTuning, Watcher};
use application::{Caller, Forbidden, Principal, Scope};
use domain::{OrderId, UserId, Version};

use crate::watched_store::{
    Running, caller, flatten, join, new_watcher, order, receive, run, settings, tuned, user,
    versions,
};

fn bound_to(user: &UserId) -> Caller {
    Caller {
        principal: Principal {
            subject: None,
            user_id: Some(user.clone()),
        },
        ..caller()
    }
}

fn watcher_of(running: &Running, user: &UserId) -> Watcher {
    running.hub.watcher(&bound_to(user)).unwrap()
}

/// What joining a topic from its beginning is refused with.
async fn refusal(watcher: &mut Watcher, topic: Topic) -> WatchError {
    let joined = watcher.watch(topic, Start::Now).next().await;
    joined.unwrap_err()
}

/// Lets the hub deliver everything that was committed: `witness` sees all of it.
async fn delivered(witness: &Watcher, changes: usize) {
    receive(witness, changes).await;
}

async fn handed_out(watcher: &Watcher) -> Vec<(OrderId, u32)> {
    let now = tokio::time::timeout(std::time::Duration::ZERO, watcher.receive());
    match now.await {
        Ok(deliveries) => versions(&flatten(deliveries.unwrap())),
        Err(_) => Vec::new(),
    }
}

#[tokio::test]
async fn all_orders_and_another_users_orders_are_refused() {
    let running = run(2, settings());
    let mut watcher = watcher_of(&running, &user("alice"));
    let forbidden = WatchError::Forbidden(Forbidden::BoundToUser);
    for topic in [Topic::Everything, Topic::User(user("bob"))] {
        assert_eq!(refusal(&mut watcher, topic).await, forbidden);
    }
    assert_eq!(watcher.topics(), []);
    assert_eq!(running.hub.watched_topics(), 0);
}

#[tokio::test]
async fn watching_needs_the_scope_to_read() {
    let running = run(1, settings());
    let scopes = Scope::ALL.into_iter();
    let caller = Caller {
        scopes: scopes.filter(|scope| *scope != Scope::OrdersRead).collect(),
        ..caller()
    };
    let scope = Scope::OrdersRead;
    let refused = running.hub.watcher(&caller).map(|_| ());
    let missing = Forbidden::MissingScope { scope };
    assert_eq!(refused, Err(WatchError::Forbidden(missing)));
    assert_eq!(running.hub.watchers(), 0);
}

#[tokio::test]
async fn its_own_users_changes_arrive() {
    let running = run(1, settings());
    let (alice, bob) = (user("alice"), user("bob"));
    let mut witness = new_watcher(&running.hub);
    join(&mut witness, Topic::Everything, Start::Now).await;
    let mut watcher = watcher_of(&running, &alice);
    join(&mut watcher, Topic::User(alice.clone()), Start::Now).await;
    running.store.commit_next(order(&bob, 1), &bob);
    running.store.commit_next(order(&alice, 2), &alice);
    delivered(&witness, 2).await;
    let seen = receive(&watcher, 1).await;
    assert_eq!(versions(&seen), [(order(&alice, 2), 1)]);
}

#[tokio::test]
async fn the_user_of_a_change_decides_about_an_order_that_is_watched_before_it_exists() {
    let running = run(1, settings());
    let (alice, bob) = (user("alice"), user("bob"));
    let (own, of_bob) = (order(&alice, 1), order(&bob, 2));
    let mut watchers = [
        watcher_of(&running, &alice),
        watcher_of(&running, &bob),
        new_watcher(&running.hub),
    ];
    for watcher in &mut watchers {
        for id in [own, of_bob] {
            join(watcher, Topic::Order(id), Start::Now).await;
        }
    }
    let mut witness = new_watcher(&running.hub);
    join(&mut witness, Topic::Everything, Start::Now).await;
    running.store.commit_next(own, &alice);
    running.store.commit_next(of_bob, &bob);
    running.store.commit_next(own, &alice);
    delivered(&witness, 3).await;
    let [of_alice, of_bobs, unbound] = &watchers;
    assert_eq!(versions(&receive(of_alice, 2).await), [(own, 1), (own, 2)]);
    assert_eq!(versions(&receive(of_bobs, 1).await), [(of_bob, 1)]);
    let all = versions(&receive(unbound, 3).await);
    assert_eq!(all, [(own, 1), (of_bob, 1), (own, 2)]);
    assert_eq!(handed_out(of_alice).await, []);
}

#[tokio::test]
async fn the_past_of_another_users_order_looks_like_that_of_an_unknown_order() {
    let running = run(1, settings());
    let (alice, bob) = (user("alice"), user("bob"));
    let (own, of_bob, unknown) = (order(&alice, 1), order(&bob, 2), order(&bob, 3));
    let mut witness = new_watcher(&running.hub);
    join(&mut witness, Topic::Everything, Start::Now).await;
    for _ in 0..3 {
        running.store.commit_next(own, &alice);
        running.store.commit_next(of_bob, &bob);
    }
    delivered(&witness, 6).await;
    let starts = [
        Start::Now,
        Start::After(running.store.at(1)),
        Start::AfterVersion(None),
        Start::AfterVersion(Version::from_number(2)),
        Start::AfterVersion(Version::from_number(9)),
    ];
    for start in starts {
        let mut watcher = watcher_of(&running, &alice);
        let of_unknown = join(&mut watcher, Topic::Order(unknown), start.clone()).await;
        let of_another = join(&mut watcher, Topic::Order(of_bob), start.clone()).await;
        assert_eq!(of_another, of_unknown, "{start:?}");
        assert_eq!(versions(&of_another), [], "{start:?}");
    }
    let mut watcher = watcher_of(&running, &alice);
    let of_own = join(&mut watcher, Topic::Order(own), Start::AfterVersion(None)).await;
    assert_eq!(versions(&of_own), [(own, 1), (own, 2), (own, 3)]);
}

#[tokio::test]
async fn an_erasure_is_told_of_its_own_order_and_of_no_other() {
    let running = run(1, settings());
    let (alice, bob) = (user("alice"), user("bob"));
    let (own, of_bob) = (order(&alice, 1), order(&bob, 2));
    running.store.commit_next(own, &alice);
    running.store.commit_next(of_bob, &bob);
    let mut watcher = watcher_of(&running, &alice);
    for id in [of_bob, own] {
        join(&mut watcher, Topic::Order(id), Start::Now).await;
    }
    let mut witness = new_watcher(&running.hub);
    join(&mut witness, Topic::Everything, Start::Now).await;
    running.store.erase(of_bob);
    running.store.erase(own);
    delivered(&witness, 2).await;
    assert_eq!(versions(&receive(&watcher, 1).await), [(own, 2)]);
    assert_eq!(handed_out(&watcher).await, []);
}

#[tokio::test]
async fn what_it_is_not_handed_does_not_make_it_lag() {
    let running = run(
        1,
        tuned(WatchTuning {
            queued_changes: 4,
            ..WatchTuning::default()
        }),
    );
    let (alice, bob) = (user("alice"), user("bob"));
    let of_bob = order(&bob, 2);
    let mut watcher = watcher_of(&running, &alice);
    join(&mut watcher, Topic::Order(of_bob), Start::Now).await;
    let mut witness = new_watcher(&running.hub);
    join(&mut witness, Topic::User(bob.clone()), Start::Now).await;
    for _ in 0..20 {
        running.store.commit_next(of_bob, &bob);
        delivered(&witness, 1).await;
    }
    assert_eq!(handed_out(&watcher).await, []);
}
