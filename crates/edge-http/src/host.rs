//! Which host a request asks for. On loopback only loopback names are answered, so that a page elsewhere cannot point
//! its own name here and read orders through the user's browser (DNS rebinding).

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};

/// Whether every host that the request names is this machine. A request that names none comes from no browser.
pub(crate) fn is_loopback(uri: &Uri, headers: &HeaderMap) -> bool {
    let in_uri = uri.authority().map(Authority::host);
    let in_headers = headers.get_all(HOST).iter().map(|value| {
        let authority: Option<Authority> = value.to_str().ok().and_then(|value| value.parse().ok());
        authority.is_some_and(|authority| names_loopback(authority.host()))
    });
    in_uri.is_none_or(names_loopback) && in_headers.into_iter().all(|is_loopback| is_loopback)
}

fn names_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        return address
            .parse::<Ipv6Addr>()
            .is_ok_and(|address| address.is_loopback());
    }
    host.parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use axum::http::request::Builder;

    fn is_loopback(request: Builder) -> bool {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        super::is_loopback(&parts.uri, &parts.headers)
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("127.0.0.1:8080", true),
            ("127.8.8.8", true),
            ("[::1]:8080", true),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1", false),
            ("", false),
            ("a b", false),
        ] {
            let request = Request::get("/").header("host", host);
            assert_eq!(is_loopback(request), expected, "{host}");
        }
        let absolute = Request::get("http://evil.example/").header("host", "localhost");
        assert!(!is_loopback(absolute));
        assert!(is_loopback(Request::get("/")));
    }
}
