//! The orders that the load is made of.

use std::io::Write as _;

use proto::ordermill::v1 as pb;

/// How many users place the orders of a load.
const USERS: u64 = 100_000;

/// Writes the request for order `number`; with `run`, it has a key and an external id that no other run shares.
pub(super) fn write_request(number: u64, run: Option<u64>, request: &mut Vec<u8>) {
    // Multiplying by an odd constant walks the users in no order that an index could like (Knuth, TAOCP 6.4).
    let user = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % USERS;
    let mut body = Vec::with_capacity(192);
    let external_id = run.map_or_else(String::new, |run| {
        format!(r#""external_id":"X-{run:x}-{user:x}-{number}","#)
    });
    let quantity = number % 9 + 1;
    let written = write!(
        body,
        r#"{{"user_id":"user-{user}",{external_id}"lines":[{{"sku":"KB-{quantity}","product_name":"Mechanical Keyboard","quantity":{quantity},"unit_price":149.99}}]}}"#
    );
    written.expect("writing into a Vec never fails");
    let key = run.map_or_else(String::new, |run| {
        format!(
            "Idempotency-Key: {run:016x}-{:016x}\r\n",
            user ^ number << 20
        )
    });
    let head = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{key}Content-Length: {}\r\n\r\n",
        body.len()
    );
    request.extend_from_slice(head.as_bytes());
    request.extend_from_slice(&body);
}

/// Order `number` as a message; the same order as [`write_request`] makes without a key.
pub(super) fn message(number: u64) -> pb::CreateOrderRequest {
    let user = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % USERS;
    let quantity = number % 9 + 1;
    pb::CreateOrderRequest {
        user_id: format!("user-{user}"),
        lines: vec![pb::Line {
            sku: Some(format!("KB-{quantity}")),
            product_name: "Mechanical Keyboard".to_owned(),
            quantity: quantity.to_string(),
            unit_price: Some(pb::Money {
                minor_units: 14_999,
                currency: "USD".to_owned(),
            }),
            total: None,
        }],
        ..pb::CreateOrderRequest::default()
    }
}

/// A JSON array of `count` orders from `first` on, for a batch.
pub(super) fn batch(first: u64, count: u64) -> String {
    let rows: Vec<String> = (first..first + count)
        .map(|number| {
            let user = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % USERS;
            format!(r#"{{"user_id":"user-{user}","lines":[{{"product_name":"Mug","quantity":1,"unit_price":5.00}}]}}"#)
        })
        .collect();
    format!("[{}]", rows.join(","))
}

/// The name of one of the users.
pub(super) fn user(number: u64) -> String {
    format!(
        "user-{}",
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % USERS
    )
}
