//! How far the log is done with, at the end of each transaction: the watermarks that tell the next start where to search for
//! new orders that wait and for claims of this process. What would hold them back for long is put among the jobs.

use std::time::Duration;

use domain::{Lane, Timestamp};

use super::Writer;
use super::batch::Batch;
use super::leases::{Lease, Origin};
use crate::waits::{Due, Waits};

/// The most work that one transaction moves from the log to the jobs, and the most claims.
const MOVED_AT_ONCE: usize = 256;

impl Writer<'_> {
    /// Sets the watermarks and writes them with the log row of the transaction.
    pub(super) fn close_books(
        &mut self,
        batch: &mut Batch,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        // Without a log row the watermarks are not stored: whatever moved away from the log would be found there again.
        if !batch.log.is_empty() {
            self.move_old_work(batch)?;
            self.move_old_claims(batch, now)?;
        }
        // The claims of before this commit tell how far all was settled: those it makes lie behind.
        let settled = self.leases.settled_through(self.books.claimed_through);
        batch.books.settled_through = batch.books.settled_through.max(settled);
        let first_waiting = self.waiting.fresh.first().map(|work| work.seq);
        let first_new = batch.fresh.first().map(|work| work.seq);
        let claimed = match first_waiting.or(first_new) {
            Some(first) => first - 1,
            None => {
                // Also if an order has left the log without being counted off.
                batch.books.fresh_waiting = 0;
                batch.books.head
            }
        };
        batch.books.claimed_through = batch.books.claimed_through.max(claimed);
        if !batch.log.is_empty() {
            let head = batch.books.head.cast_signed();
            batch.books.bits = batch.bits;
            batch.books.encode(&mut batch.encoded_books);
            let row = rusqlite::params![head, batch.bits, &batch.log, &batch.encoded_books];
            self.hot.log.execute(row)?;
        }
        Ok(())
    }

    /// New orders that wait for long move to the jobs.
    fn move_old_work(&mut self, batch: &mut Batch) -> rusqlite::Result<()> {
        let Some(old) = batch.books.head.checked_sub(self.searched_events) else {
            return Ok(());
        };
        for id in self.waiting.fresh.up_to(old, MOVED_AT_ONCE) {
            let Some(work) = self.waiting.fresh.take_out(id) else {
                continue;
            };
            let due = Due {
                at: work.due,
                delay: Some(Duration::ZERO),
            };
            self.put_job(id, Waits::InLane(Lane::Fresh), due)?;
            batch.books.claimed_up_to = batch.books.claimed_up_to.max(work.seq);
            batch.books.fresh_waiting = batch.books.fresh_waiting.saturating_sub(1);
            batch.taken.push(work);
        }
        Ok(())
    }

    /// Claims of new orders that are open for long are noted among the jobs.
    fn move_old_claims(&mut self, batch: &mut Batch, now: Timestamp) -> rusqlite::Result<()> {
        let Some(old) = batch.books.head.checked_sub(self.searched_events) else {
            return Ok(());
        };
        for id in self.leases.fresh_up_to(old, MOVED_AT_ONCE) {
            if batch.leases_ended.contains(&id) {
                continue;
            }
            let Some(lease) = self.leases.get(id).copied() else {
                continue;
            };
            self.put_claimed_job(id, now)?;
            let origin = Origin::Job;
            batch.leases_taken.push((id, Lease { origin, ..lease }));
        }
        Ok(())
    }
}
