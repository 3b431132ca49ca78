//! The framing of server-sent events (WHATWG HTML, section 9.2).

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use application::watch::{Change, Cursor, Resync};
use bytes::Bytes;

/// A batch of changes, one event each: its id resumes right after it.
pub(super) fn changes(changes: &[Arc<Change>]) -> Bytes {
    let length = changes.iter().map(|change| change.text().len() + 80).sum();
    let mut out = Vec::with_capacity(length);
    for change in changes {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(change.cursor().to_string().as_bytes());
        out.extend_from_slice(b"\nevent: status\ndata: ");
        out.extend_from_slice(change.text());
        out.extend_from_slice(b"\n\n");
    }
    out.shrink_to_fit();
    Bytes::from(out)
}

/// The changes between the last event and this one cannot be delivered: read the orders again.
pub(super) fn resync(resync: &Resync) -> Bytes {
    let Resync { reason, cursor } = resync;
    let reason = reason.code();
    Bytes::from(format!(
        "id: {cursor}\nevent: resync\ndata: {{\"reason\":\"{reason}\",\"cursor\":\"{cursor}\"}}\n\n"
    ))
}

/// The first thing in a stream: when to come back after a break.
pub(super) fn retry(after: Duration) -> Bytes {
    Bytes::from(format!("retry: {}\n\n", after.as_millis()))
}

/// Moves the client's last id on without an event.
pub(super) fn position(cursor: &Cursor) -> Bytes {
    Bytes::from(format!("id: {cursor}\n\n"))
}

/// A sign of life; where the cursor is known, it is as fresh as possible.
pub(super) fn heartbeat(cursor: Option<&Cursor>) -> Bytes {
    let mut text = String::from(": heartbeat\n");
    if let Some(cursor) = cursor {
        writeln!(text, "id: {cursor}").expect("a String takes every write");
    }
    text.push('\n');
    Bytes::from(text)
}

/// The last thing in a stream that the client should open again.
pub(super) fn close(why: &'static str, after: Duration) -> Bytes {
    Bytes::from(format!(": {why}\nretry: {}\n\n", after.as_millis()))
}
