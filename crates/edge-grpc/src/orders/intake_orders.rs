//! IntakeOrders: orders for as long as the client sends them, and one result each. What streams, and when, is `intake`.

use std::time::Duration;

use application::{BatchRow, Placed};
use domain::Currency;
use proto::ordermill::v1 as pb;

use crate::intake::IntakeCodec;
use crate::messages;
use crate::refusal::Refusal;
use crate::state::GrpcEdge;

/// How `ordermill.v1` reads orders of a stream and writes their results.
pub(crate) struct Results {
    default_currency: Currency,
    retry_after: Duration,
}

impl Results {
    pub(super) fn new(edge: &GrpcEdge) -> Self {
        Self {
            default_currency: edge.settings.default_currency,
            retry_after: edge.settings.tuning.retry_after,
        }
    }
}

impl IntakeCodec for Results {
    type Order = pb::CreateOrderRequest;
    type Answer = pb::OrderResult;

    fn decode(&self, order: pb::CreateOrderRequest) -> Result<BatchRow, Refusal> {
        messages::read_batch_row(order, self.default_currency)
    }

    fn encode(
        &self,
        index: u64,
        placed: Result<Placed, Refusal>,
    ) -> Result<pb::OrderResult, Refusal> {
        Ok(result(index, &placed, self.retry_after))
    }
}

/// What became of order `index` of a stream.
pub(super) fn result(
    index: u64,
    placed: &Result<Placed, Refusal>,
    retry_after: Duration,
) -> pb::OrderResult {
    let outcome = match placed {
        Ok(placed) => pb::order_result::Outcome::Placed(messages::placed_order(placed)),
        Err(refusal) => pb::order_result::Outcome::Refusal(refusal.to_message(retry_after)),
    };
    pb::OrderResult {
        index,
        outcome: Some(outcome),
    }
}
