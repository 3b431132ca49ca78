//! Every row of the rules: kinds of address, methods, headers and settings.

use axum::http::{HeaderMap, Request};

use super::{AddressKind, BrowserRules, Cors, Outcome, headers_for_pages, preflight};
use crate::settings::{CorsOrigin, HostName};

const OWN: AddressKind = AddressKind::Own;
const ORDERFLOW: AddressKind = AddressKind::Orderflow;
const DIALECT: AddressKind = AddressKind::Dialect;
const WS_PORT: AddressKind = AddressKind::WebSocketPort;
const KINDS: [AddressKind; 4] = [OWN, ORDERFLOW, DIALECT, WS_PORT];

/// A page on this machine, but not of this server.
const NEIGHBOUR: &str = "http://localhost:3000";
const EVIL: &str = "https://evil.example";
const POST: &str = "POST";
const GET: &str = "GET";
/// A handshake.
const WS: &str = "WS";
const PREFLIGHT: &str = "PREFLIGHT";

/// The rules of a loopback listener.
fn rules(allowed_hosts: &[&str], cors_origins: &[&str]) -> BrowserRules {
    let hosts = allowed_hosts.iter().map(|text| HostName::parse(text));
    let origins = cors_origins.iter().map(|text| CorsOrigin::parse(text));
    let hosts: Vec<HostName> = hosts.map(Option::unwrap).collect();
    let origins: Vec<CorsOrigin> = origins.map(Option::unwrap).collect();
    BrowserRules::new(&hosts, &origins, true)
}

/// The rules as they are by default.
fn default_rules() -> BrowserRules {
    rules(&[], &["loopback"])
}

/// What becomes of a request: `passed`, `preflight` or the code of its refusal; then the origin that may read the answer,
/// `none` for a request without one, `foreign` for any other.
fn judged(
    rules: &BrowserRules,
    kind: AddressKind,
    what: &str,
    headers: &[(&str, &str)],
) -> (String, String) {
    let (method, more): (_, &[_]) = match what {
        WS => ("GET", &[("upgrade", "WebSocket")]),
        PREFLIGHT => ("OPTIONS", &[("access-control-request-method", "POST")]),
        method => (method, &[]),
    };
    let mut request = Request::builder().method(method).uri("/v1/orders");
    for (name, value) in headers.iter().chain(more) {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let (outcome, cors) = rules.judge(kind, &parts.method, &parts.uri, &parts.headers);
    let outcome = match outcome {
        Outcome::Passed => "passed",
        Outcome::Preflight => "preflight",
        Outcome::Refused(problem) => problem.code(),
    };
    let reader = match &cors {
        Cors::NoOrigin => "none",
        Cors::Allowed(origin) => origin.to_str().unwrap(),
        Cors::Foreign => "foreign",
    };
    (outcome.to_owned(), reader.to_owned())
}

/// [`judged`] for a page of `origin` that asks `localhost:8080`.
fn judged_page(
    rules: &BrowserRules,
    kind: AddressKind,
    what: &str,
    origin: &str,
) -> (String, String) {
    let headers = [("host", "localhost:8080"), ("origin", origin)];
    judged(rules, kind, what, &headers)
}

fn expected(outcome: &str, reader: &str) -> (String, String) {
    (outcome.to_owned(), reader.to_owned())
}

#[test]
fn a_foreign_page_changes_nothing_opens_no_websocket_and_reads_nothing() {
    let refused = expected("foreign_origin", "foreign");
    let unread = expected("passed", "foreign");
    for kind in KINDS {
        for origin in [
            EVIL,
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "https://evil.example:8080",
            "null",
            "file://",
            "",
            "http://localhost:8080/",
            "http://user@localhost:8080",
            "chrome-extension://localhost",
        ] {
            for what in [POST, "PUT", "DELETE", "PATCH", "CONNECT", "NEW", WS] {
                let found = judged_page(&default_rules(), kind, what, origin);
                assert_eq!(found, refused, "{kind:?} {what} {origin}");
            }
            for what in [GET, "HEAD", "OPTIONS", PREFLIGHT] {
                let found = judged_page(&default_rules(), kind, what, origin);
                assert_eq!(found, unread, "{kind:?} {what} {origin}");
            }
        }
    }
}

#[test]
fn a_page_of_this_server_may_do_everything() {
    for kind in KINDS {
        for (host, origin) in [
            ("localhost:8080", "http://localhost:8080"),
            ("LOCALHOST:8080", "http://localhost:8080"),
            ("127.0.0.1", "http://127.0.0.1"),
            ("127.0.0.1:443", "https://127.0.0.1"),
            ("[::1]:8080", "http://[::1]:8080"),
        ] {
            let headers = [("host", host), ("origin", origin)];
            for (what, outcome) in [
                (POST, "passed"),
                (WS, "passed"),
                (GET, "passed"),
                (PREFLIGHT, "preflight"),
            ] {
                let found = judged(&default_rules(), kind, what, &headers);
                assert_eq!(found, expected(outcome, origin), "{kind:?} {what} {host}");
            }
        }
    }
}

#[test]
fn by_default_pages_of_this_machine_may_use_the_dialects_and_the_websocket_port_only() {
    for origin in [
        NEIGHBOUR,
        "https://127.0.0.1",
        "http://127.8.8.8:1",
        "http://[::1]:3000",
    ] {
        for (kind, is_allowed) in [
            (OWN, false),
            (ORDERFLOW, true),
            (DIALECT, true),
            (WS_PORT, true),
        ] {
            for what in [POST, WS, GET, PREFLIGHT] {
                let found = judged_page(&default_rules(), kind, what, origin);
                let outcome = match (what, is_allowed) {
                    (PREFLIGHT, true) => "preflight",
                    (POST | WS, false) => "foreign_origin",
                    _ => "passed",
                };
                let reader = if is_allowed { origin } else { "foreign" };
                assert_eq!(found, expected(outcome, reader), "{kind:?} {what} {origin}");
            }
        }
    }
}

#[test]
fn a_listed_origin_may_use_every_address_and_no_other_origin_may() {
    for (listed, origin, others) in [
        (
            "https://shop.example",
            "https://shop.example",
            [
                "http://shop.example",
                "https://shop.example:8443",
                NEIGHBOUR,
            ],
        ),
        ("null", "null", [EVIL, "file://", NEIGHBOUR]),
        (
            "http://[::1]:3000",
            "http://[::1]:3000",
            [EVIL, "null", NEIGHBOUR],
        ),
    ] {
        let rules = rules(&[], &[listed]);
        for kind in KINDS {
            for (what, outcome) in [(POST, "passed"), (WS, "passed"), (PREFLIGHT, "preflight")] {
                let found = judged_page(&rules, kind, what, origin);
                assert_eq!(found, expected(outcome, origin), "{kind:?} {what} {listed}");
            }
            for other in others {
                let found = judged_page(&rules, kind, POST, other);
                assert_eq!(
                    found,
                    expected("foreign_origin", "foreign"),
                    "{kind:?} {other}"
                );
            }
        }
    }
    for origin in [EVIL, "null", "file://", NEIGHBOUR] {
        let found = judged_page(&rules(&[], &["*"]), OWN, POST, origin);
        assert_eq!(found, expected("passed", origin));
    }
    let found = judged_page(&rules(&[], &[]), DIALECT, POST, NEIGHBOUR);
    assert_eq!(found, expected("foreign_origin", "foreign"));
}

#[test]
fn a_page_of_an_allowed_host_is_this_servers_own() {
    let rules = rules(&["mill.example"], &["loopback"]);
    let own = "https://mill.example";
    // A proxy passes the name on, with or without its port, or asks by a name of this machine.
    for host in [
        "mill.example",
        "mill.example:8443",
        "Mill.Example.",
        "127.0.0.1:8080",
    ] {
        let headers = [("host", host), ("origin", own)];
        assert_eq!(judged(&rules, OWN, POST, &headers), expected("passed", own));
    }
    let headers = [("host", "mill.example"), ("origin", EVIL)];
    assert_eq!(judged(&rules, OWN, POST, &headers).0, "foreign_origin");
}

#[test]
fn an_origin_alone_decides_and_without_one_the_site_does() {
    let host = ("host", "localhost:8080");
    let cross_site = ("sec-fetch-site", "cross-site");
    for kind in KINDS {
        for what in [POST, "DELETE", WS] {
            let found = judged(&default_rules(), kind, what, &[host, cross_site]);
            assert_eq!(found, expected("foreign_origin", "none"), "{kind:?} {what}");
            for site in ["same-origin", "same-site", "none", ""] {
                let headers = [host, ("sec-fetch-site", site)];
                let found = judged(&default_rules(), kind, what, &headers);
                assert_eq!(found, expected("passed", "none"), "{kind:?} {what} {site}");
            }
            let found = judged(&default_rules(), kind, what, &[host]);
            assert_eq!(found, expected("passed", "none"), "{kind:?} {what}");
        }
        for what in [GET, "HEAD", "OPTIONS"] {
            let found = judged(&default_rules(), kind, what, &[host, cross_site]);
            assert_eq!(found, expected("passed", "none"), "{kind:?} {what}");
        }
    }
    let own = ("origin", "http://localhost:8080");
    let found = judged(&default_rules(), OWN, POST, &[host, own, cross_site]);
    assert_eq!(found, expected("passed", "http://localhost:8080"));
    let evil = ("origin", EVIL);
    let headers = [host, evil, ("sec-fetch-site", "same-origin")];
    let found = judged(&default_rules(), OWN, POST, &headers);
    assert_eq!(found, expected("foreign_origin", "foreign"));
    let found = judged(&default_rules(), OWN, POST, &[host, own, own]);
    assert_eq!(found, expected("foreign_origin", "foreign"));
}

#[test]
fn on_loopback_only_this_machine_and_allowed_hosts_are_answered() {
    for (host, is_answered) in [
        ("localhost", true),
        ("LOCALHOST:8080", true),
        ("localhost.", true),
        ("127.0.0.1:8080", true),
        ("127.8.8.8", true),
        ("[::1]:8080", true),
        ("mill.example", true),
        ("MILL.example.:80", true),
        ("evil.example", false),
        ("www.mill.example", false),
        ("mill.example.evil.example", false),
        ("localhost.evil.example", false),
        ("127.0.0.1.evil.example", false),
        ("10.0.0.1", false),
        ("", false),
        ("a b", false),
    ] {
        let rules = rules(&["mill.example"], &["*"]);
        let outcome = if is_answered { "passed" } else { "misdirected" };
        let found = judged(&rules, OWN, GET, &[("host", host)]);
        assert_eq!(found.0, outcome, "{host}");
        let rebound = format!("http://{host}");
        let headers = [("host", host), ("origin", rebound.as_str())];
        let found = judged(&rules, OWN, POST, &headers);
        assert_eq!(found.0, outcome, "{host}");
        let anywhere = BrowserRules::new(&[], &[], false);
        assert_eq!(judged(&anywhere, OWN, GET, &[("host", host)]).0, "passed");
    }
    assert_eq!(judged(&default_rules(), OWN, GET, &[]).0, "passed");
    let request = Request::get("http://evil.example/").header("host", "localhost");
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let (outcome, _) = default_rules().judge(OWN, &parts.method, &parts.uri, &parts.headers);
    assert!(matches!(outcome, Outcome::Refused(_)));
}

#[test]
fn a_refusal_names_the_setting() {
    for (headers, setting) in [
        (
            [("host", "localhost"), ("origin", EVIL)],
            "http.cors_origins",
        ),
        (
            [("host", "localhost"), ("sec-fetch-site", "cross-site")],
            "http.cors_origins",
        ),
        (
            [("host", "evil.example"), ("accept", "*/*")],
            "http.allowed_hosts",
        ),
    ] {
        let mut request = Request::post("/v1/orders");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let (outcome, _) = default_rules().judge(OWN, &parts.method, &parts.uri, &parts.headers);
        let Outcome::Refused(problem) = outcome else {
            panic!("{headers:?}");
        };
        assert!(problem.words().contains(setting), "{}", problem.words());
    }
}

#[test]
fn an_answer_echoes_an_allowed_origin_and_says_that_it_depends_on_it() {
    let written = |cors: &Cors, kind| {
        let mut headers = HeaderMap::new();
        cors.write(kind, &mut headers);
        let value = |name| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        [
            value("access-control-allow-origin"),
            value("vary"),
            value("access-control-allow-methods"),
            value("access-control-allow-headers"),
        ]
    };
    let some = |text: &str| Some(text.to_owned());
    let (methods, types) = (some("GET, POST, OPTIONS"), some("Content-Type"));
    let allowed = Cors::Allowed(NEIGHBOUR.parse().unwrap());
    for kind in [OWN, DIALECT, WS_PORT] {
        assert_eq!(written(&Cors::NoOrigin, kind), [None, None, None, None]);
        assert_eq!(
            written(&Cors::Foreign, kind),
            [None, some("Origin"), None, None]
        );
        let echoed = [some(NEIGHBOUR), some("Origin"), None, None];
        assert_eq!(written(&allowed, kind), echoed);
    }
    let vary = some("Origin");
    let open = [some("*"), vary.clone(), methods.clone(), types.clone()];
    assert_eq!(written(&Cors::NoOrigin, ORDERFLOW), open);
    let closed = [None, vary.clone(), None, None];
    assert_eq!(written(&Cors::Foreign, ORDERFLOW), closed);
    let echoed = [some(NEIGHBOUR), vary, methods, types];
    assert_eq!(written(&allowed, ORDERFLOW), echoed);
}

#[test]
fn an_answer_in_the_place_of_another_is_open_to_the_same_pages() {
    for cors in [
        Cors::NoOrigin,
        Cors::Foreign,
        Cors::Allowed(NEIGHBOUR.parse().unwrap()),
    ] {
        for kind in KINDS {
            let mut written = HeaderMap::new();
            cors.write(kind, &mut written);
            let mut answer = written.clone();
            answer.insert("content-type", "text/plain".parse().unwrap());
            assert_eq!(headers_for_pages(&answer), written, "{cors:?} {kind:?}");
        }
    }
}

#[test]
fn what_an_answer_depended_on_already_stays() {
    let mut headers = HeaderMap::new();
    headers.insert("vary", "accept".parse().unwrap());
    Cors::Foreign.write(OWN, &mut headers);
    let vary: Vec<_> = headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["accept", "Origin"]);
}

#[test]
fn a_preflight_allows_what_clients_of_ours_send() {
    let mut answer = preflight();
    assert_eq!(answer.status(), 204);
    Cors::Allowed(NEIGHBOUR.parse().unwrap()).write(OWN, answer.headers_mut());
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], NEIGHBOUR);
    assert_eq!(headers["access-control-allow-methods"], "GET, HEAD, POST");
    let sent = headers["access-control-allow-headers"].to_str().unwrap();
    for name in ["Content-Type", "Idempotency-Key", "If-Match"] {
        assert!(sent.contains(name), "{sent}");
    }
}
