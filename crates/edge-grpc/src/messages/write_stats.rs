//! Writing the state of the processing of orders, and the reasons of dead letters.

use std::time::Duration;

use application::DeadLetterReason;
use application::health::{Breaker, EndpointState, Reason};
use proto::ordermill::v1 as pb;

use super::write::time;

/// A time span; the longest that a message can hold if it is longer.
pub(crate) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(duration).unwrap_or(prost_types::Duration {
        seconds: i64::MAX,
        nanos: 0,
    })
}

/// The circuit breaker.
pub(crate) fn breaker(endpoint: &EndpointState) -> pb::Breaker {
    let state = match endpoint.breaker {
        Breaker::Closed => pb::BreakerState::Closed,
        Breaker::Open => pb::BreakerState::Open,
    };
    pb::Breaker {
        state: state.into(),
        since: Some(time(endpoint.since)),
        consecutive_faults: endpoint.consecutive_faults,
        next_probe: endpoint.next_probe.map(duration),
    }
}

/// Something that is not as it should be.
pub(crate) fn health_reason(reason: Reason) -> pb::HealthReason {
    pb::HealthReason {
        code: reason.code.to_owned(),
        detail: reason.detail,
    }
}

/// One reason of the dead letters.
pub(crate) fn dead_letter_reason(reason: &DeadLetterReason) -> pb::DeadLetterReason {
    pb::DeadLetterReason {
        code: reason.code.to_string(),
        count: reason.count as u64,
        newest_at: Some(time(reason.newest_at)),
        sample_message: reason.sample_message.to_string(),
    }
}
