//! What calls take beside the caller: filters, cursors, expected versions.

use application::ExpectedVersion;
use application::ports::ListFilter;
use application::watch::Cursor;
use domain::{EventPosition, ShardId};
use proto::ordermill::internal::v1;
use proto::ordermill::internal::v1::expected_version::Expected;

use super::decode_error::DecodeError;
use super::form::{WireForm, all, each, maybe, optional, required};

impl WireForm for ListFilter {
    type Message = v1::ListFilter;

    fn encode(&self) -> v1::ListFilter {
        v1::ListFilter {
            user_id: maybe(self.user_id.as_ref()),
            external_id: maybe(self.external_id.as_ref()),
            status: maybe(self.status.as_ref()),
            source: maybe(self.source.as_ref()),
            created_from_ms: maybe(self.created_from.as_ref()),
            created_to_ms: maybe(self.created_to.as_ref()),
            text_prefix: self.text_prefix.clone(),
            failure_code: self.failure_code.clone(),
        }
    }

    fn decode(message: v1::ListFilter) -> Result<Self, DecodeError> {
        Ok(Self {
            user_id: optional("user_id", message.user_id)?,
            external_id: optional("external_id", message.external_id)?,
            status: optional("status", message.status)?,
            source: optional("source", message.source)?,
            created_from: optional("created_from_ms", message.created_from_ms)?,
            created_to: optional("created_to_ms", message.created_to_ms)?,
            text_prefix: message.text_prefix,
            failure_code: message.failure_code,
        })
    }
}

impl WireForm for ExpectedVersion {
    type Message = v1::ExpectedVersion;

    fn encode(&self) -> v1::ExpectedVersion {
        let expected = match self {
            Self::Any => Expected::Any(()),
            Self::OneOf(versions) => Expected::OneOf(v1::Versions {
                versions: all(versions),
            }),
        };
        v1::ExpectedVersion {
            expected: Some(expected),
        }
    }

    fn decode(message: v1::ExpectedVersion) -> Result<Self, DecodeError> {
        match message.expected {
            None => Err(DecodeError::missing("expected")),
            Some(Expected::Any(())) => Ok(Self::Any),
            Some(Expected::OneOf(versions)) => {
                each("one_of.versions", versions.versions).map(Self::OneOf)
            }
        }
    }
}

impl WireForm for Cursor {
    type Message = v1::Cursor;

    fn encode(&self) -> v1::Cursor {
        let positions = self
            .positions()
            .map(|(shard, position)| ShardPosition { shard, position }.encode());
        v1::Cursor {
            positions: positions.collect(),
        }
    }

    fn decode(message: v1::Cursor) -> Result<Self, DecodeError> {
        let positions: Vec<ShardPosition> = each("positions", message.positions)?;
        let is_ascending = positions.is_sorted_by(|one, next| one.shard < next.shard);
        if !is_ascending {
            let reason = "does not have each shard once, ascending";
            return Err(DecodeError::refused(reason).within("positions"));
        }
        let positions = positions.into_iter();
        Ok(Self::new(
            positions.map(|found| (found.shard, found.position)),
        ))
    }
}

/// One entry of a cursor.
struct ShardPosition {
    shard: ShardId,
    position: EventPosition,
}

impl WireForm for ShardPosition {
    type Message = v1::ShardPosition;

    fn encode(&self) -> v1::ShardPosition {
        v1::ShardPosition {
            shard: Some(self.shard.encode()),
            seq: Some(self.position.seq.encode()),
            bits: Some(self.position.bits),
        }
    }

    fn decode(message: v1::ShardPosition) -> Result<Self, DecodeError> {
        Ok(Self {
            shard: required("shard", message.shard)?,
            position: EventPosition {
                seq: required("seq", message.seq)?,
                bits: required("bits", message.bits)?,
            },
        })
    }
}
