//! The watermarks of each commit: behind which positions a start has to search the log for unclaimed orders and for claims of
//! this process. Work that would hold a watermark back for long is moved to the table `jobs`.

use std::time::Duration;

use domain::{Lane, Timestamp};

use super::Writer;
use super::leases::{Lease, Origin};
use super::transaction::Transaction;
use crate::job_state::{Due, JobState};

/// A claim that is open for this many events gets a row in `jobs`. The number is smaller than for unclaimed orders, because a
/// start reads the row of every order that was claimed after an open claim.
const MAX_OPEN_CLAIM_EVENTS: u64 = 100_000;

/// The most unclaimed orders, and the most claims, that one transaction moves to the jobs.
const MAX_MOVED: usize = 256;

impl Writer<'_> {
    /// Sets the watermarks and writes the log row of the transaction. A transaction without events has no log row.
    pub(super) fn append_log_row(
        &mut self,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        // Without a log row the watermarks are not stored, and a start would find moved work in the log again.
        if !transaction.log.is_empty() {
            self.move_old_orders(transaction)?;
            self.move_old_claims(transaction, now)?;
        }
        // The new claims of this transaction are after the previous watermark, so they do not matter here.
        let settled = self.leases.settled_through(self.counters.claimed_through);
        let counters = &mut transaction.counters;
        counters.settled_through = counters.settled_through.max(settled);
        let first_waiting = self.pending.unclaimed.first().map(|(seq, _)| seq);
        let first_new = transaction.new_unclaimed.first().map(|order| order.seq);
        let claimed = match first_waiting.or(first_new) {
            Some(first) => first - 1,
            None => {
                // This also corrects the count if an order left the log uncounted.
                counters.unclaimed = 0;
                counters.head
            }
        };
        counters.claimed_through = counters.claimed_through.max(claimed);
        if !transaction.log.is_empty() {
            let head = counters.head.cast_signed();
            counters.bits = transaction.bits;
            counters.encode(&mut transaction.encoded_counters);
            let row = rusqlite::params![
                head,
                transaction.bits,
                &transaction.log,
                &transaction.encoded_counters
            ];
            self.statements.log.execute(row)?;
        }
        Ok(())
    }

    /// Moves unclaimed orders that have waited for many events to the jobs.
    fn move_old_orders(&mut self, transaction: &mut Transaction) -> rusqlite::Result<()> {
        let Some(old) = transaction.counters.head.checked_sub(self.searched_events) else {
            return Ok(());
        };
        for id in self.pending.unclaimed.up_to(old, MAX_MOVED) {
            let Some(order) = self.pending.unclaimed.remove(id) else {
                continue;
            };
            let due = Due {
                at: order.due(),
                delay: Some(Duration::ZERO),
            };
            self.put_job(id, JobState::InLane(Lane::Fresh), due)?;
            let counters = &mut transaction.counters;
            counters.claimed_up_to = counters.claimed_up_to.max(order.seq);
            counters.subtract_unclaimed();
            transaction.removed_unclaimed.push(order);
        }
        Ok(())
    }

    /// Adds claims of new orders that have been open for many events to the jobs.
    fn move_old_claims(
        &mut self,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let distance = MAX_OPEN_CLAIM_EVENTS.min(self.searched_events);
        let Some(old) = transaction.counters.head.checked_sub(distance) else {
            return Ok(());
        };
        for id in self.leases.in_log_up_to(old, MAX_MOVED) {
            if transaction.leases_ended.contains(&id) {
                continue;
            }
            let Some(lease) = self.leases.get(id).copied() else {
                continue;
            };
            self.put_claimed_job(id, now)?;
            let origin = Origin::Job;
            transaction
                .leases_taken
                .push((id, Lease { origin, ..lease }));
        }
        Ok(())
    }
}
