//! Commands on orders: the reason that they may bring, and how many an order takes.

use domain::order::MAX_OPERATOR_COMMANDS;
use domain::{OrderCommand, OrderId};
use serde_json::{Value, json};

use crate::answer::send;
use crate::server::Server;

const ORDER: &str = r#"{"user_id":"a","amount":1}"#;

async fn placed(server: &Server) -> String {
    server.place(ORDER).await["id"].as_str().unwrap().to_owned()
}

async fn last_event(server: &Server, id: &str) -> Value {
    let events = server.get(&format!("/v1/orders/{id}/events")).await.json();
    events["data"].as_array().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn a_reason_is_kept_in_the_event_of_the_change() {
    let server = Server::start().await;
    let id = placed(&server).await;
    assert_eq!(last_event(&server, &id).await["reason"], Value::Null);
    for (change, event_type) in [
        ("hold", "order.held"),
        ("release", "order.released"),
        ("cancel", "order.cancelled"),
    ] {
        let reason = format!("{change}: \"the customer\" called 😀");
        let path = format!("/v1/orders/{id}/{change}");
        let answer = server
            .post(&path, json!({"reason": reason}).to_string())
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let event = last_event(&server, &id).await;
        assert_eq!(event["event_type"], event_type);
        assert_eq!(event["reason"], *reason);
        // There are no tokens yet, so there is no actor.
        assert_eq!(
            (&event["actor"], &event["history"]),
            (&Value::Null, &json!(false))
        );
    }
    for (change, event_type) in [("replay", "order.replayed"), ("discard", "order.cancelled")] {
        let id = placed(&server).await;
        server.fail_everything("declined").await;
        let path = format!("/v1/dead-letters/{id}/{change}");
        let answer = server.post(&path, r#"{"reason":"fixed"}"#).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let event = last_event(&server, &id).await;
        assert_eq!(
            (&event["event_type"], &event["reason"]),
            (&json!(event_type), &json!("fixed"))
        );
    }
}

#[tokio::test]
async fn commands_by_filter_give_every_event_their_reason() {
    let server = Server::start().await;
    let ids = [placed(&server).await, placed(&server).await];
    server.fail_everything("declined").await;
    for (change, body) in [
        (
            "replay",
            r#"{"code":"declined","reason":"cards work again"}"#,
        ),
        ("discard", r#"{"reason":"cards work again"}"#),
    ] {
        let answer = server
            .post(&format!("/v1/dead-letters/{change}"), body)
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        for id in &ids {
            assert_eq!(last_event(&server, id).await["reason"], "cards work again");
        }
        server.fail_everything("declined").await;
    }
    for (body, pointer, code) in [
        (r#"{"reason":""}"#, "/reason", "blank"),
        (r#"{"reason":7}"#, "/reason", "wrong_type"),
        (r#"{"reasons":"x"}"#, "/reasons", "unknown_field"),
    ] {
        let answer = server.post("/v1/dead-letters/discard", body).await;
        assert_eq!(
            answer.faults(),
            [(pointer.to_owned(), code.to_owned())],
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_command_takes_no_body_an_empty_one_or_a_reason() {
    let server = Server::start().await;
    let id = placed(&server).await;
    let path = format!("/v1/orders/{id}/hold");
    for (body, status, code) in [
        ("{", 400, "malformed_json"),
        (" ", 400, "malformed_json"),
        (r#"{"reason":"a","reason":"b"}"#, 400, "malformed_json"),
        (r#"{"reason":"a"} {}"#, 400, "malformed_json"),
        (r#"{"reason":""}"#, 422, "validation_failed"),
        (r#"{"reason":"\u0007"}"#, 422, "validation_failed"),
        (r#"{"reason":["x"]}"#, 422, "validation_failed"),
        (r#"{"reson":"x"}"#, 422, "validation_failed"),
        ("[]", 422, "validation_failed"),
        ("\"because\"", 422, "validation_failed"),
    ] {
        let answer = server.post(&path, body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{body}"
        );
    }
    let long = json!({"reason": "é".repeat(256)}).to_string();
    let answer = server.post(&path, long).await;
    assert_eq!(
        answer.faults(),
        [("/reason".to_owned(), "too_long".to_owned())]
    );
    let nearest = server.post(&path, r#"{"reson":"x"}"#).await;
    assert!(
        nearest.text.contains("nearest known one is reason"),
        "{}",
        nearest.text
    );
    // Only a body needs a type.
    let form = send(server.request("POST", &path).body("reason=x")).await;
    assert_eq!(
        (form.status, form.code().as_str()),
        (415, "unsupported_media_type")
    );
    let read = server.get(&format!("/v1/orders/{id}")).await.json();
    assert_eq!(read["version"], 1, "nothing of that changed the order");
    assert_eq!(send(server.request("POST", &path)).await.status, 200);
    let release = format!("/v1/orders/{id}/release");
    assert_eq!(server.post(&release, "{}").await.status, 200);
    let null = server.post(&path, r#"{"reason":null}"#).await;
    assert_eq!(null.status, 200);
    assert_eq!(last_event(&server, &id).await["reason"], Value::Null);
    let longest = json!({"reason": "é".repeat(255)}).to_string();
    assert_eq!(server.post(&release, longest).await.status, 200);
}

#[tokio::test]
async fn an_order_that_people_changed_too_often_can_only_be_cancelled() {
    let server = Server::start().await;
    let id = placed(&server).await;
    let pairs = usize::try_from(MAX_OPERATOR_COMMANDS / 2).unwrap();
    let commands = [OrderCommand::Hold, OrderCommand::Release].repeat(pairs);
    server.apply(OrderId::parse(&id).unwrap(), &commands).await;
    let hold = server.post(&format!("/v1/orders/{id}/hold"), "").await;
    assert_eq!(
        (hold.status, hold.code().as_str()),
        (409, "too_many_commands")
    );
    assert_eq!(hold.header("retry-after"), "");
    let detail = hold.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("1000 times"), "{detail}");
    assert!(detail.contains("can still be cancelled"), "{detail}");
    let cancel = server.post(&format!("/v1/orders/{id}/cancel"), "").await;
    assert_eq!(cancel.status, 200, "{cancel:?}");
}

#[tokio::test]
async fn an_external_id_of_another_order_names_the_fields_that_differ() {
    let server = Server::start().await;
    let order = |rest: Value| {
        let mut order = json!({
            "user_id": "alice", "external_id": "A-1",
            "lines": [{"product_name": "x", "quantity": 1, "unit_price": 5}]
        });
        let rest = rest.as_object().unwrap().clone();
        order.as_object_mut().unwrap().extend(rest);
        order
    };
    server.place(&order(json!({})).to_string()).await;
    let same = order(json!({"source": "web", "amount": 5, "metadata": {}}));
    assert_eq!(
        server.post("/v1/orders", same.to_string()).await.status,
        200
    );
    for (rest, pointers) in [
        (json!({"currency": "EUR"}), &["/currency"][..]),
        (json!({"metadata": {"a": "b"}}), &["/metadata"]),
        (
            json!({"adjustments": [{"kind": "fee", "amount": 1}]}),
            &["/amount", "/adjustments"],
        ),
        (
            json!({"lines": [{"product_name": "y", "quantity": 1, "unit_price": 5}]}),
            &["/lines"],
        ),
        (
            json!({"process_after": "2999-01-01T00:00:00Z"}),
            &["/process_after"],
        ),
    ] {
        let other = order(rest);
        let answer = server.post("/v1/orders", other.to_string()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (409, "external_id_taken")
        );
        let expected: Vec<_> = pointers
            .iter()
            .map(|pointer| ((*pointer).to_owned(), "differs".to_owned()))
            .collect();
        assert_eq!(answer.faults(), expected, "{other}");
        let batch = server
            .post("/v1/orders/batch", json!([other]).to_string())
            .await;
        let error = &batch.json()["results"][0]["error"];
        assert_eq!(error["errors"], answer.json()["errors"], "{other}");
    }
}
