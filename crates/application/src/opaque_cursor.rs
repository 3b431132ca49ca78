//! Opaque cursors: bytes that clients keep as a text and hand back. A version byte, the content, and a checksum over both,
//! in base64 for URLs.
//!
//! The cursors of lists and of watching are made with it. A cursor holds no secret and grants nothing: its checksum tells a
//! cut, mistyped or foreign text from one of ours, and is no protection against a forged one. Clients hold cursors across
//! updates, so no byte of either kind may change under its version.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// What the checksum of a kind of cursors covers beside version and content.
pub(crate) trait Checksum {
    /// Its bytes.
    type Bytes: AsRef<[u8]>;

    /// The checksum of `sealed`: version and content.
    fn of(&self, sealed: &[u8]) -> Self::Bytes;
}

/// Covers nothing else: FNV-1a, 4 bytes. For cursors whose content says itself what they belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unscoped;

impl Checksum for Unscoped {
    type Bytes = [u8; 4];

    fn of(&self, sealed: &[u8]) -> [u8; 4] {
        let hash = sealed.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        hash.to_be_bytes()
    }
}

/// Covers what the cursor is bound to: the first 8 bytes of SHA-256. A cursor of another scope does not open.
#[derive(Debug, Clone, Default)]
pub(crate) struct CursorScope(Sha256);

impl CursorScope {
    /// Adds a text to the scope. Texts are length-prefixed, so that no two scopes run into one another.
    pub(crate) fn add(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }
}

impl Checksum for CursorScope {
    type Bytes = [u8; 8];

    fn of(&self, sealed: &[u8]) -> [u8; 8] {
        let digest: [u8; 32] = self.0.clone().chain_update(sealed).finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        [a, b, c, d, e, f, g, h]
    }
}

/// The cursor with this content.
pub(crate) fn seal(version: u8, content: &[u8], checksum: &impl Checksum) -> String {
    let mut bytes = Vec::with_capacity(1 + content.len() + 8);
    bytes.push(version);
    bytes.extend_from_slice(content);
    let check = checksum.of(&bytes);
    bytes.extend_from_slice(check.as_ref());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The content of a cursor that [`seal`] made with the same version and scope; `None` for every other text.
pub(crate) fn open(text: &str, version: u8, checksum: &impl Checksum) -> Option<Vec<u8>> {
    let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let check_bytes = size_of_val(checksum.of(&[]).as_ref());
    let sealed = bytes.len().checked_sub(check_bytes)?;
    let is_ours = bytes[sealed..] == *checksum.of(&bytes[..sealed]).as_ref();
    if !is_ours || bytes.first() != Some(&version) {
        return None;
    }
    bytes.truncate(sealed);
    bytes.drain(..1);
    Some(bytes)
}
