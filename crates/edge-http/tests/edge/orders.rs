//! Placing and reading single orders.

use futures_util::future::join_all;
use serde_json::json;

use crate::answer::send;
use crate::server::Server;

const ORDER: &str = r#"{"user_id":"alice","lines":[{"sku":"KB-1","product_name":"Mechanical Keyboard",
    "quantity":2,"unit_price":149.99}]}"#;

#[tokio::test]
async fn a_placed_order_is_answered_with_its_address_and_can_be_read_there() {
    let server = Server::start().await;
    let placed = server.post("/v1/orders", ORDER).await;
    assert_eq!(placed.status, 201);
    assert_eq!(placed.header("content-type"), "application/json");
    assert_eq!(placed.header("etag"), "\"1\"");
    assert_eq!(placed.header("x-content-type-options"), "nosniff");
    assert_eq!(placed.header("access-control-allow-origin"), "");
    assert_eq!(placed.header("idempotent-replayed"), "");
    let location = placed.header("location");
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("/v1/orders/{id}"));
    let read = server.get(location).await;
    assert_eq!((read.status, &read.text), (200, &placed.text));
    assert_eq!(read.header("etag"), "\"1\"");
}

#[tokio::test]
async fn amounts_keep_every_digit_of_their_currency() {
    let server = Server::start().await;
    for (currency, given, kept) in [
        ("USD", "149.9900", "149.99"),
        ("USD", "\"0.10\"", "0.10"),
        ("USD", "90071992547409.91", "90071992547409.91"),
        ("JPY", "1.5e2", "150"),
        ("KWD", "1.002", "1.002"),
    ] {
        let order = format!(r#"{{"user_id":"a","amount":{given},"currency":"{currency}"}}"#);
        let placed = server.post("/v1/orders", order).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        let expected = format!(r#""currency":"{currency}","amount":{kept},"#);
        assert!(placed.text.contains(&expected), "{}", placed.text);
    }
}

#[tokio::test]
async fn hostile_text_is_kept_as_it_is() {
    let server = Server::start().await;
    let text = "Robert'); DROP TABLE orders;-- <script>\"\\ 😀 \u{202e}مرحبا";
    let note = "one\ttwo\r\nthree";
    let order = serde_json::json!({
        "user_id": text, "external_id": text, "amount": 1, "metadata": {text: note},
    });
    let placed = server.place(&order.to_string()).await;
    assert_eq!(placed["user_id"], text);
    assert_eq!(placed["external_id"], text);
    assert_eq!(placed["metadata"][text], note);
    let id = placed["id"].as_str().unwrap();
    let read = server.get(&format!("/v1/orders/{id}")).await;
    assert_eq!(read.json(), placed);
}

#[tokio::test]
async fn one_key_makes_one_order_however_often_it_is_sent_at_once() {
    let server = Server::start().await;
    let requests = (0..50).map(|_| {
        send(
            server
                .post_request("/v1/orders", ORDER)
                .header("idempotency-key", "k-1"),
        )
    });
    let answers = join_all(requests).await;
    let first = &answers[0].text;
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert!(answers.iter().all(|answer| answer.text == *first));
    assert!(
        answers
            .iter()
            .all(|answer| answer.header("etag") == "\"1\"")
    );
    let locations: std::collections::BTreeSet<_> = answers
        .iter()
        .map(|answer| answer.header("location"))
        .collect();
    assert_eq!(locations.len(), 1);
    let replayed = answers
        .iter()
        .filter(|answer| answer.header("idempotent-replayed") == "true")
        .count();
    assert_eq!(replayed, 49);
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 1);
}

#[tokio::test]
async fn a_replayed_key_gets_its_first_answer_even_after_the_order_changed() {
    let server = Server::start().await;
    let request = || {
        server
            .post_request("/v1/orders", ORDER)
            .header("idempotency-key", "k-2")
    };
    let first = send(request()).await;
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let cancelled = server.post(&format!("/v1/orders/{id}/cancel"), "").await;
    assert_eq!(cancelled.status, 200);
    let again = send(request()).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.header("idempotent-replayed"), "true");
}

#[tokio::test]
async fn a_key_with_another_body_is_refused_and_makes_nothing() {
    let server = Server::start().await;
    let with_key = |body: &str| {
        send(
            server
                .post_request("/v1/orders", body.to_owned())
                .header("idempotency-key", "k-3"),
        )
    };
    assert_eq!(with_key(ORDER).await.status, 201);
    let other = with_key(r#"{"user_id":"alice","amount":1}"#).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (422, "idempotency_key_reused")
    );
    // A key is a user's own.
    assert_eq!(
        with_key(r#"{"user_id":"bob","amount":1}"#).await.status,
        201
    );
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 2);
}

#[tokio::test]
async fn a_refused_order_does_not_bind_its_key() {
    let server = Server::start().await;
    let with_key = |body: &str| {
        send(
            server
                .post_request("/v1/orders", body.to_owned())
                .header("idempotency-key", "k-4"),
        )
    };
    assert_eq!(with_key(r#"{"user_id":"alice"}"#).await.status, 422);
    assert_eq!(with_key(ORDER).await.status, 201);
}

#[tokio::test]
async fn a_known_external_id_is_the_order_as_it_is_now_or_a_conflict() {
    let server = Server::start().await;
    let order = r#"{"user_id":"alice","external_id":"A-1","amount":5}"#;
    let id = server.place(order).await["id"].as_str().unwrap().to_owned();
    let held = server.post(&format!("/v1/orders/{id}/hold"), "").await;
    assert_eq!(held.status, 200);
    let again = server.post("/v1/orders", order).await;
    assert_eq!((again.status, &again.text), (200, &held.text));
    assert_eq!(again.header("etag"), "\"2\"");
    let other = r#"{"user_id":"alice","external_id":"A-1","amount":6}"#;
    let other = server.post("/v1/orders", other).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (409, "external_id_taken")
    );
    let of_another_user = r#"{"user_id":"bob","external_id":"A-1","amount":6}"#;
    assert_eq!(server.post("/v1/orders", of_another_user).await.status, 201);
}

#[tokio::test]
async fn an_order_that_has_not_changed_is_not_sent_again() {
    let server = Server::start().await;
    let id = server.place(ORDER).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/orders/{id}");
    let known = send(
        server
            .request("GET", &path)
            .header("if-none-match", "\"1\""),
    )
    .await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));
    server.post(&format!("{path}/cancel"), "").await;
    let changed = send(
        server
            .request("GET", &path)
            .header("if-none-match", "\"1\""),
    )
    .await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
}

#[tokio::test]
async fn an_unknown_order_is_404_with_the_same_body_at_every_address_and_of_every_uuid_version() {
    let server = Server::start().await;
    let known = server.place(ORDER).await["id"].as_str().unwrap().to_owned();
    // The same id as the order's, but for its last digit: a neighbour on the same shard.
    let last = if known.ends_with('0') { "1" } else { "0" };
    let neighbour = format!("{}{last}", &known[..35]);
    let ids = [
        neighbour.as_str(),
        "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11",
        "00000000-0000-4000-8000-000000000000",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "0199b0a2-7c1e-9d42-0f5a-0d6f0a9b3c11",
    ];
    let mut shown = std::collections::BTreeSet::new();
    for (method, path) in ids.into_iter().flat_map(|id| {
        ["", "/events", "/receipt", "/stream"]
            .map(|what| ("GET", format!("/v1/orders/{id}{what}")))
            .into_iter()
            .chain(
                ["cancel", "hold", "release"]
                    .map(|what| ("POST", format!("/v1/orders/{id}/{what}"))),
            )
            .chain(
                ["replay", "discard"].map(|what| ("POST", format!("/v1/dead-letters/{id}/{what}"))),
            )
    }) {
        let answer = send(server.request(method, &path)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "order_not_found"),
            "{path}"
        );
        let mut problem = answer.json();
        problem["instance"] = "".into();
        problem["request_id"] = "".into();
        shown.insert(problem.to_string());
    }
    assert_eq!(shown.len(), 1, "{shown:?}");
}

#[tokio::test]
async fn an_order_without_a_receipt_is_told_from_an_unknown_one() {
    let server = Server::start().await;
    let id = server.place(ORDER).await["id"].as_str().unwrap().to_owned();
    let answer = server.get(&format!("/v1/orders/{id}/receipt")).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "no_receipt"));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.ends_with("this order is PENDING."), "{detail}");
}

#[tokio::test]
async fn an_unknown_address_is_404_and_one_with_a_slash_too_many_names_the_right_one() {
    let server = Server::start().await;
    for path in [
        "/v1/nothing",
        "/v1",
        "/v1/",
        "/v1/orders/a/b/c",
        "/v1/orders/a/b/",
        "/docs/nothing",
        "/docs/errors/nothing",
        "/dashboard/nothing.js",
        "/dashboard/",
    ] {
        let answer = server.get(path).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "no_such_route"),
            "{path}"
        );
        let detail = answer.json()["detail"].to_string();
        assert!(!detail.contains("The address is"), "{path}: {detail}");
    }
    let id = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";
    for right in [
        "/v1/orders".to_owned(),
        "/v1/orders/batch".to_owned(),
        format!("/v1/orders/{id}"),
        format!("/v1/orders/{id}/cancel"),
        format!("/v1/orders/{id}/stream"),
        "/v1/stream".to_owned(),
        "/v1/dead-letters".to_owned(),
        "/v1/dead-letters/replay".to_owned(),
        "/v1/stats".to_owned(),
        "/ws".to_owned(),
        "/livez".to_owned(),
        "/openapi.json".to_owned(),
        "/docs".to_owned(),
    ] {
        for wrong in [
            format!("{right}/"),
            format!("{right}//"),
            format!("{right}/?limit=1"),
        ] {
            for method in ["GET", "POST"] {
                let request = server.request(method, &wrong);
                let request = request.header("content-type", "application/json");
                let answer = send(request.body(ORDER)).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (404, "no_such_route"),
                    "{method} {wrong}"
                );
                let detail = answer.json()["detail"].as_str().unwrap().to_owned();
                let expected = format!("The address is {right}, without a slash at its end.");
                assert_eq!(detail, expected, "{method} {wrong}");
            }
        }
    }
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
}

#[tokio::test]
async fn ids_are_opaque_and_compared_byte_by_byte() {
    let server = Server::start().await;
    // U+00E9, and e with U+0301: one character to a reader, two ids here. The same of letters and spaces.
    let ids = [
        "caf\u{e9}",
        "cafe\u{301}",
        "Caf\u{e9}",
        "caf\u{e9} ",
        "\u{feff}caf\u{e9}",
    ];
    for (number, id) in ids.iter().enumerate() {
        let order = json!({"user_id": id, "external_id": "A-1", "amount": number + 1});
        let request = server.post_request("/v1/orders", order.to_string());
        let answer = send(request.header("idempotency-key", "k")).await;
        assert_eq!(
            (answer.status, answer.header("idempotent-replayed")),
            (201, ""),
            "{id:?}"
        );
        assert_eq!(answer.json()["user_id"], *id);
        // One user's numbers are told apart in the same way.
        let order = json!({"user_id": "one", "external_id": id, "amount": number + 1});
        assert_eq!(
            server.post("/v1/orders", order.to_string()).await.status,
            201,
            "{id:?}"
        );
    }
    for (number, id) in ids.iter().enumerate() {
        let id = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
        for query in [
            format!("user_id={id}&external_id=A-1"),
            format!("user_id=one&external_id={id}"),
        ] {
            let list = server.get(&format!("/v1/orders?{query}")).await.json();
            let orders = list["data"].as_array().unwrap();
            assert_eq!(orders.len(), 1, "{query}");
            assert_eq!(
                orders[0]["amount"].to_string(),
                format!("{}.0", number + 1),
                "{query}"
            );
        }
    }
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 10);
}

#[tokio::test]
async fn a_bad_id_is_named() {
    let server = Server::start().await;
    for path in [
        "/v1/orders/7",
        "/v1/orders/..%2f..%2fetc",
        "/v1/orders/0199b0a27c1e7d428f5a0d6f0a9b3c11",
        "/v1/orders/{0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11}",
        "/v1/orders/1%20OR%201=1/events",
        "/v1/orders/x/receipt",
    ] {
        let answer = server.get(path).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid_id"),
            "{path}"
        );
    }
}
