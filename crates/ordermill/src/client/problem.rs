//! What a server answers when it does not do what was asked, and what a network does: typed, and printed on one line.

use std::fmt;
use std::time::Duration;

use outbound_http::Route;
use reqwest::Url;
use serde::Deserialize;

/// Why a request did not succeed.
#[derive(Debug)]
pub enum ApiError {
    /// No answer. Whether the request was carried out is not known.
    Unreachable {
        /// What to say.
        message: String,
    },
    /// The server's refusal.
    Refused(Problem),
}

/// A problem+json body (RFC 9457).
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Problem {
    /// The status code.
    #[serde(default)]
    pub status: u16,
    /// A stable word.
    #[serde(default)]
    pub code: String,
    /// A short sentence about the kind.
    #[serde(default)]
    pub title: String,
    /// A sentence about this occurrence.
    #[serde(default)]
    pub detail: Option<String>,
    /// All faults of the request.
    #[serde(default)]
    pub errors: Vec<Fault>,
    /// How long the server asks to wait.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// One fault of a request.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Fault {
    /// The part of the request that is wrong: a JSON Pointer to a field, or the name of a parameter or header.
    #[serde(default, alias = "parameter", alias = "header")]
    pub pointer: String,
    /// A stable word.
    #[serde(default)]
    pub code: String,
    /// A sentence.
    #[serde(default)]
    pub detail: String,
}

impl Problem {
    /// Reads a body. One that is not a problem of ours (a proxy's page) becomes a problem with its status alone, and with
    /// the proxy on the way, which may have sent it.
    pub fn read(status: u16, retry_after: Option<Duration>, body: &[u8], route: &Route) -> Self {
        let mut problem: Self = serde_json::from_slice(body).unwrap_or_default();
        if problem.code.is_empty() && route.has_proxy() {
            problem.detail = Some(format!("the answer is not from an ordermill server{route}"));
        }
        problem.status = status;
        problem.retry_after = retry_after;
        problem
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self
            .detail
            .as_deref()
            .filter(|detail| !detail.is_empty())
            .unwrap_or(&self.title);
        match what {
            "" => write!(f, "the server answered {}", self.status)?,
            what => write!(f, "{what} ({})", self.status)?,
        }
        for fault in &self.errors {
            write!(f, "; {} {}", fault.pointer, fault.detail)?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, "; try again in {} s", wait.as_secs())?;
        }
        Ok(())
    }
}

impl ApiError {
    /// The network failed.
    pub fn unreachable(base: &Url, route: &Route, error: reqwest::Error) -> Self {
        let is_connect = error.is_connect();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let message = if is_connect {
            format!(
                "cannot reach {base}{route}: {cause}; is `ordermill serve` running? Another server is chosen with --url or ORDERMILL_URL"
            )
        } else if error.is_timeout() {
            format!(
                "no answer from {base}{route} in time; it may or may not have done what was asked"
            )
        } else {
            format!("the connection to {base}{route} broke: {cause}")
        };
        Self::Unreachable { message }
    }

    /// Nothing came within `waited`.
    pub fn no_answer(base: &Url, route: &Route, waited: Duration) -> Self {
        let message = format!("no answer from {base}{route} in {} s", waited.as_secs());
        Self::Unreachable { message }
    }

    /// Whether the same request may succeed later.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(problem) => {
                matches!(problem.status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
            }
        }
    }

    /// How long the server asks to wait.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unreachable { .. } => None,
            Self::Refused(problem) => problem.retry_after,
        }
    }

    /// Whether the server knows no such order; a wrong address is another refusal.
    pub fn is_unknown_order(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.code == "order_not_found")
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { message } => f.write_str(message),
            Self::Refused(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for ApiError {}
