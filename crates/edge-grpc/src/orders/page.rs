//! Pages of lists: their limit, their cursor, and how large an answer may grow. The methods that list orders, dead letters
//! and events call it.

use application::ports::ListFilter;
use application::{Caller, ListCursor, ListRequest};
use domain::OrderId;
use proto::ordermill::v1 as pb;

use super::read;
use crate::call::Call;
use crate::messages::{self, Faults};
use crate::refusal::Refusal;
use crate::state::GrpcEdge;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;
/// The most orders in memory at a time, because each may be as large as a message.
const ORDERS_AT_A_TIME: usize = 200;
/// A page has at most this many bytes, unless its first entry alone is larger; it goes on with its cursor.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// A page of orders.
pub(super) struct OrdersPage {
    pub(super) orders: Vec<pb::Order>,
    /// Empty if nothing follows.
    pub(super) next_cursor: String,
}

/// The entries of a page as it grows.
pub(super) struct Page<T> {
    pub(super) entries: Vec<T>,
    bytes: usize,
}

impl<T: prost::Message> Page<T> {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds an entry; `false` if the page has no room for it.
    pub(super) fn add(&mut self, entry: T) -> bool {
        let bytes = self.bytes + entry.encoded_len();
        if bytes > MAX_PAGE_BYTES && !self.entries.is_empty() {
            return false;
        }
        self.bytes = bytes;
        self.entries.push(entry);
        true
    }
}

pub(super) fn read_limit(given: Option<u32>, faults: &mut Faults) -> usize {
    let limit = given.map_or(DEFAULT_LIMIT, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    if !(1..=MAX_LIMIT).contains(&limit) {
        faults.push("/limit", "out_of_range", "must be from 1 to 1,000");
    }
    limit
}

/// The position that a cursor of this list holds; `None` for the first page.
pub(super) fn read_cursor<const N: usize>(
    text: &str,
    cursor: &ListCursor,
    faults: &mut Faults,
) -> Option<[u8; N]> {
    if text.is_empty() {
        return None;
    }
    let position = cursor.read(text);
    if position.is_none() {
        faults.push(
            "/cursor",
            "invalid",
            "is not a cursor of this list: take next_cursor as it was given, with the same conditions",
        );
    }
    position
}

/// Reads the orders that match `filter` and come after `before`.
pub(super) async fn orders_page(
    edge: &GrpcEdge,
    call: &Call,
    filter: ListFilter,
    (mut before, limit): (Option<OrderId>, usize),
    cursor: &ListCursor,
) -> Result<OrdersPage, Refusal> {
    let caller = call.caller(edge.settings.request_deadline);
    let mut page = Page::new();
    let mut is_full = false;
    loop {
        let limit_of_read = (limit - page.entries.len()).min(ORDERS_AT_A_TIME);
        let found = read_orders(edge, &caller, &filter, before, limit_of_read).await?;
        // A short answer means that as many orders were looked at as one read may.
        let is_short = found.orders.len() < limit_of_read;
        for order in &found.orders {
            if !page.add(messages::order(order)) {
                is_full = true;
                break;
            }
            before = Some(order.id);
        }
        if is_full {
            break;
        }
        before = found.next_before;
        if before.is_none() || is_short || page.entries.len() == limit {
            break;
        }
    }
    Ok(OrdersPage {
        orders: page.entries,
        next_cursor: before.map_or_else(String::new, |id| cursor.write(id.as_bytes())),
    })
}

async fn read_orders(
    edge: &GrpcEdge,
    caller: &Caller,
    filter: &ListFilter,
    before: Option<OrderId>,
    limit: usize,
) -> Result<application::ports::OrderPage, Refusal> {
    let request = ListRequest {
        filter: filter.clone(),
        before,
        limit,
    };
    read(caller, edge.orders.list(caller, request)).await
}
