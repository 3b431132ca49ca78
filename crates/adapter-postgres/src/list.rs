//! Lists, newest first: which index serves them, how much of it is read, and how the lists of several shards are merged.
//! Called by the store; reads only.
//!
//! Every list walks one index downwards by id and reads a bounded number of orders. The row comparisons
//! `(user_id, id) < (..)` are written so that only that index can serve them, even if the planner has no statistics of
//! the table yet.

use std::sync::Arc;

use application::ports::{ListFilter, ListQuery, OrderPage, StoreError};
use domain::{Order, OrderId, Status};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::rows::{self, ORDER_COLUMNS};
use crate::shard::{Shard, most};

/// If conditions are left that the index does not answer, this many orders are read first; each further read is four times
/// as wide.
const FIRST_LOOK: usize = 256;

/// A statement under construction and its parameters.
#[derive(Default)]
struct Statement {
    parameters: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Statement {
    fn bind(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.parameters.push(Box::new(value));
        format!("${}", self.parameters.len())
    }
}

/// One look at a stretch of an index.
struct Look {
    found: Vec<Arc<Order>>,
    /// How many orders were looked at, and the last of them.
    looked_at: usize,
    last: Option<OrderId>,
}

impl Shard {
    /// One shard's page.
    pub(crate) async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        let nothing = OrderPage {
            orders: Vec::new(),
            next_before: None,
        };
        if holds_nul(&query.filter) {
            // No text of an order holds it, and PostgreSQL takes none.
            return Ok(nothing);
        }
        let limit = query.limit.max(1);
        let mut left = query.scan_limit.max(1);
        let mut wide = FIRST_LOOK.max(limit.saturating_add(1));
        let mut before = query.before;
        let mut orders: Vec<Arc<Order>> = Vec::new();
        loop {
            let width = if has_rest(&query.filter) {
                wide
            } else {
                limit - orders.len() + 1
            };
            let width = width.min(left);
            let look = self
                .look(&query.filter, before, width, limit - orders.len() + 1)
                .await?;
            orders.extend(look.found);
            if orders.len() > limit {
                orders.truncate(limit);
                let next_before = orders.last().map(|order| order.id);
                return Ok(OrderPage {
                    orders,
                    next_before,
                });
            }
            if look.looked_at < width {
                return Ok(OrderPage {
                    orders,
                    next_before: None,
                });
            }
            left -= look.looked_at;
            before = look.last.or(before);
            if left == 0 {
                return Ok(OrderPage {
                    orders,
                    next_before: before,
                });
            }
            wide = wide.saturating_mul(4);
        }
    }

    async fn look(
        &self,
        filter: &ListFilter,
        before: Option<OrderId>,
        width: usize,
        limit: usize,
    ) -> Result<Look, StoreError> {
        let mut statement = Statement::default();
        let looked = stretch(&mut statement, filter, before, width);
        let rest = rest(&mut statement, filter);
        let limit = statement.bind(most(limit));
        let query = format!(
            "WITH looked AS MATERIALIZED ({looked}) \
             SELECT (SELECT count(*) FROM looked) AS looked_at, (SELECT id FROM looked ORDER BY id LIMIT 1) AS last, \
                    {ORDER_COLUMNS} \
             FROM (VALUES (1)) AS one LEFT JOIN \
                  (SELECT * FROM looked WHERE {rest} ORDER BY id DESC LIMIT {limit}) AS o ON true \
             ORDER BY o.id DESC NULLS LAST"
        );
        let parameters: Vec<&(dyn ToSql + Sync)> = statement
            .parameters
            .iter()
            .map(|value| &**value as &(dyn ToSql + Sync))
            .collect();
        let rows = self.rows(&query, &parameters).await?;
        let read = || {
            let Some(first) = rows.first() else {
                return Err("a list without an answer".to_owned());
            };
            let looked_at: i64 = rows::column(first, "looked_at")?;
            let last: Option<Uuid> = rows::column(first, "last")?;
            let mut found = Vec::with_capacity(rows.len());
            for row in &rows {
                if rows::column::<Option<Uuid>>(row, "id")?.is_some() {
                    found.push(Arc::new(rows::order(row)?));
                }
            }
            Ok(Look {
                found,
                looked_at: usize::try_from(looked_at).unwrap_or(usize::MAX),
                last: last.map(|id| OrderId::from_bytes(id.into_bytes())),
            })
        };
        read().map_err(|why| self.corrupt(why))
    }
}

fn holds_nul(filter: &ListFilter) -> bool {
    [&filter.text_prefix, &filter.failure_code]
        .into_iter()
        .flatten()
        .any(|text| text.contains('\0'))
}

/// Statuses that an index of their own leads to.
const fn in_trouble(status: Status) -> bool {
    match status {
        Status::Retrying | Status::Failed | Status::OnHold => true,
        Status::Pending | Status::Processing | Status::Processed | Status::Cancelled => false,
    }
}

/// Whether a status is already a condition of the stretch.
fn leads(filter: &ListFilter) -> bool {
    filter.user_id.is_none()
        && filter.external_id.is_none()
        && filter.status.is_some_and(in_trouble)
}

fn has_rest(filter: &ListFilter) -> bool {
    (filter.status.is_some() && !leads(filter))
        || filter.source.is_some()
        || filter.text_prefix.is_some()
        || filter.failure_code.is_some()
}

/// The orders that the best index leads to, newest first.
fn stretch(
    statement: &mut Statement,
    filter: &ListFilter,
    before: Option<OrderId>,
    width: usize,
) -> String {
    let below = [before, filter.created_to.map(OrderId::first_at)]
        .into_iter()
        .flatten()
        .min()
        .map_or(Uuid::max(), |id| id.as_uuid());
    let from = filter
        .created_from
        .map_or(Uuid::nil(), |at| OrderId::first_at(at).as_uuid());
    let (below, from) = (statement.bind(below), statement.bind(from));
    let width = statement.bind(most(width));
    if let Some(external_id) = &filter.external_id {
        let external_id = statement.bind(external_id.as_str().to_owned());
        let user = filter.user_id.as_ref().map_or_else(String::new, |user| {
            format!(
                " AND user_id = {}",
                statement.bind(user.as_str().to_owned())
            )
        });
        // OFFSET 0 keeps the planner from looking for the id first.
        return format!(
            "SELECT * FROM (SELECT * FROM orders WHERE external_id = {external_id}{user} \
                            AND external_id IS NOT NULL OFFSET 0) AS named \
             WHERE id < {below} AND id >= {from} ORDER BY id DESC LIMIT {width}"
        );
    }
    if let Some(user) = &filter.user_id {
        let user = statement.bind(user.as_str().to_owned());
        return format!(
            "SELECT * FROM orders WHERE (user_id, id) < ({user}, {below}) AND (user_id, id) >= ({user}, {from}) \
             ORDER BY user_id DESC, id DESC LIMIT {width}"
        );
    }
    match filter.status {
        Some(status) if in_trouble(status) => {
            let status = statement.bind(i16::from(status.code()));
            format!(
                "SELECT * FROM orders WHERE status IN (3, 5, 6) AND (status, id) < ({status}, {below}) \
                 AND (status, id) >= ({status}, {from}) ORDER BY status DESC, id DESC LIMIT {width}"
            )
        }
        _ => format!(
            "SELECT * FROM orders WHERE id < {below} AND id >= {from} ORDER BY id DESC LIMIT {width}"
        ),
    }
}

/// What the stretch does not answer already, as [`ListFilter::matches`] defines it.
fn rest(statement: &mut Statement, filter: &ListFilter) -> String {
    let mut conditions = vec!["true".to_owned()];
    if let Some(status) = filter.status
        && !leads(filter)
    {
        let status = statement.bind(i16::from(status.code()));
        conditions.push(format!("status = {status}"));
    }
    if let Some(source) = filter.source {
        let source = statement.bind(i16::from(source.code()));
        conditions.push(format!("source = {source}"));
    }
    if let Some(code) = &filter.failure_code {
        let code = statement.bind(code.clone());
        conditions.push(format!("failure_code = {code}"));
    }
    if let Some(prefix) = &filter.text_prefix {
        let prefix = statement.bind(prefix.clone());
        conditions.push(format!(
            "(starts_with(external_id, {prefix}) OR EXISTS (SELECT FROM json_array_elements(lines) AS line \
              WHERE starts_with(line ->> 'product_name', {prefix}) OR starts_with(line ->> 'sku', {prefix})))"
        ));
    }
    conditions.join(" AND ")
}

/// One page out of each shard's. Where a shard has not looked to its end, nothing older than where it stopped is
/// shown: another shard's older orders would come before its own.
pub(crate) fn merge(pages: Vec<OrderPage>, limit: usize) -> OrderPage {
    let horizon = pages.iter().filter_map(|page| page.next_before).max();
    let mut orders: Vec<Arc<Order>> = pages.into_iter().flat_map(|page| page.orders).collect();
    if let Some(horizon) = horizon {
        orders.retain(|order| order.id >= horizon);
    }
    orders.sort_unstable_by_key(|order| std::cmp::Reverse(order.id));
    let limit = limit.max(1);
    if orders.len() > limit {
        orders.truncate(limit);
        let next_before = orders.last().map(|order| order.id);
        return OrderPage {
            orders,
            next_before,
        };
    }
    OrderPage {
        orders,
        next_before: horizon,
    }
}
