//! `POST /orders`, an address of both orderSystem and Order System: reads the body once, finds out which dialect it is,
//! and passes it to that dialect.

use application::PlaceError;
use domain::PlaceOrder;

use super::fields::Field;
use super::orders_body::Fields;
use super::{order_system, ordersystem};
use crate::answer::Answer;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::settings::OrdersDialect;
use crate::state::EdgeState;

pub(super) async fn place(
    edge: &EdgeState,
    context: RequestContext<'_>,
) -> Result<Answer, Problem> {
    let whose = edge.settings.orders_dialect;
    let (placed, brings_order_id) = super::placing::place(edge, context, |bytes, currency| {
        let fields = Fields::read(bytes)?;
        let brings_order_id = match whose {
            OrdersDialect::Auto => fields.order_id != Field::Missing,
            OrdersDialect::WithOrderId => true,
            OrdersDialect::WithoutOrderId => false,
        };
        let command: PlaceOrder = if brings_order_id {
            order_system::command(fields, currency)
        } else {
            ordersystem::command(fields, currency)
        }?;
        Ok((command, brings_order_id))
    })
    .await?;
    match placed {
        Ok(placed) if brings_order_id => Ok(order_system::accepted(&placed)),
        Ok(placed) => Ok(ordersystem::created(&placed)),
        Err(PlaceError::ExternalIdTaken { .. }) => Err(Problem::in_words(
            Code::DialectConflict,
            "order_id is taken by an order with another body",
        )),
        Err(error) => Err(error.into()),
    }
}
