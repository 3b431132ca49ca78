//! The routes: which address has which handler, and which layers are around it. `server` asks for the router of a port;
//! [`document`] describes the same routes.
//!
//! How to add an endpoint: a handler with its description in `endpoints`, one line here, a test in `tests/edge`.

use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::extract::MatchedPath;
use axum::http::Uri;
use axum::middleware::from_fn;
use axum::routing::{any, get};
use tower::limit::GlobalConcurrencyLimitLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::browser::{AddressKind, BrowserRules};
use crate::dialects::{orderflow, orders, ordersystem};
use crate::endpoints::{
    dead_letter_reasons, dead_letters, error_page, events, get_order, list_orders, order_command,
    place_batch, place_order, probes, receipt, start_page, stats,
};
use crate::error_format::ErrorFormat;
use crate::layers::{Guards, answered_at_once, around, json_only, text_only};
use crate::live::{event_stream, websocket};
use crate::openapi;
use crate::problem::Problem;
use crate::route_table::RouteTable;
use crate::state::Edge;

/// `/v1` and the probes that answer with JSON, but for batches.
fn json_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::default()
        .routes(routes!(list_orders::list_orders, place_order::place_order))
        .routes(routes!(get_order::get_order))
        .routes(routes!(order_command::cancel_order))
        .routes(routes!(order_command::hold_order))
        .routes(routes!(order_command::release_order))
        .routes(routes!(events::list_events))
        .routes(routes!(list_orders::list_dead_letters))
        .routes(routes!(dead_letter_reasons::list_reasons))
        .routes(routes!(dead_letters::replay_dead_letters))
        .routes(routes!(dead_letters::discard_dead_letters))
        .routes(routes!(order_command::replay_dead_letter))
        .routes(routes!(order_command::discard_dead_letter))
        .routes(routes!(stats::get_stats))
        .routes(routes!(probes::say_ready))
        .routes(routes!(openapi::show_document))
}

/// Our health, which orderflow's may stand in for.
fn health_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::default().routes(routes!(probes::get_health))
}

/// Batches, whose bodies may be larger.
fn batch_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::default().routes(routes!(place_batch::place_batch))
}

/// What answers with text.
fn text_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::default()
        .routes(routes!(receipt::get_receipt))
        .routes(routes!(probes::say_alive))
        .routes(routes!(error_page::show_error))
}

/// What a browser shows: a page's files are asked for by their addresses, whatever the browser says it accepts.
fn page_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::default()
        .routes(routes!(start_page::show_start))
        .routes(routes!(start_page::show_dashboard_file))
        .routes(routes!(start_page::show_docs))
        .routes(routes!(start_page::show_docs_file))
}

/// The live streams, which do not count among the requests in flight: the hub bounds them.
fn live_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::default()
        .routes(routes!(event_stream::stream_orders))
        .routes(routes!(event_stream::stream_order))
        .routes(routes!(websocket::open_socket))
}

/// orderflow's addresses.
fn orderflow_routes() -> OpenApiRouter<Edge> {
    let routes = routes!(
        orderflow::list_api_orders,
        orderflow::place_api_order,
        orderflow::allow_api_orders
    );
    // axum answers HEAD where GET is; orderflow did not.
    OpenApiRouter::default().routes(routes.map(|routes| routes.head(orderflow::refuse_head)))
}

/// The addresses of orderSystem and Order System.
fn numbered_order_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::default()
        .routes(routes!(orders::place_numbered_order))
        .routes(routes!(ordersystem::get_numbered_order))
}

/// The OpenAPI document of a server of this version, as JSON.
#[must_use]
pub fn document(version: &str) -> Vec<u8> {
    openapi::document(described(), version)
}

/// All routes as they are described.
pub(crate) fn described() -> utoipa::openapi::OpenApi {
    json_routes()
        .merge(health_routes())
        .merge(batch_routes())
        .merge(text_routes())
        .merge(page_routes())
        .merge(live_routes())
        .merge(orderflow_routes())
        .merge(numbered_order_routes())
        .into_openapi()
}

/// The router of the main port. `is_loopback` says whether it listens on loopback.
pub(crate) fn main_port(edge: &Edge, is_loopback: bool) -> Router {
    let settings = &edge.settings;
    let in_flight = GlobalConcurrencyLimitLayer::new(settings.max_requests_in_flight);
    let at_once = |routes| answered_at_once(routes, edge, settings.max_body_bytes, &in_flight);
    let batches = batch_routes().route_layer(from_fn(json_only));
    let batches = answered_at_once(batches, edge, settings.max_batch_bytes, &in_flight);
    let version = settings.version.clone();
    let document = openapi::LazyDocument::new(move || document(&version));
    let json = json_routes().route_layer(Extension(document));
    let mut ours = at_once(json.route_layer(from_fn(json_only)))
        .merge(at_once(text_routes().route_layer(from_fn(text_only))))
        .merge(at_once(page_routes()))
        .merge(batches)
        .merge(live_routes());
    let mut of_orderflow = at_once(orderflow_routes());
    if settings.orderflow_health {
        let health = any(orderflow::say_health).options(orderflow::allow_api_orders);
        let health = OpenApiRouter::default().route("/health", health);
        of_orderflow = of_orderflow.merge(at_once(health));
    } else {
        ours = ours.merge(at_once(health_routes().route_layer(from_fn(json_only))));
    }
    let numbered_orders = at_once(numbered_order_routes());
    let port = Port::of(edge, is_loopback, AddressKind::Own);
    port.finish(ours, ErrorFormat::Problem)
        .merge(port.finish(of_orderflow, ErrorFormat::Orderflow))
        .merge(port.finish(numbered_orders, ErrorFormat::PlainText))
        .merge(port.unknown_routes())
        .with_state(Edge::clone(edge))
}

/// The router of the separate WebSocket port, which serves `/ws` alone.
pub(crate) fn websocket_port(edge: &Edge, is_loopback: bool) -> Router {
    let socket = get(websocket::open_socket_with_one_shots);
    let port = Port::of(edge, is_loopback, AddressKind::WebSocketPort);
    port.finish(
        OpenApiRouter::default().route("/ws", socket),
        ErrorFormat::Problem,
    )
    .merge(port.unknown_routes())
    .with_state(Edge::clone(edge))
}

/// What the routes of a port have in common.
struct Port<'e> {
    edge: &'e Edge,
    guards: Guards,
    browser: BrowserRules,
    /// The kind of all addresses that are no dialect's.
    kind: AddressKind,
    table: Arc<RouteTable>,
}

impl<'e> Port<'e> {
    fn of(edge: &'e Edge, is_loopback: bool, kind: AddressKind) -> Self {
        Self {
            edge,
            guards: Guards::of(&edge.settings),
            browser: BrowserRules::new(
                &edge.settings.allowed_hosts,
                &edge.settings.cors_origins,
                is_loopback,
            ),
            kind,
            table: Arc::new(RouteTable::of(&described())),
        }
    }

    /// The routes with the refusal of other methods and the layers that every request passes.
    fn finish(&self, routes: OpenApiRouter<Edge>, format: ErrorFormat) -> Router<Edge> {
        let table = Arc::clone(&self.table);
        let other_method = async move |route: MatchedPath| {
            Problem::method_not_allowed(table.allowed(route.as_str()))
        };
        let routes = Router::from(routes).method_not_allowed_fallback(other_method);
        self.around(routes, format)
    }

    /// The refusal of every address that does not exist.
    fn unknown_routes(&self) -> Router<Edge> {
        let table = Arc::clone(&self.table);
        let unknown = async move |uri: Uri| Problem::no_such_route(table.without_slash(uri.path()));
        let routes = Router::new().fallback(unknown);
        self.around(routes, ErrorFormat::UnknownRoute)
    }

    fn around(&self, routes: Router<Edge>, format: ErrorFormat) -> Router<Edge> {
        let kind = match format {
            ErrorFormat::Orderflow => AddressKind::Orderflow,
            ErrorFormat::PlainText => AddressKind::Dialect,
            ErrorFormat::Problem | ErrorFormat::UnknownRoute => self.kind,
        };
        let pages = (&self.browser, kind);
        around(routes, self.edge, &self.guards, pages, format)
    }
}
