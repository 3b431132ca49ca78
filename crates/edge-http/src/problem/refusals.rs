//! The refusals that the edge makes by itself, one constructor per reason: status, stable code, title, and a sentence
//! that names the remedy. Endpoints, guards and live streams call them.

use std::borrow::Cow;

use domain::{Fault, Status, Version};
use order_json::{MAX_FAULTS, Malformed};

use super::{Code, FaultLocation, Problem};

impl Problem {
    /// The address is none of this server's. `right` is the address that the client may have meant.
    #[must_use]
    pub fn no_such_route(right: Option<&str>) -> Self {
        Self::new(
            Code::NoSuchRoute,
            right.map_or(
                Cow::Borrowed("/docs shows every address of this server."),
                |right| {
                    Cow::Owned(format!(
                        "The address is {right}, without a slash at its end."
                    ))
                },
            ),
        )
    }

    /// There is no order with this id, or none that the client may see: one answer for both.
    #[must_use]
    pub fn order_not_found() -> Self {
        Self::new(
            Code::OrderNotFound,
            "There is no order with this id, or none that this request may see.",
        )
    }

    /// The order is there, its receipt is not.
    #[must_use]
    pub fn no_receipt(status: Status) -> Self {
        Self::new(
            Code::NoReceipt,
            format!("An order has a receipt once it is PROCESSED; this order is {status}."),
        )
    }

    /// The address is there, the method is not. `allow` lists those that are.
    #[must_use]
    pub fn method_not_allowed(allow: String) -> Self {
        let mut problem = Self::new(
            Code::MethodNotAllowed,
            format!("This address takes {allow}."),
        );
        problem.0.allow = Some(allow);
        problem
    }

    /// The client accepts nothing that this address can make.
    #[must_use]
    pub fn not_acceptable(offered: &'static str) -> Self {
        Self::new(
            Code::NotAcceptable,
            format!("This address answers with {offered}, which the Accept header excludes."),
        )
    }

    /// A dialect refuses something in its own words, which are all that the client sees of it.
    pub(crate) fn in_words(code: Code, words: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code, words)
    }

    /// The body is no JSON.
    #[must_use]
    pub fn malformed_json(malformed: &Malformed) -> Self {
        Self::new(Code::MalformedJson, malformed.to_string())
    }

    /// The body is JSON, but not what this address takes.
    #[must_use]
    pub fn invalid_body(faults: Vec<Fault>) -> Self {
        Self::new(Code::ValidationFailed, "").with_faults(FaultLocation::Body, faults)
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
        Self::new(Code::InvalidQuery, "").with_faults(FaultLocation::Query, faults)
    }

    /// A header is not what it must be.
    #[must_use]
    pub fn invalid_header(header: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let fault = Fault::new(header, "invalid", detail);
        Self::new(Code::InvalidHeader, "").with_faults(FaultLocation::Header, vec![fault])
    }

    /// The path holds something that is no order id.
    #[must_use]
    pub fn invalid_id() -> Self {
        Self::new(
            Code::InvalidId,
            "An order id is a UUID such as 0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11.",
        )
    }

    /// The external id names an order with another content; `differing` are the fields, if they are known.
    #[must_use]
    pub fn external_id_taken(differing: Vec<Fault>) -> Self {
        let mut problem = Self::new(
            Code::ExternalIdTaken,
            "It names another order of this user. Use a new external_id, or send the first body again.",
        );
        problem.0.faults = differing;
        problem
    }

    fn with_faults(mut self, location: FaultLocation, mut faults: Vec<Fault>) -> Self {
        let found = faults.len();
        faults.truncate(MAX_FAULTS);
        self.0.detail = match found {
            1 => Cow::Borrowed("One fault was found."),
            found if found > MAX_FAULTS => Cow::Owned(format!(
                "{found} faults were found; the first {MAX_FAULTS} are listed."
            )),
            found => Cow::Owned(format!("{found} faults were found.")),
        };
        self.0.location = location;
        self.0.faults = faults;
        self
    }

    /// The body did not arrive in time.
    #[must_use]
    pub fn body_timeout() -> Self {
        Self::new(
            Code::BodyTimeout,
            "The request's body did not arrive in time; the connection is closed.",
        )
        .closing()
    }

    /// The body broke off, or broke the rules of HTTP.
    #[must_use]
    pub fn body_broken(cause: impl ToString) -> Self {
        Self::new(
            Code::BodyBroken,
            "The request's body ended early or broke the rules of HTTP.",
        )
        .with_cause(cause)
        .closing()
    }

    /// The body is larger than this address takes.
    #[must_use]
    pub fn body_too_large(limit: usize) -> Self {
        Self::new(
            Code::BodyTooLarge,
            format!("This address takes at most {limit} bytes."),
        )
        .closing()
    }

    /// A batch has more rows than one request may carry.
    #[must_use]
    pub fn too_many_rows(limit: usize) -> Self {
        Self::new(
            Code::TooManyRows,
            format!("A batch takes at most {limit} rows; send the rest in another one."),
        )
    }

    /// The body is of a type that this address does not read: `what` says which, `accept` lists those that it reads.
    #[must_use]
    pub fn unsupported_media_type(what: &str, accept: &'static str) -> Self {
        let mut problem = Self::new(
            Code::UnsupportedMediaType,
            format!("{what}; send the body as one of: {accept}."),
        );
        problem.0.accept = Some(accept);
        problem
    }

    /// The body is compressed, or encoded otherwise.
    #[must_use]
    pub fn unsupported_encoding(encoding: &str) -> Self {
        Self::new(
            Code::UnsupportedEncoding,
            format!("The Content-Encoding {encoding:?} is not read; send the body without one."),
        )
    }

    /// Path and query are too long.
    #[must_use]
    pub fn uri_too_long(limit: usize) -> Self {
        Self::new(
            Code::UriTooLong,
            format!("Path and query may have {limit} bytes together."),
        )
    }

    /// There are too many headers, or they are too long.
    #[must_use]
    pub fn headers_too_large(limit: usize) -> Self {
        Self::new(
            Code::HeadersTooLarge,
            format!("Names and values of all headers may have {limit} bytes together."),
        )
    }

    /// The host that was asked for is not this one: a page elsewhere may have pointed its name here.
    #[must_use]
    pub fn misdirected() -> Self {
        Self::new(
            Code::Misdirected,
            "This server listens on this machine only. It answers requests for localhost, 127.0.0.1, [::1] and the names \
             in the setting http.allowed_hosts; the Host header names another host. If a proxy on this machine passes its \
             own name on, add that name to http.allowed_hosts.",
        )
    }

    /// A page of another origin wants to change something, or to open a WebSocket, through a person's browser.
    #[must_use]
    pub fn foreign_origin() -> Self {
        Self::new(
            Code::ForeignOrigin,
            "The Origin header is neither this server's own origin nor in the setting http.cors_origins. To allow the \
             page, add its origin there. If a proxy serves this server under another name, add that name to \
             http.allowed_hosts.",
        )
    }

    /// As [`Problem::foreign_origin`], for a request whose browser names the relation but not the origin.
    #[must_use]
    pub fn cross_site() -> Self {
        Self::new(
            Code::ForeignOrigin,
            "The Sec-Fetch-Site header says that a page of another site sent this request, and no Origin header names it. \
             A page whose origin is in the setting http.cors_origins is allowed if its requests carry Origin.",
        )
    }

    /// More requests are under way than the edge takes at a time.
    #[must_use]
    pub fn overloaded() -> Self {
        Self::new(
            Code::Overloaded,
            "Too many requests are under way. Nothing was done; send this one again in a moment.",
        )
    }

    /// The bodies that are being worked on hold as much as they may together.
    #[must_use]
    pub fn memory_used_up() -> Self {
        Self::new(
            Code::Overloaded,
            "Too many large bodies are being worked on. Nothing was done; send this one again in a moment.",
        )
        .closing()
    }

    /// The answers that clients have not taken yet hold as much as they may together. The request was carried out.
    #[must_use]
    pub fn answers_used_up() -> Self {
        Self::new(
            Code::Overloaded,
            "Too many answers wait for their clients to take them. Read again in a moment. If this request was to change \
             something, it was carried out: send it again with the same Idempotency-Key, or read the order.",
        )
    }

    /// The server is about to stop.
    #[must_use]
    pub fn stopping() -> Self {
        Self::new(
            Code::Stopping,
            "The server is about to stop. Nothing was done; send this one again in a moment.",
        )
    }

    /// What was asked for did not come by the request's deadline. Only for what changes nothing.
    #[must_use]
    pub fn deadline_passed() -> Self {
        Self::new(
            Code::DeadlinePassed,
            "The answer did not come in time. Nothing was done; send the request again in a moment.",
        )
    }

    /// The store cannot be reached, or takes no commits.
    #[must_use]
    pub fn store_unavailable() -> Self {
        Self::new(
            Code::StoreUnavailable,
            "Nothing was done; send the request again in a moment.",
        )
    }

    /// The disk of the store is full.
    #[must_use]
    pub fn store_full() -> Self {
        Self::new(
            Code::StoreFull,
            "The disk of the store is full. Nothing was done. Once an operator has freed space there, the server goes on by \
             itself; send the request again then.",
        )
    }

    /// Something that should not happen did.
    #[must_use]
    pub fn internal(cause: impl ToString) -> Self {
        Self::new(
            Code::Internal,
            "Something went wrong on the server; the log says what, under this request_id.",
        )
        .with_cause(cause)
    }

    /// If-Match names another version than the order's.
    #[must_use]
    pub fn version_mismatch(current: Version) -> Self {
        Self::new(
            Code::VersionMismatch,
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
            Code::UpgradeRequired,
            "Open it as a WebSocket over HTTP/1.1: Connection: Upgrade, Upgrade: websocket, \
             Sec-WebSocket-Version: 13.",
        )
    }

    /// As many live streams are open as the server keeps.
    #[must_use]
    pub fn too_many_streams() -> Self {
        Self::new(
            Code::TooManyStreams,
            "As many live streams are open as this server keeps; try again in a moment.",
        )
    }
}
