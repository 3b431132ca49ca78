//! What a shard has to do and when: the reads that workers and operators wait by. `store` asks; what is claimed is in
//! `claim`.

use std::time::Duration;

use application::ports::{NextDue, StoreError};
use domain::Lane;

use crate::claim::LANES;
use crate::rows;
use crate::shard::Shard;

/// One row per lane that has waiting orders, quarantined ones included: microseconds until its first one is due, negative
/// if it is.
fn first_due() -> String {
    format!(
        "SELECT l.lane, (extract(epoch FROM first.due_at - statement_timestamp()) * 1000000)::bigint AS wait_us \
         FROM generate_series(0, {LANES} - 1) AS l (lane), \
              LATERAL (SELECT o.due_at FROM orders o WHERE o.lane = l.lane AND o.due_at IS NOT NULL \
                       ORDER BY o.due_at LIMIT 1) AS first"
    )
}

impl Shard {
    pub(crate) async fn next_due(&self) -> Result<NextDue, StoreError> {
        let mut next = NextDue::default();
        for (lane, wait_us) in self.first_due().await? {
            let wait = Duration::from_micros(u64::try_from(wait_us).unwrap_or(0));
            match Lane::ALL.into_iter().find(|known| known.index() == lane) {
                Some(lane) => next.lanes[lane.index()] = Some(wait),
                None => next.quarantined = Some(wait),
            }
        }
        Ok(next)
    }

    pub(crate) async fn oldest_due_age(&self) -> Result<Option<Duration>, StoreError> {
        let waits = self.first_due().await?.into_iter().map(|(_, wait)| wait);
        let oldest = waits.min().filter(|wait_us| *wait_us <= 0);
        Ok(oldest.map(|wait_us| Duration::from_micros(wait_us.unsigned_abs())))
    }

    async fn first_due(&self) -> Result<Vec<(usize, i64)>, StoreError> {
        let rows = self.rows(&first_due(), &[]).await?;
        let read = |row| {
            let lane: i32 = rows::column(row, "lane")?;
            let lane = usize::try_from(lane).map_err(|_| format!("unknown lane {lane}"))?;
            Ok((lane, rows::column(row, "wait_us")?))
        };
        let waits: Result<Vec<_>, _> = rows.iter().map(read).collect();
        waits.map_err(|why| self.corrupt(why))
    }
}
