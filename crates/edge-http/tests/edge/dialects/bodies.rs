//! Bodies of orderflow that no capture shows: how its JSON is read, and what broke it.

use serde_json::{Value, json};

use crate::answer::send;
use crate::server::Server;

const REQUIRED: &str = "user_id, product_name, quantity, and price are required";
const MALFORMED: &str = "invalid request body";

#[tokio::test]
async fn keys_match_without_case_and_the_last_one_counts() {
    let server = Server::start().await;
    let body = r#"{"USER_ID":"zoe","user_id":"amy","Product_Name":"Mug","QUANTITY":2,"price":149.990,
        "price":null,"extra":{"a":[{}],"a":1}}"#;
    let request = server.request("POST", "/api/orders").body(body);
    let answer = send(request).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let order = &answer.json()["order"];
    assert_eq!(
        (&order["user_id"], &order["price"]),
        (&json!("amy"), &json!(149.99))
    );
    assert!(
        answer.text.contains(r#""price":149.99,"#),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn what_broke_it_is_400_with_the_reason() {
    let server = Server::start().await;
    let body = |user: &str, product: &str, quantity: &str, price: &str| {
        let (user, product) = (Value::from(user), Value::from(product));
        format!(
            r#"{{"user_id":{user},"product_name":{product},"quantity":{quantity},"price":{price}}}"#
        )
    };
    let long = "x".repeat(256);
    for (body, words) in [
        (
            body("u", &long, "1", "1"),
            "product_name is longer than 255 characters",
        ),
        (
            body(&long[..101], "p", "1", "1"),
            "user_id is longer than 100 characters",
        ),
        (
            body("u\0", "p", "1", "1"),
            "user_id holds a control character",
        ),
        (
            body("u", "p\0", "1", "1"),
            "product_name holds a control character",
        ),
        (body("u", "p", "1", "1e8"), "price must be below 100000000"),
        (
            body("u", "p", "1", "100000000.00"),
            "price must be below 100000000",
        ),
        (
            body("u", "p", "1", "1e300"),
            "price is more than 9007199254740991 minor units",
        ),
        (
            body("u", "p", "2147483648", "1"),
            "quantity must be from 1 to 1,000,000",
        ),
        (
            body("u", "p", "1000001", "1"),
            "quantity must be from 1 to 1,000,000",
        ),
        (
            body("u", "p", "1000000", "99999999"),
            "product costs more than 9007199254740991 minor units",
        ),
        (
            body("u", "p", "1", "1.999"),
            "price has more than 2 digits after the point, which USD does not have; amounts are never rounded",
        ),
        (body(" ", "p", "1", "1"), "user_id must not be blank"),
        (body("", "p", "1", "1"), REQUIRED),
        (body("u", "", "1", "1"), REQUIRED),
        (body("u", "p", "0", "1"), REQUIRED),
        (body("u", "p", "-1", "1"), REQUIRED),
        (body("u", "p", "1", "0.00"), REQUIRED),
        (body("u", "p", "1", "-0.01"), REQUIRED),
        ("null".to_owned(), REQUIRED),
        (body("u", "p", "1.0", "1"), MALFORMED),
        (body("u", "p", "1e1", "1"), MALFORMED),
        (body("u", "p", "99999999999999999999", "1"), MALFORMED),
        (body("u", "p", "\"1\"", "1"), MALFORMED),
        (body("u", "p", "1", "\"1\""), MALFORMED),
        (r#"{"user_id":7}"#.to_owned(), MALFORMED),
        ("[]".to_owned(), MALFORMED),
        ("{\"user_id\":\"u\"".to_owned(), MALFORMED),
    ] {
        let answer = server.post("/api/orders", body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert_eq!(answer.json(), json!({"error": words}), "{body}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
    let largest = body("u", &long[..255], "1000000", "90071992.54");
    assert_eq!(server.post("/api/orders", largest).await.status, 201);
}

#[tokio::test]
async fn a_key_makes_one_order_here_too() {
    let server = Server::start().await;
    let body = r#"{"user_id":"u","product_name":"p","quantity":1,"price":1}"#;
    let place = || {
        send(
            server
                .post_request("/api/orders", body)
                .header("idempotency-key", "k-1"),
        )
    };
    let (first, second) = (place().await, place().await);
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.text, second.text);
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 1);
}

#[tokio::test]
async fn a_user_id_never_leaves_its_folder() {
    let server = Server::start().await;
    for (user, folder) in [
        ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd"),
        ("..", "%2E%2E"),
    ] {
        let body = json!({"user_id": user, "product_name": "p", "quantity": 1, "price": 1});
        let answer = server.post("/api/orders", body.to_string()).await.json();
        let id = answer["order"]["id"].as_str().unwrap();
        assert_eq!(answer["receipt"], format!("receipts/{folder}/{id}.txt"));
    }
}
