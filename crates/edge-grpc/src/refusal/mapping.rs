//! The one file that maps errors outward: what the use cases and stores answer, as clients see it. It decides from the
//! variant alone, and says of every failure whether something was done.

use application::ports::{Deadline, ReceiptError, StoreError};
use application::watch::WatchError;
use application::{CommandError, Forbidden, PlaceError, ReadError, ReadReceiptError};
use domain::Fault;
use tokio::time::Instant;
use tonic::Code;

use super::Refusal;

/// A store's failure, for a caller who waited until `deadline`.
pub(crate) fn of_store(error: &StoreError, deadline: Deadline) -> Refusal {
    match error {
        StoreError::Overloaded { .. } => Refusal::overloaded().with_cause(error),
        StoreError::Expired => Refusal::deadline_passed(),
        StoreError::Unavailable { .. } | StoreError::Moved { .. } => Refusal::new(
            Code::Unavailable,
            "STORE_UNAVAILABLE",
            "the store cannot be reached; nothing was done: send this again in a moment",
        )
        .with_retry()
        .with_cause(error),
        StoreError::Full { .. } => Refusal::new(
            Code::ResourceExhausted,
            "STORE_FULL",
            "the disk of the store is full; nothing was done: once an operator has freed space, send this again",
        )
        .with_retry()
        .with_cause(error),
        StoreError::Unknown { .. } if Instant::now() >= deadline => {
            Refusal::outcome_unknown_at_deadline().with_cause(error)
        }
        // No RetryInfo: without a key, trying again could place a second order.
        StoreError::Unknown { .. } => Refusal::new(
            Code::Unavailable,
            "OUTCOME_UNKNOWN",
            "it may or may not have been done; the same request with the same idempotency_key finds out",
        )
        .with_cause(error),
        StoreError::Corrupt { .. } => Refusal::internal(error),
    }
}

/// Why a caller may not do what it asked for.
fn of_forbidden(forbidden: Forbidden) -> Refusal {
    Refusal::new(Code::PermissionDenied, "FORBIDDEN", forbidden.to_string())
}

/// Why a read was not answered, for a caller who waited until `deadline`.
pub(crate) fn of_read(error: &ReadError, deadline: Deadline) -> Refusal {
    match error {
        ReadError::Forbidden(forbidden) => of_forbidden(*forbidden),
        ReadError::Store(error) => of_store(error, deadline),
    }
}

/// Why a receipt was not read, for a caller who waited until `deadline`.
pub(crate) fn of_read_receipt(error: &ReadReceiptError, deadline: Deadline) -> Refusal {
    match error {
        ReadReceiptError::Forbidden(forbidden) => of_forbidden(*forbidden),
        ReadReceiptError::Store(error) => of_store(error, deadline),
        ReadReceiptError::Receipt(error) => of_receipt(error),
    }
}

/// Why a topic could not be joined.
pub(crate) fn of_watch(error: &WatchError, deadline: Deadline) -> Refusal {
    match error {
        WatchError::Forbidden(forbidden) => of_forbidden(*forbidden),
        WatchError::TooManyWatchers => Refusal::too_many_streams(),
        WatchError::Store(error) => of_store(error, deadline),
        WatchError::NotFollowed { .. } => Refusal::new(
            Code::Unavailable,
            "STORE_UNAVAILABLE",
            "the changes cannot be followed now; connect again in a moment, nothing is skipped",
        )
        .with_retry()
        .with_cause(error),
        WatchError::Busy => Refusal::new(
            Code::Unavailable,
            "TOO_MANY_RESUMING",
            "too many streams read what they missed; connect again in a moment, nothing is skipped",
        )
        .with_retry()
        .with_cause(error),
    }
}

/// Why an order was not placed.
pub(crate) fn of_place(error: PlaceError, deadline: Deadline) -> Refusal {
    match error {
        PlaceError::Forbidden(forbidden) => of_forbidden(forbidden),
        PlaceError::Invalid(faults) => Refusal::invalid(faults),
        PlaceError::KeyReused => Refusal::new(
            Code::AlreadyExists,
            "IDEMPOTENCY_KEY_REUSED",
            "the idempotency_key made an order with another body; use a new key for a new order, or send the first \
             body again",
        ),
        PlaceError::ExternalIdTaken { ref differing } => Refusal::new(
            Code::AlreadyExists,
            "EXTERNAL_ID_TAKEN",
            error.to_string(),
        )
        .with_faults(differing.iter().map(|pointer| {
            Fault::new(
                pointer.clone(),
                "differs",
                "is not what the order with this external_id has",
            )
        })),
        PlaceError::KeyInFlight => Refusal::new(
            Code::DeadlineExceeded,
            "IDEMPOTENCY_KEY_IN_FLIGHT",
            "a request with this idempotency_key is still under way; send this one again in a moment",
        )
        .with_retry(),
        PlaceError::Refused(reason) => Refusal::new(
            Code::InvalidArgument,
            "REFUSED_BY_STORE",
            "something in the order is beyond what the store can keep",
        )
        .with_cause(reason),
        PlaceError::Receipt(error) => of_receipt(&error),
        PlaceError::Store(error) => of_store(&error, deadline),
    }
}

fn of_receipt(error: &ReceiptError) -> Refusal {
    match error {
        ReceiptError::Unavailable(_) => Refusal::new(
            Code::Unavailable,
            "RECEIPT_STORE_UNAVAILABLE",
            "the receipt store cannot be reached; nothing was done: send this again in a moment",
        )
        .with_retry()
        .with_cause(error),
        ReceiptError::Conflict { .. } | ReceiptError::Refused { .. } => Refusal::internal(error),
    }
}

fn of_domain(refused: domain::Refusal) -> Refusal {
    let reason = match refused {
        domain::Refusal::NotAllowed { .. }
        | domain::Refusal::WorkDone
        | domain::Refusal::NotErasable { .. } => "ILLEGAL_TRANSITION",
        domain::Refusal::TooManyCommands => "TOO_MANY_COMMANDS",
    };
    let message = match refused {
        domain::Refusal::NotAllowed { status, .. } => {
            format!("the order is {status}, which does not allow it")
        }
        domain::Refusal::WorkDone
        | domain::Refusal::NotErasable { .. }
        | domain::Refusal::TooManyCommands => refused.to_string(),
    };
    Refusal::new(Code::FailedPrecondition, reason, message)
}

/// Why an order was not changed.
pub(crate) fn of_command(error: CommandError, deadline: Deadline) -> Refusal {
    match error {
        CommandError::Forbidden(forbidden) => of_forbidden(forbidden),
        CommandError::NotFound => Refusal::order_not_found(),
        CommandError::Illegal(refusal) => of_domain(refusal),
        CommandError::VersionMismatch { current } => Refusal::version_mismatch(current),
        CommandError::Contended => Refusal::new(
            Code::Aborted,
            "CONTENDED",
            "others change the order at the same time; nothing was done: try again in a moment",
        )
        .with_retry(),
        CommandError::Store(error) => of_store(&error, deadline),
    }
}
