//! The layers between a connection and the handlers. [`around`] puts those that every request passes around a router;
//! [`answered_at_once`] those of the routes that are not live streams. `router` calls both.

mod accept;
mod body;
mod browser;
mod drain;
mod guards;
mod log;
mod render;

use std::any::Any;

use axum::error_handling::HandleErrorLayer;
use axum::extract::DefaultBodyLimit;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::http::{HeaderValue, Response};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse as _;
use axum::{BoxError, Router};
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::browser::{AddressKind, BrowserRules};
use crate::error_format::ErrorFormat;
use crate::problem::Problem;
use crate::request::{FreshRequestIds, drop_unusable_request_id};
use crate::state::Edge;

use browser::BrowserGuard;
use render::Rendering;

pub(crate) use accept::{json_only, text_only};
pub(crate) use guards::Guards;
pub(crate) use render::render_answers_used_up;

/// Puts the layers that every request passes around `routes`, whose refusals have the form `format`. From the outside in:
/// the request's id, the log, the draining of what a handler left unread, the browser rules, the rendering of problems,
/// panics, guards.
pub(crate) fn around(
    routes: Router<Edge>,
    edge: &Edge,
    guards: &Guards,
    (rules, kind): (&BrowserRules, AddressKind),
    format: ErrorFormat,
) -> Router<Edge> {
    let rendering = Rendering::of(format, &edge.settings);
    let browser = BrowserGuard::new(rules.clone(), kind, rendering);
    routes.layer(
        ServiceBuilder::new()
            .map_request(drop_unusable_request_id)
            .layer(SetRequestIdLayer::x_request_id(FreshRequestIds(
                edge.ids.clone(),
            )))
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(log::layer(edge.settings.log_requests))
            .layer(SetResponseHeaderLayer::overriding(
                X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ))
            .layer(from_fn(drain::drain_unread_body))
            .layer(from_fn_with_state(browser, browser::judge_page))
            .layer(from_fn_with_state(rendering, render::render_problem))
            .layer(CatchPanicLayer::custom(on_panic))
            .layer(from_fn_with_state(guards.clone(), guards::check)),
    )
}

/// Puts the layers of requests that are answered at once around `routes`: the body is read whole, at most `limit` bytes;
/// then the request takes its permit among those in flight. A request that is still being sent holds no permit.
pub(crate) fn answered_at_once(
    routes: OpenApiRouter<Edge>,
    edge: &Edge,
    limit: usize,
    in_flight: &GlobalConcurrencyLimitLayer,
) -> OpenApiRouter<Edge> {
    routes.route_layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(
                body::BodyLimit::of(edge, limit),
                body::buffer_body,
            ))
            // axum's own limit of 2 MB: the layer above has the setting's.
            .layer(DefaultBodyLimit::disable())
            .layer(HandleErrorLayer::new(overloaded))
            .load_shed()
            .layer(in_flight.clone()),
    )
}

/// The only error of the layers below: more requests are in flight than are allowed.
async fn overloaded(_: BoxError) -> Problem {
    Problem::overloaded()
}

/// A handler panicked: the log gets the message, the client 500.
fn on_panic(panic: Box<dyn Any + Send>) -> Response<axum::body::Body> {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("without a message");
    Problem::internal(format!("panicked: {text}")).into_response()
}
