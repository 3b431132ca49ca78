//! Lists against a sorted model: exact, newest first, page by page, while orders are being added and whatever the
//! index in the background is doing.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{ListFilter, ListQuery};
use domain::{OrderCommand, OrderId, Status};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::list_model::{Model, agrees, expected, fill, fills_its_page, read_to_end};
use super::subject::Subject;
use super::traffic::{self, Dice};
use super::{IndexCommand, LONG, StoreFactory, sample};

/// Every filter, alone and together, in pages of every size, shows exactly what the model shows.
pub async fn lists_agree_with_a_sorted_model(factory: &dyn StoreFactory) {
    for seed in traffic::seeds(2) {
        let mut dice = Dice::new(seed);
        let subject = Subject::fresh(factory).await;
        let mut model = fill(&subject, &mut dice, 300).await;
        for id in traffic::erase_some(&subject, &mut dice, &model).await {
            model.remove(&id);
        }
        for round in 0..60 {
            let what = format!("seed {seed}, round {round}");
            let query = traffic::any_query(&mut dice, &model);
            agrees(&subject, &model, &query, &what).await;
            fills_its_page(&subject, &model, &query, &what).await;
        }
        for status in Status::ALL {
            let query = ListQuery {
                filter: ListFilter {
                    status: Some(status),
                    ..ListFilter::default()
                },
                before: None,
                limit: 9,
                scan_limit: 1_000,
            };
            agrees(&subject, &model, &query, &format!("seed {seed}, {status}")).await;
        }
    }
}

/// A page looks at a bounded number of orders: short pages, even empty ones, lead on to the end.
pub async fn a_short_page_leads_on(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let mut model = Model::new();
    for number in 0..120 {
        let user_id = if number == 3 { "needle" } else { "hay" };
        let (placed, _) = subject.place(&sample::plain(user_id, number)).await;
        model.insert(placed.id, placed);
    }
    let needle = ListQuery {
        filter: ListFilter {
            source: Some(domain::Source::Api),
            created_to: model.values().nth(4).map(|order| order.created_at),
            ..ListFilter::default()
        },
        before: None,
        limit: 50,
        scan_limit: 10,
    };
    agrees(&subject, &model, &needle, "a range by time").await;
    let rare = ListQuery {
        filter: ListFilter {
            text_prefix: Some("no order has this".to_owned()),
            ..ListFilter::default()
        },
        ..needle
    };
    agrees(&subject, &model, &rare, "nothing at all").await;
    let page = subject
        .store
        .list(&rare)
        .await
        .expect("a healthy store lists");
    assert!(
        page.next_before.is_some(),
        "after 10 of 120 orders there may be more: the page must say so"
    );
    let of_needle = ListQuery {
        filter: ListFilter {
            user_id: Some(sample::user("needle")),
            ..ListFilter::default()
        },
        ..rare
    };
    agrees(&subject, &model, &of_needle, "one order of a user").await;
    let some = ListQuery {
        filter: ListFilter::default(),
        scan_limit: 3,
        ..of_needle
    };
    agrees(&subject, &model, &some, "three at a time").await;
}

/// An external id leads to its orders without their user, however many orders are newer and however few a page looks
/// at: a client may know no more than the number.
pub async fn an_external_id_alone_leads_to_its_orders(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let mut named = Vec::new();
    for user in ["alice", "zoe"] {
        let (placed, _) = subject.place(&sample::numbered(user, 1, "1001")).await;
        named.push(placed.id);
    }
    for number in 0..60 {
        let user = if number % 2 == 0 { "alice" } else { "zoe" };
        let command = sample::numbered(user, number, &format!("N-{number}"));
        subject.place(&command).await;
    }
    named.sort_unstable_by(|a, b| b.cmp(a));
    let of_number = |number: &str| ListQuery {
        filter: ListFilter {
            external_id: Some(sample::external_id(number)),
            ..ListFilter::default()
        },
        before: None,
        limit: 5,
        scan_limit: 10,
    };
    let page = subject.store.list(&of_number("1001")).await;
    let page = page.expect("a healthy store lists");
    let found: Vec<OrderId> = page.orders.iter().map(|order| order.id).collect();
    assert_eq!((found, page.next_before), (named, None));
    let none = subject.store.list(&of_number("1002")).await;
    let none = none.expect("a healthy store lists");
    assert_eq!((none.orders.len(), none.next_before), (0, None));
}

/// Adds orders; what was confirmed goes into the model.
async fn keep_adding(subject: Arc<Subject>, model: Arc<Mutex<Model>>, seed: u64, rounds: usize) {
    let mut dice = Dice::new(seed);
    for _ in 0..rounds {
        let placed = traffic::place_some(&subject, &mut dice, 5).await;
        // One lock for the whole batch: a reader's snapshot is taken between confirmed batches.
        model
            .lock()
            .await
            .extend(placed.into_iter().map(|order| (order.id, order)));
    }
}

/// Reads lists while orders are being added: what was confirmed before is there, once; the rest was really added.
async fn keep_reading(subject: Arc<Subject>, model: Arc<Mutex<Model>>, seed: u64, rounds: usize) {
    let mut dice = Dice::new(seed);
    for round in 0..rounds {
        let what = format!("seed {seed}, round {round}, while orders are being added");
        let before = model.lock().await.clone();
        let query = traffic::any_query_of_what_stays(&mut dice, &before);
        let found = read_to_end(&subject, query.clone(), &what).await;
        let ids: Vec<OrderId> = found.iter().map(|order| order.id).collect();
        for id in expected(&before, &query) {
            assert!(
                ids.binary_search_by(|found| id.cmp(found)).is_ok(),
                "{what}: {id} was confirmed before {query:?} and is missing"
            );
        }
        for order in found {
            let stored = subject.get(order.id).await;
            assert_eq!(stored.as_created(), order.as_created(), "{what}");
        }
    }
}

async fn read_while_adding(subject: &Arc<Subject>, seed: u64) {
    let model = Arc::new(Mutex::new(Model::new()));
    let mut tasks = JoinSet::new();
    for number in 0..3 {
        let model = Arc::clone(&model);
        tasks.spawn(keep_adding(Arc::clone(subject), model, seed + number, 25));
    }
    for number in 10..13 {
        let model = Arc::clone(&model);
        tasks.spawn(keep_reading(Arc::clone(subject), model, seed + number, 15));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    let model = model.lock().await;
    let mut dice = Dice::new(seed);
    for round in 0..20 {
        let query = traffic::any_query(&mut dice, &model);
        agrees(
            subject,
            &model,
            &query,
            &format!("seed {seed}, round {round}"),
        )
        .await;
    }
}

/// Lists are exact while orders are being added.
pub async fn lists_are_exact_while_orders_are_added(factory: &dyn StoreFactory) {
    for seed in traffic::seeds(1) {
        let subject = Arc::new(Subject::fresh(factory).await);
        read_while_adding(&subject, seed).await;
    }
}

/// Lists are exact while the index is paused, killed in its work, rebuilt and opened by the next process.
pub async fn lists_are_exact_whatever_the_index_does(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    if !subject.opened.index(IndexCommand::Resume).await {
        eprintln!("lists_are_exact_whatever_the_index_does: left out, no index in the background");
        return;
    }
    let mut dice = Dice::new(7);
    let mut model = fill(&subject, &mut dice, 100).await;
    let mut subject = subject;
    for (round, command) in [
        Some(IndexCommand::Pause),
        None,
        Some(IndexCommand::Resume),
        Some(IndexCommand::Rebuild),
        Some(IndexCommand::Pause),
        Some(IndexCommand::Rebuild),
        None,
    ]
    .into_iter()
    .enumerate()
    {
        let what = format!("round {round}, {command:?}");
        match command {
            Some(command) => assert!(subject.opened.index(command).await, "{what}"),
            // The next process finds the index wherever this one left it.
            None => subject = subject.reopen().await,
        }
        for _ in 0..4 {
            for order in traffic::place_some(&subject, &mut dice, 20).await {
                model.insert(order.id, order);
            }
            for order in traffic::move_some(&subject, &mut dice, &model).await {
                model.insert(order.id, order);
            }
            for id in traffic::erase_some(&subject, &mut dice, &model).await {
                model.remove(&id);
            }
            for _ in 0..5 {
                let query = traffic::any_query(&mut dice, &model);
                agrees(&subject, &model, &query, &what).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let query = traffic::any_query(&mut dice, &model);
        agrees(&subject, &model, &query, &what).await;
    }
    assert!(subject.opened.index(IndexCommand::Pause).await);
    let subject = Arc::new(subject);
    let (commands, ()) = tokio::join!(index_commands(&subject), more_orders(&subject, &mut dice));
    assert!(commands);
    let everything = read_to_end(&subject, every_order(), "at the end").await;
    assert_eq!(everything.len() as u64, subject.counts().await.accepted());
}

async fn index_commands(subject: &Subject) -> bool {
    for command in [
        IndexCommand::Resume,
        IndexCommand::Rebuild,
        IndexCommand::Pause,
        IndexCommand::Rebuild,
        IndexCommand::Resume,
    ] {
        if !subject.opened.index(command).await {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

async fn more_orders(subject: &Subject, dice: &mut Dice) {
    for _ in 0..10 {
        for order in traffic::place_some(subject, dice, 20).await {
            let of_user = ListQuery {
                filter: ListFilter {
                    user_id: Some(order.user_id.clone()),
                    ..ListFilter::default()
                },
                ..every_order()
            };
            let found = read_to_end(subject, of_user, "while the index is rebuilt").await;
            assert!(found.contains(&order), "{} was confirmed", order.id);
        }
    }
}

fn every_order() -> ListQuery {
    ListQuery {
        filter: ListFilter::default(),
        before: None,
        limit: 64,
        scan_limit: 64,
    }
}

/// A list follows every change of status at once.
pub async fn a_list_by_status_follows_each_change(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let by_status = async |status| {
        let filter = ListFilter {
            user_id: Some(sample::user("alice")),
            status: Some(status),
            ..ListFilter::default()
        };
        let found = subject.list(filter).await;
        found
            .iter()
            .map(|order| order.version.get())
            .collect::<Vec<u32>>()
    };
    let (placed, _) = subject.place(&sample::plain("alice", 1)).await;
    assert_eq!(by_status(Status::Pending).await, [1]);
    let held = subject.apply(&placed, OrderCommand::Hold).await;
    assert_eq!(by_status(Status::Pending).await, [] as [u32; 0]);
    assert_eq!(by_status(Status::OnHold).await, [2]);
    let released = subject.apply(&held, OrderCommand::Release).await;
    assert_eq!(by_status(Status::Pending).await, [3]);
    let claimed = subject.claim_only(released.id, LONG).await;
    assert_eq!(by_status(Status::Processing).await, [4]);
    subject.complete(&claimed).await;
    assert_eq!(by_status(Status::Processed).await, [5]);
    assert_eq!(by_status(Status::Processing).await, [] as [u32; 0]);
}
