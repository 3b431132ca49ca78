//! From a receipt's key to its place in an object store. The key is percent-encoded where it is made; here it is
//! taken as it stands, never encoded a second time.

use std::borrow::Cow;
use std::fmt::Write as _;

use object_store::path::{Error, Path};
use sha2::{Digest as _, Sha256};

/// File systems allow 255 bytes a name; the crate adds a few digits while it writes.
const MAX_PART_BYTES: usize = 240;
/// What a shortened part keeps of its beginning, for whoever looks into the folder.
const KEPT_BYTES: usize = 160;

/// The place of `key`.
///
/// # Errors
/// Where the key holds `.` or `..`, an empty part or a control character: none is ever made so.
pub(crate) fn of(key: &str) -> Result<Path, Error> {
    let parts: Vec<Cow<'_, str>> = key.split('/').map(shortened).collect();
    let wanted = parts.join("/");
    let path = Path::parse(&wanted)?;
    // The crate forgives a slash at either end; two keys must not lead to one place.
    if path.as_ref() == wanted && !wanted.is_empty() {
        Ok(path)
    } else {
        Err(Error::EmptySegment { path: wanted })
    }
}

/// A user id of 100 characters has up to 400 bytes. A part that is too long for a name keeps its beginning and gets
/// its digest; `%~` cannot come out of percent-encoding, so no other key leads there.
fn shortened(part: &str) -> Cow<'_, str> {
    if part.len() <= MAX_PART_BYTES {
        return Cow::Borrowed(part);
    }
    let mut kept = KEPT_BYTES;
    while !part.is_char_boundary(kept) {
        kept -= 1;
    }
    let mut name = format!("{}%~", &part[..kept]);
    for byte in Sha256::digest(part.as_bytes()) {
        let _ = write!(name, "{byte:02x}");
    }
    Cow::Owned(name)
}
