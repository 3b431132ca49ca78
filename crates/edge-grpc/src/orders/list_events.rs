//! ListEvents: what happened to an order, oldest first, one event a version.

use application::{ListCursor, OrderEvents};
use domain::Version;
use proto::ordermill::v1 as pb;

use super::page::{Page, read_cursor, read_limit};
use super::read;
use crate::call::Call;
use crate::messages::{self, Faults};
use crate::refusal::Refusal;
use crate::state::GrpcEdge;

pub(super) async fn list_events(
    edge: &GrpcEdge,
    call: &Call,
    message: &pb::ListEventsRequest,
) -> Result<pb::ListEventsResponse, Refusal> {
    let mut faults = Faults::default();
    let id = messages::read_order_id(&message.order_id, &mut faults);
    let limit = read_limit(message.limit, &mut faults);
    // However the id is written, it is the same list.
    let name = id.map_or_else(String::new, |id| id.to_string());
    let order = [("order_id", name.as_str())].into_iter();
    let cursor = ListCursor::of("ordermill.v1.events", order);
    let after = read_cursor(&message.cursor, &cursor, &mut faults)
        .and_then(|version| Version::from_number(u32::from_be_bytes(version)));
    let id = faults.all_good(id)?;
    let caller = call.caller(edge.settings.request_deadline);
    // One more than asked for tells whether there is a next page.
    let reading = edge.orders.events(&caller, id, after, limit + 1);
    let found = read(&caller, reading).await?;
    let OrderEvents { order, events } = found.ok_or_else(Refusal::order_not_found)?;
    let mut page = Page::new();
    let shown = events.iter().take(limit);
    for sequenced in shown {
        if !page.add(messages::event(&sequenced.event)) {
            break;
        }
    }
    let last = page.entries.last().map(|event: &pb::Event| event.version);
    let has_more = page.entries.len() < events.len();
    let next = last.filter(|_| has_more);
    Ok(pb::ListEventsResponse {
        has_more,
        next_cursor: next.map_or_else(String::new, |version| cursor.write(&version.to_be_bytes())),
        events: page.entries,
        order: Some(messages::order(&order)),
    })
}
