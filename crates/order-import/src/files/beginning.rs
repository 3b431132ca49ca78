//! The first bytes of a file of which nothing is known, for guesses: `suggest` and `presets` look at them. The file is
//! opened again to be read.

use std::fs::File;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::input::{Input, Limits};

/// How many first bytes of a text are looked at, unpacked.
const TEXT_BYTES: u64 = 4 * 1024 * 1024;

/// The file's first bytes, unpacked: all of a spreadsheet, whole lines of anything else.
///
/// # Errors
/// If the file cannot be opened or read.
pub fn beginning(input: &Input) -> io::Result<Vec<u8>> {
    let mut raw: Box<dyn Read> = match input {
        Input::Standard => Box::new(io::stdin()),
        Input::File(path) => Box::new(File::open(path)?),
    };
    let mut bytes = Vec::new();
    raw.by_ref().take(2).read_to_end(&mut bytes)?;
    let is_gzip = bytes.starts_with(b"\x1f\x8b");
    let rest = io::Cursor::new(std::mem::take(&mut bytes)).chain(raw);
    let mut unpacked: Box<dyn Read> = if is_gzip {
        Box::new(MultiGzDecoder::new(rest))
    } else {
        Box::new(rest)
    };
    unpacked.by_ref().take(TEXT_BYTES).read_to_end(&mut bytes)?;
    let is_spreadsheet = bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0");
    if is_spreadsheet {
        let limit = Limits::default().max_spreadsheet_bytes;
        unpacked.take(limit).read_to_end(&mut bytes)?;
    } else if bytes.len() as u64 == TEXT_BYTES {
        let lines = bytes.iter().rposition(|byte| *byte == b'\n');
        bytes.truncate(lines.map_or(bytes.len(), |end| end + 1));
    }
    Ok(bytes)
}
