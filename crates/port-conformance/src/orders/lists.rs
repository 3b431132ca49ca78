//! Lists: pages that lead on, and filters that say all that they mean.

use std::sync::Arc;

use application::ListRequest;
use application::ports::ListFilter;
use domain::{Failure, Order, OrderCommand, OrderId, PlaceOrder, Source, Status};

use super::Carrier;
use super::subject::{Subject, caller};
use crate::order_store::sample;

/// All pages of a list, each as long as the limit allows; panics if a page is longer.
async fn pages(subject: &Subject, filter: &ListFilter, limit: usize) -> Vec<Vec<OrderId>> {
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let request = ListRequest {
            filter: filter.clone(),
            before,
            limit,
        };
        let page = subject.orders.list(&caller(), request).await;
        let page = page.expect("a healthy store lists");
        assert!(page.orders.len() <= limit, "at most {limit}");
        pages.push(page.orders.iter().map(|order| order.id).collect());
        assert!(pages.len() <= 100, "the pages never end");
        match page.next_before {
            None => return pages,
            Some(next) => before = Some(next),
        }
    }
}

/// Pages come newest first, each where the one before ended; a page that finds little is short and leads on all the same.
pub async fn pages_lead_on_to_the_end(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let mut ids = Vec::new();
    for number in 0..120 {
        let user = if number == 3 { "bob" } else { "alice" };
        ids.push(subject.place(sample::plain(user, 1)).await.id);
    }
    let of_bob = ListFilter {
        user_id: Some(sample::user("bob")),
        ..ListFilter::default()
    };
    let bobs = ids[3];
    ids.sort_unstable();
    ids.reverse();
    let found = pages(&subject, &ListFilter::default(), 40).await;
    assert!(found.len() >= 3, "{} pages", found.len());
    assert_eq!(found.concat(), ids);
    let found = pages(&subject, &of_bob, 40).await;
    assert!(
        found.len() > 1,
        "the orders that a page looks at are bounded"
    );
    assert_eq!(found.concat(), [bobs]);
}

/// Each condition of a filter is kept: alone and beside others, and the listed orders are whole.
pub async fn each_condition_narrows_a_list(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let pos = PlaceOrder {
        source: Source::Pos,
        ..sample::plain("bob", 5)
    };
    let early = subject.place(sample::full("alice", "A-1")).await;
    subject.pass(std::time::Duration::from_secs(10)).await;
    let late = subject.place(pos).await;
    let held = subject.apply(&late, OrderCommand::Hold).await;
    let failing = subject.place(sample::numbered("alice", 7, "Ünï-7")).await;
    subject.apply(&early, OrderCommand::Cancel).await;
    let dead = subject
        .fail(&failing, Failure::new("no_stock", "none left"))
        .await;
    let (early, late) = (subject.stored(early.id).await, held);
    let filters = [
        ListFilter {
            user_id: Some(sample::user("bob")),
            ..ListFilter::default()
        },
        ListFilter {
            external_id: Some(sample::external_id("A-1")),
            ..ListFilter::default()
        },
        ListFilter {
            status: Some(Status::OnHold),
            ..ListFilter::default()
        },
        ListFilter {
            source: Some(Source::Pos),
            ..ListFilter::default()
        },
        ListFilter {
            created_from: Some(late.created_at),
            ..ListFilter::default()
        },
        ListFilter {
            created_to: Some(late.created_at),
            ..ListFilter::default()
        },
        ListFilter {
            text_prefix: Some("Ünï".to_owned()),
            ..ListFilter::default()
        },
        ListFilter {
            failure_code: Some("no_stock".to_owned()),
            ..ListFilter::default()
        },
        ListFilter {
            user_id: Some(sample::user("alice")),
            created_from: Some(late.created_at),
            ..ListFilter::default()
        },
    ];
    let all = [&early, &late, &dead];
    for filter in filters {
        let mut expected: Vec<Arc<Order>> = Vec::new();
        expected.extend(
            all.into_iter()
                .filter(|order| filter.matches(order))
                .cloned(),
        );
        expected.sort_by_key(|order| std::cmp::Reverse(order.id));
        assert!((1..3).contains(&expected.len()), "{filter:?} narrows");
        let request = ListRequest {
            filter: filter.clone(),
            before: None,
            limit: 10,
        };
        let page = subject.orders.list(&caller(), request).await;
        let page = page.expect("a healthy store lists");
        assert_eq!(page.orders, expected, "{filter:?}");
    }
}
