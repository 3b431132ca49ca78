//! The wire form of the port `Orders`: which message stands for which value, in both directions.
//!
//! The client and the service of this deployment call [`encode_call`], [`decode_call`], [`encode_reply`] and [`decode_reply`].
//! Encoding never fails. Decoding takes nothing for granted: a missing field, an unknown value and a value that the domain
//! refuses are a [`DecodeError`] that names the field, so an invalid order cannot be decoded. Nothing here sends anything or
//! reads a clock: the present is handed in.

mod arguments;
mod caller;
mod decode_error;
mod errors;
mod event;
mod facts;
mod form;
mod found;
mod order;
mod placing;
mod requests;
mod responses;
mod summaries;
mod values;

pub use decode_error::{DecodeError, Problem};
pub use form::WireForm;
pub use requests::{decode_call, encode_call};
pub use responses::{decode_reply, encode_reply};
