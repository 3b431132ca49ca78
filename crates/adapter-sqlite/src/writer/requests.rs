//! Applying requests (claims, rescues, heartbeats, erasures) within the transaction. The answers are sent after the commit.

use application::ports::CommitError;
use domain::Timestamp;

use super::Writer;
use super::transaction::{Answer, Transaction};
use crate::request::Request;

impl Writer<'_> {
    /// Applies one request and adds its answer to the transaction. If it fails, the transaction has to be rolled back; the
    /// callers then get that error instead of their answers.
    pub(super) fn apply_request(
        &mut self,
        request: Request,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let (answer, failure) = match request {
            Request::Claim {
                limits,
                kind,
                lease,
                reply,
            } => {
                let claimed = self.claim_due(transaction, limits, kind, lease, now);
                let (orders, failure) = split(claimed);
                (Answer::Orders(reply, orders), failure)
            }
            Request::Rescue {
                policy,
                limit,
                reply,
            } => {
                let (orders, failure) = split(self.rescue(transaction, policy, limit, now));
                (Answer::Orders(reply, orders), failure)
            }
            Request::Heartbeat {
                claims,
                lease,
                reply,
            } => {
                let (lost, failure) = split(self.heartbeat(claims, lease));
                (Answer::LostClaims(reply, lost), failure)
            }
            Request::Erase {
                erasure,
                deadline,
                reply,
            } => {
                let (answer, failure) = match self.erase(transaction, &erasure, deadline) {
                    Ok(answer) => (answer, Ok(())),
                    // This answer is never sent, because the transaction fails.
                    Err(error) => (Err(CommitError::Stale), Err(error)),
                };
                (Answer::Erased(reply, answer), failure)
            }
        };
        transaction.answers.push(answer);
        failure
    }
}

/// Splits a result into the value, which is empty after a failure, and the failure.
fn split<T: Default>(done: rusqlite::Result<T>) -> (T, rusqlite::Result<()>) {
    match done {
        Ok(value) => (value, Ok(())),
        Err(error) => (T::default(), Err(error)),
    }
}
