//! The lines for gRPC: each ends with OK, or goes on, with the answers of its method; and each method has one.

use serde_json::Value;

use super::shell::{Running, Shell};
use super::{Line, asked_of, lines_of, order_that_is, place, start};
use crate::endpoint::Endpoint;
use crate::server::Server;

impl Line {
    /// The method that is called, as `package.Service/Method`; "list" where none is.
    fn method(&self) -> String {
        let spelled = self.spelled_out();
        let after = spelled.split_once("localhost:50051 ").unwrap().1;
        after.split_whitespace().next().unwrap().to_owned()
    }
}

/// Whether the answers of a line that has ended are right.
fn are_right(method: &str, id: &str, answers: &[Value]) -> bool {
    let all = |is_right: fn(&Value) -> bool| answers.len() == 2 && answers.iter().all(is_right);
    let stands = |order: &Value, status: &str| order["id"] == id && order["status"] == status;
    let first = &answers[0];
    match method {
        "ordermill.v1.OrderService/CreateOrder" => first["placement"] == "PLACEMENT_CREATED",
        "ordermill.v1.OrderService/CreateOrders" => first["accepted"] == 2,
        "ordermill.v1.OrderService/IntakeOrders" => all(|result| result["placed"].is_object()),
        "ordermill.v1.OrderService/GetOrder" => stands(&first["order"], "STATUS_PENDING"),
        "ordermill.v1.OrderService/ListOrders" => {
            let orders = first["orders"].as_array().unwrap();
            !orders.is_empty() && orders.iter().all(|order| order["userId"] == "alice")
        }
        "ordermill.v1.OrderService/UpdateStatus" => stands(&first["order"], "STATUS_ON_HOLD"),
        "ordermill.v1.OrderService/CancelOrder" => stands(&first["order"], "STATUS_CANCELLED"),
        "ordermill.v1.OrderService/HoldOrder" => stands(&first["order"], "STATUS_ON_HOLD"),
        "ordermill.v1.OrderService/ReleaseOrder" | "ordermill.v1.OrderService/ReplayDeadLetter" => {
            stands(&first["order"], "STATUS_PENDING")
        }
        "ordermill.v1.OrderService/DiscardDeadLetter" => {
            stands(&first["order"], "STATUS_CANCELLED")
        }
        "ordermill.v1.OrderService/ListEvents" => {
            first["events"][0]["eventType"] == "EVENT_TYPE_CREATED"
        }
        "ordermill.v1.OrderService/GetReceipt" => {
            first["text"].as_str().is_some_and(|text| text.contains(id))
        }
        "ordermill.v1.OrderService/GetStats" => {
            first["byStatus"].as_array().is_some_and(|by| by.len() == 7)
        }
        "ordermill.v1.OrderService/ListDeadLetters" => {
            first["orders"][0]["status"] == "STATUS_FAILED"
        }
        "ordermill.v1.OrderService/ListDeadLetterReasons" => {
            first["reasons"][0]["count"].is_string()
        }
        // The user of these lines has none.
        "ordermill.v1.OrderService/ReplayDeadLetters"
        | "ordermill.v1.OrderService/DiscardDeadLetters" => first == &serde_json::json!({}),
        "ordermill.v1.OrderService/WatchOrder" => {
            let last = &answers.last().unwrap()["change"];
            last["orderId"] == id && last["status"] == "STATUS_PROCESSED"
        }
        "grpc.health.v1.Health/Check" => first["status"] == "SERVING",
        "order.OrderService/CreateOrder" => {
            first["userId"] == "alice" && first["status"] == "PENDING"
        }
        "order.OrderService/GetOrder" => first["orderId"] == id && first["status"] == "PENDING",
        "order.OrderService/UpdateStatus" => {
            first["orderId"] == id && first["status"] == "CANCELLED"
        }
        "grpcstream.OrderStream/StreamOrders" => all(|answer| answer["status"] == "received"),
        _ => panic!("nobody has said what is right for {method}"),
    }
}

/// Listens to a line that goes on.
fn listen(server: &Server, method: &str, running: &Running) {
    let first = running.next();
    if method == "grpc.health.v1.Health/Watch" {
        assert_eq!(first["status"], "SERVING", "{first}");
    } else {
        assert!(first["position"]["cursor"].is_string(), "{first}");
        let id = place(server, "alice");
        let change = running.next();
        assert_eq!(change["change"]["orderId"], id, "{change}");
    }
}

#[test]
fn every_grpcurl_line_is_answered_with_ok() {
    let folder = tempfile::tempdir().unwrap();
    let resting = start(folder.path(), "resting", &["worker.enabled=false"]);
    let working = start(folder.path(), "working", &[]);
    let refusing = Endpoint::answering(("422 Unprocessable Content", ""));
    let url = format!("handler.url={}", refusing.url);
    let failing = start(folder.path(), "failing", &["handler.kind=http", &url]);
    // What the lists of processed orders show.
    working.ok(&["place", "--user", "alice", "--amount", "1"]);
    let shell = Shell::open();
    for line in lines_of("grpcurl") {
        let method = line.method();
        let needs_work = ["/WatchOrder", "/ListOrders", "/GetReceipt"]
            .iter()
            .any(|end| method.ends_with(end));
        let (server, status) = if needs_work {
            (&working, "PROCESSED")
        } else if method.contains("DeadLetter") {
            (&failing, "FAILED")
        } else {
            (&resting, "PENDING")
        };
        let id = order_that_is(server, status);
        if method.ends_with("/ReleaseOrder") {
            server.ok(&["hold", &id]);
        }
        let asked = asked_of(server, &line.pasted()).replace("\"ID\"", &format!("\"{id}\""));
        if method == "list" {
            assert!(shell.text(&asked).contains("ordermill.v1.OrderService\n"));
        } else if ["Health/Watch", "/WatchOrders"]
            .iter()
            .any(|end| method.ends_with(end))
        {
            listen(server, &method, &shell.paste(&asked));
        } else {
            let answers = shell.paste(&asked).until_it_ends();
            assert!(are_right(&method, &id, &answers), "{asked}: {answers:?}");
        }
    }
}

#[test]
fn every_method_has_a_grpcurl_line() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "data", &[]);
    let address = server.grpc_addr.as_deref().unwrap();
    let shell = Shell::open();
    let list = |of: &str| shell.text(&format!("grpcurl -plaintext {address} list {of}"));
    let called: Vec<String> = lines_of("grpcurl").iter().map(Line::method).collect();
    let mut methods = 0;
    for service in list("").lines() {
        // It is what "list" itself asks.
        if service.starts_with("grpc.reflection.") {
            continue;
        }
        for method in list(service).lines() {
            let (service, name) = method.rsplit_once('.').unwrap();
            let method = format!("{service}/{name}");
            assert!(
                called.contains(&method),
                "docs/API.md has no line for {method}"
            );
            methods += 1;
        }
    }
    assert!(methods >= 26, "{methods}");
}
