//! What the edge refuses by itself, one constructor a reason: code, stable reason, and a sentence that says what would be
//! right. Methods, guards and streams call them.

use domain::{Fault, Version};
use tonic::{Code, Status};

use super::{Refusal, sentence};

impl Refusal {
    /// The message is one, but not what this method takes.
    pub(crate) fn invalid(faults: Vec<Fault>) -> Self {
        let mut refusal = Self::new(
            Code::InvalidArgument,
            "VALIDATION_FAILED",
            sentence(&faults),
        );
        refusal.0.faults = faults;
        refusal
    }

    /// The metadata are not what they must be.
    pub(crate) fn invalid_metadata(message: &'static str) -> Self {
        Self::new(Code::InvalidArgument, "INVALID_METADATA", message)
    }

    /// The bytes are no message.
    pub(crate) fn malformed(cause: impl ToString) -> Self {
        Self::new(
            Code::InvalidArgument,
            "MALFORMED_MESSAGE",
            "the message is not the protobuf message that this method takes",
        )
        .with_cause(cause)
    }

    /// A message is larger than messages may be.
    pub(crate) fn message_too_large(limit: usize) -> Self {
        Self::new(
            Code::ResourceExhausted,
            "MESSAGE_TOO_LARGE",
            format!("a message may have {limit} bytes"),
        )
    }

    /// A message has begun, and its rest did not come in time.
    pub(crate) fn message_timeout() -> Self {
        Self::new(
            Code::DeadlineExceeded,
            "MESSAGE_TIMEOUT",
            "the rest of a message did not come in time; this message was not taken",
        )
    }

    /// Nothing came on a stream for too long.
    pub(crate) fn stream_idle() -> Self {
        Self::new(
            Code::DeadlineExceeded,
            "STREAM_IDLE",
            "no message came on this stream for too long; all that came before are answered: open another stream when \
             there is more to send",
        )
    }

    /// A batch holds more than a batch may.
    pub(crate) fn batch_too_large(limit: &str) -> Self {
        Self::new(
            Code::ResourceExhausted,
            "BATCH_TOO_LARGE",
            format!(
                "a batch may have {limit}; none of its orders was taken: send smaller ones, or use IntakeOrders"
            ),
        )
    }

    /// There is no such order, or none that the client may see.
    pub(crate) fn order_not_found() -> Self {
        Self::new(Code::NotFound, "ORDER_NOT_FOUND", "there is no such order")
    }

    /// The order has no receipt while it has this status.
    pub(crate) fn no_receipt(status: domain::Status) -> Self {
        Self::new(
            Code::NotFound,
            "NO_RECEIPT",
            format!("an order has a receipt once it is PROCESSED; this order is {status}"),
        )
    }

    /// Orders of several users have this number.
    pub(crate) fn several_orders() -> Self {
        Self::new(
            Code::FailedPrecondition,
            "SEVERAL_ORDERS",
            "several users have an order of this number; ask for it by its id",
        )
    }

    /// There is no such service to ask for.
    pub(crate) fn not_found_service() -> Self {
        Self::new(Code::NotFound, "NOT_FOUND", "there is no such service")
    }

    /// There is no such method.
    pub(crate) fn unknown_method() -> Self {
        Self::new(
            Code::Unimplemented,
            "UNKNOWN_METHOD",
            "there is no such method; reflection lists what there is",
        )
    }

    /// More calls run than the edge takes at a time.
    pub(crate) fn overloaded() -> Self {
        Self::new(
            Code::Unavailable,
            "OVERLOADED",
            "too many calls are under way; nothing was done: send this one again in a moment",
        )
        .with_retry()
    }

    /// The messages of all calls hold as much memory as they may together.
    pub(crate) fn too_many_messages() -> Self {
        Self::new(
            Code::Unavailable,
            "OVERLOADED",
            "the messages that are being worked on hold too much memory; nothing was done: send this one again in a \
             moment",
        )
        .with_retry()
    }

    /// The answers of all calls hold as much memory as they may together. Only for what changes nothing.
    pub(crate) fn too_many_answers() -> Self {
        Self::new(
            Code::Unavailable,
            "OVERLOADED",
            "the answers that clients have not taken hold too much memory; send this one again in a moment",
        )
        .with_retry()
    }

    /// As [`Refusal::too_many_answers`], for a change that has been made.
    pub(crate) fn answer_not_sent() -> Self {
        Self::new(
            Code::Unavailable,
            "OUTCOME_UNKNOWN",
            "the answers that clients have not taken hold too much memory for this one; the same request with the same \
             idempotency_key finds out what was done",
        )
    }

    /// As many streams are open as the server keeps.
    pub(crate) fn too_many_streams() -> Self {
        Self::new(
            Code::Unavailable,
            "TOO_MANY_STREAMS",
            "as many streams are open as this server keeps; try again in a moment",
        )
        .with_retry()
    }

    /// The server is about to stop.
    pub(crate) fn stopping() -> Self {
        Self::new(
            Code::Unavailable,
            "STOPPING",
            "the server is about to stop; connect again in a moment, nothing is skipped",
        )
        .with_retry()
    }

    /// The watcher took changes more slowly than they came.
    pub(crate) fn watcher_lags() -> Self {
        Self::new(
            Code::ResourceExhausted,
            "WATCHER_LAGS",
            "changes came faster than they were taken; come back with the last cursor, nothing is skipped",
        )
    }

    /// What was asked for did not come by the deadline. Only for what changes nothing, or has not begun to.
    pub(crate) fn deadline_passed() -> Self {
        Self::new(
            Code::DeadlineExceeded,
            "DEADLINE_PASSED",
            "the deadline passed; nothing was done",
        )
        .with_retry()
    }

    /// The deadline passed while something was under way.
    pub(crate) fn outcome_unknown_at_deadline() -> Self {
        Self::new(
            Code::DeadlineExceeded,
            "OUTCOME_UNKNOWN",
            "the deadline passed while it was under way; the same request with the same idempotency_key finds out",
        )
    }

    /// The deadline of a stream passed.
    pub(crate) fn stream_deadline_passed() -> Self {
        Self::new(
            Code::DeadlineExceeded,
            "DEADLINE_PASSED",
            "the deadline of the stream passed; of what it had not answered yet, the same requests with the same \
             idempotency_key find out",
        )
    }

    /// Something that should not happen did.
    pub(crate) fn internal(cause: impl ToString) -> Self {
        Self::new(
            Code::Internal,
            "INTERNAL",
            "something went wrong on the server; its log says what, under this request id",
        )
        .with_cause(cause)
    }

    /// A method panicked.
    pub(crate) fn of_panic(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::internal(format!("panicked: {}", text.unwrap_or("without a message")))
    }

    /// The order is at another version than the client expects.
    pub(crate) fn version_mismatch(current: Version) -> Self {
        Self::new(
            Code::Aborted,
            "VERSION_MISMATCH",
            format!("the order is at version {current}, not at the one that was expected"),
        )
    }
}

/// What the library itself refused, in the words of this edge; `None` where its own will do. It says INTERNAL of bytes
/// that are no message, and OUT_OF_RANGE of a message that is too large.
pub(crate) fn of_transport(code: Code, message: &str, max_message_bytes: usize) -> Option<Refusal> {
    match code {
        Code::Internal => Some(Refusal::malformed(message)),
        Code::OutOfRange => Some(Refusal::message_too_large(max_message_bytes)),
        _ => None,
    }
}

/// Whether a status is one of ours: those all carry details.
pub(crate) fn is_ours(status: &Status) -> bool {
    !status.details().is_empty()
}
