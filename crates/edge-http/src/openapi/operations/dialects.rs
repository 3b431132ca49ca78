//! The addresses of three other order systems, for clients that cannot be changed.

use serde_json::json;
use utoipa::openapi::{HttpMethod, Required};

use crate::dialects::ErrorFormat;
use crate::openapi::examples;
use crate::openapi::operation::{Description, Group};
use crate::openapi::refusals::{BODY, STORE};
use crate::openapi::schemas::dialect::{
    ApiOrderPlaced, ApiOrders, NewApiOrder, NewNumberedOrder, NumberedOrder, OrderAccepted,
};
use crate::problem::Code;

/// What taking an order is refused for, in any dialect.
fn takes_order(description: Description) -> Description {
    description
        .takes("Idempotency-Key")
        .refuses(&STORE)
        .refuses(&BODY.map(|code| match code {
            // A dialect has words of its own for what it does not understand.
            Code::MalformedJson | Code::ValidationFailed => Code::DialectRefused,
            code => code,
        }))
        .refuses(&[
            Code::IdempotencyKeyInFlight,
            Code::IdempotencyKeyReused,
            Code::InvalidHeader,
            Code::ReceiptStoreUnavailable,
        ])
}

fn orderflow(method: HttpMethod, id: &str, summary: &str) -> Description {
    Description::of_dialect(method, Group::Dialects, ErrorFormat::Orderflow, id, summary)
}

fn plain_text(method: HttpMethod, id: &str, summary: &str) -> Description {
    Description::of_dialect(method, Group::Dialects, ErrorFormat::PlainText, id, summary)
}

fn api_order(status: &str) -> serde_json::Value {
    json!({
        "id": examples::ID,
        "user_id": "alice",
        "product_name": "Laptop",
        "quantity": 2,
        "price": 999.5,
        "status": status,
        "receipt_s3_key": format!("receipts/alice/{}.txt", examples::ID),
        "created_at": "2026-01-31T12:00:00.000Z",
        "updated_at": "2026-01-31T12:00:00.000Z"
    })
}

pub(super) fn place_api_order() -> Description {
    let example = json!({
        "order": api_order("created"),
        "receipt": format!("receipts/alice/{}.txt", examples::ID),
        "shard": "shard1",
        "shard_info": "shard1 (A-M)"
    });
    takes_order(
        orderflow(
            HttpMethod::Post,
            "placeApiOrder",
            "Place an order (orderflow)",
        )
        .takes_body::<NewApiOrder>(
            Required::True,
            &[(
                "example",
                json!({"user_id": "alice", "product_name": "Laptop", "quantity": 2, "price": 999.5}),
            )],
        ),
    )
    .answers_json::<ApiOrderPlaced>(201, "A new order, durable.", &[], example)
}

pub(super) fn list_api_orders() -> Description {
    orderflow(HttpMethod::Get, "listApiOrders", "List orders (orderflow)")
        .says("The newest 50 of each shard; of one user up to 10,000.")
        .takes("api_user_id")
        .answers_json::<ApiOrders>(
            200,
            "The orders.",
            &[],
            json!({"count": 1, "orders": [api_order("pending")]}),
        )
        .refuses(&STORE)
}

pub(super) fn api_orders_options() -> Description {
    orderflow(
        HttpMethod::Options,
        "allowApiOrders",
        "What pages of other origins may do (orderflow)",
    )
    .answers(204, "The headers say it.", None, &[], &[])
}

fn numbered_order() -> serde_json::Value {
    json!({
        "order_id": examples::ID,
        "user_id": "alice",
        "amount": 99.9,
        "status": "PENDING",
        "created_at": "2026-01-31T12:00:00.000Z"
    })
}

pub(super) fn place_order() -> Description {
    let accepted = json!({"orderId": "A-1", "status": "order accepted"});
    takes_order(
        plain_text(
            HttpMethod::Post,
            "placeNumberedOrder",
            "Place an order (orderSystem, Order System)",
        )
        .says(
            "A body with an `order_id` is Order System's, any other one orderSystem's, unless the setting \
             `dialects.orders` says otherwise.",
        )
        .takes_body::<NewNumberedOrder>(
            Required::True,
            &[
                ("orderSystem", json!({"user_id": "alice", "amount": 99.9})),
                (
                    "Order System",
                    json!({"order_id": "A-1", "user_id": "alice", "amount": 99.9, "currency": "USD"}),
                ),
            ],
        ),
    )
    .answers_json::<NumberedOrder>(201, "orderSystem: a new order, durable.", &[], numbered_order())
    .answers_json::<OrderAccepted>(
        202,
        "Order System: the order is durable, now or since before.",
        &[],
        accepted,
    )
    .refuses(&[Code::DialectConflict, Code::RefusedByStore])
}

pub(super) fn get_order() -> Description {
    plain_text(
        HttpMethod::Get,
        "getNumberedOrder",
        "Read an order (orderSystem)",
    )
    .says("By our id, or by the client's own number; 409 where two users have the same one.")
    .takes("order_name")
    .answers_json::<NumberedOrder>(200, "The order as it is now.", &[], numbered_order())
    .refuses(&STORE)
    .refuses(&[Code::DialectConflict, Code::OrderNotFound])
}
