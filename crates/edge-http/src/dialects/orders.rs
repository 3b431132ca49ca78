//! `POST /orders`, to which orderSystem and Order System both lay claim: reads the body once, tells whose it is, and
//! hands it to that dialect.

use application::PlaceError;
use domain::PlaceOrder;

use super::fields::{self, Field};
use super::{bad_request, order_system, ordersystem};
use crate::answer::Answer;
use crate::problem::{Code, Problem};
use crate::request::Incomer;
use crate::settings::OrdersDialect;
use crate::state::EdgeState;

/// Every field that one of the two knows.
pub(super) struct Fields<'a> {
    pub(super) order_id: Field<'a>,
    pub(super) user_id: Field<'a>,
    pub(super) amount: Field<'a>,
    pub(super) currency: Field<'a>,
    pub(super) source: Field<'a>,
    pub(super) metadata: Field<'a>,
}

const NAMES: [&str; 6] = [
    "order_id", "user_id", "amount", "currency", "source", "metadata",
];

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Problem> {
        let [order_id, user_id, amount, currency, source, metadata] =
            fields::read(bytes, NAMES).map_err(|_| malformed())?;
        Ok(Self {
            order_id,
            user_id,
            amount,
            currency,
            source,
            metadata,
        })
    }
}

/// What does not parse, or is of the wrong type.
pub(super) fn malformed() -> Problem {
    bad_request("invalid request body")
}

/// What lacks a field.
pub(super) fn incomplete() -> Problem {
    bad_request("invalid order data")
}

/// What holds something that no order can hold.
pub(super) fn refused(why: String) -> Problem {
    bad_request(format!("invalid order data: {why}"))
}

pub(super) async fn place(edge: &EdgeState, incomer: Incomer) -> Result<Answer, Problem> {
    let whose = edge.settings.orders_dialect;
    let (placed, brings_order_id) = super::place(edge, incomer, |bytes, currency| {
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
        Err(PlaceError::ExternalIdTaken) => Err(Problem::in_words(
            Code::DialectConflict,
            "order_id is taken by an order with another body",
        )),
        Err(error) => Err(error.into()),
    }
}
