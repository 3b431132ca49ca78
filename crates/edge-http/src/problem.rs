//! The one file that maps errors outward: RFC 9457 problem documents, for every refusal of the edge.
//!
//! Endpoints return a [`Problem`]; `dispatch` renders it with the request's name. A problem never shows what a
//! library or a store said: that is its `cause`, which goes to the log alone.

use std::borrow::Cow;

use application::order_json::{write_text, write_text_or_null};
use application::ports::{ReceiptError, StoreError};
use application::watch::WatchError;
use application::{PlaceError, ReadReceiptError, SteerError};
use axum::body::Body;
use axum::http::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use domain::{Fault, RequestId};

use crate::json::Malformed;

/// The most faults that one problem lists; it says how many more there are.
pub(crate) const MAX_FAULTS: usize = 1000;

/// What part of the request a fault speaks of, beside the JSON pointers of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Body,
    Query,
    Header,
}

/// A refusal on its way to the client. Boxed, so that a success does not carry its size.
#[derive(Debug, Clone)]
pub struct Problem(Box<Content>);

#[derive(Debug, Clone)]
struct Content {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    place: Place,
    faults: Vec<Fault>,
    allow: Option<&'static str>,
    retry: bool,
    close: bool,
    cause: Option<String>,
}

impl Problem {
    fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Content {
            status,
            code,
            title,
            detail: detail.into(),
            place: Place::Body,
            faults: Vec::new(),
            allow: None,
            retry: false,
            close: false,
            cause: None,
        }))
    }

    fn with_retry(mut self) -> Self {
        self.0.retry = true;
        self
    }

    fn with_cause(mut self, cause: impl ToString) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// The connection is closed after this answer, because the rest of the request was not read.
    fn closing(mut self) -> Self {
        self.0.close = true;
        self
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.0.code
    }

    /// What only the log is told.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// There is nothing at this address, or nothing that the client may see: one answer for all.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "Not found",
            "There is nothing at this address.",
        )
    }

    /// The address is there, the method is not.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let mut problem = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "Method not allowed",
            if allow.is_empty() {
                Cow::Borrowed("This address does not take this method.")
            } else {
                Cow::Owned(format!("This address takes {allow}."))
            },
        );
        problem.0.allow = Some(allow).filter(|allow| !allow.is_empty());
        problem
    }

    /// The client accepts nothing that this address can make.
    #[must_use]
    pub fn not_acceptable(offered: &'static str) -> Self {
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            "not_acceptable",
            "Not acceptable",
            format!("This address answers with {offered}, which the Accept header excludes."),
        )
    }

    /// The body is no JSON.
    #[must_use]
    pub fn malformed_json(malformed: &Malformed) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            "The body is not valid JSON",
            malformed.to_string(),
        )
    }

    /// The body is JSON, but not what this address takes.
    #[must_use]
    pub fn invalid_body(faults: Vec<Fault>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
            "The body was refused",
            "",
        )
        .with_faults(Place::Body, faults)
    }

    /// A row of a batch is JSON, but no order. Fewer faults are listed than for a single order, because a batch of
    /// nothing but faults must not make an answer many times its own size.
    #[must_use]
    pub fn invalid_row(faults: Vec<Fault>) -> Self {
        const MAX_ROW_FAULTS: usize = 20;
        let found = faults.len();
        let mut problem = Self::invalid_body(faults);
        if found > MAX_ROW_FAULTS {
            problem.0.faults.truncate(MAX_ROW_FAULTS);
            problem.0.detail = Cow::Owned(format!(
                "{found} faults were found; the first {MAX_ROW_FAULTS} are listed."
            ));
        }
        problem
    }

    /// The query is not what this address takes. The faults' pointers are the parameters' names.
    #[must_use]
    pub fn invalid_query(faults: Vec<Fault>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_query",
            "The query was refused",
            "",
        )
        .with_faults(Place::Query, faults)
    }

    /// A header is not what it must be.
    #[must_use]
    pub fn invalid_header(header: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let fault = Fault::new(header, "invalid", detail);
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_header",
            "A header was refused",
            "",
        )
        .with_faults(Place::Header, vec![fault])
    }

    /// The path holds something that is no order id.
    #[must_use]
    pub fn invalid_id() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_id",
            "The order id was refused",
            "An order id is a UUID such as 0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11.",
        )
    }

    fn with_faults(mut self, place: Place, mut faults: Vec<Fault>) -> Self {
        let found = faults.len();
        faults.truncate(MAX_FAULTS);
        self.0.detail = match found {
            1 => Cow::Borrowed("One fault was found."),
            found if found > MAX_FAULTS => Cow::Owned(format!(
                "{found} faults were found; the first {MAX_FAULTS} are listed."
            )),
            found => Cow::Owned(format!("{found} faults were found.")),
        };
        self.0.place = place;
        self.0.faults = faults;
        self
    }

    /// The body did not arrive in time.
    #[must_use]
    pub fn body_timeout() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "The body took too long",
            "The request's body did not arrive in time; the connection is closed.",
        )
        .closing()
    }

    /// The body broke off, or broke the rules of HTTP.
    #[must_use]
    pub fn body_broken(cause: impl ToString) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "body_broken",
            "The body could not be read",
            "The request's body ended early or broke the rules of HTTP.",
        )
        .with_cause(cause)
        .closing()
    }

    /// The body is larger than this address takes.
    #[must_use]
    pub fn body_too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "The body is too large",
            format!("This address takes at most {limit} bytes."),
        )
        .closing()
    }

    /// A batch has more rows than one request may carry.
    #[must_use]
    pub fn too_many_rows(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_many_rows",
            "The batch has too many rows",
            format!("A batch takes at most {limit} rows; send the rest in another one."),
        )
    }

    /// The body is of a kind that this address does not read.
    #[must_use]
    pub fn unsupported_media_type(accepted: &'static str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body is of an unsupported type",
            format!("This address reads {accepted}; say so in the Content-Type header."),
        )
    }

    /// The body is compressed.
    #[must_use]
    pub fn unsupported_encoding() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
            "The body is compressed",
            "Compressed bodies are not read; send the body without a Content-Encoding.",
        )
    }

    /// Path and query are too long.
    #[must_use]
    pub fn uri_too_long(limit: usize) -> Self {
        Self::new(
            StatusCode::URI_TOO_LONG,
            "uri_too_long",
            "The address is too long",
            format!("Path and query may have {limit} bytes together."),
        )
    }

    /// There are too many headers, or they are too long.
    #[must_use]
    pub fn headers_too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            "The headers are too large",
            format!("Names and values of all headers may have {limit} bytes together."),
        )
    }

    /// The host that was asked for is not this one: a page elsewhere may have pointed its name here.
    #[must_use]
    pub fn misdirected() -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "misdirected",
            "Another host was asked for",
            "This server listens on this machine alone and answers to localhost, 127.0.0.1 and [::1]; \
             the Host header says otherwise.",
        )
    }

    /// More requests are under way than the edge takes at a time.
    #[must_use]
    pub fn overloaded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            "Overloaded",
            "Too many requests are under way. Nothing was done; send this one again in a moment.",
        )
        .with_retry()
    }

    /// The server is about to stop.
    #[must_use]
    pub fn stopping() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "Stopping",
            "The server is about to stop. Nothing was done; send this one again in a moment.",
        )
        .with_retry()
    }

    /// What was asked for did not come by the request's deadline. Only for what changes nothing.
    #[must_use]
    pub fn deadline_passed() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "deadline_passed",
            "The deadline passed",
            "The answer did not come in time. Nothing was done; send the request again in a moment.",
        )
        .with_retry()
    }

    /// Something that should not happen did.
    #[must_use]
    pub fn internal(cause: impl ToString) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
            "Something went wrong on the server; the log says what, under this request_id.",
        )
        .with_cause(cause)
    }

    /// Appends the document. `instance` is the path that was asked for.
    pub(crate) fn write(&self, instance: &str, request_id: &RequestId, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":\"/docs/errors/");
        out.extend_from_slice(self.0.code.as_bytes());
        out.extend_from_slice(b"\",\"title\":");
        write_text(self.0.title, out);
        out.extend_from_slice(b",\"status\":");
        out.extend_from_slice(self.0.status.as_str().as_bytes());
        out.extend_from_slice(b",\"detail\":");
        write_text(&self.0.detail, out);
        out.extend_from_slice(b",\"instance\":");
        write_text(instance, out);
        out.extend_from_slice(b",\"code\":");
        write_text(self.0.code, out);
        out.extend_from_slice(b",\"errors\":[");
        for (index, fault) in self.0.faults.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(match self.0.place {
                Place::Body => b"{\"pointer\":",
                Place::Query => b"{\"parameter\":",
                Place::Header => b"{\"header\":",
            });
            write_text(&fault.pointer, out);
            out.extend_from_slice(b",\"code\":");
            write_text(fault.code, out);
            out.extend_from_slice(b",\"detail\":");
            write_text(&fault.detail, out);
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"request_id\":");
        write_text_or_null(Some(request_id.as_str()), out);
        out.push(b'}');
    }

    /// The whole answer, except for what `dispatch` adds to every answer.
    pub(crate) fn render(
        &self,
        instance: &str,
        request_id: &RequestId,
        retry_after_seconds: u64,
    ) -> Response<Body> {
        let mut body = Vec::with_capacity(400 + self.0.faults.len() * 96);
        self.write(instance, request_id, &mut body);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(allow) = self.0.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.0.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if self.0.retry {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds));
        }
        if self.0.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// For the live routes: an empty answer that carries the problem, which `dispatch` renders.
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        Self::malformed_json(&malformed)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let unavailable = |code, title, detail| {
            Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title, detail)
                .with_retry()
                .with_cause(&error)
        };
        match &error {
            StoreError::Overloaded { .. } => Self::overloaded().with_cause(&error),
            StoreError::Expired => Self::deadline_passed(),
            StoreError::Unavailable { .. } => unavailable(
                "store_unavailable",
                "The store cannot be reached",
                "Nothing was done; send the request again in a moment.",
            ),
            StoreError::Unknown { .. } => unavailable(
                "outcome_unknown",
                "The outcome is unknown",
                "It may or may not have been done; send the same request with the same Idempotency-Key again \
                 to find out.",
            ),
            StoreError::Corrupt { .. } => Self::internal(&error),
        }
    }
}

impl From<WatchError> for Problem {
    fn from(error: WatchError) -> Self {
        let unavailable = |code, title, detail| {
            Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title, detail)
                .with_retry()
                .with_cause(&error)
        };
        match &error {
            WatchError::Store(error) => error.clone().into(),
            WatchError::NotFollowed { .. } => unavailable(
                "store_unavailable",
                "The changes cannot be followed now",
                "The store cannot be reached. Connect again in a moment; nothing is skipped.",
            ),
            WatchError::Busy => unavailable(
                "too_many_resuming",
                "Too many streams are resuming",
                "Too many streams read what they missed. Connect again in a moment; nothing is skipped.",
            ),
        }
    }
}

impl From<ReceiptError> for Problem {
    fn from(error: ReceiptError) -> Self {
        match &error {
            ReceiptError::Unavailable(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "receipt_store_unavailable",
                "The receipt store cannot be reached",
                "Nothing was done; send the request again in a moment.",
            )
            .with_retry()
            .with_cause(&error),
            ReceiptError::Conflict { .. } | ReceiptError::Refused { .. } => Self::internal(&error),
        }
    }
}

impl From<ReadReceiptError> for Problem {
    fn from(error: ReadReceiptError) -> Self {
        match error {
            ReadReceiptError::Store(error) => error.into(),
            ReadReceiptError::Receipt(error) => error.into(),
        }
    }
}

impl From<PlaceError> for Problem {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The Idempotency-Key was used before",
                "It made an order with another body. Use a new key for a new order, or send the first body again.",
            ),
            PlaceError::ExternalIdTaken => Self::new(
                StatusCode::CONFLICT,
                "external_id_taken",
                "The external_id is taken",
                "It names another order of this user. Use a new external_id, or send the first body again.",
            ),
            PlaceError::KeyInFlight => Self::new(
                StatusCode::CONFLICT,
                "idempotency_key_in_flight",
                "The Idempotency-Key is in use",
                "A request with this key is still under way; send this one again in a moment.",
            )
            .with_retry(),
            PlaceError::Refused(reason) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "refused_by_store",
                "The store cannot hold this order",
                "Something in the order is beyond what the store can keep.",
            )
            .with_cause(reason),
            PlaceError::Receipt(error) => error.into(),
            PlaceError::Store(error) => error.into(),
        }
    }
}

impl From<SteerError> for Problem {
    fn from(error: SteerError) -> Self {
        match error {
            SteerError::NotFound => Self::not_found(),
            SteerError::Illegal(refusal) => Self::new(
                StatusCode::CONFLICT,
                "illegal_transition",
                "The order's status does not allow it",
                format!("The order is {}.", refusal.status),
            ),
            SteerError::VersionMismatch { current } => Self::version_mismatch(current),
            SteerError::Contended => Self::new(
                StatusCode::CONFLICT,
                "contended",
                "The order keeps changing",
                "Others change the order at the same time. Nothing was done; try again in a moment.",
            )
            .with_retry(),
            SteerError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    /// If-Match names another version than the order's.
    #[must_use]
    pub fn version_mismatch(current: domain::Version) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "version_mismatch",
            "The order has changed",
            format!("The order is at version {current}, not at the one that If-Match names."),
        )
    }
}

/// What live streams refuse.
impl Problem {
    /// The address speaks WebSocket, version 13 of its protocol alone.
    #[must_use]
    pub fn upgrade_required() -> Self {
        Self::new(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "This address speaks WebSocket",
            "Open it as a WebSocket over HTTP/1.1: Connection: Upgrade, Upgrade: websocket, \
             Sec-WebSocket-Version: 13.",
        )
    }

    /// A page of another host wants to watch through its visitor's browser.
    #[must_use]
    pub fn foreign_origin() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "foreign_origin",
            "The page is of another host",
            "The Origin header names another host than the one that was asked for.",
        )
    }

    /// As many live streams are open as the server keeps.
    #[must_use]
    pub fn too_many_streams() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_streams",
            "Too many live streams",
            "As many live streams are open as this server keeps; try again in a moment.",
        )
        .with_retry()
    }
}
