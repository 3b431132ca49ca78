//! Changing orders that exist: cancel, hold, release, and what is done with dead letters.

use crate::answer::send;
use crate::server::Server;

const ORDER: &str = r#"{"user_id":"a","amount":1}"#;

async fn placed(server: &Server) -> String {
    server.place(ORDER).await["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_order_is_held_released_and_cancelled() {
    let server = Server::start().await;
    let id = placed(&server).await;
    for (change, status, etag) in [
        ("hold", "ON_HOLD", "\"2\""),
        ("release", "PENDING", "\"3\""),
        ("cancel", "CANCELLED", "\"4\""),
    ] {
        let answer = server.post(&format!("/v1/orders/{id}/{change}"), "").await;
        assert_eq!((answer.status, answer.header("etag")), (200, etag));
        assert_eq!(answer.json()["status"], status);
        let read = server.get(&format!("/v1/orders/{id}")).await;
        assert_eq!(read.text, answer.text);
    }
}

#[tokio::test]
async fn what_the_status_does_not_allow_is_409_and_changes_nothing() {
    let server = Server::start().await;
    let id = placed(&server).await;
    server.post(&format!("/v1/orders/{id}/cancel"), "").await;
    for change in ["cancel", "hold", "release"] {
        let answer = server.post(&format!("/v1/orders/{id}/{change}"), "").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (409, "illegal_transition"),
            "{change}"
        );
        assert_eq!(answer.json()["detail"], "The order is CANCELLED.");
    }
    for change in ["replay", "discard"] {
        let answer = server
            .post(&format!("/v1/dead-letters/{id}/{change}"), "")
            .await;
        assert_eq!(answer.code(), "illegal_transition", "{change}");
    }
    assert_eq!(
        server.get(&format!("/v1/orders/{id}")).await.json()["version"],
        2
    );
}

#[tokio::test]
async fn if_match_guards_the_change() {
    let server = Server::start().await;
    let id = placed(&server).await;
    let change = |change: &str, if_match: &str| {
        let path = format!("/v1/orders/{id}/{change}");
        send(server.request("POST", &path).header("if-match", if_match))
    };
    for stale in ["\"2\"", "W/\"1\"", "\"x\"", "\"7\", \"8\""] {
        let answer = change("hold", stale).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (412, "version_mismatch"),
            "{stale}"
        );
    }
    assert_eq!(change("hold", "1").await.status, 400);
    assert_eq!(change("hold", "\"1\"").await.status, 200);
    assert_eq!(change("release", "\"9\", \"2\"").await.status, 200);
    assert_eq!(change("hold", "*").await.status, 200);
    let unknown = "/v1/orders/0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11/hold";
    let answer = send(server.request("POST", unknown).header("if-match", "\"1\"")).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_changed() {
    let server = Server::start().await;
    let id = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";
    for path in [
        format!("/v1/orders/{id}/cancel"),
        format!("/v1/dead-letters/{id}/replay"),
        format!("/v1/dead-letters/{id}/discard"),
    ] {
        assert_eq!(
            server.post(&path, "").await.code(),
            "order_not_found",
            "{path}"
        );
    }
    assert_eq!(
        server.post("/v1/orders/7/cancel", "").await.code(),
        "invalid_id"
    );
}

#[tokio::test]
async fn dead_letters_are_listed_by_user_and_reason() {
    let server = Server::start().await;
    server.place(r#"{"user_id":"alice","amount":1}"#).await;
    server.fail_everything("declined").await;
    server.place(r#"{"user_id":"bob","amount":1}"#).await;
    server.fail_everything("timeout").await;
    placed(&server).await;
    for (query, expected) in [
        ("", 2),
        ("?user_id=alice", 1),
        ("?code=timeout", 1),
        ("?code=timeout&user_id=alice", 0),
        ("?limit=1", 1),
    ] {
        let list = server.get(&format!("/v1/dead-letters{query}")).await.json();
        assert_eq!(list["data"].as_array().unwrap().len(), expected, "{query}");
    }
    let list = server.get("/v1/dead-letters?code=declined").await.json();
    assert_eq!(
        list["data"][0]["failure"]["message"],
        "the card was \"declined\""
    );
    assert_eq!(
        server.get("/v1/dead-letters?status=FAILED").await.code(),
        "invalid_query"
    );
}

#[tokio::test]
async fn a_dead_letter_is_replayed_or_discarded_by_its_id() {
    let server = Server::start().await;
    let ids = [placed(&server).await, placed(&server).await];
    server.fail_everything("declined").await;
    let replayed = server
        .post(&format!("/v1/dead-letters/{}/replay", ids[0]), "")
        .await;
    assert_eq!(replayed.status, 200);
    assert_eq!(replayed.json()["status"], "PENDING");
    assert_eq!(replayed.json()["attempt"], 0);
    let discarded = server
        .post(&format!("/v1/dead-letters/{}/discard", ids[1]), "")
        .await;
    assert_eq!(discarded.json()["status"], "CANCELLED");
    assert_eq!(
        server.get("/v1/dead-letters").await.json()["data"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn dead_letters_are_replayed_by_filter() {
    let server = Server::with(|settings| settings.tuning.max_replayed_at_once = 3).await;
    for user in ["alice", "alice", "bob", "bob", "bob", "bob"] {
        server
            .place(&format!(r#"{{"user_id":"{user}","amount":1}}"#))
            .await;
    }
    server.fail_everything("declined").await;
    let replay = |body: &'static str| server.post("/v1/dead-letters/replay", body);
    assert_eq!(replay(r#"{"code":"timeout"}"#).await.json()["replayed"], 0);
    let of_alice = replay(r#"{"user_id":"alice","code":"declined"}"#).await;
    assert_eq!(of_alice.text, r#"{"replayed":2,"has_more":false}"#);
    assert_eq!(replay("{}").await.text, r#"{"replayed":3,"has_more":true}"#);
    assert_eq!(
        replay("{}").await.text,
        r#"{"replayed":1,"has_more":false}"#
    );
    let wrong = replay(r#"{"user":"alice","code":7,"user_id":""}"#).await;
    assert_eq!(wrong.status, 422);
    assert_eq!(wrong.faults().len(), 3);
    assert_eq!(replay("").await.status, 400);
}

#[tokio::test]
async fn dead_letters_are_discarded_by_filter() {
    let server = Server::with(|settings| settings.tuning.max_replayed_at_once = 2).await;
    for user in ["alice", "bob", "bob", "bob"] {
        server
            .place(&format!(r#"{{"user_id":"{user}","amount":1}}"#))
            .await;
    }
    server.fail_everything("declined").await;
    let discard = |body: &'static str| server.post("/v1/dead-letters/discard", body);
    assert_eq!(
        discard(r#"{"user_id":"bob"}"#).await.text,
        r#"{"discarded":2,"has_more":true}"#
    );
    assert_eq!(
        discard(r#"{"user_id":"bob","code":"declined"}"#).await.text,
        r#"{"discarded":1,"has_more":false}"#
    );
    let stats = server.get("/v1/stats").await.json();
    assert_eq!(
        (&stats["cancelled"], &stats["failed"]),
        (&3.into(), &1.into())
    );
}

#[tokio::test]
async fn dead_letters_are_counted_by_reason() {
    let server = Server::with(|settings| settings.tuning.max_replayed_at_once = 5).await;
    let fail = async |user: &str, count: usize, code: &str| {
        for _ in 0..count {
            server
                .place(&format!(r#"{{"user_id":"{user}","amount":1}}"#))
                .await;
        }
        server.fail_everything(code).await;
    };
    let reasons = async |query: &str| {
        let answer = server
            .get(&format!("/v1/dead-letters/reasons{query}"))
            .await;
        answer.json()
    };
    assert_eq!(
        reasons("").await,
        serde_json::json!({"data": [], "counted": 0, "has_more": false})
    );
    fail("alice", 1, "timeout").await;
    fail("bob", 2, "declined").await;
    placed(&server).await;
    let found = reasons("").await;
    let shown: Vec<_> = found["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| (reason["code"].as_str().unwrap(), reason["count"].as_u64()))
        .collect();
    assert_eq!(shown, [("declined", Some(2)), ("timeout", Some(1))]);
    assert_eq!(
        (&found["counted"], &found["has_more"]),
        (&3.into(), &false.into())
    );
    let declined = &found["data"][0];
    assert_eq!(declined["sample_message"], "the card was \"declined\"");
    let newest = server
        .get("/v1/dead-letters?code=declined&limit=1")
        .await
        .json();
    assert_eq!(declined["newest_at"], newest["data"][0]["updated_at"]);
    assert_eq!(reasons("?user_id=alice").await["counted"], 1);
    // Past the bound it says that there is more, and counts no further.
    server.post("/v1/dead-letters/replay", "{}").await;
    fail("carol", 4, "declined").await;
    let bounded = reasons("").await;
    assert_eq!(
        (&bounded["counted"], &bounded["has_more"]),
        (&5.into(), &true.into())
    );
    let wrong = server.get("/v1/dead-letters/reasons?code=declined").await;
    assert_eq!(wrong.code(), "invalid_query");
}
