//! Claims: which due orders a transaction takes for a worker, and in which order. The SQL of it, its parameters, and how
//! far the rounds over the home buckets have come. Called by `transaction`; `record` decides about the orders.
//!
//! Each lane of waiting orders has two indexes: `orders_due` by due time, and `orders_due_by_bucket` by home bucket and due
//! time. If all due orders of a lane fit into its part of the claim, they are taken by the first one. Otherwise the
//! statement visits the buckets one after the other, from where the last claim stopped, by a loose scan of the second one:
//! a seek or two per bucket, at most [`VISITS`] buckets per claim. What the visited buckets leave of the part is filled with
//! the oldest due orders of the lane.

use std::sync::atomic::{AtomicI16, Ordering};
use std::time::Duration;

use application::ports::{ClaimLimits, LaneLimit, PER_BUCKET, RescuePolicy};
use domain::{Bucket, Lane, Order};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::rows::{self, ORDER_COLUMNS, Unreadable};

/// The most orders that one transaction takes for a worker: each of them comes whole over the connection.
pub(crate) const MOST_TAKEN: usize = 1024;

/// The most buckets of a lane that a claim visits. A claim then costs a few milliseconds at most, and each of the 4,096
/// buckets has its turn within 32 claims, even if none of the others has due work.
const VISITS: usize = 128;

/// The most orders of a lane that a claim takes by turns of the buckets. A larger claim is filled with the oldest due ones,
/// which costs less per order.
const BY_TURNS: usize = 128;

/// The most orders that a bucket gives at its turns of one claim.
const PER_VISIT: usize = 64;

/// The column `lane` of quarantined orders ([`Order::is_quarantined`]). That of the others is [`Lane::index`].
const QUARANTINED: i16 = 3;

/// How many values the column `lane` has.
pub(crate) const LANES: usize = Lane::ALL.len() + 1;

/// The column `lane` of an order that waits for a worker.
pub(crate) fn lane_of(order: &Order) -> i16 {
    if order.is_quarantined() {
        QUARANTINED
    } else {
        code(order.lane())
    }
}

/// The column `lane` of orders that wait in a lane.
fn code(lane: Lane) -> i16 {
    i16::try_from(lane.index()).unwrap_or(QUARANTINED)
}

/// What a worker claims.
#[derive(Clone)]
pub(crate) enum Taking {
    /// Orders of the lanes are claimed, under a lease of this length.
    Claim(ClaimLimits, Duration),
    /// The oldest due quarantined order is claimed, under a lease of this length.
    ClaimQuarantined(Duration),
}

impl Taking {
    /// The most orders that are taken.
    pub(crate) fn limit(&self) -> usize {
        let limit = match self {
            Self::Claim(limits, _) => limits.total,
            Self::ClaimQuarantined(_) => 1,
        };
        limit.min(MOST_TAKEN)
    }

    /// The limits of each value of the column `lane`.
    fn lanes(&self) -> Vec<(i16, LaneLimit)> {
        let of_lanes = |limits: &ClaimLimits| {
            let limits = limits.lanes;
            Lane::ALL.map(|lane| (code(lane), limits[lane.index()]))
        };
        match self {
            Self::Claim(limits, _) => of_lanes(limits).into(),
            Self::ClaimQuarantined(_) => vec![(QUARANTINED, LaneLimit { share: 0, most: 1 })],
        }
    }
}

/// What a worker asks of the shard, done in the same transaction as the writes that wait.
#[derive(Clone, Default)]
pub(crate) struct WorkerNeeds {
    /// Which due orders to take, and what to do with them.
    pub(crate) take: Option<Taking>,
    /// The most lost orders to take back, and how.
    pub(crate) rescue: Option<(usize, RescuePolicy)>,
}

impl WorkerNeeds {
    pub(crate) const fn is_empty(&self) -> bool {
        self.take.is_none() && self.rescue.is_none()
    }
}

/// How far the rounds over the buckets have come: of each lane the bucket that had its turn last. A new connection begins
/// anywhere, so that several processes do not visit the same buckets at the same time.
pub(crate) struct Rounds([AtomicI16; LANES]);

impl Rounds {
    /// Rounds that begin at a bucket that follows from the server's process behind the connection: neighbouring numbers lead
    /// far apart.
    pub(crate) fn beginning_by(process_id: i32) -> Self {
        /// 2^32 divided by the golden ratio.
        const APART: u32 = 0x9e37_79b9;
        // The upper bits of the product: they depend on all bits of the number.
        let part = u64::from(process_id.cast_unsigned().wrapping_mul(APART));
        let bucket = (part * u64::from(Bucket::COUNT)) >> u32::BITS;
        let bucket = i16::try_from(bucket).unwrap_or(0);
        Self([(); LANES].map(|()| AtomicI16::new(bucket)))
    }

    fn after(&self, lane: i16) -> i16 {
        self.of(lane)
            .map_or(0, |after| after.load(Ordering::Relaxed))
    }

    /// Notes how far the rounds went with the rows of [`take_due`].
    pub(crate) fn advance(&self, taken: &[Row]) -> Result<(), Unreadable> {
        for row in taken {
            let visit: Option<i64> = rows::column(row, "visit")?;
            let stopped_at: Option<i16> = rows::column(row, "stopped_at")?;
            let turn = match (stopped_at, visit) {
                (Some(bucket), _) => bucket,
                (None, Some(_)) => rows::column(row, "bucket")?,
                (None, None) => continue,
            };
            if let Some(after) = self.of(rows::column(row, "of_lane")?) {
                after.store(turn, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn of(&self, lane: i16) -> Option<&AtomicI16> {
        usize::try_from(lane).ok().and_then(|lane| self.0.get(lane))
    }
}

/// The parameters of [`take_due`].
pub(crate) struct TakeDue {
    limit: i64,
    lanes: Vec<i16>,
    shares: Vec<i64>,
    most: Vec<i64>,
    after: Vec<i16>,
}

impl TakeDue {
    pub(crate) fn new(taking: &Taking, rounds: &Rounds) -> Self {
        let whole = |count: usize| i64::try_from(count.min(MOST_TAKEN)).unwrap_or(i64::MAX);
        let lanes = taking.lanes();
        Self {
            limit: whole(taking.limit()),
            lanes: lanes.iter().map(|(lane, _)| *lane).collect(),
            shares: lanes.iter().map(|(_, limit)| whole(limit.share)).collect(),
            most: lanes.iter().map(|(_, limit)| whole(limit.most)).collect(),
            after: lanes.iter().map(|(lane, _)| rounds.after(*lane)).collect(),
        }
    }

    /// In the order of the statement.
    pub(crate) fn parameters(&self) -> [&(dyn ToSql + Sync); 5] {
        [
            &self.limit,
            &self.lanes,
            &self.shares,
            &self.most,
            &self.after,
        ]
    }
}

/// Locks due orders that no other transaction has locked, and returns them in the order of their turns, lane by lane.
pub(crate) fn take_due() -> String {
    format!(
        "WITH RECURSIVE\n{},\n{},\n{},\n{}\n\
SELECT a.*, e.stopped_at
FROM (SELECT * FROM taken UNION ALL SELECT * FROM rest) AS a
LEFT JOIN ends e ON e.lane = a.of_lane
ORDER BY a.of_lane, (a.nth - 1) / {PER_BUCKET}, a.visit, a.due_at",
        lane_parts(),
        bucket_visits(),
        bucket_turns(),
        locked_orders()
    )
}

/// How many orders each lane can give (`lanes`), and how many it gives (`parts`). The parts are those of
/// [`ClaimLimits::allot`], as a merge: each order that a lane can give has a rank, which says when it has its turn among
/// those of all lanes, and the first ranks are taken. Quarantined orders come last. A lane that can give more than its part
/// is crowded; it gives its part, or the first orders of it, by turns of the buckets.
fn lane_parts() -> String {
    format!(
        "\
lanes AS MATERIALIZED (
    SELECT l.lane, l.share, l.most, l.after, counted.due
    FROM unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::smallint[]) AS l (lane, share, most, after),
         LATERAL (SELECT count(*) AS due
                  FROM (SELECT FROM orders o WHERE o.lane = l.lane AND o.due_at <= statement_timestamp()
                        ORDER BY o.due_at LIMIT l.most + 1) AS o) AS counted
),
parts AS MATERIALIZED (
    SELECT r.lane, r.after, count(*) AS part, least(count(*), {BY_TURNS}) AS by_turns,
           r.due > count(*) AND r.lane <> {QUARANTINED} AS is_crowded
    FROM (SELECT l.lane, l.after, l.due
          FROM lanes l, generate_series(1, least(l.due, l.most)) AS nth
          ORDER BY l.lane = {QUARANTINED}, nth > l.share, CASE WHEN nth > l.share THEN nth ELSE nth - l.share END, l.lane
          LIMIT $1::bigint) AS r
    GROUP BY r.lane, r.after, r.due
)"
    )
}

/// The buckets of each crowded lane (`visits`), from the last turn on and round, until those with due work can give all that
/// comes by turns if each of them has one turn. And how the visits ended (`ends`): short if all buckets together cannot,
/// at the bucket where they were stopped if there were too many.
fn bucket_visits() -> String {
    format!(
        "\
visits AS (
    SELECT p.lane, p.by_turns, p.after AS start, p.after AS bucket, false AS is_past_end, 0::bigint AS visit,
           0::bigint AS due, 0::bigint AS found
    FROM parts p WHERE p.is_crowded
    UNION ALL
    SELECT v.lane, v.by_turns, v.start, next.bucket, next.is_past_end, v.visit + 1, counted.due, v.found + counted.due
    FROM visits v,
         LATERAL ((SELECT o.bucket, v.is_past_end FROM orders o
                   WHERE o.lane = v.lane AND o.bucket > v.bucket AND o.due_at IS NOT NULL
                   ORDER BY o.bucket, o.due_at LIMIT 1)
                  UNION ALL
                  (SELECT o.bucket, true FROM orders o
                   WHERE NOT v.is_past_end AND o.lane = v.lane AND o.due_at IS NOT NULL
                   ORDER BY o.bucket, o.due_at LIMIT 1)
                  LIMIT 1) AS next (bucket, is_past_end),
         LATERAL (SELECT count(*) AS due
                  FROM (SELECT FROM orders o
                        WHERE o.lane = v.lane AND o.bucket = next.bucket AND o.due_at <= statement_timestamp()
                        ORDER BY o.due_at LIMIT {PER_BUCKET}) AS o) AS counted
    WHERE v.found < v.by_turns AND v.visit < {VISITS} AND NOT (next.is_past_end AND next.bucket > v.start)
),
ends AS MATERIALIZED (
    SELECT v.lane, v.by_turns, max(v.found) < v.by_turns AS is_short,
           max(v.bucket) FILTER (WHERE v.visit = {VISITS} AND v.found < v.by_turns) AS stopped_at
    FROM visits v GROUP BY v.lane, v.by_turns
)"
    )
}

/// How many orders each visited bucket gives (`turns`). If the visits ended short, the buckets have more turns, one after the
/// other, as far as they have due work. The limit tells the planner how few turns there are.
fn bucket_turns() -> String {
    let most_turns = Lane::ALL.len() * BY_TURNS;
    format!(
        "\
turns AS (
    SELECT r.lane, r.bucket, r.visit, count(*) AS turn
    FROM (SELECT d.lane, d.by_turns, d.bucket, d.visit,
                 row_number() OVER (PARTITION BY d.lane ORDER BY (nth - 1) / {PER_BUCKET}, d.visit, nth) AS rank
          FROM (SELECT v.lane, v.by_turns, v.bucket, v.visit,
                       CASE WHEN e.is_short
                            THEN (SELECT count(*)
                                  FROM (SELECT FROM orders o
                                        WHERE o.lane = v.lane AND o.bucket = v.bucket
                                          AND o.due_at <= statement_timestamp()
                                        ORDER BY o.due_at LIMIT least(v.by_turns, {PER_VISIT})) AS o)
                            ELSE v.due END AS due
                FROM visits v JOIN ends e ON e.lane = v.lane WHERE v.due > 0) AS d,
               generate_series(1, d.due) AS nth
          ORDER BY rank LIMIT {most_turns}) AS r
    WHERE r.rank <= r.by_turns
    GROUP BY r.lane, r.bucket, r.visit
)"
    )
}

/// The orders that come by turns (`taken`), and the oldest due ones for what is missing (`rest`).
fn locked_orders() -> String {
    format!(
        "\
taken AS MATERIALIZED (
    SELECT t.lane AS of_lane, t.visit, row_number() OVER (PARTITION BY t.lane, t.visit ORDER BY o.due_at) AS nth, o.*
    FROM turns t,
         LATERAL (SELECT {ORDER_COLUMNS}, o.bucket, o.due_at FROM orders o
                  WHERE o.lane = t.lane AND o.bucket = t.bucket AND o.due_at <= statement_timestamp()
                  ORDER BY o.due_at LIMIT t.turn FOR UPDATE SKIP LOCKED) AS o
),
rest AS MATERIALIZED (
    SELECT p.lane AS of_lane, NULL::bigint AS visit, NULL::bigint AS nth, o.*
    FROM parts p,
         LATERAL (SELECT {ORDER_COLUMNS}, o.bucket, o.due_at FROM orders o
                  WHERE o.lane = p.lane AND o.due_at <= statement_timestamp() AND o.id NOT IN (SELECT t.id FROM taken t)
                  ORDER BY o.due_at LIMIT p.part - (SELECT count(*) FROM taken t WHERE t.of_lane = p.lane)
                  FOR UPDATE SKIP LOCKED) AS o
)"
    )
}
