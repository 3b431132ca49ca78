//! `GET /v1/stats`: how many orders have each status, and how their processing goes. accepted = processed + failed +
//! cancelled + in flight, at any time. Erased orders are in no other count.

use application::health::Condition;
use application::ports::Counts;
use axum::extract::State;
use axum::http::StatusCode;
use domain::Status;
use serde::{Serialize, Serializer};

use crate::answer::{self, Answer};
use crate::health::{self, BreakerView, ReasonView};
use crate::openapi::examples;
use crate::openapi::refusals::{REQUEST, STORE, refusals};
use crate::openapi::schemas::standing::Stats;
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::{NoQuery, RequestCaller};
use crate::state::Edge;

refusals!(GetStatsRefusals: REQUEST, STORE, [Code::InvalidQuery]);

#[derive(Serialize)]
struct StatsView {
    accepted: u64,
    processed: u64,
    failed: u64,
    cancelled: u64,
    in_flight: u64,
    erased: u64,
    #[serde(serialize_with = "by_status")]
    by_status: Counts,
    oldest_due_age_ms: Option<u64>,
    breaker: Option<BreakerView>,
    busy_pause_ms: Option<u64>,
    degraded: bool,
    reasons: Vec<ReasonView>,
}

fn by_status<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Status::ALL.map(|status| (status.as_str(), counts.get(status))))
}

/// How many orders have each status, and how their processing goes
///
/// accepted = processed + failed + cancelled + in_flight, at any time.
#[utoipa::path(
    get,
    path = "/v1/stats",
    operation_id = "getStats",
    tag = tags::STANDING,
    responses(
        (
            status = 200,
            description = "The counts.",
            headers(("Cache-Control")),
            body = Stats,
            example = json!(examples::stats()),
        ),
        GetStatsRefusals,
    ),
)]
pub(crate) async fn get_stats(
    State(edge): State<Edge>,
    _: NoQuery,
    RequestCaller(caller): RequestCaller,
) -> Result<Answer, Problem> {
    let counts = edge.orders.counts(&caller);
    let (counts, health) = tokio::join!(counts, health::ask(&edge, caller.trace.clone()));
    let counts = counts?;
    let accepted = counts.accepted();
    let [processed, failed, cancelled] =
        [Status::Processed, Status::Failed, Status::Cancelled].map(|status| counts.get(status));
    let reasons = health.reasons();
    let view = StatsView {
        accepted,
        processed,
        failed,
        cancelled,
        in_flight: accepted - processed - failed - cancelled,
        erased: counts.erased,
        by_status: counts,
        oldest_due_age_ms: health::oldest_due_age_ms(&health),
        breaker: BreakerView::of(&health),
        busy_pause_ms: health::busy_pause_ms(&health),
        degraded: health.condition(&reasons) != Condition::Healthy,
        reasons: health::reason_views(reasons),
    };
    let body = serde_json::to_vec(&view).map_err(Problem::internal)?;
    Ok(answer::json(StatusCode::OK, body))
}
