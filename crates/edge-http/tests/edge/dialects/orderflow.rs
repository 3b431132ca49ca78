//! orderflow's captures, replayed against a server that holds the orders which were there then.

use application::ports::StoreError;
use port_conformance::faulty::FaultMode;
use serde_json::{Value, json};

use super::capture::{Capture, Heard, Relied, folder, names};
use crate::answer::send;
use crate::server::Server;

const SYSTEM: &str = "orderflow";

/// Its orders, oldest first, as the captured list shows them.
fn orders_of_then() -> Vec<Value> {
    let listed = Capture::read(SYSTEM, "list-all").answer.json();
    let mut orders = listed["orders"].as_array().unwrap().clone();
    assert_eq!(orders.len(), 7);
    orders.sort_by_key(|order| order["created_at"].as_str().unwrap().to_owned());
    orders
}

/// A server whose `/health` is orderflow's.
async fn orderflow() -> Server {
    Server::with(|settings| settings.orderflow_health = true).await
}

/// A server with these orders, each of a millisecond of its own, because that is what a list is sorted by.
async fn server_of_then() -> Server {
    let server = orderflow().await;
    for order in orders_of_then() {
        let body = json!({"user_id": order["user_id"], "product_name": order["product_name"],
            "quantity": order["quantity"], "price": order["price"]});
        let placed = server.post("/api/orders", body.to_string()).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    server
}

/// How ours differs on purpose from what was captured.
fn ours(name: &str, captured: &Relied) -> Relied {
    let mut ours = captured.clone();
    match name {
        // Its ids were a digest of user and product, so that nobody could order a thing twice. Ours can.
        "create-duplicate" | "create-duplicate-other-qty" => {
            ours = Capture::read(SYSTEM, "create-ok-shard1").answer.relied();
            if name == "create-duplicate-other-qty" {
                let order = &mut ours.json()["order"];
                (order["quantity"], order["price"]) = (json!(5), json!(1));
            }
        }
        // Its pages could be of any origin; ours names the one that it lets in.
        "preflight" => {
            let allowed = String::from("http://localhost:3000");
            let answered = ours
                .headers
                .insert("access-control-allow-origin".to_owned(), allowed);
            assert_eq!(answered.as_deref(), Some("*"));
        }
        // Its orders stayed as they were made; ours tell how far they have got.
        "list-all" | "list-user" | "list-user-empty" => {
            for order in ours.json()["orders"].as_array_mut().unwrap() {
                assert_eq!(order["status"], "pending");
                order["status"] = json!("processed");
            }
        }
        // Our own health stands beside what its clients look for.
        "health-get" | "health-post" => {
            let health = ours.json().as_object_mut().unwrap();
            let ours = json!({
                "version": "1.2.3",
                "reasons": [],
                "store": "reachable",
                "shards": [{"shard": 0, "status": "available"}],
                "handler": {"kind": "http", "note": null},
                "breaker": {"state": "closed", "since": "2026-01-31T12:00:00.000Z", "consecutive_faults": 0,
                    "next_probe_ms": null},
                "busy_pause_ms": null,
                "oldest_due_age_ms": null
            });
            health.extend(ours.as_object().unwrap().clone());
        }
        _ => {}
    }
    ours
}

async fn replayed(server: &Server, name: &str) -> (Relied, Heard) {
    let capture = Capture::read(SYSTEM, name);
    let heard = capture.replay(server.address).await;
    (ours(name, &capture.answer.relied()), heard)
}

#[tokio::test]
async fn every_exchange_of_orderflow_is_answered_as_it_was() {
    let names = names(SYSTEM);
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        let server = if name == "list-empty" {
            orderflow().await
        } else {
            server_of_then().await
        };
        server.process_everything().await;
        let (expected, heard) = replayed(&server, &name).await;
        assert_eq!(heard.relied(), expected, "{name}");
    }
}

#[tokio::test]
async fn its_health_is_ours_behind_the_members_that_its_clients_look_for() {
    let server = orderflow().await;
    for (method, path) in [
        ("GET", "/health"),
        ("DELETE", "/health"),
        ("GET", "/health?verbose"),
    ] {
        let request = server.request(method, path);
        let request = request
            .header("origin", "http://localhost:3000")
            .header("accept", "text/html");
        let answer = send(request).await;
        assert_eq!(answer.status, 200, "{method} {path}");
        let page = answer.header("access-control-allow-origin");
        assert_eq!(page, "http://localhost:3000");
        let begins =
            r#"{"service":"orderflow-producer","status":"healthy","version":"1.2.3","reasons":[]"#;
        assert!(answer.text.starts_with(begins), "{}", answer.text);
    }
    server.store_becomes(FaultMode::Failing(StoreError::Expired));
    let answer = server.get("/health").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let begins = r#"{"service":"orderflow-producer","status":"unavailable""#;
    assert!(answer.text.starts_with(begins), "{}", answer.text);
}

#[tokio::test]
async fn a_fresh_order_is_listed_as_pending_and_without_a_receipt() {
    let server = server_of_then().await;
    let capture = Capture::read(SYSTEM, "list-user");
    let mut expected = capture.answer.relied();
    let order = &mut expected.json()["orders"][0];
    order
        .as_object_mut()
        .unwrap()
        .remove("receipt_s3_key")
        .unwrap();
    assert_eq!(capture.replay(server.address).await.relied(), expected);
}

#[tokio::test]
async fn receipts_lie_where_they_lay_and_say_what_they_said() {
    let server = server_of_then().await;
    server.process_everything().await;
    let listed = server.get("/api/orders").await.json();
    let captured = std::fs::read_to_string(folder(SYSTEM).join("receipts.txt")).unwrap();
    let mut compared = 0;
    for receipt in captured
        .split("\n=====\n")
        .filter(|part| !part.trim().is_empty())
    {
        let (head, text) = receipt.split_once('\n').unwrap();
        let key = head
            .strip_prefix("KEY ")
            .unwrap()
            .split(" | ")
            .next()
            .unwrap();
        let field = |label: &str| {
            let line = text.lines().find(|line| line.starts_with(label)).unwrap();
            line[label.len()..].trim().to_owned()
        };
        let order = listed["orders"]
            .as_array()
            .unwrap()
            .iter()
            .find(|order| {
                order["user_id"] == *field("User ID:")
                    && order["product_name"] == *field("Product:")
            })
            .unwrap();
        let id = order["id"].as_str().unwrap();
        let ours = server.get(&format!("/v1/orders/{id}/receipt")).await;
        assert_eq!(ours.header("content-type"), "text/plain; charset=utf-8");
        let created_at = format!("{}Z", &order["created_at"].as_str().unwrap()[..19]);
        let expected = text
            .replace(&field("Order ID:"), id)
            .replace(&field("Created At:"), &created_at);
        assert_eq!(ours.text, expected);
        assert_eq!(
            order["receipt_s3_key"],
            *key.replace(&field("Order ID:"), id)
        );
        compared += 1;
    }
    assert_eq!(compared, 7);
}
