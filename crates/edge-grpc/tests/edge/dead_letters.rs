//! The dead letters: listed, summed up by their reasons, replayed and discarded, one by one and by filter.

use proto::ordermill::v1 as pb;
use tonic::Code;

use crate::bad_orders::pairs;
use crate::server::{Client, Server, amount, faults, placed, reason};

const UNKNOWN: &str = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";

/// One dead letter of each of these users, the oldest first.
async fn dead_letters(server: &Server, users: &[&str]) -> Vec<String> {
    let mut client = server.client().await;
    let mut ids = Vec::new();
    for user in users {
        ids.push(placed(&mut client, amount(user, 1)).await.id);
    }
    server.fail_everything().await;
    ids
}

fn of(user_id: Option<&str>, code: Option<&str>) -> pb::ListDeadLettersRequest {
    pb::ListDeadLettersRequest {
        user_id: user_id.map(str::to_owned),
        code: code.map(str::to_owned),
        ..pb::ListDeadLettersRequest::default()
    }
}

fn replay(order_id: &str, expected_version: Option<u32>) -> pb::ReplayDeadLetterRequest {
    pb::ReplayDeadLetterRequest {
        order_id: order_id.to_owned(),
        expected_version,
        reason: Some("mended".to_owned()),
    }
}

fn discard(order_id: &str, expected_version: Option<u32>) -> pb::DiscardDeadLetterRequest {
    pb::DiscardDeadLetterRequest {
        order_id: order_id.to_owned(),
        expected_version,
        reason: None,
    }
}

async fn listed(client: &mut Client, request: pb::ListDeadLettersRequest) -> Vec<String> {
    let page = client.list_dead_letters(request).await.unwrap();
    let orders = page.into_inner().orders.into_iter();
    orders.map(|order| order.id).collect()
}

#[tokio::test]
async fn dead_letters_are_listed_newest_first_under_their_conditions() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut ids = dead_letters(&server, &["a", "b", "a"]).await;
    placed(&mut client, amount("a", 1)).await;
    ids.reverse();
    assert_eq!(listed(&mut client, of(None, None)).await, ids);
    let of_a = listed(&mut client, of(Some("a"), Some("declined"))).await;
    assert_eq!(of_a, [&*ids[0], &*ids[2]]);
    let none = listed(&mut client, of(None, Some("another"))).await;
    assert!(none.is_empty(), "{none:?}");

    let mut request = pb::ListDeadLettersRequest {
        limit: Some(2),
        ..of(None, None)
    };
    let page = client.list_dead_letters(request.clone()).await.unwrap();
    let page = page.into_inner();
    assert!(page.has_more && page.orders.len() == 2);
    request.cursor = page.next_cursor.clone();
    assert_eq!(listed(&mut client, request).await, [&*ids[2]]);
    let other_list = pb::ListDeadLettersRequest {
        cursor: page.next_cursor,
        ..of(Some("a"), None)
    };
    let refused = client.list_dead_letters(other_list).await.unwrap_err();
    assert_eq!(faults(&refused), pairs(&[("cursor", "INVALID")]));
}

#[tokio::test]
async fn the_reasons_of_dead_letters_are_counted_for_one_user_or_for_all() {
    let server = Server::start().await;
    let mut client = server.client().await;
    dead_letters(&server, &["a", "b", "a"]).await;
    for (user, count) in [(None, 3), (Some("a"), 2)] {
        let request = pb::ListDeadLetterReasonsRequest {
            user_id: user.map(str::to_owned),
        };
        let found = client.list_dead_letter_reasons(request).await.unwrap();
        let found = found.into_inner();
        assert_eq!((found.counted, found.has_more), (count, false));
        let [reason] = &found.reasons[..] else {
            panic!("{found:?}")
        };
        assert_eq!((&*reason.code, reason.count), ("declined", count));
        assert_eq!(reason.sample_message, "no card");
        assert!(reason.newest_at.unwrap().seconds > 1_700_000_000);
    }
}

#[tokio::test]
async fn a_dead_letter_is_replayed_or_discarded_at_its_expected_version_alone() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let ids = dead_letters(&server, &["a", "b"]).await;
    let stale = client
        .replay_dead_letter(replay(&ids[0], Some(2)))
        .await
        .unwrap_err();
    assert_eq!(
        (stale.code(), &*reason(&stale)),
        (Code::Aborted, "VERSION_MISMATCH")
    );
    let replayed = client.replay_dead_letter(replay(&ids[0], Some(3))).await;
    let replayed = replayed.unwrap().into_inner().order.unwrap();
    assert_eq!(
        (replayed.status(), replayed.version, replayed.attempt),
        (pb::Status::Pending, 4, 0)
    );
    let discarded = client.discard_dead_letter(discard(&ids[1], None)).await;
    let discarded = discarded.unwrap().into_inner().order.unwrap();
    assert_eq!(discarded.status(), pb::Status::Cancelled);
    for refused in [
        client.replay_dead_letter(replay(&ids[0], None)).await.err(),
        client
            .discard_dead_letter(discard(&ids[0], None))
            .await
            .err(),
    ] {
        let refused = refused.expect("it is not a dead letter any more");
        assert_eq!(
            (refused.code(), &*reason(&refused)),
            (Code::FailedPrecondition, "ILLEGAL_TRANSITION")
        );
    }
}

#[tokio::test]
async fn dead_letters_are_replayed_or_discarded_by_filter_up_to_a_bound_a_call() {
    let server = Server::with(|settings, _| settings.tuning.max_dead_letters_at_once = 2).await;
    let mut client = server.client().await;
    dead_letters(&server, &["a", "a", "a", "b"]).await;
    let of_a = pb::ReplayDeadLettersRequest {
        user_id: Some("a".to_owned()),
        code: Some("declined".to_owned()),
        reason: Some("mended".to_owned()),
    };
    for (replayed, has_more) in [(2, true), (1, false), (0, false)] {
        let answer = client.replay_dead_letters(of_a.clone()).await.unwrap();
        let answer = answer.into_inner();
        assert_eq!((answer.replayed, answer.has_more), (replayed, has_more));
    }
    let other_code = pb::DiscardDeadLettersRequest {
        code: Some("another".to_owned()),
        ..pb::DiscardDeadLettersRequest::default()
    };
    let none = client.discard_dead_letters(other_code).await.unwrap();
    assert_eq!(none.into_inner().discarded, 0);
    let all = pb::DiscardDeadLettersRequest::default();
    let all = client.discard_dead_letters(all).await.unwrap().into_inner();
    assert_eq!((all.discarded, all.has_more), (1, false));
    assert!(listed(&mut client, of(None, None)).await.is_empty());
    assert_eq!(server.work_off().await, 3, "those that were replayed");
}

#[tokio::test]
async fn unknown_dead_letters_are_not_found_and_bad_requests_name_every_fault() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let of_unknown = [
        client
            .replay_dead_letter(replay(UNKNOWN, None))
            .await
            .err()
            .unwrap(),
        client
            .discard_dead_letter(discard(UNKNOWN, None))
            .await
            .err()
            .unwrap(),
    ];
    for refused in of_unknown {
        assert_eq!(
            (refused.code(), &*reason(&refused)),
            (Code::NotFound, "ORDER_NOT_FOUND")
        );
    }
    let bad = pairs(&[
        ("order_id", "INVALID"),
        ("expected_version", "OUT_OF_RANGE"),
    ]);
    let refused = client.replay_dead_letter(replay("7", Some(0))).await;
    assert_eq!(faults(&refused.unwrap_err()), bad);
    let refused = client.discard_dead_letter(discard("7", Some(0))).await;
    assert_eq!(faults(&refused.unwrap_err()), bad);

    let bad = pb::ListDeadLettersRequest {
        limit: Some(1_001),
        cursor: "made-up".to_owned(),
        ..of(Some(""), Some(""))
    };
    let refused = client.list_dead_letters(bad).await.unwrap_err();
    let of_list = pairs(&[
        ("code", "INVALID"),
        ("user_id", "BLANK"),
        ("limit", "OUT_OF_RANGE"),
        ("cursor", "INVALID"),
    ]);
    assert_eq!(faults(&refused), of_list);
    let bad = pb::ListDeadLetterReasonsRequest {
        user_id: Some(String::new()),
    };
    let refused = client.list_dead_letter_reasons(bad).await.unwrap_err();
    assert_eq!(faults(&refused), pairs(&[("user_id", "BLANK")]));
    let of_filter = pairs(&[
        ("code", "INVALID"),
        ("user_id", "BLANK"),
        ("reason", "BLANK"),
    ]);
    let bad = pb::ReplayDeadLettersRequest {
        user_id: Some(String::new()),
        code: Some("x".repeat(256)),
        reason: Some(String::new()),
    };
    let refused = client.replay_dead_letters(bad).await.unwrap_err();
    assert_eq!(faults(&refused), of_filter);
    let bad = pb::DiscardDeadLettersRequest {
        user_id: Some(String::new()),
        code: Some(String::new()),
        reason: Some(String::new()),
    };
    let refused = client.discard_dead_letters(bad).await.unwrap_err();
    assert_eq!(faults(&refused), of_filter);
}
