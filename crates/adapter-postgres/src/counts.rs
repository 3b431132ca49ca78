//! How many orders have each status: the columns of the table `shard` that say it, what a transaction adds to them, and
//! how they are read. A status is in one place here: its column.

use application::ports::Counts;
use domain::{EventPosition, Status};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::rows::{self, Unreadable};

/// The column that counts the orders with this status.
const fn column(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Processing => "processing",
        Status::Retrying => "retrying",
        Status::Processed => "processed",
        Status::Failed => "failed",
        Status::OnHold => "on_hold",
        Status::Cancelled => "cancelled",
    }
}

/// Reads all counts of a shard.
pub(crate) fn select() -> String {
    let columns = Status::ALL.map(column).join(", ");
    format!("SELECT {columns}, erased FROM shard")
}

/// Reads a row of [`select`].
pub(crate) fn read(row: &Row) -> Result<Counts, Unreadable> {
    let read = |name| rows::column::<i64>(row, name).map(|count| u64::try_from(count).unwrap_or(0));
    let mut counts = Counts::default();
    for status in Status::ALL {
        counts.set(status, read(column(status))?);
    }
    counts.erased = read("erased")?;
    Ok(counts)
}

/// What a transaction adds to the counts.
#[derive(Default)]
pub(crate) struct CountChanges {
    by_status: [i64; Status::ALL.len()],
    erased: i64,
}

impl CountChanges {
    /// An order that was at `from`, or was not there, is now at `to`.
    pub(crate) const fn moved(&mut self, from: Option<Status>, to: Status) {
        if let Some(from) = from {
            self.by_status[from.index()] -= 1;
        }
        self.by_status[to.index()] += 1;
    }

    /// An order that was at `from` is erased.
    pub(crate) const fn erased(&mut self, from: Status) {
        self.by_status[from.index()] -= 1;
        self.erased += 1;
    }

    /// The parameters of [`take_seqs`].
    pub(crate) fn parameters<'a>(
        &'a self,
        events: &'a i64,
        map_epoch: &'a i64,
        buckets: &'a Vec<i16>,
    ) -> Vec<&'a (dyn ToSql + Sync)> {
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![events, &self.erased, map_epoch, buckets];
        for count in &self.by_status {
            parameters.push(count);
        }
        parameters
    }
}

/// Takes the next numbers of events, draws the bits that they are stored with, and adds to the counts. Fails if the map
/// of buckets has another epoch, or if the shard does not own one of the buckets. Each change of the map changes the epoch in
/// the same row, so that this sees the epoch of before and commits first, or sees the new one and fails.
///
/// The bits are those of a random UUID, which the server makes from the operating system's randomness for each
/// transaction anew. `random()` would not do: a session that is restored with the memory of its machine would go on with
/// the same numbers.
pub(crate) fn take_seqs() -> String {
    let mut sums = String::new();
    for (status, parameter) in Status::ALL.into_iter().zip(5..) {
        let column = column(status);
        sums.push_str(&format!(", {column} = {column} + ${parameter}"));
    }
    format!(
        "UPDATE shard SET last_seq = CASE WHEN map_epoch = $3 AND \
             (SELECT bool_and(get_bit(o.buckets, b.bucket) = 1) FROM owned_buckets AS o, unnest($4::smallint[]) AS b (bucket)) \
             THEN last_seq + $1 ELSE refuse_moved() END, \
         erased = erased + $2{sums}, \
         last_bits = ('x' || left(gen_random_uuid()::text, 8))::bit(32)::integer \
         RETURNING last_seq, last_bits"
    )
}

/// Reads the row that [`take_seqs`] returns: the position of the last event.
pub(crate) fn read_position(row: &Row) -> Result<EventPosition, Error> {
    Ok(rows::position(row.try_get(0)?, row.try_get(1)?))
}
