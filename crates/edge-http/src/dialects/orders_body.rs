//! The body of `POST /orders`, with the fields of both dialects that lay claim to it, and their words for what is wrong
//! with it.

use super::fields::{self, Field};
use super::placing::bad_request;
use crate::problem::Problem;

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
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Problem> {
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
