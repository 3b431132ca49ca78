//! Lists orders, newest first: by user or external id with the index, by a rare status with a partial index of SQLite, and
//! otherwise by a scan of the orders. A page scans a bounded number of orders; an erased order counts, but is not listed.

use std::ops::ControlFlow;
use std::sync::Arc;

use application::ports::{ListQuery, OrderPage};
use domain::{Order, OrderId, Status};
use rusqlite::{Connection, Rows, params};

use super::ReadConnection;
use super::error::ReadError;
use crate::index::hashes::UserHash;
use crate::index::reader::PAST_ALL;
use crate::order_row;
use crate::rowid;

/// The ids that a page may contain: `from <= id < to`.
#[derive(Debug, Clone, Copy)]
struct IdRange {
    from: OrderId,
    to: Option<OrderId>,
}

impl IdRange {
    fn of(query: &ListQuery) -> Self {
        let filter = &query.filter;
        let from = filter.created_from.map(OrderId::first_at);
        let to = filter.created_to.map(OrderId::first_at);
        Self {
            from: from.unwrap_or(OrderId::from_bytes([0; 16])),
            to: [query.before, to].into_iter().flatten().min(),
        }
    }

    fn contains(self, id: OrderId) -> bool {
        self.from <= id && self.to.is_none_or(|to| id < to)
    }

    /// The bounds as bytes, which have the order of the ids in SQLite.
    fn bounds(&self) -> (&[u8], &[u8]) {
        let to = self.to.as_ref();
        (
            self.from.as_bytes(),
            to.map_or(&PAST_ALL, |to| to.as_bytes()),
        )
    }
}

/// A page that is being built. It needs one order more than it lists, to know whether there is a next page.
struct PageBuilder<'a> {
    query: &'a ListQuery,
    orders: Vec<Arc<Order>>,
    scanned: usize,
    last_scanned: Option<OrderId>,
    /// The cursor of the next page, once it is known.
    next_before: Option<OrderId>,
}

impl ReadConnection {
    /// One page of a list.
    ///
    /// # Errors
    /// Also if the part of the index that the list needs is damaged: a list is never incomplete.
    pub(crate) fn list(&mut self, query: &ListQuery) -> Result<OrderPage, ReadError> {
        let mut page = PageBuilder {
            query,
            orders: Vec::new(),
            scanned: 0,
            last_scanned: None,
            next_before: None,
        };
        let filter = &query.filter;
        let range = IdRange::of(query);
        match (&filter.user_id, &filter.external_id, filter.status) {
            (Some(user), Some(external_id), _) => {
                let found = self.find(user, external_id)?;
                if let Some(order) = found.filter(|order| range.contains(order.id)) {
                    let _ = page.visit(order);
                }
            }
            (Some(user), None, _) => {
                self.list_with_index(UserHash::of(user), range, &mut page)?;
            }
            (None, Some(external_id), _) => {
                let list = UserHash::of_external_id(external_id);
                self.list_with_index(list, range, &mut page)?;
            }
            (None, None, Some(status)) if has_partial_index(status) => {
                list_with_partial_index(&self.orders, status, range, &mut page)?;
            }
            (None, None, _) => scan_all(&self.orders, range, &mut page)?,
        }
        Ok(OrderPage {
            orders: page.orders,
            next_before: page.next_before,
        })
    }

    /// Merges the memtable with the index file. The memtable is read first, so that an order that leaves it meanwhile is in the
    /// file.
    fn list_with_index(
        &mut self,
        hash: UserHash,
        range: IdRange,
        page: &mut PageBuilder<'_>,
    ) -> Result<(), ReadError> {
        let (mut recent, version) = self.memtable.of_user(hash);
        recent.retain(|id| range.contains(*id));
        recent.sort_unstable();
        recent.dedup();
        let orders = &self.orders;
        let mut visit = |id: OrderId| -> rusqlite::Result<bool> {
            let found = page.load_and_visit(id, || order_row::load(orders, id))?;
            Ok(found.is_continue())
        };
        let mut goes_on = Ok(true);
        let mut merge = |id| {
            while let Some(newest) = recent.pop_if(|newest| *newest >= id) {
                if newest != id && !visit(newest)? {
                    return Ok(false);
                }
            }
            visit(id)
        };
        let searched = self.index.of_user(version, hash, range.bounds(), |id| {
            goes_on = merge(id);
            // A failure to read an order is not a failure of the index.
            Ok(matches!(goes_on, Ok(true)))
        });
        searched.map_err(|failure| self.index_failed(failure))?;
        let mut goes_on = goes_on?;
        while goes_on && let Some(newest) = recent.pop() {
            goes_on = visit(newest)?;
        }
        Ok(())
    }
}

impl PageBuilder<'_> {
    /// Whether another order may be scanned. If not, the next page begins after the last scanned order.
    fn may_scan(&mut self) -> bool {
        let may_scan = self.scanned < self.query.scan_limit.max(1);
        if !may_scan {
            self.next_before = self.last_scanned;
        }
        may_scan
    }

    /// Scans an order and adds it to the page if it matches. Breaks once the page is complete.
    fn visit(&mut self, order: Arc<Order>) -> ControlFlow<()> {
        if !self.may_scan() {
            return ControlFlow::Break(());
        }
        self.count_scanned(order.id);
        if !self.query.filter.matches(&order) {
            return ControlFlow::Continue(());
        }
        self.add(order)
    }

    fn count_scanned(&mut self, id: OrderId) {
        self.scanned += 1;
        self.last_scanned = Some(id);
    }

    fn add(&mut self, order: Arc<Order>) -> ControlFlow<()> {
        if self.orders.len() < self.query.limit {
            self.orders.push(order);
            return ControlFlow::Continue(());
        }
        // This order is one too many: there is a next page, after the last listed order.
        self.next_before = self.orders.last().map(|last| last.id).or(self.query.before);
        ControlFlow::Break(())
    }

    /// As [`PageBuilder::visit`], with the order that `load` returns; an erased or unlisted order counts as scanned. Loads
    /// nothing if no more orders may be scanned.
    fn load_and_visit(
        &mut self,
        id: OrderId,
        load: impl FnOnce() -> rusqlite::Result<Option<order_row::Loaded>>,
    ) -> rusqlite::Result<ControlFlow<()>> {
        if !self.may_scan() {
            return Ok(ControlFlow::Break(()));
        }
        if let Some((order, _)) = load()? {
            return Ok(self.visit(order));
        }
        self.count_scanned(id);
        Ok(ControlFlow::Continue(()))
    }

    /// Whether an order of this status can be listed.
    fn may_list(&self, status: Option<Status>) -> bool {
        let wanted = self.query.filter.status;
        status.is_some_and(|status| wanted.is_none_or(|wanted| wanted == status))
    }
}

/// Whether orders of this status are in the partial index `orders_out_of_line`.
const fn has_partial_index(status: Status) -> bool {
    match status {
        Status::Retrying | Status::Failed | Status::OnHold | Status::Cancelled => true,
        Status::Pending | Status::Processing | Status::Processed => false,
    }
}

/// Lists the orders of a status with the partial index.
fn list_with_partial_index(
    orders: &Connection,
    status: Status,
    range: IdRange,
    page: &mut PageBuilder<'_>,
) -> rusqlite::Result<()> {
    let (from, to) = range.bounds();
    // SQLite uses the index because the last condition is literally that of the partial index.
    let mut statement = orders.prepare_cached(concat!(
        "SELECT ",
        order_row::order_columns!(),
        " FROM orders WHERE id >= ?1 AND id < ?2 AND status = ?3 AND (status > 4 OR status = 3) ORDER BY id DESC"
    ))?;
    let mut rows = statement.query(params![from, to, status.code()])?;
    while let Some(found) = rows.next()? {
        // Erased orders are not in the partial index.
        if let Some((order, _)) = order_row::order(found)?
            && page.visit(order).is_break()
        {
            break;
        }
    }
    Ok(())
}

/// Scans all orders: merges the milliseconds with the overflow area.
fn scan_all(
    orders: &Connection,
    range: IdRange,
    page: &mut PageBuilder<'_>,
) -> rusqlite::Result<()> {
    let mut by_rowid = orders.prepare_cached(
        "SELECT place, id, status FROM orders WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC",
    )?;
    let first = rowid::first_of_millisecond(range.from);
    let last = range.to.map_or(i64::MAX, rowid::last_of_millisecond);
    let mut milliseconds = Milliseconds {
        rows: by_rowid.query(params![first, last])?,
        read_ahead: None,
    };
    let mut overflowing = orders.prepare_cached(
        "SELECT id, place FROM overflow WHERE id >= ?1 AND id < ?2 ORDER BY id DESC",
    )?;
    let (from, to) = range.bounds();
    let mut overflowing = overflowing.query([from, to])?;
    let mut overflow = next_overflowing(&mut overflowing)?;
    let mut of_millisecond = Vec::new();
    loop {
        if of_millisecond.is_empty() {
            milliseconds.next(range, page, &mut of_millisecond)?;
        }
        let newest = of_millisecond.last();
        let next = match (newest, overflow) {
            (Some(found), Some(other)) if found.id < other.id => {
                overflow = next_overflowing(&mut overflowing)?;
                other
            }
            (None, Some(other)) => {
                overflow = next_overflowing(&mut overflowing)?;
                other
            }
            (None, None) => return Ok(()),
            (Some(_), _) => of_millisecond.pop().expect("there is a newest one"),
        };
        let load = || match next.may_list {
            true => order_row::load_at(orders, next.rowid),
            false => Ok(None),
        };
        if page.load_and_visit(next.id, load)?.is_break() {
            return Ok(());
        }
    }
}

/// An order that a scan has found.
#[derive(Clone, Copy)]
struct Found {
    id: OrderId,
    rowid: i64,
    may_list: bool,
}

/// A scan of the rows by rowid, newest millisecond first. Within a millisecond they are not in the order of their ids.
struct Milliseconds<'s> {
    rows: Rows<'s>,
    /// The first row of the next millisecond.
    read_ahead: Option<Found>,
}

impl Milliseconds<'_> {
    /// Appends the orders of the next millisecond that has any to `found`, ascending by id. It reads at most as many rows as a
    /// millisecond has, and skips rows outside the range, which are in at most one millisecond at either end of it.
    fn next(
        &mut self,
        range: IdRange,
        page: &PageBuilder<'_>,
        found: &mut Vec<Found>,
    ) -> rusqlite::Result<()> {
        found.extend(self.read_ahead.take());
        while let Some(row) = self.rows.next()? {
            let order = Found {
                id: OrderId::from_bytes(row.get(1)?),
                rowid: row.get(0)?,
                may_list: page.may_list(order_row::status(row, 2)?),
            };
            if !range.contains(order.id) {
                continue;
            }
            let of_millisecond = found.first().map(|first| rowid::millisecond(first.rowid));
            if of_millisecond.is_some_and(|other| other != rowid::millisecond(order.rowid)) {
                self.read_ahead = Some(order);
                break;
            }
            found.push(order);
        }
        found.sort_unstable_by_key(|order| order.id);
        Ok(())
    }
}

fn next_overflowing(rows: &mut Rows<'_>) -> rusqlite::Result<Option<Found>> {
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Found {
        id: OrderId::from_bytes(row.get(0)?),
        rowid: row.get(1)?,
        // The status is unknown until the row is read.
        may_list: true,
    }))
}
