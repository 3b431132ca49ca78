//! What an endpoint's answer means: the outcome table of the `http` handler, which docs/HANDLER.md shows. Pure; the worker
//! acts on the outcome.

use application::ports::{FaultScope, Outcome};
use domain::{Failure, OrderId};

use crate::answer::Answer;
use crate::failure_code::FailureCode;
use crate::{message, result};

/// What a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Done,
    Rejected,
    Retry(FailureCode, FaultScope),
}

impl Answer {
    /// The outcome of the attempt that got this answer. `route` ends the message of a failure.
    pub(crate) fn outcome(self, order: OrderId, route: &str) -> Outcome {
        let failure = |code: FailureCode| {
            let message = format!("{}{route}", message::of(&self));
            Failure::new(code.as_str(), &message)
        };
        match meaning(self.status.as_u16(), self.retry_after.is_some()) {
            Meaning::Done => Outcome::Done {
                result: result::of(&self, order),
            },
            Meaning::Rejected => Outcome::Rejected(failure(FailureCode::HandlerRejected)),
            Meaning::Retry(code, scope) => Outcome::Retry {
                failure: failure(code),
                after: self.retry_after,
                scope,
            },
        }
    }
}

/// The table. A status that is in no row of it is retried: that can be undone, a dead letter for each order cannot.
const fn meaning(status: u16, has_retry_after: bool) -> Meaning {
    use FailureCode as Code;
    match status {
        200..=299 => Meaning::Done,
        409 | 423 | 425 => Meaning::Retry(Code::StillProcessing, FaultScope::Order),
        429 => Meaning::Retry(Code::EndpointBusy, FaultScope::Busy),
        503 if has_retry_after => Meaning::Retry(Code::EndpointBusy, FaultScope::Busy),
        408 => Meaning::Retry(Code::Timeout, FaultScope::Endpoint),
        400 | 406 | 410..=418 | 422 | 424 | 426 | 428 | 431 | 451 => Meaning::Rejected,
        // A gateway answers for an endpoint that is away.
        502..=504 => Meaning::Retry(Code::EndpointUnavailable, FaultScope::Endpoint),
        // Moved, locked, not paid for, not there, or not able to take such a request at all; or a status that HTTP does
        // not define, which a box in between may have made.
        100..=199 | 300..=499 | 501 | 505 | 506 | 510 | 511 => {
            Meaning::Retry(Code::EndpointMisconfigured, FaultScope::Unclear)
        }
        _ => Meaning::Retry(Code::EndpointFailed, FaultScope::Endpoint),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use application::ports::{FaultScope, Outcome};
    use domain::OrderId;

    use reqwest::StatusCode;

    use super::Answer;

    fn outcome(status: u16, retry_after: Option<Duration>) -> Outcome {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: String::new(),
            location: None,
            retry_after,
            body: Vec::new(),
            is_cut: false,
        };
        answer.outcome(OrderId::from_bytes([1; 16]), "")
    }

    /// Code and scope of a retry, `None` for a rejection.
    fn failure(status: u16, retry_after: Option<Duration>) -> Option<(String, FaultScope)> {
        match outcome(status, retry_after) {
            Outcome::Retry {
                failure,
                after,
                scope,
            } => {
                assert_eq!(after, retry_after, "{status}");
                Some((failure.code.to_string(), scope))
            }
            Outcome::Rejected(failure) => {
                assert_eq!(&*failure.code, "handler_rejected", "{status}");
                None
            }
            Outcome::Done { .. } => panic!("{status} is done"),
        }
    }

    #[test]
    fn every_status_has_the_outcome_of_the_table() {
        for status in 200..300 {
            let done = matches!(outcome(status, None), Outcome::Done { result: None });
            assert!(done, "{status}");
        }
        let permanent = [
            400, 406, 410, 411, 412, 413, 414, 415, 416, 417, 418, 422, 424, 426, 428, 431, 451,
        ];
        for status in (100..200).chain(300..1000) {
            let expected = match status {
                status if permanent.contains(&status) => None,
                409 | 423 | 425 => Some(("still_processing", FaultScope::Order)),
                429 => Some(("endpoint_busy", FaultScope::Busy)),
                408 => Some(("timeout", FaultScope::Endpoint)),
                502..=504 => Some(("endpoint_unavailable", FaultScope::Endpoint)),
                501 | 505 | 506 | 510 | 511 => {
                    Some(("endpoint_misconfigured", FaultScope::Unclear))
                }
                500.. => Some(("endpoint_failed", FaultScope::Endpoint)),
                _ => Some(("endpoint_misconfigured", FaultScope::Unclear)),
            };
            let expected = expected.map(|(code, scope)| (code.to_owned(), scope));
            assert_eq!(failure(status, None), expected, "{status}");
        }
    }

    #[test]
    fn retry_after_makes_503_busy_and_changes_no_other_scope() {
        let wait = Some(Duration::from_secs(7));
        let busy = Some(("endpoint_busy".to_owned(), FaultScope::Busy));
        assert_eq!(failure(503, wait), busy);
        assert_eq!(failure(429, wait), busy);
        for status in (300..600).filter(|status| *status != 503) {
            assert_eq!(failure(status, wait), failure(status, None), "{status}");
        }
    }
}
