//! Extractors: what handlers take of a request, read, checked and bounded. A refusal of an extractor is a
//! [`Problem`](crate::problem::Problem); nothing here answers otherwise.

mod body;
mod caller;
mod conditions;
mod media;
mod path;
mod query;
mod request_id;

pub(crate) use body::{JsonBody, OptionalJsonBody, WholeBody, without_byte_order_mark};
pub(crate) use caller::{RequestCaller, RequestTrace};
pub(crate) use conditions::{IfMatch, IfNoneMatch, OptionalKey};
pub(crate) use media::{MediaType, Readable, accepts, asks_for, check_encoding, media_type};
pub(crate) use path::OrderIdInPath;
pub(crate) use query::{NoQuery, Query};
pub(crate) use request_id::{FreshRequestIds, drop_unusable_request_id, request_id_of, text_of};
