//! The end of a call: one line in the log, however it ends. Until then the call counts as active on its connection.
//!
//! The outermost layer makes a [`CallEnd`] for each call; if the call has a body to send, that body holds it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tonic::Code;

use crate::call::Call;
use crate::connection::ActiveCall;
use crate::settings::GrpcSettings;

/// What the log calls a path that is no method: what clients write is not logged.
pub(crate) const UNKNOWN_METHOD: &str = "unknown";

/// A call that has not ended. If it is dropped before [`CallEnd::with`], the client left or the server cut the call off.
pub(crate) struct CallEnd {
    pub(crate) call: Call,
    settings: Arc<GrpcSettings>,
    began: Instant,
    is_logged: bool,
    _active: ActiveCall,
}

impl CallEnd {
    /// The end of a call that began at `began`.
    pub(crate) fn of(call: Call, settings: &Arc<GrpcSettings>, began: Instant) -> Self {
        let active = call.connection().begin_call();
        Self {
            call,
            settings: Arc::clone(settings),
            began,
            is_logged: false,
            _active: active,
        }
    }

    /// What `RetryInfo` says.
    pub(crate) fn retry_after(&self) -> Duration {
        self.settings.tuning.retry_after
    }

    /// The call ended with this code.
    pub(crate) fn with(mut self, code: Code) {
        self.log(code);
    }

    /// One line a call, without anything that a client wrote but the call's name, which is visible ASCII.
    fn log(&mut self, code: Code) {
        self.is_logged = true;
        // A reader of the line may rely on the permit being free.
        self.call.release_permit();
        let method = self
            .call
            .method()
            .map_or(UNKNOWN_METHOD, |method| &method.name);
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

impl Drop for CallEnd {
    fn drop(&mut self) {
        if !self.is_logged {
            self.log(Code::Cancelled);
        }
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
