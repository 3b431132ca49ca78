//! `POST /v1/orders/{id}/cancel | hold | release` and `POST /v1/dead-letters/{id}/replay | discard`: changes one
//! order and answers with it as it then is. `If-Match` makes it conditional. The body is empty or `{"reason": ...}`.

use application::{Caller, ExpectedVersion};
use axum::extract::State;
use axum::http::StatusCode;
use domain::{OrderCommand, OrderId};
use order_json::read_reason;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::openapi::examples;
use crate::openapi::parameters::{IfMatchParameter, OrderIdParameter};
use crate::openapi::refusals::{BODY, REQUEST, STORE, refusals};
use crate::openapi::schemas::order::{CommandRequest, Order};
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::{IfMatch, NoQuery, OptionalJsonBody, OrderIdInPath, RequestCaller};
use crate::state::Edge;

refusals!(CommandRefusals: REQUEST, BODY, STORE, [
    Code::Contended,
    Code::IllegalTransition,
    Code::InvalidHeader,
    Code::InvalidId,
    Code::InvalidQuery,
    Code::OrderNotFound,
    Code::TooManyCommands,
    Code::UnsupportedMediaType,
    Code::VersionMismatch,
]);

/// An example of a command's body.
fn with_reason() -> Value {
    json!({"reason": "the customer called"})
}

/// Declares the handler of one command, with its description.
macro_rules! command {
    (
        $(#[doc = $doc:literal])+
        $name:ident = $command:ident, $path:literal, $id:literal, $tag:path, $example:expr
    ) => {
        $(#[doc = $doc])+
        #[utoipa::path(
            post,
            path = $path,
            operation_id = $id,
            tag = $tag,
            params(OrderIdParameter, IfMatchParameter),
            request_body(content = Option<CommandRequest>, examples(
                ("with a reason" = (value = json!(with_reason()))),
                ("without" = (value = json!({}))),
            )),
            responses(
                (
                    status = 200,
                    description = "The order as it then is.",
                    headers(("ETag"), ("Cache-Control")),
                    body = Order,
                    example = json!($example),
                ),
                CommandRefusals,
            ),
        )]
        pub(crate) async fn $name(
            State(edge): State<Edge>,
            _: NoQuery,
            OrderIdInPath(id): OrderIdInPath,
            IfMatch(expected): IfMatch,
            RequestCaller(caller): RequestCaller,
            body: OptionalJsonBody,
        ) -> Result<Answer, Problem> {
            change(&edge, &caller, id, OrderCommand::$command, expected, &body).await
        }
    };
}

command! {
    /// Cancel an order
    ///
    /// From PENDING, ON_HOLD, RETRYING or FAILED. CANCELLED is final.
    cancel_order = Cancel, "/v1/orders/{id}/cancel", "cancelOrder", tags::ORDERS, examples::order("CANCELLED", 2)
}
command! {
    /// Hold an order
    ///
    /// From PENDING or RETRYING. It is not processed until it is released.
    hold_order = Hold, "/v1/orders/{id}/hold", "holdOrder", tags::ORDERS, examples::order("ON_HOLD", 2)
}
command! {
    /// Release an order that is on hold
    ///
    /// From ON_HOLD. It is PENDING again; its attempts are kept.
    release_order = Release, "/v1/orders/{id}/release", "releaseOrder", tags::ORDERS, examples::order("PENDING", 2)
}
command! {
    /// Replay a dead letter
    ///
    /// The order is PENDING again; its attempts start at 0.
    replay_dead_letter = Replay, "/v1/dead-letters/{id}/replay", "replayDeadLetter", tags::DEAD_LETTERS,
    examples::order("PENDING", 4)
}
command! {
    /// Discard a dead letter
    ///
    /// The order becomes CANCELLED, which is final.
    discard_dead_letter = Discard, "/v1/dead-letters/{id}/discard", "discardDeadLetter", tags::DEAD_LETTERS,
    examples::order("CANCELLED", 4)
}

async fn change(
    edge: &Edge,
    caller: &Caller,
    id: OrderId,
    command: OrderCommand,
    expected: ExpectedVersion,
    body: &[u8],
) -> Result<Answer, Problem> {
    let mut faults = Vec::new();
    let reason = read_reason(body, &mut faults)?;
    if !faults.is_empty() {
        return Err(Problem::invalid_body(faults));
    }
    let order = edge
        .orders
        .command(caller, id, command, expected, reason)
        .await?;
    Ok(answer::order(StatusCode::OK, &order))
}
