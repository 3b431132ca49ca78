//! The one file that maps errors of use cases and stores to what clients see. It decides from the variant alone, and
//! says for every failure whether something was done.

use application::ports::{ReceiptError, StoreError};
use application::watch::WatchError;
use application::{CommandError, Forbidden, PlaceError, ReadError, ReadReceiptError};
use domain::order::MAX_OPERATOR_COMMANDS;
use domain::{Fault, Refusal};
use order_json::Malformed;

use super::{Code, Problem};

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        Self::malformed_json(&malformed)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let unavailable = |code, detail| Self::new(code, detail).with_cause(&error);
        match &error {
            StoreError::Overloaded { .. } => Self::overloaded().with_cause(&error),
            StoreError::Expired => Self::deadline_passed(),
            StoreError::Unavailable { .. } => Self::store_unavailable().with_cause(&error),
            StoreError::Full { .. } => Self::store_full().with_cause(&error),
            StoreError::Unknown { .. } => unavailable(
                Code::OutcomeUnknown,
                "It may or may not have been done; send the same request with the same Idempotency-Key again \
                 to find out.",
            ),
            StoreError::Corrupt { .. } => Self::internal(&error),
        }
    }
}

impl From<WatchError> for Problem {
    fn from(error: WatchError) -> Self {
        let unavailable = |code, detail| Self::new(code, detail).with_cause(&error);
        match &error {
            WatchError::Forbidden(forbidden) => (*forbidden).into(),
            WatchError::TooManyWatchers => Self::too_many_streams(),
            WatchError::Store(error) => error.clone().into(),
            WatchError::NotFollowed { .. } => unavailable(
                Code::StoreUnavailable,
                "The store cannot be reached. Connect again in a moment; nothing is skipped.",
            ),
            WatchError::Busy => unavailable(
                Code::TooManyResuming,
                "Too many streams read what they missed. Connect again in a moment; nothing is skipped.",
            ),
        }
    }
}

impl From<ReceiptError> for Problem {
    fn from(error: ReceiptError) -> Self {
        match &error {
            ReceiptError::Unavailable(_) => Self::new(
                Code::ReceiptStoreUnavailable,
                "Nothing was done; send the request again in a moment.",
            )
            .with_cause(&error),
            ReceiptError::Conflict { .. } | ReceiptError::Refused { .. } => Self::internal(&error),
        }
    }
}

impl From<Forbidden> for Problem {
    fn from(forbidden: Forbidden) -> Self {
        match forbidden {
            Forbidden::MissingScope { scope } => Self::new(
                Code::Forbidden,
                format!("The token lacks the scope {scope}. Nothing was done."),
            ),
            Forbidden::BoundToUser => Self::new(
                Code::Forbidden,
                "The token is bound to one user, and this concerns others. Nothing was done.",
            ),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Forbidden(forbidden) => forbidden.into(),
            ReadError::Store(error) => error.into(),
        }
    }
}

impl From<ReadReceiptError> for Problem {
    fn from(error: ReadReceiptError) -> Self {
        match error {
            ReadReceiptError::Forbidden(forbidden) => forbidden.into(),
            ReadReceiptError::Store(error) => error.into(),
            ReadReceiptError::Receipt(error) => error.into(),
        }
    }
}

impl From<PlaceError> for Problem {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Forbidden(forbidden) => forbidden.into(),
            PlaceError::Invalid(faults) => Self::invalid_body(faults),
            PlaceError::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "It made an order with another body. Use a new key for a new order, or send the first body again.",
            ),
            PlaceError::ExternalIdTaken { differing } => Self::external_id_taken(
                differing
                    .into_iter()
                    .map(|pointer| {
                        Fault::new(
                            pointer,
                            "differs",
                            "is not what the order of this external_id has",
                        )
                    })
                    .collect(),
            ),
            PlaceError::KeyInFlight => Self::new(
                Code::IdempotencyKeyInFlight,
                "A request with this key is still under way; send this one again in a moment.",
            ),
            PlaceError::Refused(reason) => Self::new(
                Code::RefusedByStore,
                "Something in the order is beyond what the store can keep.",
            )
            .with_cause(reason),
            PlaceError::Receipt(error) => error.into(),
            PlaceError::Store(error) => error.into(),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Forbidden(forbidden) => forbidden.into(),
            CommandError::NotFound => Self::order_not_found(),
            CommandError::Illegal(refusal) => refusal.into(),
            CommandError::VersionMismatch { current } => Self::version_mismatch(current),
            CommandError::Contended => Self::new(
                Code::Contended,
                "Others change the order at the same time. Nothing was done; try again in a moment.",
            ),
            CommandError::Store(error) => error.into(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAllowed { status, .. } => {
                Self::new(Code::IllegalTransition, format!("The order is {status}."))
            }
            Refusal::TooManyCommands => Self::new(
                Code::TooManyCommands,
                format!(
                    "The order was held, released and replayed {MAX_OPERATOR_COMMANDS} times, which is the limit. Nothing \
                     was done; the order can still be cancelled."
                ),
            ),
            Refusal::WorkDone => Self::new(
                Code::IllegalTransition,
                "The order's work is done and only its receipt is missing. It can no longer be cancelled."
                    .to_owned(),
            ),
            Refusal::NotErasable { status } => Self::new(
                Code::IllegalTransition,
                format!(
                    "The order is {status}: it can be erased once it is PROCESSED, CANCELLED or FAILED."
                ),
            ),
        }
    }
}
