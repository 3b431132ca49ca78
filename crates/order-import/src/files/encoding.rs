//! Character encodings: labels, byte order marks, and any encoding into UTF-8 as it streams by.
//!
//! Bytes that an encoding does not have become [`MALFORMED`], a byte that UTF-8 never holds, so that a cell with such
//! bytes is known for what it is after rows have been split.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use order_json::nearest_name;

/// Stands for bytes that an encoding does not have.
pub const MALFORMED: u8 = 0xff;

/// Encodings that order files come in, the likely ones first. Every one of them keeps ASCII.
pub const SINGLE_BYTE_AND_ASIAN: [&Encoding; 16] = [
    encoding_rs::WINDOWS_1252,
    encoding_rs::ISO_8859_15,
    encoding_rs::WINDOWS_1250,
    encoding_rs::WINDOWS_1251,
    encoding_rs::WINDOWS_1253,
    encoding_rs::WINDOWS_1254,
    encoding_rs::WINDOWS_1255,
    encoding_rs::WINDOWS_1256,
    encoding_rs::WINDOWS_1257,
    encoding_rs::SHIFT_JIS,
    encoding_rs::GBK,
    encoding_rs::BIG5,
    encoding_rs::EUC_KR,
    encoding_rs::EUC_JP,
    encoding_rs::MACINTOSH,
    encoding_rs::KOI8_R,
];

/// Labels to suggest for a mistyped one.
const LABELS: [&str; 44] = [
    "utf-8",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "cp1250",
    "cp1251",
    "cp1252",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-9",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "latin1",
    "ascii",
    "macintosh",
    "koi8-r",
    "koi8-u",
    "ibm866",
    "shift_jis",
    "euc-jp",
    "iso-2022-jp",
    "euc-kr",
    "gbk",
    "gb18030",
    "big5",
];

/// A label that no encoding has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "encoding = {label:?} is not the name of an encoding{}",
    .nearest.map_or_else(
        || "; known are utf-8, utf-16, windows-1252, iso-8859-15 and the other names of the WHATWG Encoding Standard".to_owned(),
        |name| format!("; did you mean {name:?}?")
    )
)]
pub struct UnknownEncoding {
    /// What was written.
    pub label: String,
    /// The nearest label.
    pub nearest: Option<&'static str>,
}

/// The encoding of a label of the WHATWG Encoding Standard, in any case: `utf-8`, `windows-1252`, `iso-8859-1` (the same
/// as Windows-1252 there), `iso-8859-15`, `utf-16` (little endian unless a byte order mark says otherwise) and others.
///
/// # Errors
/// If no encoding has the label; names the nearest one.
pub fn encoding_for(label: &str) -> Result<&'static Encoding, UnknownEncoding> {
    Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| UnknownEncoding {
        label: label.to_owned(),
        nearest: nearest_name(label.trim(), LABELS),
    })
}

/// The encoding of a file that begins with `head`, and the length of its byte order mark.
pub fn encoding_of(head: &[u8], wanted: Option<&'static Encoding>) -> (&'static Encoding, usize) {
    Encoding::for_bom(head).unwrap_or((wanted.unwrap_or(UTF_8), 0))
}

/// `input` as UTF-8, in which [`MALFORMED`] stands for each undecodable sequence. UTF-8 passes as it is.
pub fn decoded<R: BufRead + Send + 'static>(
    input: R,
    encoding: &'static Encoding,
) -> Box<dyn BufRead + Send> {
    if encoding == UTF_8 {
        Box::new(input)
    } else {
        Box::new(Transcoded::new(input, encoding))
    }
}

/// All of `bytes` as [`decoded`] gives them.
pub fn decode_all(bytes: &[u8], encoding: &'static Encoding) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    if encoding == UTF_8 {
        text.extend_from_slice(bytes);
    } else {
        let read = Transcoded::new(bytes, encoding).read_to_end(&mut text);
        debug_assert!(read.is_ok(), "reading from memory cannot fail");
    }
    text
}

struct Transcoded<R> {
    input: R,
    decoder: Decoder,
    text: Box<[u8]>,
    start: usize,
    end: usize,
    is_finished: bool,
}

impl<R: BufRead> Transcoded<R> {
    fn new(input: R, encoding: &'static Encoding) -> Self {
        Self {
            input,
            decoder: encoding.new_decoder_without_bom_handling(),
            text: vec![0; 64 * 1024].into_boxed_slice(),
            start: 0,
            end: 0,
            is_finished: false,
        }
    }

    /// Decodes what the input has at hand, as far as there is space; leaves one byte of space for [`MALFORMED`].
    fn decode_some(&mut self) -> io::Result<()> {
        let bytes = self.input.fill_buf()?;
        let is_last = bytes.is_empty();
        let space = self.text.len() - 1;
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
            bytes,
            &mut self.text[..space],
            is_last,
        );
        self.input.consume(read);
        self.start = 0;
        self.end = written;
        match result {
            DecoderResult::Malformed(..) => {
                self.text[self.end] = MALFORMED;
                self.end += 1;
            }
            DecoderResult::InputEmpty => self.is_finished = is_last,
            DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

impl<R: BufRead> BufRead for Transcoded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.start == self.end && !self.is_finished {
            self.decode_some()?;
        }
        Ok(&self.text[self.start..self.end])
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }
}

impl<R: BufRead> Read for Transcoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let text = self.fill_buf()?;
        let count = text.len().min(buffer.len());
        buffer[..count].copy_from_slice(&text[..count]);
        self.consume(count);
        Ok(count)
    }
}

/// The name of an encoding for people, and the label to set.
pub fn names_of(encoding: &'static Encoding) -> (&'static str, String) {
    let name = match encoding.name() {
        "windows-1252" => "Windows-1252",
        "windows-1250" => "Windows-1250",
        "windows-1251" => "Windows-1251",
        "UTF-16LE" => "UTF-16 (little endian)",
        "UTF-16BE" => "UTF-16 (big endian)",
        name => name,
    };
    (name, encoding.name().to_lowercase())
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read as _};

    use super::{MALFORMED, decode_all, decoded, encoding_for};

    #[test]
    fn a_label_is_found_in_any_case_and_a_mistyped_one_is_answered_with_the_nearest() {
        for (label, name) in [
            ("UTF8", "UTF-8"),
            ("Latin1", "windows-1252"),
            ("ISO-8859-15", "ISO-8859-15"),
        ] {
            assert_eq!(encoding_for(label).unwrap().name(), name);
        }
        let message = |label| encoding_for(label).unwrap_err().to_string();
        assert_eq!(
            message("windws-1252"),
            "encoding = \"windws-1252\" is not the name of an encoding; did you mean \"windows-1252\"?"
        );
        assert!(message("zzz").contains("WHATWG"));
        // A label that the standard knows only to refuse it.
        assert!(encoding_for("iso-2022-kr").is_err());
    }

    #[test]
    fn undecodable_bytes_are_marked_in_whatever_pieces_the_input_comes() {
        let bytes = b"\x93\xfa\x96\x7b;\x81\x0a\xff\n".to_vec();
        let whole = decode_all(&bytes, encoding_rs::SHIFT_JIS);
        let mut expected = "日本;".as_bytes().to_vec();
        expected.extend([MALFORMED, b'\n', MALFORMED, b'\n']);
        assert_eq!(whole, expected);
        for size in 1..4 {
            let input = BufReader::with_capacity(size, std::io::Cursor::new(bytes.clone()));
            let mut text = Vec::new();
            decoded(input, encoding_rs::SHIFT_JIS)
                .read_to_end(&mut text)
                .unwrap();
            assert_eq!(text, expected, "in pieces of {size}");
        }
    }
}
