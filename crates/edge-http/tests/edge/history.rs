//! Rows of a batch that are orders of the past.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::server::Server;

async fn batch(server: &Server, rows: &Value) -> Answer {
    let answer = server.post("/v1/orders/batch", rows.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

fn history(status: &str) -> Value {
    json!({"status": status, "created_at": "2010-12-01T09:26:00+01:00"})
}

#[tokio::test]
async fn history_and_new_orders_come_in_one_batch() {
    let server = Server::start().await;
    let rows = json!([
        {"user_id": "a", "external_id": "1", "amount": 1, "history": history("PROCESSED")},
        {"user_id": "a", "external_id": "2", "amount": 2, "history": history("CANCELLED")},
        {"user_id": "a", "external_id": "3", "amount": 3},
        {"user_id": "a", "external_id": "4", "amount": 4, "history": null},
    ]);
    let first = batch(&server, &rows).await.json();
    assert_eq!(first["accepted"], 4, "{first}");
    let order = |index: usize| &first["results"][index]["order"];
    for (index, status, version) in [
        (0, "PROCESSED", 3),
        (1, "CANCELLED", 2),
        (2, "PENDING", 1),
        (3, "PENDING", 1),
    ] {
        let order = order(index);
        assert_eq!(
            (&order["status"], &order["version"]),
            (&json!(status), &json!(version))
        );
        let is_history = index < 2;
        assert_eq!(
            order["created_at"] == "2010-12-01T08:26:00.000Z",
            is_history
        );
        assert_eq!(order["waiting_for"].is_null(), is_history);
        let id = order["id"].as_str().unwrap();
        let events = server.get(&format!("/v1/orders/{id}/events")).await.json();
        let events = events["data"].as_array().unwrap();
        assert_eq!(events.len(), version);
        for event in events {
            assert_eq!(event["history"], is_history, "{event}");
        }
        let receipt = server.get(&format!("/v1/orders/{id}/receipt")).await;
        if status == "PROCESSED" {
            assert_eq!(receipt.header("content-type"), "text/plain; charset=utf-8");
            assert!(receipt.text.starts_with("RECEIPT\n"), "{}", receipt.text);
            assert!(receipt.text.contains(id));
        } else {
            assert_eq!(receipt.status, 404);
        }
    }
    // Nothing is left to process but the new ones.
    server.process_everything().await;
    let stats = server.get("/v1/stats").await.json();
    assert_eq!(
        (&stats["processed"], &stats["cancelled"]),
        (&json!(3), &json!(1))
    );
    let again = batch(&server, &rows).await.json();
    assert_eq!(again["existing"], 4, "{again}");
    assert_eq!(again["results"][0]["order"], *order(0));
}

#[tokio::test]
async fn each_fault_of_history_has_its_pointer() {
    let server = Server::start().await;
    let row = |history: Value| json!({"user_id": "a", "amount": 1, "history": history});
    let created_at = "2010-12-01T08:26:00Z";
    for (row, pointer, code) in [
        (row(json!("PROCESSED")), "/history", "wrong_type"),
        (row(json!([])), "/history", "wrong_type"),
        (
            row(json!({"created_at": created_at})),
            "/history/status",
            "required",
        ),
        (
            row(json!({"status": "PROCESSED"})),
            "/history/created_at",
            "required",
        ),
        (
            row(json!({"status": "PROCESSED", "created_at": null})),
            "/history/created_at",
            "required",
        ),
        (
            row(json!({"status": "PENDING", "created_at": created_at})),
            "/history/status",
            "unknown_value",
        ),
        (
            row(json!({"status": "processed", "created_at": created_at})),
            "/history/status",
            "unknown_value",
        ),
        (
            row(json!({"status": 7, "created_at": created_at})),
            "/history/status",
            "wrong_type",
        ),
        (
            row(json!({"status": "PROCESSED", "created_at": "yesterday"})),
            "/history/created_at",
            "invalid",
        ),
        (
            row(json!({"status": "PROCESSED", "created_at": "1969-12-31T23:59:59Z"})),
            "/history/created_at",
            "invalid",
        ),
        (
            row(json!({"status": "PROCESSED", "created_at": "2999-01-01T00:00:00Z"})),
            "/history/created_at",
            "out_of_range",
        ),
        (
            row(json!({"status": "PROCESSED", "created_at": created_at, "version": 3})),
            "/history/version",
            "unknown_field",
        ),
        (
            json!({"user_id": "a", "amount": 1, "created_at": created_at}),
            "/created_at",
            "read_only",
        ),
        (
            json!({"user_id": "a", "amount": 1, "status": "PROCESSED"}),
            "/status",
            "read_only",
        ),
    ] {
        let answer = batch(&server, &json!([row])).await.json();
        let error = &answer["results"][0]["error"];
        assert_eq!(error["status"], 422, "{row}: {answer}");
        let faults: Vec<_> = error["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                (
                    fault["pointer"].as_str().unwrap(),
                    fault["code"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(faults, [(pointer, code)], "{row}");
    }
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
}

#[tokio::test]
async fn withdrawn_currencies_are_for_history_alone() {
    let server = Server::start().await;
    let rows = json!([
        {"user_id": "a", "external_id": "1", "currency": "DEM", "amount": "19.90", "history": history("PROCESSED")},
        {"user_id": "a", "external_id": "2", "currency": "ITL", "amount": 2000, "history": history("CANCELLED")},
        {"user_id": "a", "external_id": "3", "currency": "DEM", "amount": 1},
        {"user_id": "a", "external_id": "4", "currency": "QQQ", "amount": 1, "history": history("PROCESSED")},
    ]);
    let answer = batch(&server, &rows).await;
    let results = answer.json()["results"].clone();
    assert_eq!(results[0]["order"]["currency"], "DEM");
    assert!(
        answer.text.contains(r#""currency":"ITL","amount":2000,"#),
        "{}",
        answer.text
    );
    for index in [2, 3] {
        assert_eq!(results[index]["error"]["errors"][0]["pointer"], "/currency");
    }
    let listed = server.get("/v1/orders?user_id=a").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_batch_has_no_parameter_for_history() {
    let server = Server::start().await;
    let answer = server
        .post(
            "/v1/orders/batch?as=processed",
            r#"[{"user_id":"a","amount":1}]"#,
        )
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "invalid_query")
    );
    assert_eq!(
        answer.faults(),
        [("as".to_owned(), "unknown_parameter".to_owned())]
    );
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
}
