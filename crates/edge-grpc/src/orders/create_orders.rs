//! CreateOrders: takes many orders, each on its own, once the last has come. What breaks off before that takes none.

use application::Placed;
use prost::Message as _;
use proto::ordermill::v1 as pb;
use tonic::{Status, Streaming};

use super::intake_orders::result;
use crate::call::Call;
use crate::message_memory::Reservation;
use crate::messages;
use crate::refusal::{Refusal, is_ours, of_transport};
use crate::rows::{Row, place_rows};
use crate::state::GrpcEdge;

/// The most orders of a batch that go to the store at a time, so that it does not fill the store's queue alone.
const ORDERS_AT_A_TIME: usize = 1_000;

pub(super) async fn create_orders(
    edge: &GrpcEdge,
    call: &Call,
    orders: Streaming<pb::CreateOrderRequest>,
) -> Result<pb::CreateOrdersResponse, Status> {
    let until = call.within(edge.settings.batch_deadline);
    let read = tokio::time::timeout_at(until, read_all(edge, call, orders)).await;
    // Nothing is committed before the last order has come.
    let read = read.unwrap_or_else(|_| Err(Fault::Ours(Refusal::deadline_passed())));
    let (rows, _memory) = read.map_err(|fault| match fault {
        Fault::Ours(refusal) => refusal.into_status(call, edge.settings.tuning.retry_after),
        Fault::Transport(status) => status,
    })?;
    let mut response = pb::CreateOrdersResponse::default();
    let mut rows = rows.into_iter();
    loop {
        let some: Vec<_> = rows.by_ref().take(ORDERS_AT_A_TIME).collect();
        if some.is_empty() {
            return Ok(response);
        }
        let caller = call.caller(edge.settings.request_deadline);
        for placed in place_rows(&*edge.orders, &caller, some).await {
            note(edge, call, placed, &mut response);
        }
    }
}

enum Fault {
    Ours(Refusal),
    Transport(Status),
}

async fn read_all(
    edge: &GrpcEdge,
    call: &Call,
    mut orders: Streaming<pb::CreateOrderRequest>,
) -> Result<(Vec<Row>, Vec<Reservation>), Fault> {
    let settings = &edge.settings;
    let (mut rows, mut memory, mut bytes) = (Vec::new(), Vec::new(), 0);
    loop {
        let order = match orders.message().await {
            Ok(Some(order)) => order,
            Ok(None) => return Ok((rows, memory)),
            Err(status) if is_ours(&status) => return Err(Fault::Transport(status)),
            Err(status) => {
                let limit = settings.max_message_bytes;
                return Err(match of_transport(status.code(), status.message(), limit) {
                    Some(refusal) => Fault::Ours(refusal),
                    None => Fault::Transport(status),
                });
            }
        };
        memory.extend(call.take_message());
        bytes += order.encoded_len();
        if rows.len() >= settings.tuning.max_batch_orders {
            let limit = format!("{} orders", settings.tuning.max_batch_orders);
            return Err(Fault::Ours(Refusal::batch_too_large(&limit)));
        }
        if bytes > settings.max_batch_bytes {
            let limit = format!("{} bytes", settings.max_batch_bytes);
            return Err(Fault::Ours(Refusal::batch_too_large(&limit)));
        }
        rows.push(messages::read_batch_row(order, settings.default_currency));
    }
}

fn note(
    edge: &GrpcEdge,
    call: &Call,
    placed: Result<Placed, Refusal>,
    response: &mut pb::CreateOrdersResponse,
) {
    match &placed {
        Ok(Placed::Created(_)) => response.accepted += 1,
        Ok(Placed::Replayed(_) | Placed::Existing(_)) => response.existing += 1,
        Err(refusal) if refusal.is_ours() => {
            if let Some(cause) = refusal.cause() {
                call.note(cause);
            }
            response.unavailable += 1;
        }
        Err(_) => response.refused += 1,
    }
    let index = response.results.len() as u64;
    response
        .results
        .push(result(index, &placed, edge.settings.tuning.retry_after));
}
