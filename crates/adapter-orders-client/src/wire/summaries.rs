//! What many orders add up to, and how the store is: counts, dead letters by reason, the health of the shards.

use application::ports::Counts;
use application::store_health::{CommitFailure, ShardHealth, ShardState, StoreHealth};
use application::{DeadLetterReason, DeadLetterReasons};
use domain::Status;
use proto::ordermill::internal::v1;

use super::decode_error::DecodeError;
use super::form::{WireForm, all, each, given, maybe, optional, required};

impl WireForm for Counts {
    type Message = v1::Counts;

    fn encode(&self) -> v1::Counts {
        let by_status = Status::ALL.map(|status| {
            let count = self.get(status);
            StatusCount { status, count }
        });
        v1::Counts {
            by_status: all(&by_status),
            erased: Some(self.erased),
        }
    }

    fn decode(message: v1::Counts) -> Result<Self, DecodeError> {
        let found: Vec<StatusCount> = each("by_status", message.by_status)?;
        let mut counts = Self::default();
        counts.erased = required("erased", message.erased)?;
        for status in Status::ALL {
            let mut of_status = found.iter().filter(|found| found.status == status);
            let (Some(only), None) = (of_status.next(), of_status.next()) else {
                let reason = format!("does not have {status} once");
                return Err(DecodeError::refused(reason).within("by_status"));
            };
            counts.set(status, only.count);
        }
        Ok(counts)
    }
}

/// One entry of the counts.
struct StatusCount {
    status: Status,
    count: u64,
}

impl WireForm for StatusCount {
    type Message = v1::StatusCount;

    fn encode(&self) -> v1::StatusCount {
        v1::StatusCount {
            status: self.status.encode(),
            count: Some(self.count),
        }
    }

    fn decode(message: v1::StatusCount) -> Result<Self, DecodeError> {
        Ok(Self {
            status: given("status", message.status)?,
            count: required("count", message.count)?,
        })
    }
}

impl WireForm for DeadLetterReason {
    type Message = v1::DeadLetterReason;

    fn encode(&self) -> v1::DeadLetterReason {
        v1::DeadLetterReason {
            code: Some(self.code.encode()),
            count: Some(self.count.encode()),
            newest_at_ms: Some(self.newest_at.encode()),
            sample_message: Some(self.sample_message.encode()),
        }
    }

    fn decode(message: v1::DeadLetterReason) -> Result<Self, DecodeError> {
        Ok(Self {
            code: required("code", message.code)?,
            count: required("count", message.count)?,
            newest_at: required("newest_at_ms", message.newest_at_ms)?,
            sample_message: required("sample_message", message.sample_message)?,
        })
    }
}

impl WireForm for DeadLetterReasons {
    type Message = v1::DeadLetterReasons;

    fn encode(&self) -> v1::DeadLetterReasons {
        v1::DeadLetterReasons {
            reasons: all(&self.reasons),
            counted: Some(self.counted.encode()),
            has_more: Some(self.has_more),
        }
    }

    fn decode(message: v1::DeadLetterReasons) -> Result<Self, DecodeError> {
        Ok(Self {
            reasons: each("reasons", message.reasons)?,
            counted: required("counted", message.counted)?,
            has_more: required("has_more", message.has_more)?,
        })
    }
}

impl WireForm for ShardState {
    type Message = i32;

    fn encode(&self) -> i32 {
        let state = match self {
            Self::Available => v1::ShardState::Available,
            Self::Unreachable => v1::ShardState::Unreachable,
            Self::CommitsFail(CommitFailure::Full) => v1::ShardState::Full,
            Self::CommitsFail(CommitFailure::Unavailable) => v1::ShardState::CommitsFail,
        };
        i32::from(state)
    }

    fn decode(message: i32) -> Result<Self, DecodeError> {
        match v1::ShardState::try_from(message) {
            Ok(v1::ShardState::Available) => Ok(Self::Available),
            Ok(v1::ShardState::Unreachable) => Ok(Self::Unreachable),
            Ok(v1::ShardState::Full) => Ok(Self::CommitsFail(CommitFailure::Full)),
            Ok(v1::ShardState::CommitsFail) => Ok(Self::CommitsFail(CommitFailure::Unavailable)),
            Ok(v1::ShardState::Unspecified) | Err(_) => Err(DecodeError::unknown_value(message)),
        }
    }
}

impl WireForm for ShardHealth {
    type Message = v1::ShardHealth;

    fn encode(&self) -> v1::ShardHealth {
        v1::ShardHealth {
            shard: Some(self.shard.encode()),
            state: self.state.encode(),
            oldest_due_age: maybe(self.oldest_due_age.as_ref()),
        }
    }

    fn decode(message: v1::ShardHealth) -> Result<Self, DecodeError> {
        Ok(Self {
            shard: required("shard", message.shard)?,
            state: given("state", message.state)?,
            oldest_due_age: optional("oldest_due_age", message.oldest_due_age)?,
        })
    }
}

impl WireForm for StoreHealth {
    type Message = v1::StoreHealthResponse;

    fn encode(&self) -> v1::StoreHealthResponse {
        v1::StoreHealthResponse {
            shards: all(&self.shards),
        }
    }

    fn decode(message: v1::StoreHealthResponse) -> Result<Self, DecodeError> {
        Ok(Self {
            shards: each("shards", message.shards)?,
        })
    }
}
