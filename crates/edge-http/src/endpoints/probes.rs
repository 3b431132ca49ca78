//! `/livez`, `/readyz`, `/health`: whether the process runs, whether it can take orders, and how it is.

use application::health::{Condition, HandlerState};
use axum::http::StatusCode;
use domain::Trace;
use serde::Serialize;

use super::no_query;
use crate::answer::{self, Answer};
use crate::health::{self, BreakerView, ReasonView};
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::state::EdgeState;

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

/// The process runs. Says nothing of the store, so that nobody restarts a process because its database is away.
pub(crate) fn say_alive(context: &RequestContext<'_>) -> Result<Answer, Problem> {
    no_query(context)?;
    Ok(answer::text(StatusCode::OK, "ok\n"))
}

/// The store takes orders, and the server is not about to stop.
pub(crate) async fn say_ready(
    edge: &EdgeState,
    context: RequestContext<'_>,
) -> Result<Answer, Problem> {
    no_query(&context)?;
    if edge.soft.is_cancelled() {
        return Err(Problem::stopping());
    }
    let health = health::ask(edge, context.trace()).await;
    if let Some(refusal) = health::refusal(&health) {
        return Err(refusal);
    }
    Ok(answer::json(
        StatusCode::OK,
        b"{\"status\":\"ready\"}".to_vec(),
    ))
}

/// Our own `/health`.
pub(crate) async fn get_health(
    edge: &EdgeState,
    context: RequestContext<'_>,
) -> Result<Answer, Problem> {
    no_query(&context)?;
    say_health(edge, context.trace(), None).await
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
