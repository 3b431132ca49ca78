//! Parameters of paths, queries and headers. Each is described once here, and named by the handlers that take it.

use serde_json::json;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Required, Schema};
use utoipa::{IntoParams, ToSchema};

use super::examples;
use super::schemas::value::{
    AnyTime, Cursor, ExternalId, IdempotencyKeyHeader, OrderId, OrderSource, OrderStatus, UserId,
    printed, whole,
};

/// Declares a type for each parameter, to be named in `#[utoipa::path(params(...))]`.
macro_rules! parameters {
    ($($name:ident = $parameter:expr;)*) => {$(
        pub(crate) enum $name {}

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                vec![$parameter]
            }
        }
    )*};
}

parameters! {
    OrderIdParameter = path("id", of::<OrderId>(), "The order's id.");
    OrderNameParameter = path("id", name(), "Our id, or the client's own number.");
    FileNameParameter = path("file", name().examples(["page.js"]), "The file's name.");
    FilePathParameter = path("path", name().examples(["main.js"]), "The file's path.");
    ProblemCodeParameter = path(
        "code",
        printed(64).pattern(Some("^[a-z_]+$")).examples(["order_not_found"]),
        "The `code` of a problem.",
    );
    UserIdParameter = query("user_id", of::<UserId>(), "Of this user.");
    ApiUserIdParameter = query("user_id", any(), "Of this user. A name that no user can have has no orders.");
    ExternalIdParameter = query("external_id", of::<ExternalId>(), "With this number of the client's own.");
    StatusParameter = query("status", of::<OrderStatus>(), "With this status.");
    SourceParameter = query("source", of::<OrderSource>(), "With this source.");
    CreatedFromParameter = query("created_from", of::<AnyTime>(), "Created then or later.");
    CreatedToParameter = query("created_to", of::<AnyTime>(), "Created before then.");
    TextPrefixParameter = query(
        "q",
        short(),
        "Where the external id, a SKU or a product name begins so, capitals or not.",
    );
    FailureCodeParameter = query(
        "code",
        short(),
        "That failed for this reason: the `code` of their failure.",
    );
    LimitParameter = query(
        "limit",
        whole(1).maximum(Some(1000)).default(Some(json!(50))),
        "The most that the page holds.",
    );
    CursorParameter = query(
        "cursor",
        of::<Cursor>(),
        "The `next_cursor` of the page before; good for the same list with the same filter alone.",
    );
    StreamCursorParameter = query(
        "cursor",
        of::<Cursor>(),
        "Where to go on: the `cursor` of the last change that was seen. `Last-Event-ID` goes before it.",
    );
    IdempotencyKeyParameter = header(
        "Idempotency-Key",
        of::<IdempotencyKeyHeader>(),
        "Makes the request safe to send again, however it ended: one key of a user makes at most one order, and the first \
         answer comes again.",
    );
    IfMatchParameter = header(
        "If-Match",
        any()
            .min_length(Some(1))
            .pattern(Some(r#"^(\*|(W/)?"[!#-+\--~]*"(, ?(W/)?"[!#-+\--~]*")*)$"#))
            .examples(["\"1\""]),
        "Only if the order is at one of these versions: its ETag, or `*`. 412 if it is not.",
    );
    IfNoneMatchParameter = header(
        "If-None-Match",
        any().examples(["\"1\""]),
        "The ETag that the client has; 304 if the order is still at that version.",
    );
    LastEventIdParameter = header(
        "Last-Event-ID",
        any().pattern(Some("^[A-Za-z0-9_-]*$")),
        "The id of the last event that was seen: everything after it follows. An EventSource sends it by itself.",
    );
}

/// What every operation takes, by the names that the document has them under.
pub(super) fn everywhere() -> [(&'static str, Parameter); 2] {
    [
        (
            "X-Request-Id",
            header(
                "X-Request-Id",
                any(),
                "A name for the request, which its answer, its events and the log carry. Anything but 1-128 visible ASCII \
                 characters is replaced by a fresh one.",
            ),
        ),
        (
            "traceparent",
            header(
                "traceparent",
                any().examples(["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]),
                "The W3C trace that the request belongs to; its events carry the trace id and the span id. One that is not \
                 valid is ignored.",
            ),
        ),
    ]
}

/// Any text.
fn any() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A text that is not empty.
fn name() -> ObjectBuilder {
    any().min_length(Some(1))
}

/// A text of 1 to 255 characters.
fn short() -> ObjectBuilder {
    name().max_length(Some(255))
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
    let example = (name == "id").then(|| json!(examples::ID));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .schema(Some(schema))
        .description(Some(what))
        .example(example)
        .build()
}
