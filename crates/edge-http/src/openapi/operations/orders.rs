//! Orders: placed, read, listed, changed by commands.

use serde_json::{Value, json};
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{ContentBuilder, Ref, Required};

use crate::openapi::content::{content, text};
use crate::openapi::examples;
use crate::openapi::operation::{Description, Group};
use crate::openapi::refusals::{BODY, STORE};
use crate::openapi::schemas::order::{BatchResult, Command, EventPage, NewOrder, Order, OrderPage};
use crate::problem::Code;

pub(super) fn place() -> Description {
    let order = || {
        let example = [("example", examples::order("PENDING", 1))];
        Some(("application/json", content::<Order>(&example)))
    };
    Description::post(Group::Orders, "placeOrder", "Place an order")
        .says(
            "The answer comes once the order is durable. With an `Idempotency-Key` the request can be sent again \
             safely, however it ended: the first answer comes again, with `Idempotent-Replayed: true`.",
        )
        .takes("Idempotency-Key")
        .reads::<NewOrder>(
            Required::True,
            &[
                ("of lines", examples::new_order()),
                ("of totals and adjustments", examples::new_order_with_totals()),
                ("of an amount", examples::order_of_an_amount()),
            ],
        )
        .answers(
            201,
            "A new order, durable. The first answer again if the key was used before.",
            order(),
            &["Location", "ETag", "Cache-Control", "Idempotent-Replayed"],
            &links("$response.body#/id"),
        )
        .answers(
            200,
            "The user's order of this `external_id`, as it is now: the same content made it.",
            order(),
            &["ETag", "Cache-Control"],
            &links("$response.body#/id"),
        )
        .refuses(&STORE)
        .refuses(&[
            Code::ExternalIdTaken,
            Code::IdempotencyKeyInFlight,
            Code::IdempotencyKeyReused,
            Code::InvalidHeader,
            Code::InvalidQuery,
            Code::ReceiptStoreUnavailable,
            Code::RefusedByStore,
            Code::UnsupportedMediaType,
        ])
}

/// The operations on the order of an answer.
fn links(id: &str) -> [(&'static str, Link); 4] {
    [
        ("read", "getOrder"),
        ("events", "listEvents"),
        ("cancel", "cancelOrder"),
        ("hold", "holdOrder"),
    ]
    .map(|(name, operation)| {
        let link = LinkBuilder::new().operation_id(operation);
        (name, link.parameter("id", json!(id)).build())
    })
}

pub(super) fn list() -> Description {
    let filters = [
        "user_id",
        "external_id",
        "status",
        "source",
        "created_from",
        "created_to",
        "q",
    ];
    let description = Description::get(Group::Orders, "listOrders", "List orders, newest first")
        .says(
            "Filters narrow the list together. A page looks at a bounded number of orders: it may be short, or empty, \
             with `has_more: true`; follow `next_cursor`.",
        );
    page(filters.into_iter().fold(description, Description::takes))
}

/// What all lists have.
pub(super) fn page(description: Description) -> Description {
    description
        .takes("limit")
        .takes("cursor")
        .answers_json::<OrderPage>(
            200,
            "A page.",
            &[],
            examples::page(examples::order("PROCESSED", 3)),
        )
        .refuses(&STORE)
        .refuses(&[Code::InvalidQuery])
}

pub(super) fn place_batch() -> Description {
    let rows = ContentBuilder::new()
        .schema(Some(
            ArrayBuilder::new()
                .items(Ref::from_schema_name("BatchRow"))
                .max_items(Some(10_000)),
        ))
        .example(Some(examples::batch()))
        .build();
    Description::post(Group::Orders, "placeOrders", "Place many orders")
        .says(
            "Up to 10,000 rows and 16 MiB, unless configured otherwise: a JSON array, or one JSON object a \
             line. Each row is committed on its own; a faulty one is refused alone. A row's `idempotency_key` makes \
             it safe to send again. A row with `history` is an order of the past: it begins PROCESSED or CANCELLED and \
             is never processed.",
        )
        .reads_one_of(
            Required::True,
            [
                ("application/json", rows),
                ("application/x-ndjson", text(examples::batch_lines())),
            ],
        )
        .answers_json::<BatchResult>(
            200,
            "The rows were read; each has its own result.",
            &[],
            examples::batch_result(),
        )
        .refuses(&BODY.map(|code| match code {
            // A row's faults are in its result.
            Code::ValidationFailed => Code::TooManyRows,
            code => code,
        }))
        .refuses(&[
            Code::InvalidHeader,
            Code::InvalidQuery,
            Code::UnsupportedMediaType,
        ])
}

pub(super) fn get() -> Description {
    Description::get(Group::Orders, "getOrder", "Read an order")
        .takes_id()
        .takes("If-None-Match")
        .answers_json::<Order>(
            200,
            "The order as it is now.",
            &["ETag"],
            examples::order("PROCESSED", 3),
        )
        .answers(
            304,
            "The order is at the version that `If-None-Match` names.",
            None,
            &["ETag"],
            &[],
        )
        .refuses(&STORE)
        .refuses(&[Code::InvalidQuery])
}

pub(super) fn events() -> Description {
    Description::get(
        Group::Orders,
        "listEvents",
        "What happened to an order, oldest first",
    )
    .says("One event for each version, without gaps.")
    .takes_id()
    .takes("limit")
    .takes("cursor")
    .answers_json::<EventPage>(200, "A page.", &[], examples::events())
    .refuses(&STORE)
    .refuses(&[Code::InvalidQuery])
}

pub(super) fn receipt() -> Description {
    let receipt = Some(("text/plain", text(examples::RECEIPT)));
    Description::get(Group::Orders, "getReceipt", "An order's receipt, as text")
        .says("There is none until the order is PROCESSED.")
        .takes_id()
        .answers(200, "The receipt.", receipt, &["Cache-Control"], &[])
        .refuses(&STORE)
        .refuses(&[
            Code::InvalidQuery,
            Code::NoReceipt,
            Code::ReceiptStoreUnavailable,
        ])
}

pub(super) fn cancel() -> Description {
    order_command(
        Group::Orders,
        "cancelOrder",
        "Cancel an order",
        "From PENDING, ON_HOLD, RETRYING or FAILED. CANCELLED is final.",
        examples::order("CANCELLED", 2),
    )
}

pub(super) fn hold() -> Description {
    order_command(
        Group::Orders,
        "holdOrder",
        "Hold an order",
        "From PENDING or RETRYING. It is not processed until it is released.",
        examples::order("ON_HOLD", 2),
    )
}

pub(super) fn release() -> Description {
    order_command(
        Group::Orders,
        "releaseOrder",
        "Release an order that is on hold",
        "From ON_HOLD. It is PENDING again; its attempts are kept.",
        examples::order("PENDING", 2),
    )
}

/// A command on one order.
pub(super) fn order_command(
    group: Group,
    id: &str,
    summary: &str,
    says: &str,
    example: Value,
) -> Description {
    Description::post(group, id, summary)
        .says(says)
        .takes_id()
        .takes("If-Match")
        .reads::<Command>(
            Required::False,
            &[
                ("with a reason", json!({"reason": "the customer called"})),
                ("without", json!({})),
            ],
        )
        .answers_json::<Order>(200, "The order as it then is.", &["ETag"], example)
        .refuses(&STORE)
        .refuses(&[
            Code::Contended,
            Code::IllegalTransition,
            Code::InvalidHeader,
            Code::InvalidQuery,
            Code::TooManyCommands,
            Code::UnsupportedMediaType,
            Code::VersionMismatch,
        ])
}
