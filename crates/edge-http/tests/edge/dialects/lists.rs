//! Lists of orderflow: shards, bounds, and orders that its clients could not have made.

use serde_json::{Value, json};

use crate::server::Server;

/// Places one order for each user, through the batch, in this order.
async fn place(server: &Server, users: impl Iterator<Item = String>) {
    let rows: Vec<Value> = users
        .map(|user| json!({"user_id": user, "lines": [{"product_name": "Mug", "quantity": 1, "unit_price": 5}]}))
        .collect();
    let answer = server
        .post("/v1/orders/batch", Value::from(rows).to_string())
        .await;
    assert_eq!(answer.json()["refused"], 0, "{answer:?}");
}

fn users(listed: &Value) -> Vec<&str> {
    let orders = listed["orders"].as_array().unwrap();
    assert_eq!(listed["count"], orders.len());
    orders
        .iter()
        .map(|order| order["user_id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn up_to_50_of_each_shard_are_listed_shard1_first() {
    let server = Server::start().await;
    place(&server, (0..7).map(|n| format!("mia{n}"))).await;
    place(&server, (0..620).map(|n| format!("zoe{n}"))).await;
    place(
        &server,
        ["42", "émile", "m", "N"].map(str::to_owned).into_iter(),
    )
    .await;
    let listed = server.get("/api/orders").await.json();
    let users = users(&listed);
    let is_first = |user: &&str| user.starts_with('m');
    assert_eq!(users.iter().filter(|user| is_first(user)).count(), 8);
    assert_eq!(users.len(), 58);
    assert!(users[..8].iter().all(is_first), "{users:?}");
    assert!(
        users[8..11].contains(&"42") && users[8..11].contains(&"émile"),
        "{users:?}"
    );
}

#[tokio::test]
async fn a_users_list_goes_past_a_page() {
    let server = Server::start().await;
    place(&server, (0..1_234).map(|_| "amy".to_owned())).await;
    place(&server, ["bob".to_owned()].into_iter()).await;
    let listed = server.get("/api/orders?user_id=amy").await.json();
    assert_eq!(users(&listed).len(), 1_234);
    let ids: Vec<&str> = (listed["orders"].as_array().unwrap().iter())
        .map(|order| order["id"].as_str().unwrap())
        .collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older));
}

#[tokio::test]
async fn a_query_is_read_as_it_read_it() {
    let server = Server::start().await;
    place(
        &server,
        ["amy b", "é", "zoe"].map(str::to_owned).into_iter(),
    )
    .await;
    for (query, expected) in [
        ("?user_id=amy+b", &["amy b"][..]),
        ("?user_id=amy%20b&user_id=zoe", &["amy b"]),
        ("?limit=1&user_id=%C3%A9&x=%zz", &["é"]),
        ("?user_id", &["amy b", "zoe", "é"]),
        ("?USER_ID=zoe", &["amy b", "zoe", "é"]),
        ("?user_id=%ff", &[]),
        ("?user_id=%00", &[]),
        ("?user_id=++", &[]),
    ] {
        let listed = server.get(&format!("/api/orders{query}")).await.json();
        let mut found = users(&listed);
        found.sort_unstable();
        assert_eq!(found, expected, "{query}");
    }
    let too_long = server
        .get(&format!("/api/orders?user_id={}", "x".repeat(101)))
        .await;
    assert_eq!(too_long.text, "{\"count\":0,\"orders\":[]}\n");
}

#[tokio::test]
async fn an_order_that_is_not_one_product_times_its_price_has_quantity_1_and_the_amount() {
    let server = Server::start().await;
    for (user, rest, shown) in [
        (
            "u0",
            r#""amount":12.50"#,
            r#""0 items","quantity":1,"price":12.5,"#,
        ),
        (
            "u1",
            r#""currency":"JPY","lines":[{"product_name":"A","quantity":2,"unit_price":100},
                {"product_name":"B","quantity":1,"unit_price":50}]"#,
            r#""2 items","quantity":1,"price":250,"#,
        ),
        (
            "u2",
            r#""lines":[{"product_name":"Mug","quantity":2,"unit_price":5}]"#,
            r#""Mug","quantity":2,"price":5,"#,
        ),
        (
            "u3",
            r#""lines":[{"product_name":"Mug","quantity":2,"unit_price":5}],
                "adjustments":[{"kind":"discount","amount":-1}]"#,
            r#""Mug","quantity":1,"price":9,"#,
        ),
        (
            "u4",
            r#""lines":[{"product_name":"Tea","quantity":0.5,"unit_price":3}]"#,
            r#""Tea","quantity":1,"price":1.5,"#,
        ),
        (
            "u5",
            r#""lines":[{"product_name":"Mug","quantity":2,"total":10}]"#,
            r#""Mug","quantity":1,"price":10,"#,
        ),
        (
            "u6",
            r#""lines":[{"product_name":"Mug","quantity":3,"unit_price":6.67,"total":20}]"#,
            r#""Mug","quantity":1,"price":20,"#,
        ),
    ] {
        let order = server
            .place(&format!(r#"{{"user_id":"{user}",{rest}}}"#))
            .await;
        let answer = server.get(&format!("/api/orders?user_id={user}")).await;
        let expected = format!(r#""product_name":{shown}"#);
        assert!(answer.text.contains(&expected), "{}", answer.text);
        // The other dialects show the amount.
        let id = order["id"].as_str().unwrap();
        let read = server.get(&format!("/orders/{id}")).await.json();
        assert_eq!(read["amount"].as_f64(), order["amount"].as_f64());
    }
}

#[tokio::test]
async fn only_orderflows_own_orders_have_its_receipt() {
    let server = Server::start().await;
    let body = r#"{"user_id":"amy","product_name":"Mug","quantity":2,"price":5}"#;
    let own = server.post("/api/orders", body).await.json();
    let own = own["order"]["id"].as_str().unwrap().to_owned();
    let ours = r#"{"user_id":"amy","lines":[{"product_name":"Mug","quantity":2,"unit_price":5}]}"#;
    let ours = server.place(ours).await["id"].as_str().unwrap().to_owned();
    let named = r#"{"order_id":"o-1","user_id":"amy","amount":10}"#;
    assert_eq!(server.post("/orders", named).await.status, 202);
    let named = server.get("/v1/orders?user_id=amy&external_id=o-1").await;
    let named = named.json()["data"][0]["id"].as_str().unwrap().to_owned();
    server.process_everything().await;
    for (id, is_orderflows) in [(own, true), (ours, false), (named, false)] {
        let receipt = server.get(&format!("/v1/orders/{id}/receipt")).await;
        assert_eq!(receipt.status, 200, "{receipt:?}");
        for words in ["ORDER RECEIPT\n", "Shard:       shard1", "pending"] {
            assert_eq!(
                receipt.text.contains(words),
                is_orderflows,
                "{}",
                receipt.text
            );
        }
        assert_eq!(receipt.text.starts_with("RECEIPT\n"), !is_orderflows);
    }
}

#[tokio::test]
async fn every_status_has_its_word() {
    let server = Server::start().await;
    let place = r#"{"user_id":"amy","amount":1}"#;
    let mut expected = Vec::new();
    for (change, word) in [("hold", "on_hold"), ("cancel", "cancelled")] {
        let id = server.place(place).await["id"].as_str().unwrap().to_owned();
        server.post(&format!("/v1/orders/{id}/{change}"), "").await;
        expected.push((id, word));
    }
    let id = server.place(place).await["id"].as_str().unwrap().to_owned();
    server.fail_everything("declined").await;
    expected.push((id, "failed"));
    let id = server.place(place).await["id"].as_str().unwrap().to_owned();
    expected.push((id, "pending"));
    let listed = server.get("/api/orders?user_id=amy").await.json();
    for (id, word) in expected {
        let orders = listed["orders"].as_array().unwrap();
        let order = orders.iter().find(|order| order["id"] == *id).unwrap();
        assert_eq!(order["status"], word);
        let read = server.get(&format!("/orders/{id}")).await.json();
        assert_eq!(read["status"], word.to_uppercase());
        assert!(order.get("receipt_s3_key").is_none());
    }
}
