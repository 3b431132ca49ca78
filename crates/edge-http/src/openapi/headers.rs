//! Headers of answers. Each is described once, under `components`, and named by the answers that carry it.

use utoipa::openapi::Ref;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::schemas::value::{one_of, whole};
use crate::error_format::ErrorFormat;
use crate::problem::Code;

/// Names a header of the document, for a response that carries it.
pub(super) fn reference(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// What every answer carries where refusals sound so.
pub(super) fn everywhere(error_format: ErrorFormat) -> impl Iterator<Item = &'static str> {
    let open = [
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Headers",
    ];
    let open = open
        .into_iter()
        .filter(move |_| error_format == ErrorFormat::Orderflow);
    ["X-Content-Type-Options", "X-Request-Id"]
        .into_iter()
        .chain(open)
}

/// What a refusal with one of these codes may carry beside.
pub(super) fn of_refusal(codes: &[Code]) -> impl Iterator<Item = &'static str> {
    let may = |name, codes: bool| codes.then_some(name);
    let closes = |code: &Code| {
        matches!(
            code,
            Code::BodyBroken | Code::BodyTimeout | Code::BodyTooLarge | Code::Overloaded
        )
    };
    [
        may(
            "Retry-After",
            codes.iter().any(|code| code.may_succeed_later()),
        ),
        may("Connection", codes.iter().any(closes)),
        may("Accept", codes.contains(&Code::UnsupportedMediaType)),
        may(
            "Accept-Encoding",
            codes.contains(&Code::UnsupportedEncoding),
        ),
        may("Upgrade", codes.contains(&Code::UpgradeRequired)),
        may(
            "Sec-WebSocket-Version",
            codes.contains(&Code::UpgradeRequired),
        ),
    ]
    .into_iter()
    .flatten()
}

/// All headers.
pub(super) fn all() -> Vec<(&'static str, Header)> {
    let any = || ObjectBuilder::new().schema_type(Type::String);
    vec![
        (
            "X-Request-Id",
            header(
                any(),
                "The name of the request: the client's, or a fresh one.",
            ),
        ),
        (
            "X-Content-Type-Options",
            header(one_of(["nosniff"]), "The content is what its type says."),
        ),
        (
            "Cache-Control",
            header(
                any(),
                "`no-store`: an order must not lie in a cache. `no-cache`: a file is asked for again.",
            ),
        ),
        (
            "ETag",
            header(
                any().pattern(Some("^\"[0-9a-f]+\"$")).examples(["\"1\""]),
                "The version in quotes: an order's `version`, for `If-Match` and `If-None-Match`; a file's digest.",
            ),
        ),
        (
            "Location",
            header(
                any().pattern(Some("^/v1/orders/[0-9a-f-]{36}$")),
                "Where the order is.",
            ),
        ),
        (
            "Idempotent-Replayed",
            header(
                one_of(["true"]),
                "The key was used before: this is the first answer again.",
            ),
        ),
        (
            "Retry-After",
            header(whole(1), "When the same request may succeed, in seconds."),
        ),
        (
            "Connection",
            header(any(), "`close` where the rest of the request was not read."),
        ),
        (
            "Accept",
            header(any(), "The types of body that the address reads."),
        ),
        (
            "Accept-Encoding",
            header(
                one_of(["identity"]),
                "The encodings of a body that the address reads: none.",
            ),
        ),
        (
            "Upgrade",
            header(one_of(["websocket"]), "What the address speaks."),
        ),
        (
            "Sec-WebSocket-Version",
            header(one_of(["13"]), "The version that the address speaks."),
        ),
        (
            "Sec-WebSocket-Accept",
            header(any(), "The proof of the handshake (RFC 6455)."),
        ),
        (
            "X-Accel-Buffering",
            header(
                one_of(["no"]),
                "Tells a proxy to pass every event on at once.",
            ),
        ),
        (
            "Content-Security-Policy",
            header(any(), "What the page may load: nothing from elsewhere."),
        ),
        (
            "Access-Control-Allow-Origin",
            header(
                any(),
                "Which pages may read the answer: those of the `Origin` of the request, if it is allowed; `*` without one.",
            ),
        ),
        (
            "Access-Control-Allow-Methods",
            header(any(), "What they may do."),
        ),
        (
            "Access-Control-Allow-Headers",
            header(any(), "What they may send."),
        ),
        (
            "Cross-Origin-Opener-Policy",
            header(
                one_of(["same-origin"]),
                "No other site's window holds this one.",
            ),
        ),
        (
            "Referrer-Policy",
            header(
                one_of(["no-referrer"]),
                "No other site learns the page's address.",
            ),
        ),
        (
            "Content-Encoding",
            header(one_of(["gzip"]), "How the file is compressed."),
        ),
        (
            "Vary",
            header(any(), "Which header of the request decided."),
        ),
    ]
}

fn header(schema: ObjectBuilder, what: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(schema.build()))
        .description(Some(what))
        .build()
}
