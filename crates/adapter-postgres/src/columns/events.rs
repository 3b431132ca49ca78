//! The columns of the events that a transaction writes.

use std::time::SystemTime;

use domain::Event;
use tokio_postgres::types::ToSql;

use super::{Sparse, unless};
use crate::rows::system_time;

/// See [`Events`]. The numbers and the random bits are those that the same transaction has just taken from `shard`.
pub(crate) const INSERT_EVENTS: &str = "\
INSERT INTO events (seq, order_id, version, attempt, occurred_at, retry_at, bits, event_type, history, user_id,
                    failure_code, failure_message, request_id, trace_id, span_id, actor, reason)
SELECT (SELECT last_seq FROM shard) - $1::bigint + n.nth, n.order_id, coalesce(n.version, 1), coalesce(n.attempt, 0),
       n.occurred_at, n.retry_at, (SELECT last_bits FROM shard), n.event_type, coalesce(n.history, false), n.user_id,
       n.failure_code, n.failure_message, n.request_id, n.trace_id, n.span_id, n.actor, n.reason
FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::smallint[],
            $8::boolean[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
            $16::text[])
  WITH ORDINALITY AS n (order_id, version, attempt, occurred_at, retry_at, event_type, history, user_id, failure_code,
                        failure_message, request_id, trace_id, span_id, actor, reason, nth)";

/// The columns of [`INSERT_EVENTS`], in the order of their numbers.
#[derive(Default)]
pub(crate) struct Events<'a> {
    count: i64,
    order_ids: Vec<uuid::Uuid>,
    buckets: Vec<i16>,
    versions: Sparse<i64>,
    attempts: Sparse<i64>,
    occurred_at: Vec<SystemTime>,
    retry_at: Sparse<SystemTime>,
    types: Vec<i16>,
    history: Sparse<bool>,
    user_ids: Sparse<&'a str>,
    failure_codes: Sparse<&'a str>,
    failure_messages: Sparse<&'a str>,
    request_ids: Sparse<&'a str>,
    trace_ids: Sparse<&'a str>,
    span_ids: Sparse<&'a str>,
    actors: Sparse<&'a str>,
    reasons: Sparse<&'a str>,
}

impl<'a> Events<'a> {
    pub(crate) fn push(&mut self, event: &'a Event) {
        let (failure, cause) = (event.failure.as_ref(), &event.cause);
        self.count += 1;
        self.order_ids.push(event.order_id.as_uuid());
        let bucket = event.order_id.bucket().get();
        self.buckets.push(i16::try_from(bucket).unwrap_or(i16::MAX));
        self.versions.push(unless(event.version.get().into(), &1));
        self.attempts.push(unless(event.attempt.into(), &0));
        self.occurred_at.push(system_time(event.occurred_at));
        self.retry_at.push(event.retry_at.map(system_time));
        self.types.push(event.event_type.code().into());
        self.history.push(unless(event.history, &false));
        self.user_ids
            .push(event.user_id.as_ref().map(|user| user.as_str()));
        self.failure_codes
            .push(failure.map(|failure| &*failure.code));
        self.failure_messages
            .push(failure.map(|failure| &*failure.message));
        self.request_ids
            .push(cause.trace.request_id.as_ref().map(|id| id.as_str()));
        self.trace_ids.push(cause.trace.trace_id.as_deref());
        self.span_ids.push(cause.trace.span_id.as_deref());
        self.actors
            .push(cause.actor.as_ref().map(|actor| actor.as_str()));
        self.reasons
            .push(cause.reason.as_ref().map(|reason| reason.as_str()));
    }

    /// The home buckets of their orders, each once.
    pub(crate) fn buckets(&self) -> Vec<i16> {
        let mut buckets = self.buckets.clone();
        buckets.sort_unstable();
        buckets.dedup();
        buckets
    }

    /// How many there are, as the server counts.
    pub(crate) const fn count(&self) -> i64 {
        self.count
    }

    /// In the order of the statement.
    pub(crate) fn parameters(&self) -> [&(dyn ToSql + Sync); 16] {
        [
            &self.count,
            &self.order_ids,
            self.versions.sent(),
            self.attempts.sent(),
            &self.occurred_at,
            self.retry_at.sent(),
            &self.types,
            self.history.sent(),
            self.user_ids.sent(),
            self.failure_codes.sent(),
            self.failure_messages.sent(),
            self.request_ids.sent(),
            self.trace_ids.sent(),
            self.span_ids.sent(),
            self.actors.sent(),
            self.reasons.sent(),
        ]
    }
}
