//! Maps a path to an address. Fixed addresses are matched here; every other path goes to the router of the live
//! streams, which answers 404 to what it does not know.
//!
//! `dispatch` calls it for every request. It never reads more of a request than its path and method.

use axum::Router;
use axum::http::{Method, Uri};
use domain::OrderCommand;

use crate::dialects::{self, Voice};
use crate::live;
use crate::problem::Problem;
use crate::state::EdgeState;

/// An address of this server, with what its path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address<'p> {
    /// `/v1/orders`
    Orders,
    /// `/v1/orders/batch`
    Batch,
    /// `/v1/orders/{id}`
    Order(&'p str),
    /// `/v1/orders/{id}/cancel | hold | release`, `/v1/dead-letters/{id}/replay | discard`
    Command(&'p str, OrderCommand),
    /// `/v1/orders/{id}/events`
    Events(&'p str),
    /// `/v1/orders/{id}/receipt`
    Receipt(&'p str),
    /// `/v1/dead-letters`
    DeadLetters,
    /// `/v1/dead-letters/reasons`
    DeadLetterReasons,
    /// `/v1/dead-letters/replay | discard`
    CommandDeadLetters(OrderCommand),
    /// `/v1/stats`
    Stats,
    /// `/livez`
    Live,
    /// `/readyz`
    Ready,
    /// `/health`
    Health,
    /// An address of a dialect; `/health` is one if orderflow's clients are to find theirs there.
    Dialect(dialects::Place<'p>),
    /// `/`
    Start,
    /// `/dashboard/{path}`: a file of the page at `/`.
    PageFile(&'p str),
    /// `/openapi.json`
    OpenApi,
    /// `/docs`
    Docs,
    /// `/docs/{file}`: a file of the page at `/docs`.
    DocsFile(&'p str),
    /// `/docs/errors/{code}`
    ErrorPage(&'p str),
    /// Any other path: a live stream, or unknown.
    Elsewhere,
}

/// The operation at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint<'p> {
    PlaceOrder,
    ListOrders,
    PlaceBatch,
    GetOrder(&'p str),
    CommandOrder(&'p str, OrderCommand),
    ListEvents(&'p str),
    GetReceipt(&'p str),
    ListDeadLetters,
    ListDeadLetterReasons,
    CommandDeadLetters(OrderCommand),
    GetStats,
    SayAlive,
    SayReady,
    GetHealth,
    Dialect(dialects::Call<'p>),
    ShowStart,
    ShowPageFile(&'p str),
    ShowOpenApi,
    ShowDocs,
    ShowDocsFile(&'p str),
    ShowError(&'p str),
}

impl Address<'static> {
    /// One address of each kind, with empty path parameters.
    pub(crate) const EVERY: &[Self] = &[
        Self::Orders,
        Self::Batch,
        Self::Order(""),
        Self::Command("", OrderCommand::Cancel),
        Self::Command("", OrderCommand::Hold),
        Self::Command("", OrderCommand::Release),
        Self::Events(""),
        Self::Receipt(""),
        Self::DeadLetters,
        Self::Command("", OrderCommand::Replay),
        Self::Command("", OrderCommand::Discard),
        Self::DeadLetterReasons,
        Self::CommandDeadLetters(OrderCommand::Replay),
        Self::CommandDeadLetters(OrderCommand::Discard),
        Self::Stats,
        Self::Live,
        Self::Ready,
        Self::Health,
        Self::Dialect(dialects::Place::ApiOrders),
        Self::Dialect(dialects::Place::Orders),
        Self::Dialect(dialects::Place::Order("")),
        Self::Start,
        Self::PageFile(""),
        Self::OpenApi,
        Self::Docs,
        Self::DocsFile(""),
        Self::ErrorPage(""),
    ];
}

impl<'p> Address<'p> {
    /// The address that a path names.
    pub(crate) fn of(path: &'p str) -> Self {
        if let Some(file) = path.strip_prefix("/dashboard/") {
            return Self::PageFile(file);
        }
        let mut segments = path.strip_prefix('/').unwrap_or_default().split('/');
        let first = segments.next();
        let rest = [segments.next(), segments.next(), segments.next()];
        if segments.next().is_some() {
            return Self::Elsewhere;
        }
        match (first, rest) {
            (Some("v1"), rest) => Self::of_v1(rest),
            (Some("livez"), [None, ..]) => Self::Live,
            (Some("readyz"), [None, ..]) => Self::Ready,
            (Some("health"), [None, ..]) => Self::Health,
            (Some(""), [None, ..]) => Self::Start,
            (Some("openapi.json"), [None, ..]) => Self::OpenApi,
            (Some("docs"), [None, ..]) => Self::Docs,
            (Some("docs"), [Some(file), None, _]) if !file.is_empty() => Self::DocsFile(file),
            (Some("docs"), [Some("errors"), Some(code), None]) => Self::ErrorPage(code),
            (Some(first), [second, None, _]) => {
                dialects::Place::of(first, second).map_or(Self::Elsewhere, Self::Dialect)
            }
            _ => Self::Elsewhere,
        }
    }

    fn of_v1(rest: [Option<&'p str>; 3]) -> Self {
        match rest {
            [Some("orders"), None, _] => Self::Orders,
            [Some("orders"), Some("batch"), None] => Self::Batch,
            // A trailing slash names no order.
            [Some("orders"), Some(""), None] => Self::Elsewhere,
            [Some("orders"), Some(id), None] => Self::Order(id),
            [Some("orders"), Some(id), Some(what)] => match what {
                "cancel" => Self::Command(id, OrderCommand::Cancel),
                "hold" => Self::Command(id, OrderCommand::Hold),
                "release" => Self::Command(id, OrderCommand::Release),
                "events" => Self::Events(id),
                "receipt" => Self::Receipt(id),
                _ => Self::Elsewhere,
            },
            [Some("dead-letters"), None, _] => Self::DeadLetters,
            [Some("dead-letters"), Some("reasons"), None] => Self::DeadLetterReasons,
            [Some("dead-letters"), Some("replay"), None] => {
                Self::CommandDeadLetters(OrderCommand::Replay)
            }
            [Some("dead-letters"), Some("discard"), None] => {
                Self::CommandDeadLetters(OrderCommand::Discard)
            }
            [Some("dead-letters"), Some(id), Some("replay")] => {
                Self::Command(id, OrderCommand::Replay)
            }
            [Some("dead-letters"), Some(id), Some("discard")] => {
                Self::Command(id, OrderCommand::Discard)
            }
            [Some("stats"), None, _] => Self::Stats,
            _ => Self::Elsewhere,
        }
    }

    /// The operation of `method` at this address; `None` for [`Address::Elsewhere`].
    pub(crate) fn endpoint(self, method: &Method) -> Option<Result<Endpoint<'p>, Problem>> {
        const READ: &str = "GET, HEAD";
        let reads = method == Method::GET || method == Method::HEAD;
        let posts = method == Method::POST;
        let (endpoint, is_allowed, allow) = match self {
            Self::Orders if posts => (Endpoint::PlaceOrder, true, ""),
            Self::Orders => (Endpoint::ListOrders, reads, "GET, HEAD, POST"),
            Self::Batch => (Endpoint::PlaceBatch, posts, "POST"),
            Self::Order(id) => (Endpoint::GetOrder(id), reads, READ),
            Self::Command(id, command) => (Endpoint::CommandOrder(id, command), posts, "POST"),
            Self::Events(id) => (Endpoint::ListEvents(id), reads, READ),
            Self::Receipt(id) => (Endpoint::GetReceipt(id), reads, READ),
            Self::DeadLetters => (Endpoint::ListDeadLetters, reads, READ),
            Self::DeadLetterReasons => (Endpoint::ListDeadLetterReasons, reads, READ),
            Self::CommandDeadLetters(command) => {
                (Endpoint::CommandDeadLetters(command), posts, "POST")
            }
            Self::Stats => (Endpoint::GetStats, reads, READ),
            Self::Live => (Endpoint::SayAlive, reads, READ),
            Self::Ready => (Endpoint::SayReady, reads, READ),
            Self::Health => (Endpoint::GetHealth, reads, READ),
            Self::Start => (Endpoint::ShowStart, reads, READ),
            Self::PageFile(path) => (Endpoint::ShowPageFile(path), reads, READ),
            Self::OpenApi => (Endpoint::ShowOpenApi, reads, READ),
            Self::Docs => (Endpoint::ShowDocs, reads, READ),
            Self::DocsFile(file) => (Endpoint::ShowDocsFile(file), reads, READ),
            Self::ErrorPage(code) => (Endpoint::ShowError(code), reads, READ),
            Self::Dialect(place) => return Some(place.call(method).map(Endpoint::Dialect)),
            Self::Elsewhere => return None,
        };
        Some(if is_allowed {
            Ok(endpoint)
        } else {
            Err(Problem::method_not_allowed(allow))
        })
    }

    /// The form of refusals at this address; `path` is the requested path. An unknown path is refused in the form that
    /// all dialects share, unless it lies below one of our own addresses.
    pub(crate) fn voice(self, path: &str) -> Voice {
        match self {
            Self::Dialect(place) => place.voice(),
            Self::Elsewhere if !is_ours(path) => Voice::PlainText,
            _ => Voice::Problem,
        }
    }

    /// The address without what clients put into it: safe to log.
    pub(crate) const fn pattern(self) -> &'static str {
        match self {
            Self::Orders => "/v1/orders",
            Self::Batch => "/v1/orders/batch",
            Self::Order(_) => "/v1/orders/{id}",
            Self::Command(_, command) => match command {
                OrderCommand::Cancel => "/v1/orders/{id}/cancel",
                OrderCommand::Hold => "/v1/orders/{id}/hold",
                OrderCommand::Release => "/v1/orders/{id}/release",
                OrderCommand::Replay => "/v1/dead-letters/{id}/replay",
                OrderCommand::Discard => "/v1/dead-letters/{id}/discard",
            },
            Self::Events(_) => "/v1/orders/{id}/events",
            Self::Receipt(_) => "/v1/orders/{id}/receipt",
            Self::DeadLetters => "/v1/dead-letters",
            Self::DeadLetterReasons => "/v1/dead-letters/reasons",
            Self::CommandDeadLetters(OrderCommand::Discard) => "/v1/dead-letters/discard",
            Self::CommandDeadLetters(_) => "/v1/dead-letters/replay",
            Self::Stats => "/v1/stats",
            Self::Live => "/livez",
            Self::Ready => "/readyz",
            Self::Health => "/health",
            Self::Dialect(place) => place.pattern(),
            Self::Start => "/",
            Self::PageFile(_) => "/dashboard/{path}",
            Self::OpenApi => "/openapi.json",
            Self::Docs => "/docs",
            Self::DocsFile(_) => "/docs/{file}",
            Self::ErrorPage(_) => "/docs/errors/{code}",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// Whether a path that is no fixed address lies below our own addresses, not below a dialect's.
fn is_ours(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    matches!(
        first,
        Some("v1" | "ws" | "docs" | "livez" | "readyz" | "health" | "openapi.json" | "dashboard")
    )
}

/// What a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// Everything.
    Main,
    /// WebSockets alone, for any page.
    WebSocket,
}

impl Port {
    /// The address that a path names here. With `orderflow_health`, `/health` is orderflow's.
    pub(crate) fn address(self, path: &str, orderflow_health: bool) -> Address<'_> {
        match (self, Address::of(path)) {
            (Self::WebSocket, _) => Address::Elsewhere,
            (Self::Main, Address::Health) if orderflow_health => {
                Address::Dialect(dialects::Place::Health)
            }
            (Self::Main, address) => address,
        }
    }

    /// The address of ours that a path would be without the slashes at its end; `None` for any other path. Files are
    /// left out, because only their own table knows which of them there are.
    fn without_slash(self, path: &str) -> Option<&str> {
        let right = path.strip_suffix('/')?.trim_end_matches('/');
        let is_known = match self.address(right, false) {
            Address::Elsewhere => live::is_route(right) && (self == Self::Main || right == "/ws"),
            Address::Start | Address::PageFile(_) | Address::DocsFile(_) => false,
            Address::ErrorPage(_) | Address::Dialect(_) => false,
            _ => true,
        };
        is_known.then_some(right)
    }

    /// The live streams' routes, and the refusal of every path that is no address.
    pub(crate) fn elsewhere(self, state: EdgeState) -> Router {
        let routes = match self {
            Self::Main => live::routes(),
            Self::WebSocket => live::ws_port_routes(),
        };
        routes
            .fallback(async move |uri: Uri| Problem::no_such_route(self.without_slash(uri.path())))
            .method_not_allowed_fallback(async || Problem::method_not_allowed(""))
            .with_state(state)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use domain::OrderCommand;

    use super::{Address, Endpoint};
    use crate::dialects::Place;

    #[test]
    fn every_path_is_one_address() {
        for (path, expected) in [
            ("/", Address::Start),
            ("/v1/orders", Address::Orders),
            ("/v1/orders/batch", Address::Batch),
            ("/v1/orders/x", Address::Order("x")),
            (
                "/v1/orders/x/hold",
                Address::Command("x", OrderCommand::Hold),
            ),
            (
                "/v1/dead-letters/replay",
                Address::CommandDeadLetters(OrderCommand::Replay),
            ),
            (
                "/v1/dead-letters/discard",
                Address::CommandDeadLetters(OrderCommand::Discard),
            ),
            ("/v1/dead-letters/reasons", Address::DeadLetterReasons),
            (
                "/v1/dead-letters/x/replay",
                Address::Command("x", OrderCommand::Replay),
            ),
            (
                "/docs/errors/order_not_found",
                Address::ErrorPage("order_not_found"),
            ),
            ("/docs/", Address::Elsewhere),
            ("/v1/orders/x/stream", Address::Elsewhere),
            ("/v1/orders/", Address::Elsewhere),
            ("/health", Address::Health),
            ("/health/", Address::Elsewhere),
            ("/api/orders", Address::Dialect(Place::ApiOrders)),
            ("/api/orders/", Address::Elsewhere),
            ("/api/orders/x", Address::Elsewhere),
            ("/orders", Address::Dialect(Place::Orders)),
            ("/orders/", Address::Elsewhere),
            ("/orders/x", Address::Dialect(Place::Order("x"))),
            ("/orders/x/y", Address::Elsewhere),
            ("/v1/orders/x/hold/y", Address::Elsewhere),
            ("/v1/orders/x/hold/y/z", Address::Elsewhere),
            ("/livez/", Address::Elsewhere),
            ("/v2/orders", Address::Elsewhere),
            (
                "/dashboard/pages/order.js",
                Address::PageFile("pages/order.js"),
            ),
            ("/dashboard", Address::Elsewhere),
            ("//v1/orders", Address::Elsewhere),
            ("*", Address::Start),
        ] {
            assert_eq!(Address::of(path), expected, "{path}");
        }
    }

    #[test]
    fn every_address_that_the_log_can_name_is_in_the_list() {
        let source = include_str!("router.rs");
        let (_, patterns) = source.split_once("fn pattern(self)").unwrap();
        let (patterns, _) = patterns.split_once("\n    }\n").unwrap();
        let dialects = include_str!("dialects/mod.rs");
        let (_, of_dialects) = dialects.split_once("fn pattern(self)").unwrap();
        let (of_dialects, _) = of_dialects.split_once("\n    }\n").unwrap();
        let named: Vec<&str> = [patterns, of_dialects]
            .iter()
            .flat_map(|source| source.split('"').skip(1).step_by(2))
            .collect();
        let listed: Vec<&str> = Address::EVERY
            .iter()
            .map(|address| address.pattern())
            .collect();
        assert!(named.len() > 15, "{named:?}");
        for pattern in named.into_iter().filter(|pattern| *pattern != "elsewhere") {
            let times = listed.iter().filter(|listed| **listed == pattern).count();
            assert_eq!(times, 1, "{pattern} is in Address::EVERY so often");
        }
        for (address, pattern) in Address::EVERY.iter().zip(&listed) {
            assert_eq!(Address::of(pattern).pattern(), *pattern, "{address:?}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let endpoint = Address::Orders.endpoint(&Method::POST).unwrap();
        assert_eq!(endpoint.unwrap(), Endpoint::PlaceOrder);
        for (address, method) in [
            (Address::Orders, Method::DELETE),
            (Address::Batch, Method::GET),
            (Address::Order("x"), Method::PUT),
            (Address::Live, Method::OPTIONS),
        ] {
            assert!(address.endpoint(&method).unwrap().is_err(), "{address:?}");
        }
        assert!(Address::Elsewhere.endpoint(&Method::GET).is_none());
    }
}
