//! `webhooks` of the document: the call that the handler `http` makes to the operator's endpoint. The call itself is in
//! `adapter-webhook`; tests compare its headers, and docs/HANDLER.md, with what stands here.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::ToSchema as _;
use utoipa::openapi::path::{
    OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, Paths, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{HttpMethod, Ref, RefOr, Required, Response, ResponseBuilder, Schema};

use super::content::content;
use super::examples;
use super::schemas::order::Order;
use super::schemas::value::{HandlerResult, OrderId, whole};

/// The heading of the webhooks. Without one of their own, generated clients would have them among the operations.
pub(super) const TAG: (&str, &str) = (
    "Webhooks",
    "Calls that the server makes to your endpoint. They are no operations of the server.",
);

/// The webhooks by name.
pub(super) fn all() -> Paths {
    PathsBuilder::new().path("order", process_order()).build()
}

fn process_order() -> PathItem {
    let example = [("order", examples::claimed_order())];
    let body = RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/json", content::<Order>(&example));
    let operation = OperationBuilder::new()
        .tag(TAG.0)
        .operation_id(Some("processOrder"))
        .summary(Some("Process an order"))
        .description(Some(
            "With `handler.kind = \"http\"` the server POSTs each order to `handler.url`, at least once: do the work of one \
             order id once, and answer the second call as the first one. The call is signed by Standard Webhooks. \
             docs/HANDLER.md has a real request, how to verify it, and the rules of retries.",
        ))
        .parameters(Some(headers()))
        .request_body(Some(body.build()));
    let operation = responses()
        .into_iter()
        .fold(operation, |operation, (status, response)| {
            operation.response(status, response)
        });
    PathItem::new(HttpMethod::Post, operation.build())
}

fn headers() -> Vec<Parameter> {
    let id = || Ref::from_schema_name(OrderId::name());
    let text = || ObjectBuilder::new().schema_type(Type::String);
    vec![
        header(
            "Idempotency-Key",
            Required::True,
            id(),
            "The order's id, the same in every attempt.",
        ),
        header(
            "Ordermill-Attempt",
            Required::True,
            whole(1),
            "Which attempt it is. A replay starts at 1 again.",
        ),
        header(
            "Webhook-Id",
            Required::True,
            id(),
            "The order's id, as the signature covers it.",
        ),
        header(
            "Webhook-Timestamp",
            Required::True,
            whole(0).examples([1_769_860_800]),
            "When this attempt was sent, in seconds since 1970. Refuse a call that is more than five minutes away.",
        ),
        header(
            "Webhook-Signature",
            Required::False,
            text()
                .pattern(Some("^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*$"))
                .examples(["v1,twXw81lfdSJ6vM3K8rH1BGKyMsJFOKs1kmrxn93cDgQ="]),
            "A signature by each secret in `handler.secret`, separated by spaces: HMAC-SHA256 of id, timestamp and body, \
             joined by dots. Missing if there is no secret.",
        ),
    ]
}

fn header(
    name: &str,
    required: Required,
    schema: impl Into<RefOr<Schema>>,
    what: &str,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .schema(Some(schema))
        .description(Some(what))
        .build()
}

/// What each answer means. A description begins with the status of the order or the code of its failure.
fn responses() -> BTreeMap<String, Response> {
    let mut responses = BTreeMap::new();
    let mut answers = |statuses: &[&str], what: &str| {
        for status in statuses {
            let response = ResponseBuilder::new().description(what).build();
            responses.insert((*status).to_owned(), response);
        }
    };
    answers(
        &[
            "400", "406", "410", "411", "412", "413", "414", "415", "416", "417", "418", "422",
            "424", "426", "428", "431", "451",
        ],
        "`handler_rejected`: the order becomes a dead letter at once, with the body's message.",
    );
    answers(
        &["409", "423", "425"],
        "`still_processing`: the order is retried, and the attempt counts. It says nothing of the endpoint's health.",
    );
    answers(
        &["429"],
        "`endpoint_busy`: the order is retried, and the attempt does not count. `Retry-After` is honoured up to 15 minutes.",
    );
    answers(
        &["503"],
        "`endpoint_unavailable`: as 502. With `Retry-After` it is `endpoint_busy`: as 429.",
    );
    answers(
        &["408"],
        "`timeout`: the order is retried, as without an answer.",
    );
    answers(
        &["502", "504"],
        "`endpoint_unavailable`: the order is retried. Counted by the circuit breaker.",
    );
    answers(
        &["5XX"],
        "`endpoint_failed`: the order is retried. Counted by the circuit breaker.",
    );
    answers(
        &["3XX", "4XX", "501", "505", "506", "510", "511"],
        "`endpoint_misconfigured`: the order is retried; the attempt counts if another order was answered in the last minute. \
         Redirects are not followed.",
    );
    let example = [("result", json!({"payment": "pay_7"}))];
    let done = ResponseBuilder::new()
        .description("`PROCESSED`: the order is processed. A JSON body of at most 8 KiB becomes its `result`.")
        .content("application/json", content::<HandlerResult>(&example));
    responses.insert("2XX".to_owned(), done.build());
    responses
}
