//! Lists, newest first: by user or external id through the index, by a rare status through its partial index, otherwise
//! along the orders themselves. A page looks at a bounded number of orders; an erased one is not shown, but counts.

use std::ops::ControlFlow;
use std::sync::Arc;

use application::ports::{ListQuery, OrderPage};
use domain::{Order, OrderId, Status};
use rusqlite::{Connection, Rows, params};

use super::{ReadConnection, row};
use crate::failure::ReadError;
use crate::index::names::UserHash;
use crate::index::reader::PAST_ALL;
use crate::place;

/// The ids that a page is about: `from <= id < to`.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: OrderId,
    to: Option<OrderId>,
}

impl Stretch {
    fn of(query: &ListQuery) -> Self {
        let filter = &query.filter;
        let from = filter.created_from.map(OrderId::first_at);
        let to = filter.created_to.map(OrderId::first_at);
        Self {
            from: from.unwrap_or(OrderId::from_bytes([0; 16])),
            to: [query.before, to].into_iter().flatten().min(),
        }
    }

    fn holds(self, id: OrderId) -> bool {
        self.from <= id && self.to.is_none_or(|to| id < to)
    }

    /// As bytes, which SQLite compares as ids are compared.
    fn bounds(&self) -> (&[u8], &[u8]) {
        let to = self.to.as_ref();
        (
            self.from.as_bytes(),
            to.map_or(&PAST_ALL, |to| to.as_bytes()),
        )
    }
}

/// A page while it is filled: it looks for one order more than it shows, to know whether there is a next page.
struct Filling<'a> {
    query: &'a ListQuery,
    orders: Vec<Arc<Order>>,
    looked_at: usize,
    last_looked_at: Option<OrderId>,
    /// Where the next page begins, once that is known.
    next_before: Option<OrderId>,
}

impl ReadConnection {
    /// # Errors
    /// Also if the index is damaged where the list needs it: a list never lacks orders.
    pub(crate) fn list(&mut self, query: &ListQuery) -> Result<OrderPage, ReadError> {
        let mut filling = Filling {
            query,
            orders: Vec::new(),
            looked_at: 0,
            last_looked_at: None,
            next_before: None,
        };
        let filter = &query.filter;
        let stretch = Stretch::of(query);
        match (&filter.user_id, &filter.external_id, filter.status) {
            (Some(user), Some(external_id), _) => {
                let found = self.find(user, external_id)?;
                if let Some(order) = found.filter(|order| stretch.holds(order.id)) {
                    let _ = filling.look(order);
                }
            }
            (Some(user), None, _) => {
                self.list_along_the_index(UserHash::of(user), stretch, &mut filling)?;
            }
            (None, Some(external_id), _) => {
                let list = UserHash::of_external_id(external_id);
                self.list_along_the_index(list, stretch, &mut filling)?;
            }
            (None, None, Some(status)) if is_out_of_line(status) => {
                walk_status(&self.orders, status, stretch, &mut filling)?;
            }
            (None, None, _) => walk_all(&self.orders, stretch, &mut filling)?,
        }
        Ok(OrderPage {
            orders: filling.orders,
            next_before: filling.next_before,
        })
    }

    /// Merges the memtable with the index. The memtable is read first: what leaves it meanwhile is in the file.
    fn list_along_the_index(
        &mut self,
        hash: UserHash,
        stretch: Stretch,
        filling: &mut Filling<'_>,
    ) -> Result<(), ReadError> {
        let (mut recent, version) = self.memtable.of_user(hash);
        recent.retain(|id| stretch.holds(*id));
        recent.sort_unstable();
        recent.dedup();
        let orders = &self.orders;
        let mut look = |id: OrderId| -> rusqlite::Result<bool> {
            let found = filling.look_at(id, || row::load(orders, id))?;
            Ok(found.is_continue())
        };
        let mut goes_on = Ok(true);
        let mut visit = |id| {
            while let Some(newest) = recent.pop_if(|newest| *newest >= id) {
                if newest != id && !look(newest)? {
                    return Ok(false);
                }
            }
            look(id)
        };
        let walked = self.index.of_user(version, hash, stretch.bounds(), |id| {
            goes_on = visit(id);
            // A failure of the orders is none of the index.
            Ok(matches!(goes_on, Ok(true)))
        });
        walked.map_err(|failure| self.index_failed(failure))?;
        let mut goes_on = goes_on?;
        while goes_on && let Some(newest) = recent.pop() {
            goes_on = look(newest)?;
        }
        Ok(())
    }
}

impl Filling<'_> {
    /// Whether looking at another order is allowed; if not, the next page goes on from here.
    fn may_look(&mut self) -> bool {
        let may = self.looked_at < self.query.scan_limit.max(1);
        if !may {
            self.next_before = self.last_looked_at;
        }
        may
    }

    fn look(&mut self, order: Arc<Order>) -> ControlFlow<()> {
        if !self.may_look() {
            return ControlFlow::Break(());
        }
        self.saw(order.id);
        if !self.query.filter.matches(&order) {
            return ControlFlow::Continue(());
        }
        self.show(order)
    }

    fn saw(&mut self, id: OrderId) {
        self.looked_at += 1;
        self.last_looked_at = Some(id);
    }

    fn show(&mut self, order: Arc<Order>) -> ControlFlow<()> {
        if self.orders.len() < self.query.limit {
            self.orders.push(order);
            return ControlFlow::Continue(());
        }
        // One more than is shown: there is a next page, after the last one shown.
        self.next_before = self.orders.last().map(|last| last.id).or(self.query.before);
        ControlFlow::Break(())
    }

    /// As [`Filling::look`], at what `load` finds. Nothing is loaded once no more may be looked at. What is not found was
    /// erased, or cannot be shown.
    fn look_at(
        &mut self,
        id: OrderId,
        load: impl FnOnce() -> rusqlite::Result<Option<row::Loaded>>,
    ) -> rusqlite::Result<ControlFlow<()>> {
        if !self.may_look() {
            return Ok(ControlFlow::Break(()));
        }
        if let Some((order, _)) = load()? {
            return Ok(self.look(order));
        }
        self.saw(id);
        Ok(ControlFlow::Continue(()))
    }

    /// Whether an order of this status can be shown.
    fn may_show(&self, status: Option<Status>) -> bool {
        let wanted = self.query.filter.status;
        status.is_some_and(|status| wanted.is_none_or(|wanted| wanted == status))
    }
}

/// The statuses of the partial index `orders_out_of_line`.
const fn is_out_of_line(status: Status) -> bool {
    match status {
        Status::Retrying | Status::Failed | Status::OnHold | Status::Cancelled => true,
        Status::Pending | Status::Processing | Status::Processed => false,
    }
}

/// Along the orders of a status of the partial index.
fn walk_status(
    orders: &Connection,
    status: Status,
    stretch: Stretch,
    filling: &mut Filling<'_>,
) -> rusqlite::Result<()> {
    let (from, to) = stretch.bounds();
    // The second condition is the one of the partial index, word by word, so that the index is used.
    let mut statement = orders.prepare_cached(concat!(
        "SELECT ",
        row::order_columns!(),
        " FROM orders WHERE id >= ?1 AND id < ?2 AND status = ?3 AND (status > 4 OR status = 3) ORDER BY id DESC"
    ))?;
    let mut rows = statement.query(params![from, to, status.code()])?;
    while let Some(found) = rows.next()? {
        // No erased order has a status of the index.
        if let Some((order, _)) = row::order(found)?
            && filling.look(order).is_break()
        {
            break;
        }
    }
    Ok(())
}

/// Along all orders: those at the places of their milliseconds, merged with the overflow area.
fn walk_all(
    orders: &Connection,
    stretch: Stretch,
    filling: &mut Filling<'_>,
) -> rusqlite::Result<()> {
    let mut by_place = orders.prepare_cached(
        "SELECT place, id, status FROM orders WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC",
    )?;
    let first = place::first_of(stretch.from);
    let last = stretch.to.map_or(i64::MAX, place::last_of);
    let mut milliseconds = Milliseconds {
        rows: by_place.query(params![first, last])?,
        read_ahead: None,
    };
    let mut overflowing = orders.prepare_cached(
        "SELECT id, place FROM overflow WHERE id >= ?1 AND id < ?2 ORDER BY id DESC",
    )?;
    let (from, to) = stretch.bounds();
    let mut overflowing = overflowing.query([from, to])?;
    let mut overflow = next_overflowing(&mut overflowing)?;
    let mut of_millisecond = Vec::new();
    loop {
        if of_millisecond.is_empty() {
            milliseconds.next(stretch, filling, &mut of_millisecond)?;
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
            (Some(_), _) => of_millisecond.pop().expect("it was looked at"),
        };
        let load = || match next.may_show {
            true => row::load_at(orders, next.place),
            false => Ok(None),
        };
        if filling.look_at(next.id, load)?.is_break() {
            return Ok(());
        }
    }
}

/// An order as a walk along all of them comes to it.
#[derive(Clone, Copy)]
struct Found {
    id: OrderId,
    place: i64,
    may_show: bool,
}

/// The rows of the milliseconds, newest first: in the order of their ids but within a millisecond.
struct Milliseconds<'s> {
    rows: Rows<'s>,
    /// The first row of the next millisecond.
    read_ahead: Option<Found>,
}

impl Milliseconds<'_> {
    /// Moves the orders of the next millisecond that has any into `found`, ascending by id. It reads no more rows than a
    /// millisecond has places, and then past rows that are out of the stretch, which has at most one such millisecond at
    /// either end.
    fn next(
        &mut self,
        stretch: Stretch,
        filling: &Filling<'_>,
        found: &mut Vec<Found>,
    ) -> rusqlite::Result<()> {
        found.extend(self.read_ahead.take());
        while let Some(row) = self.rows.next()? {
            let order = Found {
                id: OrderId::from_bytes(row.get(1)?),
                place: row.get(0)?,
                may_show: filling.may_show(row::status(row, 2)?),
            };
            if !stretch.holds(order.id) {
                continue;
            }
            let of_millisecond = found.first().map(|first| place::millisecond(first.place));
            if of_millisecond.is_some_and(|other| other != place::millisecond(order.place)) {
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
        place: row.get(1)?,
        // Its status is not known before it is read.
        may_show: true,
    }))
}
