//! Orders one by one: taken, read, listed, steered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proto::ordermill::v1 as pb;
use tokio::task::JoinSet;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::server::{Server, amount, faults, line, placed, reason, usd, with_key};

fn kwd(minor_units: i64) -> pb::Money {
    pb::Money {
        minor_units,
        currency: "KWD".to_owned(),
    }
}

fn full() -> pb::CreateOrderRequest {
    pb::CreateOrderRequest {
        user_id: "alice \"é\" 😀".to_owned(),
        external_id: Some("A-1".to_owned()),
        source: pb::Source::Mobile as i32,
        lines: vec![
            pb::Line {
                sku: Some("KB-1".to_owned()),
                total: Some(kwd(2_004)),
                ..line("Mechanical Keyboard", "2", kwd(1_002))
            },
            pb::Line {
                product_name: "Tea".to_owned(),
                quantity: "0.485".to_owned(),
                total: Some(pb::Money {
                    minor_units: 5,
                    currency: String::new(),
                }),
                ..pb::Line::default()
            },
        ],
        metadata: BTreeMap::from([("note".to_owned(), "a\tb".to_owned())]),
        idempotency_key: Some("key-1".to_owned()),
        adjustments: vec![
            pb::Adjustment {
                kind: pb::AdjustmentKind::Discount as i32,
                label: Some("SPRING".to_owned()),
                amount: Some(kwd(-9)),
                included: false,
            },
            pb::Adjustment {
                kind: pb::AdjustmentKind::Tax as i32,
                label: None,
                amount: Some(kwd(100)),
                included: true,
            },
        ],
        ..pb::CreateOrderRequest::default()
    }
}

#[tokio::test]
async fn an_order_is_taken_and_read_back_with_every_field() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let response = client.create_order(full()).await.unwrap().into_inner();
    assert_eq!(response.placement(), pb::Placement::Created);
    let order = response.order.unwrap();
    let given = full();
    assert_eq!(order.user_id, given.user_id);
    assert_eq!(order.external_id, given.external_id);
    assert_eq!(order.source(), pb::Source::Mobile);
    assert_eq!((order.status(), order.version), (pb::Status::Pending, 1));
    let total = order.amount.clone().unwrap();
    assert_eq!((total.minor_units, &*total.currency), (2_000, "KWD"));
    assert_eq!(order.lines[0], given.lines[0]);
    assert_eq!(order.lines[1].quantity, "0.485");
    assert_eq!(
        (&order.lines[1].unit_price, &order.lines[1].total),
        (&None, &Some(kwd(5)))
    );
    assert_eq!(order.adjustments, given.adjustments);
    let waiting_for = order.waiting_for.unwrap();
    assert_eq!(waiting_for.what(), pb::Wait::Worker);
    assert_eq!(order.metadata, given.metadata);
    assert_eq!(order.created_at, order.updated_at);
    assert!(order.created_at.unwrap().seconds > 1_700_000_000);
    let request = pb::GetOrderRequest {
        order_id: order.id.clone(),
    };
    let read = client.get_order(request).await.unwrap().into_inner();
    assert_eq!(read.order, Some(order));
}

#[tokio::test]
async fn amounts_without_a_currency_are_in_the_default_one_and_a_processed_order_shows_its_receipt_key()
 {
    let server = Server::start().await;
    let mut client = server.client().await;
    let order = pb::CreateOrderRequest {
        amount: Some(pb::Money {
            minor_units: 12,
            currency: String::new(),
        }),
        ..amount("u", 0)
    };
    let order = placed(&mut client, order).await;
    assert_eq!(order.amount, Some(usd(12)));
    assert_eq!(order.source(), pb::Source::Api);
    server.work_off().await;
    let request = pb::GetOrderRequest { order_id: order.id };
    let read = client.get_order(request).await.unwrap().into_inner();
    let read = read.order.unwrap();
    assert_eq!((read.status(), read.version), (pb::Status::Processed, 3));
    assert_eq!(read.receipt_key.as_deref(), Some("receipts/x"));
    assert_eq!(read.attempt, 1);
}

#[tokio::test]
async fn a_key_and_an_external_id_make_one_order() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let first = placed(&mut client, full()).await;
    server.work_off().await;
    let again = client.create_order(full()).await.unwrap().into_inner();
    assert_eq!(again.placement(), pb::Placement::Replayed);
    assert_eq!(
        again.order,
        Some(first.clone()),
        "the first answer comes again"
    );
    let keyless = pb::CreateOrderRequest {
        idempotency_key: None,
        ..full()
    };
    let known = client
        .create_order(keyless.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(known.placement(), pb::Placement::Existing);
    let known = known.order.unwrap();
    assert_eq!((&known.id, known.version), (&first.id, 3), "as it is now");

    let mut other = full();
    other.metadata.clear();
    let refused = client.create_order(other.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(reason(&refused), "IDEMPOTENCY_KEY_REUSED");
    let refused = client
        .create_order(with_key(other, "key-2"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(reason(&refused), "EXTERNAL_ID_TAKEN");
    let details = refused.get_error_details();
    let differing = &details.bad_request().unwrap().field_violations;
    assert_eq!(differing.len(), 1);
    assert_eq!(
        (&*differing[0].field, &*differing[0].reason),
        ("metadata", "DIFFERS")
    );
    assert_eq!(server.accepted().await, 1);
}

#[tokio::test]
async fn an_order_for_later_names_its_time_and_a_held_one_its_person() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let later = prost_types::Timestamp {
        seconds: 4_102_444_800,
        nanos: 0,
    };
    let order = pb::CreateOrderRequest {
        process_after: Some(later),
        ..amount("later", 1)
    };
    let order = placed(&mut client, order).await;
    assert_eq!(order.process_after, Some(later));
    let waiting_for = order.waiting_for.unwrap();
    assert_eq!(waiting_for.what(), pb::Wait::ProcessAfter);
    assert_eq!(waiting_for.until, Some(later));
    assert_eq!(server.work_off().await, 0, "it is not due");
    let hold = pb::UpdateStatusRequest {
        order_id: order.id,
        status: pb::Status::OnHold as i32,
        expected_version: None,
        reason: Some("address unclear".to_owned()),
    };
    let held = client.update_status(hold.clone()).await.unwrap();
    let held = held.into_inner().order.unwrap();
    assert_eq!(held.waiting_for.unwrap().what(), pb::Wait::Release);
    let no_reason = pb::UpdateStatusRequest {
        reason: Some(" ".to_owned()),
        ..hold
    };
    let refused = client.update_status(no_reason).await.unwrap_err();
    let blank = [("reason".to_owned(), "BLANK".to_owned())];
    assert_eq!(faults(&refused), blank);
}

#[tokio::test]
async fn two_hundred_equal_requests_at_once_make_one_order() {
    let server = Server::start().await;
    let channels = [
        server.client().await,
        server.client().await,
        server.client().await,
    ];
    let mut calls = JoinSet::new();
    for number in 0..200 {
        let mut client = channels[number % channels.len()].clone();
        calls.spawn(async move {
            let request = with_key(amount("many", 500), "one-key");
            client.create_order(request).await.unwrap().into_inner()
        });
    }
    let mut ids = BTreeSet::new();
    let mut created = 0;
    while let Some(response) = calls.join_next().await {
        let response = response.unwrap();
        created += usize::from(response.placement() == pb::Placement::Created);
        let order = response.order.unwrap();
        assert_eq!(order.version, 1);
        ids.insert(order.id);
    }
    assert_eq!((ids.len(), created), (1, 1));
    assert_eq!(server.accepted().await, 1);
}

#[tokio::test]
async fn lists_are_paged_newest_first_and_keep_their_conditions() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut expected = Vec::new();
    for number in 1..=7 {
        expected.push(placed(&mut client, amount("lister", number)).await.id);
        placed(&mut client, amount("somebody", number)).await;
    }
    expected.reverse();
    let mut request = pb::ListOrdersRequest {
        user_id: Some("lister".to_owned()),
        status: pb::Status::Pending as i32,
        limit: Some(3),
        ..pb::ListOrdersRequest::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = client
            .list_orders(request.clone())
            .await
            .unwrap()
            .into_inner();
        assert!(page.orders.len() <= 3);
        assert_eq!(page.has_more, !page.next_cursor.is_empty());
        seen.extend(page.orders.into_iter().map(|order| order.id));
        if !page.has_more {
            break;
        }
        request.cursor = page.next_cursor;
    }
    assert_eq!(seen, expected);
    let status = pb::ListOrdersRequest {
        status: pb::Status::Processed as i32,
        ..pb::ListOrdersRequest::default()
    };
    let none = client.list_orders(status).await.unwrap().into_inner();
    assert_eq!((none.orders.len(), none.has_more), (0, false));
}

#[tokio::test]
async fn a_page_of_large_orders_stays_below_what_clients_take() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let line = line(&"x".repeat(255), "1", usd(1));
    let order = pb::CreateOrderRequest {
        amount: None,
        lines: vec![line; 1000],
        ..amount("large", 0)
    };
    let orders = vec![order; 15];
    let taken = client.create_orders(futures_util::stream::iter(orders));
    assert_eq!(taken.await.unwrap().into_inner().accepted, 15);
    // Its client takes what clients take by themselves: 4 MiB.
    let mut usual = pb::order_service_client::OrderServiceClient::new(server.channel().await);
    let mut request = pb::ListOrdersRequest::default();
    let mut seen = 0;
    loop {
        let page = usual
            .list_orders(request.clone())
            .await
            .unwrap()
            .into_inner();
        seen += page.orders.len();
        if !page.has_more {
            break;
        }
        request.cursor = page.next_cursor;
    }
    assert_eq!(seen, 15);
}

fn update(order_id: &str, status: pb::Status) -> pb::UpdateStatusRequest {
    pb::UpdateStatusRequest {
        order_id: order_id.to_owned(),
        status: status as i32,
        expected_version: None,
        reason: None,
    }
}

#[tokio::test]
async fn a_status_is_set_if_the_state_machine_allows_it() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("u", 1)).await.id;
    // The status that it has already changes nothing; the others are the legal way round.
    for (status, version) in [
        (pb::Status::Pending, 1),
        (pb::Status::OnHold, 2),
        (pb::Status::OnHold, 2),
        (pb::Status::Pending, 3),
        (pb::Status::Cancelled, 4),
        (pb::Status::Cancelled, 4),
    ] {
        let response = client.update_status(update(&id, status)).await.unwrap();
        let order = response.into_inner().order.unwrap();
        assert_eq!((order.status(), order.version), (status, version));
    }
    for status in [
        pb::Status::Pending,
        pb::Status::OnHold,
        pb::Status::Processed,
    ] {
        let refused = client.update_status(update(&id, status)).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{status:?}");
        assert_eq!(reason(&refused), "ILLEGAL_TRANSITION");
    }
}

#[tokio::test]
async fn statuses_that_workers_and_operators_set_are_refused() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let done = placed(&mut client, amount("u", 1)).await.id;
    server.work_off().await;
    let same = client
        .update_status(update(&done, pb::Status::Processed))
        .await;
    assert_eq!(same.unwrap().into_inner().order.unwrap().version, 3);
    let failed = placed(&mut client, amount("u", 2)).await.id;
    server.fail_everything().await;
    // Only an operator replays a dead letter.
    let refused = client
        .update_status(update(&failed, pb::Status::Pending))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
    let given_up = client
        .update_status(update(&failed, pb::Status::Cancelled))
        .await;
    let order = given_up.unwrap().into_inner().order.unwrap();
    assert_eq!(order.status(), pb::Status::Cancelled);
    assert_eq!(order.failure.unwrap().code, "declined");
}

#[tokio::test]
async fn an_order_is_cancelled_once_and_only_at_the_expected_version() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("u", 1)).await.id;
    let cancel = |expected_version| pb::CancelOrderRequest {
        order_id: id.clone(),
        expected_version,
        reason: None,
    };
    let refused = client.cancel_order(cancel(Some(2))).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    assert_eq!(reason(&refused), "VERSION_MISMATCH");
    let response = client.cancel_order(cancel(Some(1))).await.unwrap();
    let order = response.into_inner().order.unwrap();
    assert_eq!((order.status(), order.version), (pb::Status::Cancelled, 2));
    let refused = client.cancel_order(cancel(None)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn many_changes_of_one_order_at_once_end_in_one() {
    let server = Server::start().await;
    let client = server.client().await;
    let id = Arc::new(placed(&mut client.clone(), amount("u", 1)).await.id);
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (mut client, id) = (client.clone(), Arc::clone(&id));
        calls.spawn(async move {
            let request = update(&id, pb::Status::Cancelled);
            client.update_status(request).await.unwrap().into_inner()
        });
    }
    while let Some(response) = calls.join_next().await {
        let order = response.unwrap().order.unwrap();
        assert_eq!((order.status(), order.version), (pb::Status::Cancelled, 2));
    }
}

#[tokio::test]
async fn a_request_is_named_by_its_client_or_by_the_server() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut request = Request::new(amount("u", 1));
    request
        .metadata_mut()
        .insert("x-request-id", "client-7".parse().unwrap());
    let response = client.create_order(request).await.unwrap();
    assert_eq!(response.metadata().get("x-request-id").unwrap(), "client-7");
    let response = client.create_order(amount("u", 1)).await.unwrap();
    let name = response.metadata().get("x-request-id").unwrap();
    assert_eq!(name.to_str().unwrap().len(), 16);
    let mut request = Request::new(pb::GetOrderRequest::default());
    request
        .metadata_mut()
        .insert("x-request-id", "client-8".parse().unwrap());
    let refused = client.get_order(request).await.unwrap_err();
    assert_eq!(refused.metadata().get("x-request-id").unwrap(), "client-8");
}
