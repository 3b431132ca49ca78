//! `/livez`, `/readyz`, `/health`: whether the process runs, whether it can take orders, and how it is.

use application::health::{Condition, HandlerState};
use axum::extract::State;
use axum::http::StatusCode;
use domain::Trace;
use serde::Serialize;
use utoipa::IntoResponses;

use crate::answer::{self, Answer};
use crate::health::{self, BreakerView, ReasonView};
use crate::openapi::refusals::{REQUEST, Responses, answers_beside, refusals};
use crate::openapi::schemas::standing::{Health as HealthSchema, Ready};
use crate::openapi::{content, examples, tags};
use crate::problem::{Code, Problem};
use crate::request::{NoQuery, RequestTrace};
use crate::state::{Edge, EdgeState};

refusals!(ProbeRefusals: REQUEST, [Code::InvalidQuery]);
refusals!(ReadyRefusals: REQUEST, [
    Code::InvalidQuery,
    Code::Stopping,
    Code::StoreFull,
    Code::StoreUnavailable,
]);

/// The refusals of `/health`, whose 503 may be its own answer, too.
enum HealthRefusals {}

impl IntoResponses for HealthRefusals {
    fn responses() -> Responses {
        let mut responses = ProbeRefusals::responses();
        let unavailable = [("unavailable", examples::health_unavailable())];
        answers_beside(
            &mut responses,
            503,
            content::content::<HealthSchema>(&unavailable),
        );
        responses
    }
}

/// What `/health` says.
#[derive(Serialize)]
struct HealthView<'a> {
    /// What clients of orderflow look for, before everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'static str>,
    status: &'static str,
    version: &'a str,
    reasons: Vec<ReasonView>,
    store: &'static str,
    shards: Vec<ShardView>,
    handler: Option<HandlerView>,
    breaker: Option<BreakerView>,
    busy_pause_ms: Option<u64>,
    oldest_due_age_ms: Option<u64>,
}

#[derive(Serialize)]
struct ShardView {
    shard: u16,
    status: &'static str,
}

#[derive(Serialize)]
struct HandlerView {
    kind: &'static str,
    note: Option<&'static str>,
}

impl HandlerView {
    const fn of(handler: HandlerState) -> Option<Self> {
        match handler {
            HandlerState::Elsewhere => None,
            HandlerState::None => Some(Self {
                kind: "none",
                note: Some(
                    "Orders count as processed without calling anybody; set handler.kind = \"http\" and handler.url to \
                     have them processed by your endpoint.",
                ),
            }),
            HandlerState::Http(_) => Some(Self {
                kind: "http",
                note: None,
            }),
        }
    }
}

/// Whether the process runs
///
/// Says nothing of the store, so that no process is restarted because its database is away.
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "isAlive",
    tag = tags::STANDING,
    responses(
        (
            status = 200,
            description = "It runs.",
            headers(("Cache-Control")),
            body = String,
            content_type = "text/plain",
            example = "ok\n",
        ),
        ProbeRefusals,
    ),
)]
pub(crate) async fn say_alive(_: NoQuery) -> Answer {
    answer::text(StatusCode::OK, "ok\n")
}

/// Whether orders can be taken
///
/// They can if at least one shard answers and its last commit did not fail. A shard whose commits fail is probed, so that
/// the server becomes ready again by itself.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "isReady",
    tag = tags::STANDING,
    responses(
        (
            status = 200,
            description = "They can.",
            headers(("Cache-Control")),
            body = Ready,
            example = json!({"status": "ready"}),
        ),
        ReadyRefusals,
    ),
)]
pub(crate) async fn say_ready(
    State(edge): State<Edge>,
    _: NoQuery,
    RequestTrace(trace): RequestTrace,
) -> Result<Answer, Problem> {
    if edge.soft.is_cancelled() {
        return Err(Problem::stopping());
    }
    let health = health::ask(&edge, trace).await;
    if let Some(refusal) = health::refusal(&health) {
        return Err(refusal);
    }
    Ok(answer::json(
        StatusCode::OK,
        b"{\"status\":\"ready\"}".to_vec(),
    ))
}

/// How the server is, at a glance
///
/// `degraded` still takes orders. Every `reason` has a stable code. With the setting `dialects.orderflow` the first member
/// is orderflow's `service`, every method answers the same, and the answer has orderflow's CORS headers.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "getHealth",
    tag = tags::STANDING,
    responses(
        (
            status = 200,
            description = "Orders can be taken.",
            headers(("Cache-Control")),
            body = HealthSchema,
            example = json!(examples::health()),
        ),
        HealthRefusals,
    ),
)]
pub(crate) async fn get_health(
    State(edge): State<Edge>,
    _: NoQuery,
    RequestTrace(trace): RequestTrace,
) -> Result<Answer, Problem> {
    say_health(&edge, trace, None).await
}

/// Everything that there is to know at a glance; 503 if no order can be taken. `service` is the first member, if there is
/// one.
pub(crate) async fn say_health(
    edge: &EdgeState,
    trace: Trace,
    service: Option<&'static str>,
) -> Result<Answer, Problem> {
    let health = health::ask(edge, trace).await;
    let reasons = health.reasons();
    let condition = health.condition(&reasons);
    let view = HealthView {
        service,
        status: condition.as_str(),
        version: &edge.settings.version,
        reasons: health::reason_views(reasons),
        store: if health.store.is_reachable() {
            "reachable"
        } else {
            "unreachable"
        },
        shards: health
            .store
            .shards
            .iter()
            .map(|shard| ShardView {
                shard: shard.shard.0,
                status: shard.state.as_str(),
            })
            .collect(),
        handler: HandlerView::of(health.work.handler),
        breaker: BreakerView::of(&health),
        busy_pause_ms: health::busy_pause_ms(&health),
        oldest_due_age_ms: health::oldest_due_age_ms(&health),
    };
    let status = match condition {
        Condition::Healthy | Condition::Degraded => StatusCode::OK,
        Condition::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut body = serde_json::to_vec(&view).map_err(Problem::internal)?;
    body.push(b'\n');
    Ok(answer::json(status, body))
}
