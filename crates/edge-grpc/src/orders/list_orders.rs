//! ListOrders: pages of orders, newest first.

use application::{ListCursor, ListRequest};
use domain::OrderId;
use prost::Message as _;
use proto::ordermill::v1 as pb;

use super::read;
use crate::call::Call;
use crate::messages::{self, Faults};
use crate::refusal::Refusal;
use crate::state::GrpcEdge;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;
/// So many orders are in memory at a time, because each may be as large as a request.
const ORDERS_AT_A_TIME: usize = 200;
/// A page that has grown to this size ends, and goes on with its cursor: many clients take no more than 4 MiB.
const FULL_PAGE_BYTES: usize = 2 * 1024 * 1024;

pub(super) async fn list_orders(
    edge: &GrpcEdge,
    call: &Call,
    message: &pb::ListOrdersRequest,
) -> Result<pb::ListOrdersResponse, Refusal> {
    let mut faults = Faults::default();
    let filter = messages::read_filter(message, &mut faults);
    let limit = read_limit(message.limit, &mut faults);
    let cursor = cursor_of(message);
    let mut before = match message.cursor.as_str() {
        "" => None,
        text => {
            let place = cursor.read(text).map(OrderId::from_bytes);
            if place.is_none() {
                faults.push(
                    "/cursor",
                    "invalid",
                    "is not a cursor of this list: take next_cursor as it was given, with the same conditions",
                );
            }
            place
        }
    };
    faults.finish()?;
    let caller = call.caller(edge.settings.request_deadline);
    let mut page = Page::default();
    loop {
        let limit_of_read = (limit - page.orders.len()).min(ORDERS_AT_A_TIME);
        let request = ListRequest {
            filter: filter.clone(),
            before,
            limit: limit_of_read,
        };
        let found = read(&caller, edge.orders.list(&caller, request)).await?;
        // A short answer means that as many orders were looked at as one read may.
        let is_short = found.orders.len() < limit_of_read;
        before = found.next_before;
        for (index, order) in found.orders.iter().enumerate() {
            page.add(messages::order(order));
            if page.is_full() && index + 1 < found.orders.len() {
                before = Some(order.id);
                break;
            }
        }
        if before.is_none() || is_short || page.orders.len() == limit || page.is_full() {
            break;
        }
    }
    Ok(pb::ListOrdersResponse {
        orders: page.orders,
        has_more: before.is_some(),
        next_cursor: before.map_or_else(String::new, |id| cursor.write(id.as_bytes())),
    })
}

/// A page as it grows.
#[derive(Default)]
struct Page {
    orders: Vec<pb::Order>,
    bytes: usize,
}

impl Page {
    fn add(&mut self, order: pb::Order) {
        self.bytes += order.encoded_len();
        self.orders.push(order);
    }

    const fn is_full(&self) -> bool {
        self.bytes >= FULL_PAGE_BYTES
    }
}

fn read_limit(given: Option<u32>, faults: &mut Faults) -> usize {
    let limit = given.map_or(DEFAULT_LIMIT, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    if !(1..=MAX_LIMIT).contains(&limit) {
        faults.push("/limit", "out_of_range", "must be from 1 to 1,000");
    }
    limit
}

/// The cursors of the list with these conditions: bound to everything but the page.
fn cursor_of(message: &pb::ListOrdersRequest) -> ListCursor {
    let time = |given: Option<prost_types::Timestamp>| {
        given.map(|time| format!("{}.{:09}", time.seconds, time.nanos))
    };
    let number = |given: i32| (given != 0).then(|| given.to_string());
    let conditions = [
        ("user_id", message.user_id.clone()),
        ("external_id", message.external_id.clone()),
        ("status", number(message.status)),
        ("source", number(message.source)),
        ("created_from", time(message.created_from)),
        ("created_to", time(message.created_to)),
        ("text_prefix", message.text_prefix.clone()),
    ];
    let given = conditions.iter();
    let given = given.filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    ListCursor::of("ordermill.v1", given)
}
