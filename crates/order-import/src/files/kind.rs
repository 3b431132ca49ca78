//! What a file is by its first bytes, whatever its name says.

/// How many first bytes are looked at, for this and for everything that is detected.
pub const HEAD_BYTES: u64 = 256 * 1024;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A zip archive, as XLSX, XLSB and ODS are.
    Zip,
    /// An OLE2 file, as XLS and encrypted XLSX are.
    Ole2,
    /// Something that no setting makes readable: what it is, and what to do.
    Foreign(&'static str, &'static str),
    /// Text, as far as can be seen.
    Text,
}

const UNPACK: &str = "unpack it first";
const SAVE: &str = "open it in a spreadsheet program and save it as .xlsx or CSV";

const MAGIC: [(&[u8], Kind); 12] = [
    (b"PK\x03\x04", Kind::Zip),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Ole2),
    (b"PK\x05\x06", Kind::Foreign("an empty zip archive", UNPACK)),
    (
        b"\x1f\x8b",
        Kind::Foreign("a gzip file within a gzip file", UNPACK),
    ),
    (
        b"\x28\xb5\x2f\xfd",
        Kind::Foreign("a Zstandard file", UNPACK),
    ),
    (b"\xfd7zXZ\x00", Kind::Foreign("an xz file", UNPACK)),
    (
        b"7z\xbc\xaf\x27\x1c",
        Kind::Foreign("a 7-Zip archive", UNPACK),
    ),
    (b"Rar!\x1a\x07", Kind::Foreign("a RAR archive", UNPACK)),
    (b"BZh91AY&SY", Kind::Foreign("a bzip2 file", UNPACK)),
    (
        b"%PDF-",
        Kind::Foreign(
            "a PDF document",
            "export the orders as CSV or .xlsx instead",
        ),
    ),
    (
        b"SQLite format 3\x00",
        Kind::Foreign("an SQLite database", "export the orders as CSV instead"),
    ),
    (
        b"PAR1",
        Kind::Foreign("a Parquet file", "export the orders as CSV instead"),
    ),
];

/// What begins so.
pub fn kind_of(head: &[u8]) -> Kind {
    let magic = MAGIC.iter().find(|(magic, _)| head.starts_with(magic));
    if let Some((_, kind)) = magic {
        return *kind;
    }
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let begins_with = |tag: &[u8]| {
        text.get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
    };
    if [&b"<!doctype html"[..], b"<html", b"<table", b"<meta "]
        .into_iter()
        .any(begins_with)
    {
        return Kind::Foreign("an HTML page, as some shops call .xls", SAVE);
    }
    if begins_with(b"<?xml") {
        return Kind::Foreign("an XML document", SAVE);
    }
    Kind::Text
}

/// Whether gzip begins so.
pub fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(b"\x1f\x8b")
}
