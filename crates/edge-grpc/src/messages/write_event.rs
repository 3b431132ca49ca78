//! Writing events of orders.

use domain::{Event, Status, UserId};
use proto::ordermill::v1 as pb;

use super::write::{failure, time};

/// An event.
pub(crate) fn event(event: &Event) -> pb::Event {
    let cause = &event.cause;
    pb::Event {
        event_id: event.id().to_string(),
        event_type: i32::from(event.event_type.code()),
        order_id: event.order_id.to_string(),
        version: event.version.get(),
        user_id: event.user_id.as_ref().map(UserId::to_string),
        status: event.status().map_or(0, Status::code).into(),
        occurred_at: Some(time(event.occurred_at)),
        actor: cause.actor.as_ref().map(|actor| actor.as_str().to_owned()),
        reason: cause
            .reason
            .as_ref()
            .map(|reason| reason.as_str().to_owned()),
        history: event.history,
        request_id: cause
            .trace
            .request_id
            .as_ref()
            .map(|id| id.as_str().to_owned()),
        trace_id: cause.trace.trace_id.as_deref().map(str::to_owned),
        span_id: cause.trace.span_id.as_deref().map(str::to_owned),
        attempt: event.attempt,
        failure: event.failure.as_ref().map(failure),
        retry_at: event.retry_at.map(time),
    }
}

#[cfg(test)]
mod tests {
    use domain::EventType;
    use proto::ordermill::v1 as pb;

    #[test]
    fn the_numbers_and_names_of_events_are_the_domain_s() {
        for kind in EventType::ALL {
            let name = kind.as_str().trim_start_matches("order.").to_uppercase();
            let named = pb::EventType::from_str_name(&format!("EVENT_TYPE_{name}")).unwrap();
            assert_eq!(named as i32, i32::from(kind.code()));
        }
    }
}
