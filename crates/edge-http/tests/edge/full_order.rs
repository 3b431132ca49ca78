//! An order with every field that a client can set: the same wherever it is shown, and what it waits for.

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::answer::send;
use crate::redacted::redacted;
use crate::server::{Server, client};

fn full_order() -> Value {
    json!({
        "user_id": "alice",
        "external_id": "A-1",
        "source": "web",
        "currency": "EUR",
        "amount": "23.35",
        "lines": [
            {"sku": "KB-1", "product_name": "Socks \"warm\"", "quantity": 3, "unit_price": 6.67, "total": 20},
            {"product_name": "Apples", "quantity": "0.485", "total": "1.45"}
        ],
        "adjustments": [
            {"kind": "discount", "label": "SPRING 🌷", "amount": "-3.00"},
            {"kind": "shipping", "amount": 4.90},
            {"kind": "tax", "label": "VAT 20%", "amount": 3.73, "included": true}
        ],
        "metadata": {"gift": "yes", "note": "a\tb"},
        "process_after": "2999-01-01T01:00:00+01:00"
    })
}

const FACTS: [&str; 8] = [
    "external_id",
    "source",
    "currency",
    "amount",
    "lines",
    "adjustments",
    "metadata",
    "process_after",
];

#[tokio::test]
async fn a_full_order_is_shown_as_documented() {
    let server = Server::start().await;
    let answer = server.post("/v1/orders", full_order().to_string()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    insta::assert_snapshot!("full_order", redacted(&answer.text));
}

#[tokio::test]
async fn a_full_order_has_the_same_facts_wherever_it_is_shown() {
    let server = Server::streaming(|_, _| {}).await;
    let url = |path: &str| format!("http://{}{path}", server.address);
    let client = client();
    let get = async |path: &str| send(client.get(url(path))).await;
    let post = |path: &str, body: &Value| {
        client
            .post(url(path))
            .header("content-type", "application/json")
            .body(body.to_string())
    };
    let watched = client.get(url("/v1/stream")).send().await.unwrap();
    let mut watched = Box::pin(watched.bytes_stream());

    let placed = send(post("/v1/orders", &full_order())).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    // The text from the currency to process_after, with every digit as it is.
    let facts = |text: &str| {
        let from = text.find("\"currency\":").unwrap();
        let to = from
            + text[from..]
                .find(",\"attempt\":")
                .unwrap_or(text.len() - from);
        text[from..to].trim_end_matches(['}', ']']).to_owned()
    };
    let expected = facts(&placed.text);
    assert!(
        expected.ends_with(r#""process_after":"2999-01-01T00:00:00.000Z""#),
        "{expected}"
    );
    let order = placed.json();
    let id = order["id"].as_str().unwrap();
    let read = get(&format!("/v1/orders/{id}")).await;
    assert_eq!(read.text, placed.text);
    for list in ["/v1/orders", "/v1/orders?user_id=alice&external_id=A-1"] {
        let listed = get(list).await;
        assert_eq!(listed.json()["data"], json!([order]), "{list}");
        assert_eq!(facts(&listed.text), expected);
    }
    let events = get(&format!("/v1/orders/{id}/events")).await.json();
    for fact in FACTS {
        assert_eq!(events["data"][0]["data"][fact], order[fact], "{fact}");
    }
    let mut again = full_order();
    again["source"] = json!("import");
    let batch = send(post("/v1/orders/batch", &json!([again]))).await;
    assert_eq!(batch.json()["results"][0]["status"], 200, "{batch:?}");
    assert_eq!(batch.json()["results"][0]["order"], order);
    assert_eq!(facts(&batch.text), expected);

    let mut told = String::new();
    while !told.contains(id) {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(20), watched.next());
        let chunk = chunk.await.expect("a change comes").unwrap().unwrap();
        told.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let change = told
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .find(|data| data.contains(id));
    let change: Value = serde_json::from_str(change.unwrap()).unwrap();
    assert_eq!(change["occurred_at"], order["created_at"]);
    for fact in ["user_id", "status", "version"] {
        assert_eq!(change[fact], order[fact], "{fact}");
    }
}

#[tokio::test]
async fn an_order_says_what_it_waits_for() {
    let server = Server::start().await;
    let waiting = async |id: &str| {
        let order = server.get(&format!("/v1/orders/{id}")).await.json();
        order["waiting_for"].clone()
    };
    let id_of = |order: Value| order["id"].as_str().unwrap().to_owned();
    let later = id_of(
        server
            .place(r#"{"user_id":"a","amount":1,"process_after":"2999-01-01T00:00:00Z"}"#)
            .await,
    );
    let until = json!({"what": "process_after", "until": "2999-01-01T00:00:00.000Z"});
    assert_eq!(waiting(&later).await, until);
    let past = r#"{"user_id":"a","amount":1,"process_after":"2001-01-01T00:00:00Z"}"#;
    let first = id_of(server.place(past).await);
    assert_eq!(
        waiting(&first).await,
        json!({"what": "worker", "until": null})
    );
    // Workers leave the first one alone.
    server.process_everything().await;
    assert_eq!(waiting(&later).await, until);
    assert_eq!(waiting(&first).await, Value::Null);
    server.post(&format!("/v1/orders/{later}/hold"), "").await;
    assert_eq!(
        waiting(&later).await,
        json!({"what": "release", "until": null})
    );
    server
        .post(&format!("/v1/orders/{later}/release"), "")
        .await;
    assert_eq!(waiting(&later).await, until);
    let failed = id_of(server.place(r#"{"user_id":"a","amount":1}"#).await);
    server.fail_everything("declined").await;
    assert_eq!(
        waiting(&failed).await,
        json!({"what": "operator", "until": null})
    );
}
