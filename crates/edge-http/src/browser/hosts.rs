//! The hosts that a request, and the page behind it, name: whether they are this machine's or this server's. Called by
//! `browser` alone.

use std::net::IpAddr;

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};

use crate::settings::{HostName, Origin, bare_host, default_port};

/// Whether every host that a request asks for is this machine or is in `allowed`. A request that names none comes from no
/// browser.
pub(super) fn are_allowed(uri: &Uri, headers: &HeaderMap, allowed: &[HostName]) -> bool {
    let is_allowed = |host: &str| names_loopback(host) || allowed.iter().any(|name| name.is(host));
    let in_headers = headers.get_all(HOST).iter().all(|value| {
        let authority: Option<Authority> = value.to_str().ok().and_then(|value| value.parse().ok());
        authority.is_some_and(|authority| is_allowed(authority.host()))
    });
    in_headers && uri.authority().map(Authority::host).is_none_or(is_allowed)
}

/// Whether the host and port that a request asks for are those of the page behind it.
pub(super) fn is_asked_for(origin: &Origin, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let asked = match (uri.authority(), hosts.next(), hosts.next()) {
        (Some(authority), ..) => Some(authority.clone()),
        (None, Some(host), None) => host.to_str().ok().and_then(|host| host.parse().ok()),
        (None, ..) => None,
    };
    asked.is_some_and(|asked: Authority| {
        let port = asked.port_u16().or_else(|| default_port(&origin.scheme));
        asked.host().eq_ignore_ascii_case(&origin.host) && port == origin.port
    })
}

/// Whether a page was loaded from this machine.
pub(super) fn is_loopback_origin(origin: &Origin) -> bool {
    matches!(&*origin.scheme, "http" | "https") && names_loopback(&origin.host)
}

fn names_loopback(host: &str) -> bool {
    let host = bare_host(host);
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
