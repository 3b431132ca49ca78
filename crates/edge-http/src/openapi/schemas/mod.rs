//! The bodies of requests and answers, as types that only the document is made of. What is read and written in truth
//! is `order_json`; the tests hold every answer to what stands here.

#![expect(
    dead_code,
    reason = "the types are described, never made: bodies are read and written without them"
)]

pub(crate) mod dialect;
pub(crate) mod live;
pub(crate) mod order;
pub(crate) mod problem;
pub(crate) mod standing;
pub(crate) mod value;
pub(crate) mod word;
