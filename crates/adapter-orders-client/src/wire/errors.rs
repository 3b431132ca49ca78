//! Every error of the port, variant by variant, with all that it says.

use application::ports::{ReceiptError, StoreError};
use application::{CommandError, Forbidden, PlaceError, ReadError, ReadReceiptError};
use domain::{Fault, Refusal, ShardId};
use proto::ordermill::internal::v1;
use proto::ordermill::internal::v1::{
    command_error, forbidden, place_error, read_error, read_receipt_error, receipt_error, refusal,
    store_error,
};

use super::decode_error::DecodeError;
use super::form::{WireForm, all, each, given, required};

impl WireForm for Forbidden {
    type Message = v1::Forbidden;

    fn encode(&self) -> v1::Forbidden {
        use forbidden::Reason;
        let reason = match self {
            Self::MissingScope { scope } => Reason::MissingScope(scope.encode()),
            Self::BoundToUser => Reason::BoundToUser(()),
        };
        v1::Forbidden {
            reason: Some(reason),
        }
    }

    fn decode(message: v1::Forbidden) -> Result<Self, DecodeError> {
        use forbidden::Reason;
        match message.reason {
            None => Err(DecodeError::missing("reason")),
            Some(Reason::MissingScope(scope)) => Ok(Self::MissingScope {
                scope: given("missing_scope", scope)?,
            }),
            Some(Reason::BoundToUser(())) => Ok(Self::BoundToUser),
        }
    }
}

impl WireForm for StoreError {
    type Message = v1::StoreError;

    fn encode(&self) -> v1::StoreError {
        use store_error::Kind;
        let kind = match self {
            Self::Overloaded { limit } => Kind::Overloaded(limit.encode()),
            Self::Expired => Kind::Expired(()),
            Self::Unavailable { shard, reason } => Kind::Unavailable(shard_fault(*shard, reason)),
            Self::Full { shard, reason } => Kind::Full(shard_fault(*shard, reason)),
            Self::Unknown { shard, reason } => Kind::Unknown(shard_fault(*shard, reason)),
            Self::Corrupt { shard, reason } => Kind::Corrupt(shard_fault(*shard, reason)),
        };
        v1::StoreError { kind: Some(kind) }
    }

    fn decode(message: v1::StoreError) -> Result<Self, DecodeError> {
        use store_error::Kind;
        match message.kind {
            None => Err(DecodeError::missing("kind")),
            Some(Kind::Overloaded(limit)) => Ok(Self::Overloaded {
                limit: given("overloaded", limit)?,
            }),
            Some(Kind::Expired(())) => Ok(Self::Expired),
            Some(Kind::Unavailable(fault)) => {
                let (shard, reason) = of_shard("unavailable", fault)?;
                Ok(Self::Unavailable { shard, reason })
            }
            Some(Kind::Full(fault)) => {
                let (shard, reason) = of_shard("full", fault)?;
                Ok(Self::Full { shard, reason })
            }
            Some(Kind::Unknown(fault)) => {
                let (shard, reason) = of_shard("unknown", fault)?;
                Ok(Self::Unknown { shard, reason })
            }
            Some(Kind::Corrupt(fault)) => {
                let (shard, reason) = of_shard("corrupt", fault)?;
                Ok(Self::Corrupt { shard, reason })
            }
        }
    }
}

fn shard_fault(shard: ShardId, reason: &str) -> v1::ShardFault {
    v1::ShardFault {
        shard: Some(shard.encode()),
        reason: Some(reason.to_owned()),
    }
}

fn of_shard(field: &str, fault: v1::ShardFault) -> Result<(ShardId, String), DecodeError> {
    let shard = required("shard", fault.shard).map_err(|error| error.within(field))?;
    let reason = required("reason", fault.reason).map_err(|error| error.within(field))?;
    Ok((shard, reason))
}

impl WireForm for ReceiptError {
    type Message = v1::ReceiptError;

    fn encode(&self) -> v1::ReceiptError {
        use receipt_error::Kind;
        let kind = match self {
            Self::Unavailable(reason) => Kind::Unavailable(reason.clone()),
            Self::Conflict { key } => Kind::Conflict(key.clone()),
            Self::Refused { key, reason } => Kind::Refused(v1::RefusedKey {
                key: Some(key.clone()),
                reason: Some(reason.clone()),
            }),
        };
        v1::ReceiptError { kind: Some(kind) }
    }

    fn decode(message: v1::ReceiptError) -> Result<Self, DecodeError> {
        use receipt_error::Kind;
        match message.kind {
            None => Err(DecodeError::missing("kind")),
            Some(Kind::Unavailable(reason)) => Ok(Self::Unavailable(reason)),
            Some(Kind::Conflict(key)) => Ok(Self::Conflict { key }),
            Some(Kind::Refused(refused)) => Ok(Self::Refused {
                key: required("key", refused.key).map_err(|error| error.within("refused"))?,
                reason: required("reason", refused.reason)
                    .map_err(|error| error.within("refused"))?,
            }),
        }
    }
}

impl WireForm for Fault {
    type Message = v1::Fault;

    fn encode(&self) -> v1::Fault {
        v1::Fault {
            pointer: Some(self.pointer.clone()),
            code: Some(self.code.clone().into_owned()),
            detail: Some(self.detail.clone().into_owned()),
        }
    }

    fn decode(message: v1::Fault) -> Result<Self, DecodeError> {
        let pointer: String = required("pointer", message.pointer)?;
        let code: String = required("code", message.code)?;
        let detail: String = required("detail", message.detail)?;
        Ok(Self::new(pointer, code, detail))
    }
}

impl WireForm for PlaceError {
    type Message = v1::PlaceError;

    fn encode(&self) -> v1::PlaceError {
        use place_error::Kind;
        let kind = match self {
            Self::Forbidden(forbidden) => Kind::Forbidden(forbidden.encode()),
            Self::Invalid(faults) => Kind::Invalid(v1::Faults {
                faults: all(faults),
            }),
            Self::KeyReused => Kind::KeyReused(()),
            Self::ExternalIdTaken { differing } => Kind::ExternalIdTaken(v1::Pointers {
                pointers: differing.clone(),
            }),
            Self::KeyInFlight => Kind::KeyInFlight(()),
            Self::Refused(reason) => Kind::Refused(reason.clone()),
            Self::Receipt(error) => Kind::Receipt(error.encode()),
            Self::Store(error) => Kind::Store(error.encode()),
        };
        v1::PlaceError { kind: Some(kind) }
    }

    fn decode(message: v1::PlaceError) -> Result<Self, DecodeError> {
        use place_error::Kind;
        Ok(match message.kind {
            None => return Err(DecodeError::missing("kind")),
            Some(Kind::Forbidden(forbidden)) => Self::Forbidden(given("forbidden", forbidden)?),
            Some(Kind::Invalid(faults)) => Self::Invalid(each("invalid.faults", faults.faults)?),
            Some(Kind::KeyReused(())) => Self::KeyReused,
            Some(Kind::ExternalIdTaken(differing)) => Self::ExternalIdTaken {
                differing: differing.pointers,
            },
            Some(Kind::KeyInFlight(())) => Self::KeyInFlight,
            Some(Kind::Refused(reason)) => Self::Refused(reason),
            Some(Kind::Receipt(error)) => Self::Receipt(given("receipt", error)?),
            Some(Kind::Store(error)) => Self::Store(given("store", error)?),
        })
    }
}

impl WireForm for ReadError {
    type Message = v1::ReadError;

    fn encode(&self) -> v1::ReadError {
        use read_error::Kind;
        let kind = match self {
            Self::Forbidden(forbidden) => Kind::Forbidden(forbidden.encode()),
            Self::Store(error) => Kind::Store(error.encode()),
        };
        v1::ReadError { kind: Some(kind) }
    }

    fn decode(message: v1::ReadError) -> Result<Self, DecodeError> {
        use read_error::Kind;
        Ok(match message.kind {
            None => return Err(DecodeError::missing("kind")),
            Some(Kind::Forbidden(forbidden)) => Self::Forbidden(given("forbidden", forbidden)?),
            Some(Kind::Store(error)) => Self::Store(given("store", error)?),
        })
    }
}

impl WireForm for ReadReceiptError {
    type Message = v1::ReadReceiptError;

    fn encode(&self) -> v1::ReadReceiptError {
        use read_receipt_error::Kind;
        let kind = match self {
            Self::Forbidden(forbidden) => Kind::Forbidden(forbidden.encode()),
            Self::Store(error) => Kind::Store(error.encode()),
            Self::Receipt(error) => Kind::Receipt(error.encode()),
        };
        v1::ReadReceiptError { kind: Some(kind) }
    }

    fn decode(message: v1::ReadReceiptError) -> Result<Self, DecodeError> {
        use read_receipt_error::Kind;
        Ok(match message.kind {
            None => return Err(DecodeError::missing("kind")),
            Some(Kind::Forbidden(forbidden)) => Self::Forbidden(given("forbidden", forbidden)?),
            Some(Kind::Store(error)) => Self::Store(given("store", error)?),
            Some(Kind::Receipt(error)) => Self::Receipt(given("receipt", error)?),
        })
    }
}

impl WireForm for Refusal {
    type Message = v1::Refusal;

    fn encode(&self) -> v1::Refusal {
        use refusal::Kind;
        let kind = match self {
            Self::NotAllowed { status, transition } => Kind::NotAllowed(v1::NotAllowed {
                status: status.encode(),
                transition: transition.encode(),
            }),
            Self::TooManyCommands => Kind::TooManyCommands(()),
            Self::WorkDone => Kind::WorkDone(()),
            Self::NotErasable { status } => Kind::NotErasable(status.encode()),
        };
        v1::Refusal { kind: Some(kind) }
    }

    fn decode(message: v1::Refusal) -> Result<Self, DecodeError> {
        use refusal::Kind;
        Ok(match message.kind {
            None => return Err(DecodeError::missing("kind")),
            Some(Kind::NotAllowed(refused)) => Self::NotAllowed {
                status: given("not_allowed.status", refused.status)?,
                transition: given("not_allowed.transition", refused.transition)?,
            },
            Some(Kind::TooManyCommands(())) => Self::TooManyCommands,
            Some(Kind::WorkDone(())) => Self::WorkDone,
            Some(Kind::NotErasable(status)) => Self::NotErasable {
                status: given("not_erasable", status)?,
            },
        })
    }
}

impl WireForm for CommandError {
    type Message = v1::CommandError;

    fn encode(&self) -> v1::CommandError {
        use command_error::Kind;
        let kind = match self {
            Self::Forbidden(forbidden) => Kind::Forbidden(forbidden.encode()),
            Self::NotFound => Kind::NotFound(()),
            Self::Illegal(refusal) => Kind::Illegal(refusal.encode()),
            Self::VersionMismatch { current } => Kind::VersionMismatch(current.encode()),
            Self::Contended => Kind::Contended(()),
            Self::Store(error) => Kind::Store(error.encode()),
        };
        v1::CommandError { kind: Some(kind) }
    }

    fn decode(message: v1::CommandError) -> Result<Self, DecodeError> {
        use command_error::Kind;
        Ok(match message.kind {
            None => return Err(DecodeError::missing("kind")),
            Some(Kind::Forbidden(forbidden)) => Self::Forbidden(given("forbidden", forbidden)?),
            Some(Kind::NotFound(())) => Self::NotFound,
            Some(Kind::Illegal(refusal)) => Self::Illegal(given("illegal", refusal)?),
            Some(Kind::VersionMismatch(current)) => Self::VersionMismatch {
                current: given("version_mismatch", current)?,
            },
            Some(Kind::Contended(())) => Self::Contended,
            Some(Kind::Store(error)) => Self::Store(given("store", error)?),
        })
    }
}
