//! Query parameters that are unknown, come twice, or say nonsense.

use crate::server::Server;

#[tokio::test]
async fn each_bad_parameter_is_400_by_name() {
    let server = Server::start().await;
    for (query, name, code) in [
        ("limit=0", "limit", "out_of_range"),
        ("limit=1001", "limit", "out_of_range"),
        ("limit=1000000", "limit", "out_of_range"),
        ("limit=-1", "limit", "out_of_range"),
        ("limit=+5", "limit", "out_of_range"),
        ("limit=ten", "limit", "out_of_range"),
        ("limit=", "limit", "out_of_range"),
        ("limit=99999999999999999999999", "limit", "out_of_range"),
        ("limit=1&limit=2", "limit", "duplicate"),
        ("user_id=a&user_id=a", "user_id", "duplicate"),
        ("user_id=", "user_id", "invalid"),
        ("user_id=%00", "user_id", "invalid"),
        ("user_id=%ff", "user_id", "invalid"),
        ("userid=a", "userid", "unknown_parameter"),
        ("created_from=yesterday", "created_from", "invalid"),
        (
            "created_from=2026-02-01T00:00:00Z&created_to=2026-01-31T23:59:59.999Z",
            "created_from",
            "out_of_range",
        ),
        ("status=pending", "status", "unknown_value"),
        ("source=fax", "source", "unknown_value"),
        ("q=", "q", "invalid"),
    ] {
        let answer = server.get(&format!("/v1/orders?{query}")).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid_query"),
            "{query}"
        );
        assert_eq!(
            answer.faults(),
            [(name.to_owned(), code.to_owned())],
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_period_may_have_one_end_or_be_empty() {
    let server = Server::start().await;
    let time = "2026-01-31T12:00:00Z";
    for query in [
        format!("created_from={time}"),
        format!("created_to={time}"),
        format!("created_from={time}&created_to={time}"),
        format!("created_from={time}&created_to=2026-01-31T12:00:00.001Z"),
    ] {
        let answer = server.get(&format!("/v1/orders?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn addresses_without_parameters_take_none() {
    let server = Server::start().await;
    let id = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";
    for path in [
        "/v1/stats?x=1",
        "/livez?x=1",
        "/readyz?verbose=true",
        &format!("/v1/orders/{id}?expand=lines"),
    ] {
        assert_eq!(server.get(path).await.code(), "invalid_query", "{path}");
    }
    let order = r#"{"user_id":"a","amount":1}"#;
    assert_eq!(
        server.post("/v1/orders?dry_run=true", order).await.status,
        400
    );
}

#[tokio::test]
async fn all_faults_of_a_query_come_at_once() {
    let server = Server::start().await;
    let answer = server
        .get("/v1/orders?limit=0&statu=FAILED&source=fax")
        .await;
    insta::assert_snapshot!(
        "all_faults_of_a_query",
        crate::redacted::redacted(&answer.text)
    );
}
