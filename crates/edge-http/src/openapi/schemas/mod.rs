//! The bodies of requests and answers, as types that only the document is made of. What is read and written in truth
//! is `order_json`; the tests hold every answer to what stands here.

#![expect(
    dead_code,
    reason = "the types are described, never made: bodies are read and written without them"
)]

pub(super) mod dialect;
pub(super) mod live;
pub(super) mod order;
pub(super) mod problem;
pub(super) mod standing;
pub(super) mod value;
