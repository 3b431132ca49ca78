//! Physical lines of UTF-8 text with a bounded look-ahead, so that a record that turns out to be broken gives back the
//! lines after its first one. Rows of every kind of text come from here.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::BrokenRow;
use super::error::FileError;
use super::source::Source;

/// The longest row, however it is written.
pub const MAX_ROW_BYTES: usize = 1024 * 1024;
/// The most physical lines that one quoted row may span.
pub const MAX_LINES_A_ROW: usize = 1000;

/// A line within the look-ahead.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    start: usize,
    end: usize,
    /// Longer than [`MAX_ROW_BYTES`]; the rest was passed over.
    pub is_cut: bool,
    /// Whether a line end closes it; only the last line of a file may lack one.
    pub is_ended: bool,
}

impl Line {
    /// How many bytes it has, with its end.
    pub const fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Lines, first to last.
pub struct Lines {
    input: Box<dyn BufRead + Send>,
    progress: Arc<AtomicU64>,
    line_end: u8,
    buffer: Vec<u8>,
    ahead: VecDeque<Line>,
}

impl Lines {
    /// Reads `input`, whose lines end with `line_end`: LF (with or without a CR before it), or CR.
    pub fn new(input: Box<dyn BufRead + Send>, line_end: u8) -> Self {
        Self {
            input,
            progress: Arc::default(),
            line_end,
            buffer: Vec::new(),
            ahead: VecDeque::new(),
        }
    }

    /// With the position of the file below, which moves as lines are read.
    pub fn with_progress(self, progress: Arc<AtomicU64>) -> Self {
        Self { progress, ..self }
    }

    /// The position of the file below.
    pub fn bytes_read(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    /// The line that is `index` lines ahead of the first one that is not consumed.
    pub fn peek(&mut self, index: usize) -> io::Result<Option<Line>> {
        while self.ahead.len() <= index {
            match self.read_line()? {
                Some(line) => self.ahead.push_back(line),
                None => return Ok(None),
            }
        }
        Ok(self.ahead.get(index).copied())
    }

    /// The bytes of a line that was peeked at and is not consumed: its content, and its end.
    pub fn parts(&self, line: Line) -> (&[u8], &[u8]) {
        let bytes = &self.buffer[line.start..line.end];
        let mut content = bytes;
        if line.is_ended && !line.is_cut {
            content = &content[..content.len() - 1];
            if self.line_end == b'\n' {
                content = content.strip_suffix(b"\r").unwrap_or(content);
            }
        }
        (content, &bytes[content.len()..])
    }

    /// Gives up the first `count` lines.
    pub fn consume(&mut self, count: usize) {
        self.ahead.drain(..count.min(self.ahead.len()));
        let Some(first) = self.ahead.front().map(|line| line.start) else {
            self.buffer.clear();
            return;
        };
        // Moves what is left to the front once it is the smaller part, so that each byte is moved once at most.
        if first > MAX_ROW_BYTES && first > self.buffer.len() / 2 {
            self.buffer.drain(..first);
            for line in &mut self.ahead {
                line.start -= first;
                line.end -= first;
            }
        }
    }

    fn read_line(&mut self) -> io::Result<Option<Line>> {
        let start = self.buffer.len();
        let count = (&mut self.input)
            .take(MAX_ROW_BYTES as u64)
            .read_until(self.line_end, &mut self.buffer)?;
        if count == 0 {
            return Ok(None);
        }
        let is_ended = self.buffer.last() == Some(&self.line_end);
        let is_cut = !is_ended && count == MAX_ROW_BYTES;
        let is_ended = is_ended || (is_cut && self.skip_to_line_end()?);
        Ok(Some(Line {
            start,
            end: start + count,
            is_cut,
            is_ended,
        }))
    }

    /// Passes over the rest of a line in bounded memory; whether it has an end.
    fn skip_to_line_end(&mut self) -> io::Result<bool> {
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                return Ok(false);
            }
            let end = chunk.iter().position(|byte| *byte == self.line_end);
            let count = end.map_or(chunk.len(), |at| at + 1);
            self.input.consume(count);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// The lines of a text file, without their ends. For NDJSON.
pub struct TextLines {
    file: Arc<str>,
    lines: Lines,
    watch: ChangeWatch,
    number: u64,
}

/// A line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextLine {
    /// The 1-based number of the line.
    pub number: u64,
    /// Its text, without the line end.
    pub text: String,
    /// What is wrong with it as a whole: `too_long`, `undecodable` or `file_changed`.
    pub broken: Option<BrokenRow>,
}

impl TextLines {
    pub(super) fn new(file: Arc<str>, lines: Lines, source: Source) -> Self {
        Self {
            file,
            lines,
            watch: ChangeWatch::new(source),
            number: 0,
        }
    }

    /// How many bytes of the file have been read, of [`super::OrderFile::size`].
    pub fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    /// The next line that is not blank.
    ///
    /// # Errors
    /// If the file cannot be read.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator of results would go on after an error"
    )]
    pub fn next(&mut self) -> Result<Option<TextLine>, FileError> {
        loop {
            let cannot = |source| FileError::Read {
                file: Arc::clone(&self.file),
                row: self.number,
                source,
            };
            let Some(line) = self.lines.peek(0).map_err(cannot)? else {
                let broken = self.watch.at_end();
                return Ok(broken.map(|broken| TextLine {
                    number: self.number + 1,
                    text: String::new(),
                    broken: Some(broken),
                }));
            };
            self.number += 1;
            let (content, _) = self.lines.parts(line);
            let content = content.trim_ascii();
            if content.is_empty() {
                self.lines.consume(1);
                continue;
            }
            let (text, is_undecodable) = text_of(content);
            let broken = if line.is_cut {
                Some(too_long(0))
            } else if is_undecodable {
                Some(BrokenRow {
                    code: "undecodable",
                    reason: "has bytes that the encoding does not have".to_owned(),
                    trusted_cells: 0,
                })
            } else {
                None
            };
            self.lines.consume(1);
            let broken = if line.is_ended {
                broken
            } else {
                self.watch.at_end().or(broken)
            };
            return Ok(Some(TextLine {
                number: self.number,
                text,
                broken,
            }));
        }
    }
}

/// The text of a cell, and whether some of it is not certain: bytes that the encoding does not have, or a NUL, which no
/// text file holds unless it is damaged or of another encoding.
pub fn text_of(bytes: &[u8]) -> (String, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.contains(&0) => (text.to_owned(), false),
        _ => (
            String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}"),
            true,
        ),
    }
}

/// A row that is longer than the bound.
pub fn too_long(trusted_cells: usize) -> BrokenRow {
    BrokenRow {
        code: "too_long",
        reason: "is longer than 1 MiB".to_owned(),
        trusted_cells,
    }
}

/// Reports once, at the end of a file, that another program changed it meanwhile.
pub struct ChangeWatch {
    source: Source,
    is_reported: bool,
}

impl ChangeWatch {
    pub fn new(source: Source) -> Self {
        Self {
            source,
            is_reported: false,
        }
    }

    /// The fault of the last row, or of the row after it. Looks at the file, so it is called at the end alone.
    pub fn at_end(&mut self) -> Option<BrokenRow> {
        if self.is_reported || !self.source.is_changed() {
            return None;
        }
        self.is_reported = true;
        Some(BrokenRow {
            code: "file_changed",
            reason: "may be cut off: the file was changed while it was read; import it again once it is complete"
                .to_owned(),
            trusted_cells: 0,
        })
    }
}
