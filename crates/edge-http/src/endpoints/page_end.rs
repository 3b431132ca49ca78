//! The end of a list, the same for every list.

use order_json::write_text_or_null;

/// Closes `{"data": [...` with whether there is more and where it goes on.
pub(crate) fn write_page_end(next_cursor: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"],\"has_more\":");
    out.extend_from_slice(if next_cursor.is_some() {
        b"true"
    } else {
        b"false"
    });
    out.extend_from_slice(b",\"next_cursor\":");
    write_text_or_null(next_cursor, out);
    out.push(b'}');
}
