//! Refusals on their way out: RFC 9457 problem documents. What the edge refuses by itself is in `refusals`; what comes
//! from behind it is mapped outward in `mapping`, and nowhere else.
//!
//! Handlers and layers return a [`Problem`]; the layer `render_problem` renders it with the request's id. A problem never shows what a
//! library or a store said: that is its `cause`, which goes to the log alone.

mod code;
mod mapping;
mod refusals;

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use domain::Fault;
use order_json::{write_text, write_text_or_null};

pub(crate) use code::Code;

/// What part of the request a fault speaks of, beside the JSON pointers of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultLocation {
    Body,
    Query,
    Header,
}

/// A refusal on its way to the client. Boxed, so that a success does not carry its size.
#[derive(Debug, Clone)]
pub struct Problem(Box<Content>);

#[derive(Debug, Clone)]
struct Content {
    code: Code,
    detail: Cow<'static, str>,
    location: FaultLocation,
    faults: Vec<Fault>,
    allow: Option<String>,
    accept: Option<&'static str>,
    close: bool,
    cause: Option<String>,
}

impl Problem {
    fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Content {
            code,
            detail: detail.into(),
            location: FaultLocation::Body,
            faults: Vec::new(),
            allow: None,
            accept: None,
            close: false,
            cause: None,
        }))
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
        self.0.code.status()
    }

    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.0.code.as_str()
    }

    /// What is for the log only.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// All of it as a sentence, for a form without fields.
    pub(crate) fn words(&self) -> String {
        let faults: Vec<String> = (self.0.faults.iter())
            .map(|fault| format!("{} {}", fault.pointer, fault.detail))
            .collect();
        match (self.0.code.title(), faults.is_empty()) {
            ("", _) => self.0.detail.to_string(),
            (title, true) => format!("{title}. {}", self.0.detail),
            (title, false) => format!("{title}: {}", faults.join("; ")),
        }
    }

    /// Appends the document. `instance` is the path that was asked for.
    pub(crate) fn write(&self, instance: &str, request_id: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":\"/docs/errors/");
        out.extend_from_slice(self.code().as_bytes());
        out.extend_from_slice(b"\",\"title\":");
        write_text(self.0.code.title(), out);
        out.extend_from_slice(b",\"status\":");
        out.extend_from_slice(self.status().as_str().as_bytes());
        out.extend_from_slice(b",\"detail\":");
        write_text(&self.0.detail, out);
        out.extend_from_slice(b",\"instance\":");
        write_text(instance, out);
        out.extend_from_slice(b",\"code\":");
        write_text(self.code(), out);
        out.extend_from_slice(b",\"errors\":[");
        for (index, fault) in self.0.faults.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(match self.0.location {
                FaultLocation::Body => b"{\"pointer\":",
                FaultLocation::Query => b"{\"parameter\":",
                FaultLocation::Header => b"{\"header\":",
            });
            write_text(&fault.pointer, out);
            out.extend_from_slice(b",\"code\":");
            write_text(&fault.code, out);
            out.extend_from_slice(b",\"detail\":");
            write_text(&fault.detail, out);
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"request_id\":");
        write_text_or_null(request_id, out);
        out.push(b'}');
    }

    /// The whole answer, except for what the layers add to every answer.
    pub(crate) fn render(
        &self,
        instance: &str,
        request_id: Option<&str>,
        retry_after_seconds: u64,
    ) -> Response<Body> {
        let mut body = Vec::with_capacity(400 + self.0.faults.len() * 96);
        self.write(instance, request_id, &mut body);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        self.write_headers(headers, retry_after_seconds);
        response
    }

    /// The headers that a refusal carries in whatever form it is.
    pub(crate) fn write_headers(&self, headers: &mut HeaderMap, retry_after_seconds: u64) {
        if let Some(allow) = &self.0.allow
            && let Ok(allow) = HeaderValue::from_str(allow)
        {
            headers.insert(ALLOW, allow);
        }
        if let Some(accept) = self.0.accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        if self.0.code == Code::UnsupportedEncoding {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if self.status() == StatusCode::UPGRADE_REQUIRED {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if self.0.code.may_succeed_later() {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds));
        }
        if self.0.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl IntoResponse for Problem {
    /// An empty answer that carries the problem, which the layer `render_problem` renders.
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}
