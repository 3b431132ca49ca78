//! GetStats: how many orders have each status, and how their processing goes.

use application::health::{Condition, Health};
use domain::Status;
use proto::ordermill::v1 as pb;

use super::read;
use crate::call::Call;
use crate::messages;
use crate::refusal::Refusal;
use crate::state::GrpcEdge;

pub(super) async fn get_stats(
    edge: &GrpcEdge,
    call: &Call,
) -> Result<pb::GetStatsResponse, Refusal> {
    let caller = call.caller(edge.settings.request_deadline);
    let probe = call.caller(edge.settings.tuning.probe_timeout);
    let (counts, health) = tokio::join!(
        read(&caller, edge.orders.counts(&caller)),
        Health::ask(&*edge.orders, &*edge.work, &probe, edge.settings.late_after),
    );
    let counts = counts?;
    let accepted = counts.accepted();
    let [processed, failed, cancelled] =
        [Status::Processed, Status::Failed, Status::Cancelled].map(|status| counts.get(status));
    let reasons = health.reasons();
    Ok(pb::GetStatsResponse {
        accepted,
        processed,
        failed,
        cancelled,
        in_flight: accepted - processed - failed - cancelled,
        erased: counts.erased,
        by_status: Status::ALL
            .into_iter()
            .map(|status| pb::StatusCount {
                status: i32::from(status.code()),
                count: counts.get(status),
            })
            .collect(),
        oldest_due_age: health.store.oldest_due_age().map(messages::duration),
        breaker: health
            .endpoint()
            .map(|endpoint| messages::breaker(&endpoint)),
        busy_pause: health
            .endpoint()
            .and_then(|endpoint| endpoint.busy_pause)
            .map(messages::duration),
        degraded: health.condition(&reasons) != Condition::Healthy,
        reasons: reasons.into_iter().map(messages::health_reason).collect(),
    })
}
