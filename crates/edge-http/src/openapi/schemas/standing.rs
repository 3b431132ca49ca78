//! Commands on many dead letters, statistics, and the server's health.

use utoipa::ToSchema;

use super::value::{CommandReason, Count, Time, UserId};
use super::word::{BreakerWord, HandlerWord, HealthWord, ReasonCode, ShardWord, StoreWord};

/// Which dead letters are meant, and why; `{}` means all.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadLetterCommand {
    user_id: Option<UserId>,
    /// Why they failed: the `code` of their failure.
    #[schema(min_length = 1, max_length = 255)]
    code: Option<String>,
    reason: Option<CommandReason>,
}

/// How many dead letters were replayed.
#[derive(ToSchema)]
pub(crate) struct Replayed {
    replayed: Count,
    /// Whether there may be more: ask again.
    has_more: bool,
}

/// How many dead letters were discarded.
#[derive(ToSchema)]
pub(crate) struct Discarded {
    discarded: Count,
    /// Whether there may be more: ask again.
    has_more: bool,
}

/// Why orders failed for good.
#[derive(ToSchema)]
pub(crate) struct DeadLetterReasons {
    data: Vec<DeadLetterReason>,
    /// How many dead letters were counted.
    counted: Count,
    /// Whether there may be more of each, and other reasons.
    has_more: bool,
}

/// One reason, with its dead letters.
#[derive(ToSchema)]
pub(crate) struct DeadLetterReason {
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
pub(crate) struct Stats {
    accepted: Count,
    processed: Count,
    failed: Count,
    cancelled: Count,
    in_flight: Count,
    /// Orders that were erased. They are in no other count.
    erased: Count,
    by_status: StatusCounts,
    /// For how long the longest-due order has waited; null if none is due.
    #[schema(required)]
    oldest_due_age_ms: Option<Count>,
    #[schema(required)]
    breaker: Option<Breaker>,
    /// How much longer calls pause because the endpoint that processes orders is busy.
    #[schema(required)]
    busy_pause_ms: Option<Count>,
    /// Whether `/health` is not `healthy`.
    degraded: bool,
    /// Why, as in `/health`.
    reasons: Vec<HealthReason>,
}

/// One number for each status.
#[derive(ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) struct StatusCounts {
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
pub(crate) struct Ready {
    #[schema(pattern = "^ready$")]
    status: String,
}

/// The server's health.
#[derive(ToSchema)]
pub(crate) struct Health {
    /// Only with the setting `dialects.orderflow`: what its clients look for.
    service: Option<String>,
    status: HealthWord,
    /// The server's version.
    version: String,
    /// Everything that is not as it should be, what matters most first.
    reasons: Vec<HealthReason>,
    store: StoreWord,
    /// The shards of the store.
    shards: Vec<ShardHealth>,
    /// What processes orders; null if this process does not.
    #[schema(required)]
    handler: Option<HandlerHealth>,
    #[schema(required)]
    breaker: Option<Breaker>,
    /// How much longer calls pause because the endpoint that processes orders is busy.
    #[schema(required)]
    busy_pause_ms: Option<Count>,
    /// For how long the longest-due order has waited; null if none is due.
    #[schema(required)]
    oldest_due_age_ms: Option<Count>,
}

/// Something that is not as it should be.
#[derive(ToSchema)]
pub(crate) struct HealthReason {
    code: ReasonCode,
    /// What it means for orders.
    detail: String,
}

/// One shard of the store.
#[derive(ToSchema)]
pub(crate) struct ShardHealth {
    shard: Count,
    status: ShardWord,
}

/// What processes orders.
#[derive(ToSchema)]
pub(crate) struct HandlerHealth {
    kind: HandlerWord,
    /// What an operator should know of it.
    #[schema(required)]
    note: Option<String>,
}

/// The circuit breaker in front of the endpoint that processes orders; null if this process calls none.
#[derive(ToSchema)]
pub(crate) struct Breaker {
    state: BreakerWord,
    /// Since when it is in this state.
    since: Time,
    /// Faults of the endpoint since it last answered.
    consecutive_faults: Count,
    /// While it is open: when the next probe is due. A never-tried order may probe earlier.
    #[schema(required)]
    next_probe_ms: Option<Count>,
}
