//! Commands on many dead letters, statistics, and the server's health.

use utoipa::ToSchema;

use super::value::{CommandReason, Count, Time, UserId};

/// Which dead letters are meant, and why; `{}` means all.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct DeadLetterCommand {
    user_id: Option<UserId>,
    /// Why they failed: the `code` of their failure.
    #[schema(min_length = 1, max_length = 255)]
    code: Option<String>,
    reason: Option<CommandReason>,
}

/// How many dead letters were replayed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Replayed {
    replayed: Count,
    /// Whether there may be more: ask again.
    has_more: bool,
}

/// How many dead letters were discarded.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Discarded {
    discarded: Count,
    /// Whether there may be more: ask again.
    has_more: bool,
}

/// Why orders failed for good.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Reasons {
    data: Vec<Reason>,
    /// How many dead letters were counted.
    counted: Count,
    /// Whether there may be more of each, and other reasons.
    has_more: bool,
}

/// One reason, with its dead letters.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Reason {
    /// The `code` of their failure.
    code: String,
    count: Count,
    /// When the newest of them failed.
    newest_at: Time,
    /// The message of the newest of them.
    sample_message: String,
}

/// How many orders have each status: accepted = processed + failed + cancelled + in_flight, at any time.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Stats {
    accepted: Count,
    processed: Count,
    failed: Count,
    cancelled: Count,
    in_flight: Count,
    /// Orders that were erased. They are in no other count.
    erased: Count,
    by_status: StatusCounts,
}

/// One number for each status.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::openapi) struct StatusCounts {
    pending: Count,
    processing: Count,
    retrying: Count,
    processed: Count,
    failed: Count,
    on_hold: Count,
    cancelled: Count,
}

/// The server can take orders.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Ready {
    #[schema(pattern = "^ready$")]
    status: String,
}

/// The server's health.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Health {
    /// What clients of orderflow look for.
    service: String,
    status: HealthWord,
    /// The server's version.
    version: String,
    store: StoreWord,
    /// The state of the circuit breaker in front of the handler; null if there is none.
    #[schema(required)]
    breaker: Option<BreakerWord>,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::openapi) enum HealthWord {
    Healthy,
    Unavailable,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::openapi) enum StoreWord {
    Reachable,
    Unreachable,
}

#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::openapi) enum BreakerWord {
    Closed,
    HalfOpen,
    Open,
}
