//! What pages in a browser may do here. Every page that a person opens can send requests to this server through that
//! person's browser, so a request is judged by the page that it comes from.
//!
//! | request | `Origin` | answer |
//! | --- | --- | --- |
//! | changes something, or opens a WebSocket | allowed | goes on |
//! | | foreign | 403 `foreign_origin` |
//! | | none, but `Sec-Fetch-Site: cross-site` | 403 `foreign_origin` |
//! | | none | goes on: it comes from a program |
//! | reads | any | goes on |
//!
//! Allowed are the server's own pages (host and port of `Origin` equal `Host`, or its host is in `http.allowed_hosts`) and
//! those of `http.cors_origins`. An answer echoes an allowed `Origin`, and a browser hides every other answer from the page.
//! On a loopback listener a request must also name a host of this machine or of `http.allowed_hosts`, else it gets 421, so that
//! no page can point its own name here (DNS rebinding).
//!
//! [`BrowserRules::judge`] is pure and is called once a request, before anything else looks at it; [`Cors::write`] adds
//! the headers to its answer. Tower-http's CORS layer does not fit: it refuses nothing, answers every OPTIONS by itself, and has
//! one set of headers, while each dialect keeps the answers of the system that it replaces.

mod hosts;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, UPGRADE, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};

use crate::problem::Problem;
use crate::settings::{CorsOrigin, HostName, Origin};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What kind of address a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressKind {
    /// `/v1`, `/ws`, the pages, and every path that there is not.
    Own,
    /// An address of orderflow's, whose answers have CORS headers even if the request has no `Origin`.
    Orderflow,
    /// An address of another dialect.
    Dialect,
    /// Everything on the separate WebSocket port.
    WebSocketPort,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It goes on to its endpoint.
    Passed,
    /// It is the preflight of an allowed page: [`preflight`] is the answer.
    Preflight,
    /// It is refused with this problem.
    Refused(Problem),
}

/// Whether a page may read an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cors {
    /// The request has no `Origin`: it comes from a program, or from a page of this server.
    NoOrigin,
    /// A page of this origin, which may read the answer.
    Allowed(HeaderValue),
    /// A page that may not read the answer.
    Foreign,
}

/// The rules of one listener.
#[derive(Debug, Clone)]
pub(crate) struct BrowserRules {
    allowed_hosts: Arc<[HostName]>,
    cors_origins: Arc<[CorsOrigin]>,
    is_loopback: bool,
}

impl BrowserRules {
    /// `is_loopback` is whether the listener can be reached from its own machine only.
    pub(crate) fn new(
        allowed_hosts: &[HostName],
        cors_origins: &[CorsOrigin],
        is_loopback: bool,
    ) -> Self {
        Self {
            allowed_hosts: allowed_hosts.into(),
            cors_origins: cors_origins.into(),
            is_loopback,
        }
    }

    /// Decides what becomes of a request, and who may read its answer.
    pub(crate) fn judge(
        &self,
        kind: AddressKind,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> (Outcome, Cors) {
        if self.is_loopback && !hosts::are_allowed(uri, headers, &self.allowed_hosts) {
            return (Outcome::Refused(Problem::misdirected()), Cors::Foreign);
        }
        let cors = self.cors(kind, uri, headers);
        let outcome = match &cors {
            Cors::NoOrigin if is_cross_site(headers) && is_guarded(method, headers) => {
                Outcome::Refused(Problem::cross_site())
            }
            Cors::Foreign if is_guarded(method, headers) => {
                Outcome::Refused(Problem::foreign_origin())
            }
            Cors::Allowed(_) if is_preflight(method, headers) => Outcome::Preflight,
            Cors::NoOrigin | Cors::Foreign | Cors::Allowed(_) => Outcome::Passed,
        };
        (outcome, cors)
    }

    fn cors(&self, kind: AddressKind, uri: &Uri, headers: &HeaderMap) -> Cors {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Cors::NoOrigin,
            (Some(value), None) if self.allows(kind, value, uri, headers) => {
                Cors::Allowed(value.clone())
            }
            (Some(_), _) => Cors::Foreign,
        }
    }

    fn allows(
        &self,
        kind: AddressKind,
        value: &HeaderValue,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> bool {
        let Ok(text) = value.to_str() else {
            return false;
        };
        let origin = Origin::parse(text);
        let is_own = |origin: &Origin| {
            let is_listed = |origin: &Origin| {
                let mut hosts = self.allowed_hosts.iter();
                hosts.any(|host| host.is(&origin.host))
            };
            let is_of_the_web = matches!(&*origin.scheme, "http" | "https");
            is_of_the_web && (hosts::is_asked_for(origin, uri, headers) || is_listed(origin))
        };
        if origin.as_ref().is_some_and(is_own) {
            return true;
        }
        let is_listed = |listed: &CorsOrigin| match (listed, &origin) {
            (CorsOrigin::Any, _) => true,
            (CorsOrigin::Null, _) => text == "null",
            (CorsOrigin::Loopback, Some(origin)) => {
                kind != AddressKind::Own && hosts::is_loopback_origin(origin)
            }
            (CorsOrigin::Page(page), Some(origin)) => page == origin,
            (CorsOrigin::Loopback | CorsOrigin::Page(_), None) => false,
        };
        self.cors_origins.iter().any(is_listed)
    }
}

impl Cors {
    /// Adds to an answer what it says to browsers.
    pub(crate) fn write(&self, kind: AddressKind, headers: &mut HeaderMap) {
        let is_orderflow = kind == AddressKind::Orderflow;
        let allowed = match self {
            Self::Allowed(origin) => Some(origin.clone()),
            Self::NoOrigin => is_orderflow.then(|| HeaderValue::from_static("*")),
            Self::Foreign => None,
        };
        if is_orderflow || *self != Self::NoOrigin {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(allowed) = allowed else {
            return;
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if is_orderflow {
            const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
            const HEADERS: HeaderValue = HeaderValue::from_static("Content-Type");
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        }
    }
}

/// What [`Cors::write`] added to an answer, for another answer that takes its place.
pub(crate) fn headers_for_pages(answer: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // Every answer that is open to a page says that it depends on the page.
    if !answer.contains_key(VARY) {
        return headers;
    }
    for name in [
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_HEADERS,
        VARY,
    ] {
        for value in answer.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    headers
}

/// The answer to [`Outcome::Preflight`], to which [`Cors::write`] adds the origin.
pub(crate) fn preflight() -> Response<Body> {
    const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");
    const HEADERS: HeaderValue = HeaderValue::from_static(
        "Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Traceparent, X-Request-Id",
    );
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    response
}

/// Whether a request changes something or opens a WebSocket. Browsers send many such requests without a preflight.
fn is_guarded(method: &Method, headers: &HeaderMap) -> bool {
    let opens_websocket = || {
        let mut upgrades = headers.get_all(UPGRADE).iter();
        upgrades.any(|value| {
            let offered = value.to_str().unwrap_or_default();
            offered
                .split(',')
                .any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
        })
    };
    !method.is_safe() || opens_websocket()
}

/// Whether a browser asks what a page may do, before it sends the page's request.
fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Whether the browser says that a page of another site asks.
fn is_cross_site(headers: &HeaderMap) -> bool {
    headers
        .get_all(SEC_FETCH_SITE)
        .iter()
        .any(|site| site.as_bytes().eq_ignore_ascii_case(b"cross-site"))
}
