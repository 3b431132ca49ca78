//! Order System: `grpcstream.OrderStream`, orders in a stream and one word each. Its order's id is the external id, so
//! that an order that is sent again is not taken twice.

use application::{BatchRow, Placed};
use domain::{Currency, Fault, OrderDraft};
use proto::grpcstream as pb;
use proto::grpcstream::order_stream_server::OrderStream as Service;
use tonic::{Request, Response, Status, Streaming};

use super::{checked, shortest, text};
use crate::call::call_of;
use crate::intake::{Intake, IntakeCodec};
use crate::refusal::Refusal;
use crate::state::GrpcEdge;

const NAMES: [(&str, &str); 2] = [("/external_id", "/id"), ("/user_id", "/customer_id")];

/// The service.
pub(crate) struct OrderStream {
    edge: GrpcEdge,
}

impl OrderStream {
    pub(crate) fn new(edge: GrpcEdge) -> Self {
        Self { edge }
    }
}

#[tonic::async_trait]
impl Service for OrderStream {
    type StreamOrdersStream = Intake<Words>;

    async fn stream_orders(
        &self,
        request: Request<Streaming<pb::Order>>,
    ) -> Result<Response<Intake<Words>>, Status> {
        let call = call_of(request.extensions());
        let words = Words {
            default_currency: self.edge.settings.default_currency,
        };
        let intake = Intake::new(words, self.edge.clone(), call, request.into_inner());
        Ok(Response::new(intake))
    }
}

/// How this dialect reads orders of a stream and writes their results.
pub(crate) struct Words {
    default_currency: Currency,
}

impl IntakeCodec for Words {
    type Order = pb::Order;
    type Answer = pb::StreamResponse;

    fn decode(&self, order: pb::Order) -> Result<BatchRow, Refusal> {
        let has_id = !order.id.is_empty();
        let draft = OrderDraft {
            user_id: text(order.customer_id),
            external_id: text(order.id),
            amount: shortest(order.amount),
            ..OrderDraft::default()
        };
        let command = match (checked(draft, self.default_currency, &NAMES), has_id) {
            (checked, true) => checked?,
            // What cannot be recognised when it comes again would be taken twice.
            (Ok(_), false) => return Err(Refusal::invalid(vec![no_id()])),
            (Err(refusal), false) => return Err(refusal.and(no_id())),
        };
        Ok(BatchRow {
            command,
            key: None,
            history: None,
        })
    }

    /// What is refused for good is "rejected". If the server cannot say, the stream ends with the reason: the client
    /// sends what was not answered again, and nothing is taken twice.
    fn encode(
        &self,
        _: u64,
        result: Result<Placed, Refusal>,
    ) -> Result<pb::StreamResponse, Refusal> {
        let status = match result {
            Ok(_) => "received".to_owned(),
            Err(refusal) if refusal.is_ours() => return Err(refusal),
            Err(refusal) => format!("rejected: {}", refusal.message()),
        };
        Ok(pb::StreamResponse { status })
    }
}

fn no_id() -> Fault {
    Fault::new("/id", "required", "is required")
}
