//! ListEvents: what happened to an order, page by page.

use proto::ordermill::v1 as pb;
use tonic::{Code, Request};

use crate::bad_orders::pairs;
use crate::server::{Client, Server, amount, faults, placed, reason};

fn of(order_id: &str, limit: Option<u32>, cursor: &str) -> pb::ListEventsRequest {
    pb::ListEventsRequest {
        order_id: order_id.to_owned(),
        limit,
        cursor: cursor.to_owned(),
    }
}

/// An order that was held, with a reason, and released.
async fn held_and_released(client: &mut Client) -> String {
    let id = placed(client, amount("alice", 1)).await.id;
    let mut hold = Request::new(pb::HoldOrderRequest {
        order_id: id.clone(),
        expected_version: None,
        reason: Some("address unclear".to_owned()),
    });
    let name = "client-7".parse().unwrap();
    hold.metadata_mut().insert("x-request-id", name);
    client.hold_order(hold).await.unwrap();
    let release = pb::ReleaseOrderRequest {
        order_id: id.clone(),
        ..pb::ReleaseOrderRequest::default()
    };
    client.release_order(release).await.unwrap();
    id
}

#[tokio::test]
async fn events_come_oldest_first_with_what_caused_them() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = held_and_released(&mut client).await;
    let list = client.list_events(of(&id, None, "")).await.unwrap();
    let list = list.into_inner();
    assert!(!list.has_more && list.next_cursor.is_empty());
    let kinds: Vec<_> = list
        .events
        .iter()
        .map(|event| (event.version, event.event_type(), event.status()))
        .collect();
    assert_eq!(
        kinds,
        [
            (1, pb::EventType::Created, pb::Status::Pending),
            (2, pb::EventType::Held, pb::Status::OnHold),
            (3, pb::EventType::Released, pb::Status::Pending),
        ]
    );
    let held = &list.events[1];
    assert_eq!(held.event_id, format!("{id}:2"));
    assert_eq!(held.order_id, id);
    assert_eq!(held.user_id.as_deref(), Some("alice"));
    assert_eq!(held.reason.as_deref(), Some("address unclear"));
    assert_eq!(held.request_id.as_deref(), Some("client-7"));
    assert!(held.occurred_at.unwrap().seconds > 1_700_000_000 && !held.history);
    let order = list.order.unwrap();
    assert_eq!((&*order.id, order.version), (&*id, 3), "as it is now");
}

#[tokio::test]
async fn a_failed_attempt_says_why() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("u", 1)).await.id;
    server.fail_everything().await;
    let list = client.list_events(of(&id, None, "")).await.unwrap();
    let last = list.into_inner().events.pop().unwrap();
    assert_eq!(last.event_type(), pb::EventType::Failed);
    assert_eq!(last.failure.unwrap().code, "declined");
    assert_eq!(last.attempt, 1);
}

#[tokio::test]
async fn events_are_paged_by_a_cursor_of_their_order_alone() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = held_and_released(&mut client).await;
    let mut versions = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.list_events(of(&id, Some(2), &cursor)).await;
        let page = page.unwrap().into_inner();
        versions.extend(page.events.iter().map(|event| event.version));
        assert_eq!(page.has_more, !page.next_cursor.is_empty());
        if !page.has_more {
            break;
        }
        cursor = page.next_cursor;
    }
    assert_eq!(versions, [1, 2, 3]);
    let other = placed(&mut client, amount("bob", 1)).await.id;
    let refused = client.list_events(of(&other, None, &cursor)).await;
    assert_eq!(
        faults(&refused.unwrap_err()),
        pairs(&[("cursor", "INVALID")])
    );
}

#[tokio::test]
async fn events_of_an_unknown_order_are_not_found_and_bad_requests_name_every_fault() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let unknown = of("0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11", None, "");
    let refused = client.list_events(unknown).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::NotFound, "ORDER_NOT_FOUND")
    );
    for limit in [0, 1_001] {
        let refused = client.list_events(of("7", Some(limit), "made-up")).await;
        assert_eq!(
            faults(&refused.unwrap_err()),
            pairs(&[
                ("order_id", "INVALID"),
                ("limit", "OUT_OF_RANGE"),
                ("cursor", "INVALID"),
            ])
        );
    }
}
