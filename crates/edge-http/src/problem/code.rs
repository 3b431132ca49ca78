//! Every kind of refusal: its stable word, its status, its title, and whether the same request may succeed later.
//!
//! `refusals` and `mapping` make problems of them, `openapi` lists them, and docs/errors has a section for each.

use axum::http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $status:ident, $title:literal, $again:ident;)*) => {
        /// The kind of a refusal, for the decisions of clients.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All of them, in the order of their words.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable word for programs.
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// The status of its answer.
            pub(crate) const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }

            /// The same for every problem of this code (RFC 9457, section 3.1.3).
            pub(crate) const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }

            /// Whether the same request may succeed in a moment: the answer then has Retry-After.
            pub(crate) const fn may_succeed_later(self) -> bool {
                match self {
                    $(Self::$name => codes!(@ $again),)*
                }
            }
        }
    };
    (@ later) => { true };
    (@ never) => { false };
}

codes! {
    BodyBroken = "body_broken", BAD_REQUEST, "The body could not be read", never;
    BodyTimeout = "body_timeout", REQUEST_TIMEOUT, "The body took too long", never;
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large", never;
    Contended = "contended", CONFLICT, "The order keeps changing", later;
    DeadlinePassed = "deadline_passed", SERVICE_UNAVAILABLE, "The deadline passed", later;
    DialectConflict = "dialect_conflict", CONFLICT, "", never;
    DialectRefused = "dialect_refused", BAD_REQUEST, "", never;
    ExternalIdTaken = "external_id_taken", CONFLICT, "The external_id is taken", never;
    Forbidden = "forbidden", FORBIDDEN, "Not allowed", never;
    ForeignOrigin = "foreign_origin", FORBIDDEN, "The page is of another origin", never;
    HeadersTooLarge =
        "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large", never;
    IdempotencyKeyInFlight =
        "idempotency_key_in_flight", CONFLICT, "The Idempotency-Key is in use", later;
    IdempotencyKeyReused =
        "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key was used before", never;
    IllegalTransition =
        "illegal_transition", CONFLICT, "The order's status does not allow it", never;
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error", never;
    InvalidHeader = "invalid_header", BAD_REQUEST, "A header was refused", never;
    InvalidId = "invalid_id", BAD_REQUEST, "The order id was refused", never;
    InvalidQuery = "invalid_query", BAD_REQUEST, "The query was refused", never;
    MalformedJson = "malformed_json", BAD_REQUEST, "The body is not valid JSON", never;
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed", never;
    Misdirected = "misdirected", MISDIRECTED_REQUEST, "Another host was asked for", never;
    NotAcceptable = "not_acceptable", NOT_ACCEPTABLE, "Not acceptable", never;
    NoReceipt = "no_receipt", NOT_FOUND, "The order has no receipt", never;
    NoSuchRoute = "no_such_route", NOT_FOUND, "There is nothing at this address", never;
    OrderNotFound = "order_not_found", NOT_FOUND, "There is no such order", never;
    OutcomeUnknown = "outcome_unknown", SERVICE_UNAVAILABLE, "The outcome is unknown", later;
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Overloaded", later;
    ReceiptStoreUnavailable =
        "receipt_store_unavailable", SERVICE_UNAVAILABLE, "The receipt store cannot be reached", later;
    RefusedByStore =
        "refused_by_store", UNPROCESSABLE_ENTITY, "The store cannot hold this order", never;
    Stopping = "stopping", SERVICE_UNAVAILABLE, "Stopping", later;
    StoreFull = "store_full", SERVICE_UNAVAILABLE, "The store has no room left", later;
    StoreUnavailable =
        "store_unavailable", SERVICE_UNAVAILABLE, "The store cannot be reached", later;
    TooManyCommands =
        "too_many_commands", CONFLICT, "The order was held, released or replayed too often", never;
    TooManyResuming =
        "too_many_resuming", SERVICE_UNAVAILABLE, "Too many streams are resuming", later;
    TooManyRows = "too_many_rows", PAYLOAD_TOO_LARGE, "The batch has too many rows", never;
    TooManyStreams = "too_many_streams", SERVICE_UNAVAILABLE, "Too many live streams", later;
    UnsupportedEncoding =
        "unsupported_encoding", UNSUPPORTED_MEDIA_TYPE, "The body is compressed", never;
    UnsupportedMediaType =
        "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is of an unsupported type", never;
    UpgradeRequired = "upgrade_required", UPGRADE_REQUIRED, "This address speaks WebSocket", never;
    UriTooLong = "uri_too_long", URI_TOO_LONG, "The address is too long", never;
    ValidationFailed = "validation_failed", UNPROCESSABLE_ENTITY, "The body was refused", never;
    VersionMismatch = "version_mismatch", PRECONDITION_FAILED, "The order has changed", never;
}
