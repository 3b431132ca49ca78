//! Lists, newest first: by user or external id through the index, by a rare status through its partial index, otherwise along the
//! orders themselves. A page looks at a bounded number of orders.

use std::ops::ControlFlow;
use std::sync::Arc;

use application::ports::{ListFilter, ListQuery, OrderPage};
use domain::{Order, OrderId, Status};
use rusqlite::{Connection, Row, params};

use super::{ReadConnection, row};
use crate::index::names::UserHash;

/// Greater than every id.
const PAST_ALL: [u8; 17] = [0xff; 17];

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
    pub(crate) fn list(&mut self, query: &ListQuery) -> rusqlite::Result<OrderPage> {
        let mut filling = Filling {
            query,
            orders: Vec::new(),
            looked_at: 0,
            last_looked_at: None,
            next_before: None,
        };
        let filter = &query.filter;
        let from = filter
            .created_from
            .map_or(OrderId::from_bytes([0; 16]), OrderId::first_at);
        let to = [query.before, filter.created_to.map(OrderId::first_at)]
            .into_iter()
            .flatten()
            .min();
        let to: &[u8] = to.as_ref().map_or(&PAST_ALL, |id| id.as_bytes());
        let from: &[u8] = from.as_bytes();
        match (&filter.user_id, &filter.external_id, filter.status) {
            (Some(user), Some(external_id), _) => {
                let found = self.find(user, external_id)?;
                if let Some(order) = found.filter(|order| is_within(order.id, from, to)) {
                    let _ = filling.look(order);
                }
            }
            (Some(user), None, _) => {
                self.list_along_the_index(UserHash::of(user), from, to, &mut filling)?;
            }
            (None, Some(external_id), _) => {
                let list = UserHash::of_external_id(external_id);
                self.list_along_the_index(list, from, to, &mut filling)?;
            }
            (None, None, Some(status)) if is_out_of_line(status) => {
                walk(&self.orders, ByStatus(status), from, to, &mut filling)?;
            }
            (None, None, _) => walk(&self.orders, All, from, to, &mut filling)?,
        }
        Ok(OrderPage {
            orders: filling.orders,
            next_before: filling.next_before,
        })
    }

    /// Merges the tail with the index. The tail is read first: what leaves it meanwhile is in the file.
    fn list_along_the_index(
        &mut self,
        hash: UserHash,
        from: &[u8],
        to: &[u8],
        filling: &mut Filling<'_>,
    ) -> rusqlite::Result<()> {
        let (mut recent, edition) = self.tail.of_user(hash);
        recent.retain(|id| is_within(*id, from, to));
        recent.sort_unstable();
        recent.dedup();
        let orders = &self.orders;
        let mut look = |id: OrderId| -> rusqlite::Result<bool> {
            match row::load(orders, id)? {
                Some((order, _)) => Ok(filling.look(order).is_continue()),
                None => Ok(true),
            }
        };
        let mut goes_on = true;
        let along_the_index = self.index.of_user(edition, hash, from, to, |id| {
            while let Some(newest) = recent.pop_if(|newest| *newest >= id) {
                if newest != id {
                    goes_on = look(newest)?;
                    if !goes_on {
                        return Ok(false);
                    }
                }
            }
            goes_on = look(id)?;
            Ok(goes_on)
        });
        self.index.end_snapshot()?;
        along_the_index?;
        while goes_on && let Some(newest) = recent.pop() {
            goes_on = look(newest)?;
        }
        Ok(())
    }
}

impl Filling<'_> {
    /// Whether looking at another order is allowed; if not, the next page goes on from here.
    fn may_look(&mut self) -> bool {
        let may = self.looked_at < self.query.look_at_most.max(1);
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

    /// As [`Filling::look`], without reading an order whose columns tell that it is not shown.
    fn look_at_row(&mut self, found: &Row<'_>) -> rusqlite::Result<ControlFlow<()>> {
        if !self.may_look() {
            return Ok(ControlFlow::Break(()));
        }
        if may_match(&self.query.filter, found)? {
            let (order, _) = row::order(found)?;
            return Ok(self.look(order));
        }
        self.saw(OrderId::from_bytes(found.get(0)?));
        Ok(ControlFlow::Continue(()))
    }
}

fn may_match(filter: &ListFilter, found: &Row<'_>) -> rusqlite::Result<bool> {
    match filter.status {
        Some(status) => Ok(row::status(found, 1)? == status),
        None => Ok(true),
    }
}

fn is_within(id: OrderId, from: &[u8], to: &[u8]) -> bool {
    let id = id.as_bytes().as_slice();
    from <= id && id < to
}

/// The statuses of the partial index `orders_out_of_line`.
const fn is_out_of_line(status: Status) -> bool {
    match status {
        Status::Retrying | Status::Failed | Status::OnHold | Status::Cancelled => true,
        Status::Pending | Status::Processing | Status::Processed => false,
    }
}

/// Along which rows a list walks.
trait Rows {
    const SQL: &str;
    fn status(&self) -> u8;
}

struct All;
struct ByStatus(Status);

impl Rows for All {
    const SQL: &str = concat!(
        "SELECT ",
        row::order_columns!(),
        " FROM orders WHERE id >= ?1 AND id < ?2 AND ?3 = 0 ORDER BY id DESC"
    );
    fn status(&self) -> u8 {
        0
    }
}

impl Rows for ByStatus {
    // The second condition is the one of the partial index, word by word, so that the index is used.
    const SQL: &str = concat!(
        "SELECT ",
        row::order_columns!(),
        " FROM orders WHERE id >= ?1 AND id < ?2 AND status = ?3 AND (status > 4 OR status = 3) ORDER BY id DESC"
    );
    fn status(&self) -> u8 {
        self.0.code()
    }
}

fn walk<R: Rows>(
    orders: &Connection,
    along: R,
    from: &[u8],
    to: &[u8],
    filling: &mut Filling<'_>,
) -> rusqlite::Result<()> {
    let mut statement = orders.prepare_cached(R::SQL)?;
    let mut rows = statement.query(params![from, to, along.status()])?;
    while let Some(found) = rows.next()? {
        if filling.look_at_row(found)?.is_break() {
            break;
        }
    }
    Ok(())
}
