//! `/livez`, `/readyz`, `/health`: whether the process runs, whether it can take orders, and how it is.

use axum::http::StatusCode;
use domain::Trace;
use serde::Serialize;

use super::no_query;
use crate::answer::{self, Answer};
use crate::health::{BreakerView, Condition, Health, Reason, word_of};
use crate::problem::Problem;
use crate::request::Incomer;
use crate::state::EdgeState;
use crate::work_health::HandlerState;

/// What `/health` says.
#[derive(Serialize)]
struct HealthView<'a> {
    /// What clients of orderflow look for, before everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'static str>,
    status: Condition,
    version: &'a str,
    reasons: Vec<Reason>,
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
pub(crate) fn say_alive(incomer: &Incomer<'_>) -> Result<Answer, Problem> {
    no_query(incomer)?;
    Ok(answer::text(StatusCode::OK, "ok\n"))
}

/// The store takes orders, and the server is not about to stop.
pub(crate) async fn say_ready(edge: &EdgeState, incomer: Incomer<'_>) -> Result<Answer, Problem> {
    no_query(&incomer)?;
    if edge.soft.is_cancelled() {
        return Err(Problem::stopping());
    }
    if let Some(refusal) = Health::ask(edge, incomer.trace()).await.refusal() {
        return Err(refusal);
    }
    Ok(answer::json(
        StatusCode::OK,
        b"{\"status\":\"ready\"}".to_vec(),
    ))
}

/// Our own `/health`.
pub(crate) async fn get_health(edge: &EdgeState, incomer: Incomer<'_>) -> Result<Answer, Problem> {
    no_query(&incomer)?;
    say_health(edge, incomer.trace(), None).await
}

/// Everything that there is to know at a glance; 503 if no order can be taken. `service` is the first member, if there is
/// one.
pub(crate) async fn say_health(
    edge: &EdgeState,
    trace: Trace,
    service: Option<&'static str>,
) -> Result<Answer, Problem> {
    let health = Health::ask(edge, trace).await;
    let reasons = health.reasons();
    let condition = health.condition(&reasons);
    let view = HealthView {
        service,
        status: condition,
        version: &edge.settings.version,
        reasons,
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
                status: word_of(shard.state),
            })
            .collect(),
        handler: HandlerView::of(health.work.handler),
        breaker: health.breaker(),
        busy_pause_ms: health.busy_pause_ms(),
        oldest_due_age_ms: health.oldest_due_age_ms(),
    };
    let status = match condition {
        Condition::Healthy | Condition::Degraded => StatusCode::OK,
        Condition::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut body = serde_json::to_vec(&view).map_err(Problem::internal)?;
    body.push(b'\n');
    Ok(answer::json(status, body))
}
