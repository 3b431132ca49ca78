//! What a list must show: every confirmed order in a sorted model, and how a store's lists are compared with it. Used
//! by the behaviours of `lists`; it is none itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use application::ports::ListQuery;
use domain::{Order, OrderId};

use super::subject::Subject;
use super::traffic::{self, Dice};

/// Every order that was confirmed, in its current state.
pub(super) type Model = BTreeMap<OrderId, Arc<Order>>;

pub(super) fn expected(model: &Model, query: &ListQuery) -> Vec<OrderId> {
    model
        .iter()
        .rev()
        .filter(|(id, _)| query.before.is_none_or(|before| **id < before))
        .filter(|(_, order)| query.filter.matches(order))
        .map(|(id, _)| *id)
        .collect()
}

/// Reads a list to its end, page by page, and checks each page against what any page promises.
pub(super) async fn read_to_end(
    subject: &Subject,
    mut query: ListQuery,
    what: &str,
) -> Vec<Arc<Order>> {
    let mut found: Vec<Arc<Order>> = Vec::new();
    for _ in 0..10_000 {
        let page = subject
            .store
            .list(&query)
            .await
            .expect("a healthy store lists");
        assert!(
            page.orders.len() <= query.limit,
            "{what}: a page is no longer than its limit"
        );
        for order in page.orders {
            assert!(
                found.last().is_none_or(|last| order.id < last.id),
                "{what}: newest first and nothing twice, but {} follows {:?}",
                order.id,
                found.last().map(|last| last.id)
            );
            assert!(
                query.before.is_none_or(|before| order.id < before),
                "{what}: a page begins after the one before it"
            );
            assert!(
                query.filter.matches(&order),
                "{what}: {order:?} does not belong"
            );
            found.push(order);
        }
        let Some(next) = page.next_before else {
            return found;
        };
        assert!(
            query.before.is_none_or(|before| next < before),
            "{what}: each page gets further than the one before"
        );
        assert!(
            found.last().is_none_or(|last| next <= last.id),
            "{what}: the next page goes on after what was shown"
        );
        query.before = Some(next);
    }
    panic!("{what}: the list never ends");
}

/// A list to its end is exactly the model's.
pub(super) async fn agrees(subject: &Subject, model: &Model, query: &ListQuery, what: &str) {
    let found = read_to_end(subject, query.clone(), what).await;
    let ids: Vec<OrderId> = found.iter().map(|order| order.id).collect();
    let expected = expected(model, query);
    let is_missing = |id: &&OrderId| !ids.contains(id);
    let is_extra = |id: &&OrderId| !expected.contains(id);
    assert!(
        ids == expected,
        "{what}: {query:?} shows {} orders instead of {}; missing {:?}; unexpected {:?}",
        ids.len(),
        expected.len(),
        expected
            .iter()
            .filter(is_missing)
            .take(4)
            .collect::<Vec<_>>(),
        ids.iter().filter(is_extra).take(4).collect::<Vec<_>>()
    );
    for order in found {
        assert_eq!(order, model[&order.id], "{what}: in its current state");
    }
}

/// A page with nothing to hold it back is full, or the last.
pub(super) async fn fills_its_page(
    subject: &Subject,
    model: &Model,
    query: &ListQuery,
    what: &str,
) {
    let query = ListQuery {
        scan_limit: 1_000_000,
        ..query.clone()
    };
    let page = subject
        .store
        .list(&query)
        .await
        .expect("a healthy store lists");
    let expected = expected(model, &query);
    let ids: Vec<OrderId> = page.orders.iter().map(|order| order.id).collect();
    assert_eq!(
        ids,
        expected[..expected.len().min(query.limit)],
        "{what}: a full page of {query:?}"
    );
    if expected.len() > query.limit {
        assert!(page.next_before.is_some(), "{what}: there is more");
    }
}

pub(super) async fn fill(subject: &Subject, dice: &mut Dice, count: usize) -> Model {
    let mut model = Model::new();
    for _ in 0..count.div_ceil(25) {
        for order in traffic::place_some(subject, dice, 25).await {
            model.insert(order.id, order);
        }
    }
    for order in traffic::move_some(subject, dice, &model).await {
        model.insert(order.id, order);
    }
    model
}
