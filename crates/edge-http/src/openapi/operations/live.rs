//! Live streams.

use crate::openapi::content::content_as_text;
use crate::openapi::examples;
use crate::openapi::operation::{Description, Group};
use crate::openapi::schemas::live::EventStream;
use crate::problem::Code;

/// The refusals of a stream, which waits for the store before it begins.
const STREAM: [Code; 9] = [
    Code::DeadlinePassed,
    Code::OutcomeUnknown,
    Code::InvalidHeader,
    Code::InvalidQuery,
    Code::NotAcceptable,
    Code::Stopping,
    Code::StoreUnavailable,
    Code::TooManyResuming,
    Code::TooManyStreams,
];

pub(super) fn order() -> Description {
    let description = Description::stream(
        Group::Live,
        "streamOrder",
        "Watch an order (server-sent events)",
    )
    .says("Its present status comes first; the stream ends with its final status, or when the order is erased.")
    .takes_id();
    events(description).answers(
        204,
        "The order is final, and its last change was seen: nothing more will come.",
        None,
        &[],
        &[],
    )
}

pub(super) fn many() -> Description {
    let description = Description::stream(
        Group::Live,
        "streamOrders",
        "Watch all orders, or a user's (server-sent events)",
    )
    .takes("user_id");
    events(description)
}

fn events(description: Description) -> Description {
    let stream = content_as_text::<EventStream>(&examples::event_stream());
    description
        .takes("stream_cursor")
        .takes("Last-Event-ID")
        .answers(
            200,
            "The stream. `event: status` carries a `Change`; `event: resync` a `Resync`, if a gap cannot be filled. \
             Ids are cursors.",
            Some(("text/event-stream", stream)),
            &["Cache-Control", "X-Accel-Buffering"],
            &[],
        )
        .refuses(&STREAM)
}

pub(super) fn socket() -> Description {
    Description::stream(Group::Live, "openSocket", "Watch orders over a WebSocket")
        .says(
            "After the handshake (RFC 6455, version 13) a text frame that is a `SocketCommand` subscribes or \
             unsubscribes; every text frame of the server's is a `SocketFrame`. Close codes: 1003 binary frame, 1007 \
             not UTF-8, 1008 too many subscriptions, 1009 frame too large, 1012 the server stops, 1013 too slow: \
             connect again with the last cursor. This address is for pages of its own host, and for programs; the \
             separate WebSocket port answers any Origin.",
        )
        .answers(
            101,
            "The connection speaks WebSocket now.",
            None,
            &["Connection", "Upgrade", "Sec-WebSocket-Accept"],
            &[],
        )
        .refuses(&[
            Code::ForeignOrigin,
            Code::InvalidHeader,
            Code::Stopping,
            Code::TooManyStreams,
            Code::UpgradeRequired,
        ])
}
