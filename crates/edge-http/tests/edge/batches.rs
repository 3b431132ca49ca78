//! Batches: each row on its own, whatever becomes of the others.

use std::fmt::Write as _;

use application::ports::StoreError;
use domain::ShardId;

use crate::answer::{Answer, send};
use crate::redacted::redacted;
use crate::server::Server;
use port_conformance::faulty::FaultMode;

async fn post_lines(server: &Server, path: &str, lines: &str) -> Answer {
    let request = server
        .request("POST", path)
        .header("content-type", "application/x-ndjson")
        .body(lines.to_owned());
    send(request).await
}

fn outcome(answer: &Answer) -> [u64; 4] {
    let json = answer.json();
    ["accepted", "existing", "refused", "unavailable"].map(|name| json[name].as_u64().unwrap())
}

fn statuses(answer: &Answer) -> Vec<u64> {
    let json = answer.json();
    let results = json["results"].as_array().unwrap();
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], index);
    }
    results
        .iter()
        .map(|result| result["status"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn rows_of_an_array_are_taken_or_refused_each_on_its_own() {
    let server = Server::start().await;
    let batch = r#"[
        {"user_id":"alice","amount":1},
        {"user_id":"","amount":1},
        {"user_id":"alice","amount":1,"amount":2},
        7,
        {"user_id":"bob","external_id":"B-1","amount":2},
        {"user_id":"bob","external_id":"B-1","amount":2},
        {"user_id":"bob","external_id":"B-1","amount":3}
    ]"#;
    let answer = server.post("/v1/orders/batch", batch).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(outcome(&answer), [2, 1, 4, 0]);
    assert_eq!(statuses(&answer), [201, 422, 400, 422, 201, 200, 409]);
    insta::assert_snapshot!("batch_of_every_kind", redacted(&answer.text));
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 2);
}

#[tokio::test]
async fn lines_that_cannot_be_read_are_refused_and_the_others_are_taken() {
    let server = Server::start().await;
    let lines = "{\"user_id\":\"a\",\"amount\":1}\r\n\n{\"user_id\":\"a\",\"amo\n   \n{\"user_id\":\"a\",\"amount\":2}";
    let answer = post_lines(&server, "/v1/orders/batch", lines).await;
    assert_eq!(answer.status, 200);
    assert_eq!(statuses(&answer), [201, 400, 201]);
    let mut broken = lines.replace("\"amo\n", "\"\u{0}\n").into_bytes();
    broken.push(0xff);
    let request = server
        .request("POST", "/v1/orders/batch")
        .header("content-type", "application/x-ndjson")
        .body(broken);
    assert_eq!(statuses(&send(request).await), [201, 400, 400]);
}

#[tokio::test]
async fn a_batch_that_is_no_array_of_rows_is_400() {
    let server = Server::start().await;
    for body in [
        "",
        "{\"user_id\":\"a\",\"amount\":1}",
        "[{\"user_id\":\"a\"}",
        "[1] 2",
        "[,]",
    ] {
        let answer = server.post("/v1/orders/batch", body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "malformed_json"),
            "{body}"
        );
    }
    assert_eq!(
        outcome(&server.post("/v1/orders/batch", "[]").await),
        [0, 0, 0, 0]
    );
    let request = server.request("POST", "/v1/orders/batch").body("[]");
    let answer = send(request).await;
    assert_eq!(answer.code(), "unsupported_media_type");
    let accept = answer.header("accept");
    assert_eq!(accept, "application/json, application/x-ndjson");
}

#[tokio::test]
async fn a_row_brings_its_own_key_and_the_header_is_refused() {
    let server = Server::start().await;
    let batch = r#"[{"user_id":"a","amount":1,"idempotency_key":"k"},
                    {"user_id":"a","amount":1,"idempotency_key":"k"},
                    {"user_id":"a","amount":2,"idempotency_key":"k"},
                    {"user_id":"a","amount":2,"idempotency_key":"with space"}]"#;
    let answer = server.post("/v1/orders/batch", batch).await;
    assert_eq!(statuses(&answer), [201, 201, 422, 422]);
    assert_eq!(outcome(&answer), [1, 1, 2, 0]);
    let json = answer.json();
    assert_eq!(json["results"][0]["order"], json["results"][1]["order"]);
    assert_eq!(
        json["results"][2]["error"]["code"],
        "idempotency_key_reused"
    );
    assert_eq!(
        json["results"][3]["error"]["errors"][0]["pointer"],
        "/idempotency_key"
    );
    let request = server
        .post_request("/v1/orders/batch", batch)
        .header("idempotency-key", "k");
    let answer = send(request).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "invalid_header")
    );
}

#[tokio::test]
async fn ten_thousand_rows_are_taken_and_one_more_is_not() {
    let server = Server::start().await;
    let mut lines = String::new();
    for index in 0..10_000 {
        writeln!(
            lines,
            "{{\"user_id\":\"user {}\",\"amount\":{index}}}",
            index % 7
        )
        .unwrap();
    }
    let answer = post_lines(&server, "/v1/orders/batch", &lines).await;
    assert_eq!(outcome(&answer), [10_000, 0, 0, 0]);
    assert_eq!(answer.json()["results"][9_999]["order"]["amount"], 9999.0);
    lines.push_str("{}");
    let answer = post_lines(&server, "/v1/orders/batch", &lines).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "too_many_rows")
    );
    let row = "{},";
    let array = format!("[{}{{}}]", row.repeat(10_000));
    let answer = server.post("/v1/orders/batch", array).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "too_many_rows")
    );
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 10_000);
}

#[tokio::test]
async fn rows_that_the_store_cannot_take_now_are_unavailable() {
    let server = Server::start().await;
    server.store_becomes(FaultMode::Failing(StoreError::Unavailable {
        shard: ShardId(0),
        reason: "gone".to_owned(),
    }));
    let batch = r#"[{"user_id":"a","amount":1},{"user_id":"a"}]"#;
    let answer = server.post("/v1/orders/batch", batch).await;
    assert_eq!(outcome(&answer), [0, 0, 1, 1]);
    assert_eq!(statuses(&answer), [503, 422]);
    assert!(!answer.text.contains("gone"));
}

#[tokio::test]
async fn a_batch_of_nothing_but_faults_is_answered_in_bounds() {
    let server = Server::start().await;
    let row = format!(
        "{{{}}}",
        (0..300)
            .map(|n| format!("\"{n}\":0"))
            .collect::<Vec<_>>()
            .join(",")
    );
    let batch = vec![row; 100].join("\n");
    let answer = post_lines(&server, "/v1/orders/batch", &batch).await;
    assert_eq!(outcome(&answer), [0, 0, 100, 0]);
    let error = &answer.json()["results"][0]["error"];
    assert_eq!(error["errors"].as_array().unwrap().len(), 20);
    assert!(error["detail"].as_str().unwrap().starts_with("302 faults"));
}
