//! What the server says: frames of the WebSocket protocol, and the JSON in them that is no change of an order.
//!
//! A server's frames are not masked, so that one encoding serves every watcher of a batch.

use std::sync::Arc;

use application::watch::{Change, Cursor, Resync};
use bytes::Bytes;
use order_json::write_text;

/// FIN, and the opcode of a text.
const TEXT: u8 = 0x81;

/// A batch of changes, one text frame each.
pub(super) fn changes(changes: &[Arc<Change>]) -> Bytes {
    let length = changes.iter().map(|change| change.text().len() + 4).sum();
    let mut out = Vec::with_capacity(length);
    for change in changes {
        put_text(change.text(), &mut out);
    }
    // Bytes keeps a full vector as it is.
    out.shrink_to_fit();
    Bytes::from(out)
}

/// `{"resync": {"reason": ..., "cursor": ...}}`
pub(super) fn resync(resync: &Resync) -> Bytes {
    text(&format!(
        r#"{{"resync":{{"reason":"{}","cursor":"{}"}}}}"#,
        resync.reason.code(),
        resync.cursor
    ))
}

/// `{"subscribed": {"cursor": ...}}`: everything after the cursor follows.
pub(super) fn subscribed(cursor: &Cursor) -> Bytes {
    text(&format!(r#"{{"subscribed":{{"cursor":"{cursor}"}}}}"#))
}

/// `{"reconnect": {"cursor": ...}}`: the last frame of a server that stops.
pub(super) fn reconnect(cursor: &Cursor) -> Bytes {
    text(&format!(r#"{{"reconnect":{{"cursor":"{cursor}"}}}}"#))
}

/// `{"error": {"code": ..., "detail": ...}}`
pub(super) fn error(code: &str, detail: &str) -> Bytes {
    let mut json = b"{\"error\":{\"code\":".to_vec();
    write_text(code, &mut json);
    json.extend_from_slice(b",\"detail\":");
    write_text(detail, &mut json);
    json.extend_from_slice(b"}}");
    let mut out = Vec::with_capacity(json.len() + 10);
    put_text(&json, &mut out);
    Bytes::from(out)
}

fn text(json: &str) -> Bytes {
    let mut out = Vec::with_capacity(json.len() + 10);
    put_text(json.as_bytes(), &mut out);
    Bytes::from(out)
}

/// RFC 6455, section 5.2.
pub(super) fn put_text(payload: &[u8], out: &mut Vec<u8>) {
    out.push(TEXT);
    let length = payload.len();
    if let (Ok(short), true) = (u8::try_from(length), length < 126) {
        out.push(short);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(126);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    out.extend_from_slice(payload);
}
