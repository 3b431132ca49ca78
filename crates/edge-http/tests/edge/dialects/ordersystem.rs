//! orderSystem: orders of a user and an amount, and reading them by their id or by the number that they had before.

use edge_http::OrdersDialect;
use serde_json::json;

use crate::answer::send;
use crate::server::Server;

#[tokio::test]
async fn an_order_is_created_and_read_in_the_same_form() {
    let server = Server::start().await;
    let created = send(
        server
            .request("POST", "/orders")
            .body(r#"{"user_id":"alice","amount":19.90}"#),
    )
    .await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.header("content-type"), "application/json");
    let order = created.json();
    let id = order["order_id"].as_str().unwrap();
    assert_eq!(
        order,
        json!({"order_id": id, "user_id": "alice", "amount": 19.9, "status": "PENDING",
            "created_at": order["created_at"]})
    );
    let read = server.get(&format!("/orders/{id}")).await;
    assert_eq!((read.status, read.json()), (200, order.clone()));
    server.process_everything().await;
    let read = server.get(&format!("/orders/{id}")).await.json();
    assert_eq!(read["status"], "PROCESSED");
    let head = send(server.request("HEAD", &format!("/orders/{id}"))).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(
        server.get(&format!("/v1/orders/{id}")).await.json()["amount"],
        json!(19.9)
    );
}

#[tokio::test]
async fn a_number_of_before_is_read_as_an_external_id() {
    let server = Server::start().await;
    let uuid = "7dc3d381-9e31-412f-92ad-8c8ad7ba51ef";
    for (user, number) in [
        ("a", "1001"),
        ("b", uuid),
        ("c", "é/1"),
        ("a", "twice"),
        ("b", "twice"),
    ] {
        let order = json!({"user_id": user, "external_id": number, "amount": 5});
        server.place(&order.to_string()).await;
    }
    for (path, user, number) in [
        ("1001", "a", "1001"),
        (uuid, "b", uuid),
        ("%C3%A9%2F1", "c", "é/1"),
    ] {
        let read = server.get(&format!("/orders/{path}")).await;
        assert_eq!(read.status, 200, "{path}: {read:?}");
        let order = read.json();
        assert_eq!(
            (&order["order_id"], &order["user_id"]),
            (&json!(number), &json!(user))
        );
    }
    let ambiguous = server.get("/orders/twice").await;
    assert_eq!(ambiguous.status, 409);
    assert!(
        ambiguous.text.contains("several users"),
        "{}",
        ambiguous.text
    );
    for path in ["1002", "%ff", "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11"] {
        let unknown = server.get(&format!("/orders/{path}")).await;
        assert_eq!(
            (unknown.status, unknown.text.as_str()),
            (404, "404 page not found\n"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn one_setting_says_whose_orders_the_address_takes() {
    let bodies = [
        r#"{"user_id":"alice","amount":1}"#,
        r#"{"order_id":"o-1","user_id":"alice","amount":1}"#,
    ];
    for (dialect, expected) in [
        (OrdersDialect::Auto, [201, 202]),
        (OrdersDialect::WithoutOrderId, [201, 201]),
        (OrdersDialect::WithOrderId, [400, 202]),
    ] {
        let server = Server::with(|settings| settings.orders_dialect = dialect).await;
        for (body, expected) in bodies.into_iter().zip(expected) {
            let answer = server.post("/orders", body).await;
            assert_eq!(answer.status, expected, "{dialect:?}: {body}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_order_is_400_as_text() {
    let server = Server::start().await;
    for (body, words) in [
        ("", "invalid request body\n"),
        ("[]", "invalid request body\n"),
        (r#"{"user_id":"a","amount":"x"}"#, "invalid request body\n"),
        (r#"{"user_id":"a"}"#, "invalid order data\n"),
        (r#"{"amount":1}"#, "invalid order data\n"),
        (
            r#"{"user_id":"a","amount":-1}"#,
            "invalid order data: amount is below zero\n",
        ),
        (
            r#"{"user_id":"a","amount":1e99}"#,
            "invalid order data: amount is more than",
        ),
    ] {
        let answer = server.post("/orders", body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert!(answer.text.starts_with(words), "{body}: {}", answer.text);
    }
    let free = server
        .post("/orders", r#"{"user_id":"a","amount":0}"#)
        .await;
    assert_eq!(free.status, 201);
}
