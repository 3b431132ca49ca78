//! Bodies that are not JSON, or not an order.

use crate::answer::send;
use crate::server::Server;

#[tokio::test]
async fn what_is_no_json_is_400() {
    let server = Server::start().await;
    let bomb = "[".repeat(10_000);
    let deep_object = "{\"metadata\":".repeat(10_000);
    let bodies: [&[u8]; 15] = [
        b"",
        b" ",
        b"{",
        b"{\"user_id\":\"alice\",\"amount\":1",
        b"{\"user_id\":\"alice\",\"amount\":1}}",
        b"{\"user_id\":\"alice\",\"amount\":1} {\"user_id\":\"alice\",\"amount\":1}",
        b"{\"user_id\":\"alice\",\"amount\":01}",
        b"{\"user_id\":\"alice\",\"amount\":NaN}",
        b"{'user_id':'alice'}",
        b"user_id=alice",
        b"{\"user_id\":\"\xff\xfe\",\"amount\":1}",
        b"{\"user_id\":\"\\ud800\",\"amount\":1}",
        b"{\"user_id\":\"alice\",\"user_id\":\"bob\",\"amount\":1}",
        bomb.as_bytes(),
        deep_object.as_bytes(),
    ];
    for body in bodies {
        let request = server.post_request("/v1/orders", "").body(body.to_vec());
        let answer = send(request).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "malformed_json"),
            "{shown}"
        );
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("line 1, column"), "{shown}: {detail}");
    }
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
}

#[tokio::test]
async fn a_byte_order_mark_before_a_body_is_skipped() {
    let server = Server::start().await;
    let order = r#"{"user_id":"a","amount":1}"#;
    let placed = server.post("/v1/orders", format!("\u{feff}{order}")).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    let array = server.post("/v1/orders/batch", format!("\u{feff}[{order}]"));
    assert_eq!(array.await.json()["accepted"], 1);
    let lines = server
        .request("POST", "/v1/orders/batch")
        .header("content-type", "application/x-ndjson")
        .body(format!("\u{feff}{order}\r\n{order}\r\n"));
    assert_eq!(send(lines).await.json()["accepted"], 2);
    let hold = format!("/v1/orders/{id}/hold");
    assert_eq!(server.post(&hold, "\u{feff}{}").await.status, 200);
    let replay = server.post("/v1/dead-letters/replay", "\u{feff}{}");
    assert_eq!(replay.await.status, 200);
    // One mark, at the beginning alone: anywhere else it is a character of a text, or a fault.
    for body in [
        format!("\u{feff}\u{feff}{order}"),
        format!("{order}\u{feff}"),
        "\u{feff}".to_owned(),
    ] {
        assert_eq!(
            server.post("/v1/orders", body).await.code(),
            "malformed_json"
        );
    }
    // The column of a fault is the editor's, which does not count the mark.
    let detail = server.post("/v1/orders", "\u{feff}{,").await.json()["detail"].clone();
    let detail = detail.as_str().unwrap();
    assert!(detail.contains("line 1, column 2"), "{detail}");
    // orderflow refused one, and its clients see what it said.
    let dialect = r#"{"user_id":"u","product_name":"p","quantity":1,"price":1}"#;
    let answer = server
        .post("/api/orders", format!("\u{feff}{dialect}"))
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"], "invalid request body");
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 4);
}

#[tokio::test]
async fn each_faulty_field_is_422_with_its_pointer() {
    let server = Server::start().await;
    let line = |fields: &str| format!(r#"{{"user_id":"a","lines":[{{{fields}}}]}}"#);
    let many_lines = vec![r#"{"product_name":"x","quantity":1,"unit_price":1}"#; 1001].join(",");
    let cases = [
        ("[]".to_owned(), "", "wrong_type"),
        ("{\"amount\":1}".to_owned(), "/user_id", "required"),
        (r#"{"user_id":null,"amount":1}"#.to_owned(), "/user_id", "required"),
        (r#"{"user_id":" ","amount":1}"#.to_owned(), "/user_id", "blank"),
        (r#"{"user_id":7,"amount":1}"#.to_owned(), "/user_id", "wrong_type"),
        (r#"{"user_id":"a\u0000","amount":1}"#.to_owned(), "/user_id", "control_character"),
        (r#"{"user_id":"a\u0085","amount":1}"#.to_owned(), "/user_id", "control_character"),
        (format!(r#"{{"user_id":"{}","amount":1}}"#, "é".repeat(101)), "/user_id", "too_long"),
        (r#"{"user_id":"a"}"#.to_owned(), "", "required"),
        (r#"{"user_id":"a","lines":[]}"#.to_owned(), "", "required"),
        (r#"{"user_id":"a","amount":"ten"}"#.to_owned(), "/amount", "not_a_number"),
        (r#"{"user_id":"a","amount":true}"#.to_owned(), "/amount", "wrong_type"),
        (r#"{"user_id":"a","amount":-1}"#.to_owned(), "/amount", "out_of_range"),
        (r#"{"user_id":"a","amount":1e99}"#.to_owned(), "/amount", "out_of_range"),
        (r#"{"user_id":"a","amount":0.001}"#.to_owned(), "/amount", "too_precise"),
        (r#"{"user_id":"a","amount":1.5,"currency":"JPY"}"#.to_owned(), "/amount", "too_precise"),
        (r#"{"user_id":"a","amount":1,"currency":"usd"}"#.to_owned(), "/currency", "unknown_value"),
        (r#"{"user_id":"a","amount":1,"source":"fax"}"#.to_owned(), "/source", "unknown_value"),
        (r#"{"user_id":"a","amount":1,"id":"x"}"#.to_owned(), "/id", "read_only"),
        (r#"{"user_id":"a","amount":1,"status":"PROCESSED"}"#.to_owned(), "/status", "read_only"),
        (r#"{"user_id":"a","amount":1,"version":9}"#.to_owned(), "/version", "read_only"),
        (r#"{"user_id":"a","amount":1,"attempt":0}"#.to_owned(), "/attempt", "read_only"),
        (r#"{"user_id":"a","amount":1,"a/b~":0}"#.to_owned(), "/a~1b~0", "unknown_field"),
        (r#"{"user_id":"a","amount":1,"metadata":{"k":1}}"#.to_owned(), "/metadata/k", "wrong_type"),
        (r#"{"user_id":"a","amount":1,"metadata":{"k":"\u0000"}}"#.to_owned(), "/metadata/k", "control_character"),
        (line(r#""product_name":"x","quantity":0,"unit_price":1"#), "/lines/0/quantity", "out_of_range"),
        (line(r#""product_name":"x","quantity":-1,"unit_price":1"#), "/lines/0/quantity", "out_of_range"),
        (line(r#""product_name":"x","quantity":0.0005,"unit_price":1"#), "/lines/0/quantity", "too_precise"),
        (line(r#""product_name":"x","quantity":1e99,"unit_price":1"#), "/lines/0/quantity", "out_of_range"),
        (line(r#""product_name":"x","quantity":false,"unit_price":1"#), "/lines/0/quantity", "wrong_type"),
        (line(r#""quantity":1,"unit_price":1"#), "/lines/0/product_name", "required"),
        (line(r#""product_name":"x\n","quantity":1,"unit_price":1"#), "/lines/0/product_name", "control_character"),
        (
            line(r#""product_name":"x","quantity":1000000,"unit_price":90071992547409"#),
            "/lines/0",
            "out_of_range",
        ),
        (format!(r#"{{"user_id":"a","lines":[{many_lines}]}}"#), "/lines", "too_many"),
        (
            r#"{"user_id":"a","amount":3,"lines":[{"product_name":"x","quantity":2,"unit_price":1}]}"#.to_owned(),
            "/amount",
            "not_the_sum",
        ),
    ];
    for (body, pointer, code) in cases {
        let answer = server.post("/v1/orders", body.as_str()).await;
        let shown = &body[..body.floor_char_boundary(120)];
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (422, "validation_failed"),
            "{shown}"
        );
        let expected = (pointer.to_owned(), code.to_owned());
        let faults = answer.faults();
        assert!(faults.contains(&expected), "{shown}: {faults:?}");
    }
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
}

#[tokio::test]
async fn a_currency_in_lower_case_is_refused_and_the_right_code_is_suggested() {
    let server = Server::start().await;
    for (given, suggested) in [("eur", Some("EUR")), ("jPy", Some("JPY")), ("abc", None)] {
        let body = format!(r#"{{"user_id":"a","amount":1,"currency":"{given}"}}"#);
        let answer = server.post("/v1/orders", body).await;
        assert_eq!(answer.status, 422, "{given}");
        let expected = ("/currency".to_owned(), "unknown_value".to_owned());
        assert_eq!(answer.faults(), [expected], "{given}");
        let detail = answer.json()["errors"][0]["detail"].to_string();
        match suggested {
            Some(code) => assert!(detail.contains(code), "{given}: {detail}"),
            None => assert!(!detail.contains(&given.to_uppercase()), "{detail}"),
        }
    }
}

#[tokio::test]
async fn all_faults_of_a_body_come_at_once() {
    let server = Server::start().await;
    let body = r#"{"user_id":"","usr":1,"status":"PENDING","source":"fax","currency":"EURO",
        "lines":[{"product_name":"","quantity":0,"unit_price":-1},{"colour":"red"}],
        "adjustments":[{"kind":"coupon","amount":"x"},{"kind":"discount","amount":1,"included":true}],
        "process_after":"soon"}"#;
    let answer = server.post("/v1/orders", body).await;
    insta::assert_snapshot!(
        "all_faults_at_once",
        crate::redacted::redacted(&answer.text)
    );
}

#[tokio::test]
async fn an_unknown_field_is_refused_with_the_nearest_known_one() {
    let server = Server::start().await;
    for (body, pointer, nearest) in [
        (r#"{"user_id":"a","amuont":1}"#, "/amuont", "amount"),
        (
            r#"{"user_id":"a","lines":[{"product_nam":"x","quantity":1,"unit_price":1}]}"#,
            "/lines/0/product_nam",
            "product_name",
        ),
    ] {
        let answer = server.post("/v1/orders", body).await;
        assert_eq!(answer.status, 422, "{body}");
        let faults = answer.json()["errors"].as_array().unwrap().clone();
        let fault = faults.iter().find(|fault| fault["pointer"] == pointer);
        let detail = fault.unwrap()["detail"].as_str().unwrap();
        let expected = format!("the nearest known one is {nearest}");
        assert!(detail.ends_with(&expected), "{detail}");
    }
}

#[tokio::test]
async fn what_is_not_said_to_be_json_is_415() {
    let server = Server::start().await;
    let body = r#"{"user_id":"a","amount":1}"#;
    for (content_type, named) in [
        (None, "no Content-Type"),
        (Some("text/plain"), "\"text/plain\""),
        (
            Some("application/x-www-form-urlencoded"),
            "\"application/x-www-form-urlencoded\"",
        ),
        (Some("application/xml"), "\"application/xml\""),
        (
            Some("application/json; charset=utf-16"),
            "charset \"utf-16\"",
        ),
        (
            Some("application/json; charset=\"ISO-8859-1\""),
            "charset \"ISO-8859-1\"",
        ),
        (Some("json"), "\"json\""),
    ] {
        let mut request = server.request("POST", "/v1/orders").body(body);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let answer = send(request).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (415, "unsupported_media_type"),
            "{content_type:?}"
        );
        assert_eq!(answer.header("accept"), "application/json");
        assert_eq!(answer.header("accept-encoding"), "");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(named), "{content_type:?}: {detail}");
    }
    let twice = server
        .post_request("/v1/orders", body)
        .header("content-type", "application/json");
    let answer = send(twice).await;
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        answer.status == 415 && detail.contains("comes twice"),
        "{detail}"
    );
    let long = format!("text/{}", "x".repeat(5_000));
    let request = server.request("POST", "/v1/orders");
    let answer = send(request.header("content-type", long).body(body)).await;
    assert!(answer.text.len() < 600, "{}", answer.text);
    let request = server
        .request("POST", "/v1/orders")
        .header("content-type", "application/json; charset=UTF-8")
        .body(body);
    assert_eq!(send(request).await.status, 201);
}

#[tokio::test]
async fn a_compressed_body_is_415_and_says_why() {
    let server = Server::start().await;
    for (encoding, named) in [
        ("gzip", "\"gzip\""),
        ("br", "\"br\""),
        ("zstd", "\"zstd\""),
        ("identity, gzip", "\"gzip\""),
        ("compress, gzip", "\"compress\""),
    ] {
        let request = server
            .post_request("/v1/orders", "\u{1f}compressed")
            .header("content-encoding", encoding);
        let answer = send(request).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (415, "unsupported_encoding")
        );
        assert_eq!(answer.header("accept-encoding"), "identity");
        assert_eq!(answer.header("accept"), "");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(named), "{encoding}: {detail}");
    }
    // One that is over the bound is that first of all, whatever it holds.
    let request = server
        .post_request("/v1/orders", "x".repeat(3 * 1024 * 1024))
        .header("content-encoding", "gzip");
    let answer = send(request).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "body_too_large")
    );
}
