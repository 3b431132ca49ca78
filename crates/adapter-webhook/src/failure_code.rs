//! The failure codes of the `http` handler: a closed list, which docs/HANDLER.md explains. Orders, dead letters and events
//! carry them. Codes are stable: they are stored with orders and used in filters.

/// Why a call did not end with 2xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCode {
    /// The endpoint refused the order for good.
    HandlerRejected,
    /// The endpoint is still processing the order.
    StillProcessing,
    /// The endpoint has too much to do.
    EndpointBusy,
    /// The endpoint, or a proxy, answered as one that is set up wrongly does.
    EndpointMisconfigured,
    /// The endpoint failed while it processed the order.
    EndpointFailed,
    /// A gateway answered for an endpoint that is away.
    EndpointUnavailable,
    /// No connection to the endpoint could be made.
    EndpointUnreachable,
    /// The connection broke before a whole answer had come, or what came was not HTTP.
    ConnectionBroken,
    /// No whole answer came in time.
    Timeout,
}

impl FailureCode {
    /// Every code.
    pub const ALL: [Self; 9] = [
        Self::HandlerRejected,
        Self::StillProcessing,
        Self::EndpointBusy,
        Self::EndpointMisconfigured,
        Self::EndpointFailed,
        Self::EndpointUnavailable,
        Self::EndpointUnreachable,
        Self::ConnectionBroken,
        Self::Timeout,
    ];

    /// The code as orders carry it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HandlerRejected => "handler_rejected",
            Self::StillProcessing => "still_processing",
            Self::EndpointBusy => "endpoint_busy",
            Self::EndpointMisconfigured => "endpoint_misconfigured",
            Self::EndpointFailed => "endpoint_failed",
            Self::EndpointUnavailable => "endpoint_unavailable",
            Self::EndpointUnreachable => "endpoint_unreachable",
            Self::ConnectionBroken => "connection_broken",
            Self::Timeout => "timeout",
        }
    }
}
