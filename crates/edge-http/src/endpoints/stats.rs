//! `GET /v1/stats`: how many orders have each status, and how their processing goes. accepted = processed + failed +
//! cancelled + in flight, at any time. Erased orders are in no other count.

use application::ports::Counts;
use axum::http::StatusCode;
use domain::Status;
use serde::{Serialize, Serializer};

use super::no_query;
use crate::answer::{self, Answer};
use crate::health::{BreakerView, Condition, Health, Reason};
use crate::problem::Problem;
use crate::request::Incomer;
use crate::state::EdgeState;

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
    reasons: Vec<Reason>,
}

fn by_status<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Status::ALL.map(|status| (status.as_str(), counts.get(status))))
}

pub(crate) async fn get_stats(edge: &EdgeState, incomer: Incomer<'_>) -> Result<Answer, Problem> {
    no_query(&incomer)?;
    let caller = edge.caller(incomer.trace());
    let counts = edge.orders.counts(&caller);
    let (counts, health) = tokio::join!(counts, Health::ask(edge, incomer.trace()));
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
        oldest_due_age_ms: health.oldest_due_age_ms(),
        breaker: health.breaker(),
        busy_pause_ms: health.busy_pause_ms(),
        degraded: health.condition(&reasons) != Condition::Healthy,
        reasons,
    };
    let body = serde_json::to_vec(&view).map_err(Problem::internal)?;
    Ok(answer::json(StatusCode::OK, body))
}
