//! The headings of the document's operations.

pub(crate) const ORDERS: &str = "Orders";
pub(crate) const LIVE: &str = "Live";
pub(crate) const DEAD_LETTERS: &str = "Dead letters";
pub(crate) const STANDING: &str = "Standing";
pub(crate) const DIALECTS: &str = "Dialects";
pub(crate) const PAGES: &str = "Pages";

/// Each heading with what is under it, in the order of the document.
pub(super) const ALL: [(&str, &str); 6] = [
    (ORDERS, "Place orders, read them, change them."),
    (
        LIVE,
        "Every status change as it happens, over server-sent events or a WebSocket. Streams resume: a client that comes \
         back with its last cursor misses nothing.",
    ),
    (
        DEAD_LETTERS,
        "Orders whose attempts are used up, or that the handler refused for good. A dead letter's id is its order's.",
    ),
    (
        STANDING,
        "How many orders have each status, and the server's health.",
    ),
    (
        DIALECTS,
        "Addresses of three other order systems, for clients that cannot be changed. The rules of `/v1` do not hold here: \
         JSON keys match without regard to case, unknown fields are passed over, no Content-Type is needed, and refusals \
         have the dialect's own form.",
    ),
    (PAGES, "What a browser shows."),
];
