//! How a call ends: told once, in one line of the log, however it ends. Until then it holds its place among the calls under
//! way.
//!
//! `dispatch` makes one of each call; where the call has a body to send, that body holds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tonic::Code;

use crate::call::Call;
use crate::settings::GrpcSettings;
use edge_listener::RequestInFlight;

/// What is told once a call ends, however it ends: dropped before it was told, nobody heard the end, because the client
/// left or the server cut the call off. It holds the call's place among those under way.
pub(crate) struct Ending {
    pub(crate) call: Call,
    settings: Arc<GrpcSettings>,
    name: &'static str,
    began: Instant,
    slot: Option<Slot>,
    is_told: bool,
    _begun: RequestInFlight,
}

impl Ending {
    /// The end of a call that has just begun.
    pub(crate) fn of(
        call: Call,
        settings: &Arc<GrpcSettings>,
        name: &'static str,
        began: Instant,
        begun: RequestInFlight,
    ) -> Self {
        Self {
            call,
            settings: Arc::clone(settings),
            name,
            began,
            slot: None,
            is_told: false,
            _begun: begun,
        }
    }

    /// The call has its place among those under way.
    pub(crate) fn hold(&mut self, slot: Slot) {
        self.slot = Some(slot);
    }

    pub(crate) fn retry_after(&self) -> Duration {
        self.settings.tuning.retry_after
    }

    /// The call ended so.
    pub(crate) fn tell(mut self, code: Code) {
        self.log(code);
    }

    /// One line a call, without anything that a client wrote but the call's name, which is visible ASCII.
    fn log(&mut self, code: Code) {
        self.is_told = true;
        // Whoever reads the line may count on the room.
        self.slot = None;
        let method = self.name;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    method,
                    code = code_name(code),
                    cause = self.call.cause(),
                    elapsed_us =
                        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
                    request_id = self.call.request_id().as_str(),
                    "call"
                )
            };
        }
        match code {
            Code::Internal | Code::Unknown | Code::DataLoss | Code::Unavailable => line!(warn),
            Code::Ok if self.settings.log_calls => line!(info),
            Code::Ok => line!(debug),
            _ => line!(info),
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.is_told {
            self.log(Code::Cancelled);
        }
    }
}

/// A call's place among those under way; dropping it makes room.
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Slot {
    pub(crate) fn take(under_way: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let slot = Self(Arc::clone(under_way));
        // Where there is no room the slot is dropped at once, which takes the count back.
        (under_way.fetch_add(1, Ordering::Relaxed) < limit).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A code as clients know it.
const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
