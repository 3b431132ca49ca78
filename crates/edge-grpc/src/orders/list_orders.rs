//! ListOrders: pages of orders, newest first.

use application::ListCursor;
use domain::OrderId;
use proto::ordermill::v1 as pb;

use super::page::{orders_page, read_cursor, read_limit};
use crate::call::Call;
use crate::messages::{self, Faults};
use crate::refusal::Refusal;
use crate::state::GrpcEdge;

pub(super) async fn list_orders(
    edge: &GrpcEdge,
    call: &Call,
    message: &pb::ListOrdersRequest,
) -> Result<pb::ListOrdersResponse, Refusal> {
    let mut faults = Faults::default();
    let filter = messages::read_filter(message, &mut faults);
    let limit = read_limit(message.limit, &mut faults);
    let cursor = cursor_of(message);
    let before = read_cursor(&message.cursor, &cursor, &mut faults).map(OrderId::from_bytes);
    faults.finish()?;
    let page = orders_page(edge, call, filter, (before, limit), &cursor).await?;
    Ok(pb::ListOrdersResponse {
        orders: page.orders,
        has_more: !page.next_cursor.is_empty(),
        next_cursor: page.next_cursor,
    })
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
