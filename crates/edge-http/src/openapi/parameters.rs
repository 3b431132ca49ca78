//! Parameters of paths, queries and headers. Each is described once, under `components`, and named by operations.

use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Required, Schema};

use super::examples;
use super::schemas::value::{
    AnyTime, Cursor, ExternalId, IdempotencyKeyHeader, OrderId, OrderSource, OrderStatus, UserId,
    printed, whole,
};

/// All parameters, each under the name that operations take it by.
pub(super) fn all() -> Vec<(&'static str, Parameter)> {
    let mut all = of_queries();
    all.extend(of_headers());
    let name = || {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
    };
    let code = printed(64)
        .pattern(Some("^[a-z_]+$"))
        .examples(["order_not_found"]);
    all.extend([
        ("order_id", path("id", of::<OrderId>(), "The order's id.")),
        (
            "order_name",
            path("id", name(), "Our id, or the client's own number."),
        ),
        (
            "file_name",
            path("file", name().examples(["page.js"]), "The file's name."),
        ),
        (
            "file_path",
            path("path", name().examples(["main.js"]), "The file's path."),
        ),
        (
            "problem_code",
            path("code", code, "The `code` of a problem."),
        ),
    ]);
    all
}

fn of_queries() -> Vec<(&'static str, Parameter)> {
    let limit = whole(1)
        .maximum(Some(1000))
        .default(Some(serde_json::json!(50)));
    let short = || {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(255))
    };
    vec![
        ("user_id", query("user_id", of::<UserId>(), "Of this user.")),
        (
            "api_user_id",
            query(
                "user_id",
                ObjectBuilder::new().schema_type(Type::String),
                "Of this user. A name that no user can have has no orders.",
            ),
        ),
        (
            "external_id",
            query(
                "external_id",
                of::<ExternalId>(),
                "With this number of the client's own.",
            ),
        ),
        (
            "status",
            query("status", of::<OrderStatus>(), "With this status."),
        ),
        (
            "source",
            query("source", of::<OrderSource>(), "With this source."),
        ),
        (
            "created_from",
            query("created_from", of::<AnyTime>(), "Created then or later."),
        ),
        (
            "created_to",
            query("created_to", of::<AnyTime>(), "Created before then."),
        ),
        (
            "q",
            query(
                "q",
                short(),
                "Where the external id, a SKU or a product name begins so, capitals or not.",
            ),
        ),
        (
            "failure_code",
            query(
                "code",
                short(),
                "That failed for this reason: the `code` of their failure.",
            ),
        ),
        (
            "limit",
            query("limit", limit, "The most that the page holds."),
        ),
        (
            "cursor",
            query(
                "cursor",
                of::<Cursor>(),
                "The `next_cursor` of the page before; good for the same list with the same filter alone.",
            ),
        ),
        (
            "stream_cursor",
            query(
                "cursor",
                of::<Cursor>(),
                "Where to go on: the `cursor` of the last change that was seen. `Last-Event-ID` goes before it.",
            ),
        ),
    ]
}

fn of_headers() -> Vec<(&'static str, Parameter)> {
    let any = || ObjectBuilder::new().schema_type(Type::String);
    let tags = any()
        .min_length(Some(1))
        .pattern(Some(r#"^(\*|(W/)?"[!#-+\--~]*"(, ?(W/)?"[!#-+\--~]*")*)$"#))
        .examples(["\"1\""]);
    vec![
        (
            "X-Request-Id",
            header(
                "X-Request-Id",
                any(),
                "A name for the request, which its answer, its events and the log carry. Anything but 1-128 visible \
                 ASCII characters is replaced by a fresh one.",
            ),
        ),
        (
            "traceparent",
            header(
                "traceparent",
                any().examples(["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]),
                "The W3C trace that the request belongs to; its events carry the trace id and the span id. One that \
                 is not valid is ignored.",
            ),
        ),
        (
            "Idempotency-Key",
            header(
                "Idempotency-Key",
                of::<IdempotencyKeyHeader>(),
                "Makes the request safe to send again, however it ended: one key of a user makes at most one order, \
                 and the first answer comes again.",
            ),
        ),
        (
            "If-Match",
            header(
                "If-Match",
                tags,
                "Only if the order is at one of these versions: its ETag, or `*`. 412 where it is not.",
            ),
        ),
        (
            "If-None-Match",
            header(
                "If-None-Match",
                any().examples(["\"1\""]),
                "The ETag that the client has; 304 where the order is still at that version.",
            ),
        ),
        (
            "Last-Event-ID",
            header(
                "Last-Event-ID",
                any().pattern(Some("^[A-Za-z0-9_-]*$")),
                "The id of the last event that was seen: everything after it follows. An EventSource sends it by \
                 itself.",
            ),
        ),
    ]
}

fn of<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}

fn path(name: &str, schema: impl Into<RefOr<Schema>>, what: &str) -> Parameter {
    described(name, ParameterIn::Path, Required::True, schema, what)
}

fn query(name: &str, schema: impl Into<RefOr<Schema>>, what: &str) -> Parameter {
    described(name, ParameterIn::Query, Required::False, schema, what)
}

fn header(name: &str, schema: impl Into<RefOr<Schema>>, what: &str) -> Parameter {
    described(name, ParameterIn::Header, Required::False, schema, what)
}

fn described(
    name: &str,
    place: ParameterIn,
    required: Required,
    schema: impl Into<RefOr<Schema>>,
    what: &str,
) -> Parameter {
    let example = (name == "id").then(|| serde_json::json!(examples::ID));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .schema(Some(schema))
        .description(Some(what))
        .example(example)
        .build()
}
