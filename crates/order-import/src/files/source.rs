//! The bytes of an order file, which can be read from the start as often as needed.
//!
//! A plain file is held open and read by position, so that a file that is renamed meanwhile stays the same file. Standard
//! input, a pipe and gzip are copied, unpacked, into an unnamed temporary file first, which its owner alone can read and
//! which is gone when it is closed. Reading ends at the length that the file had when it was opened.

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use flate2::read::MultiGzDecoder;

use super::error::FileError;
use super::input::{Input, Limits};
use super::kind::{HEAD_BYTES, is_gzip};

const BUFFER_BYTES: usize = 64 * 1024;

/// Bytes that can be read again. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Source(Arc<Content>);

#[derive(Debug)]
enum Content {
    /// Another program may change it.
    Plain {
        file: File,
        len: u64,
        modified: Option<SystemTime>,
    },
    /// A temporary file of our own.
    Spooled {
        file: File,
        len: u64,
    },
    Memory(Cow<'static, [u8]>),
}

impl Source {
    /// Opens `input`; spools what cannot be read twice.
    ///
    /// # Errors
    /// If it cannot be opened, unpacked or spooled.
    pub fn open(input: &Input, limits: &Limits) -> Result<Self, FileError> {
        let name = input.name();
        let cannot = |source| FileError::Open {
            file: Arc::clone(&name),
            source,
        };
        let Input::File(path) = input else {
            return Self::spool(&mut io::stdin().lock(), &name, limits);
        };
        let mut file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(cannot(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return Self::spool(&mut file, &name, limits);
        }
        let plain = Self(Arc::new(Content::Plain {
            file,
            len: metadata.len(),
            modified: modified(&metadata),
        }));
        plain.unpacked(&name, limits)
    }

    /// Bytes in memory; gzip is unpacked as from a file.
    ///
    /// # Errors
    /// If gzip cannot be unpacked or spooled.
    pub fn in_memory(
        bytes: Cow<'static, [u8]>,
        name: &Arc<str>,
        limits: &Limits,
    ) -> Result<Self, FileError> {
        Self(Arc::new(Content::Memory(bytes))).unpacked(name, limits)
    }

    /// A temporary file that has been written.
    pub fn of_spool(file: File, len: u64) -> Self {
        Self(Arc::new(Content::Spooled { file, len }))
    }

    fn unpacked(self, name: &Arc<str>, limits: &Limits) -> Result<Self, FileError> {
        let mut reader = self.reader();
        let mut head = [0; 2];
        let cannot = |source| FileError::Read {
            file: Arc::clone(name),
            row: 0,
            source,
        };
        let count = read_full(&mut reader, &mut head).map_err(cannot)?;
        if is_gzip(&head[..count]) {
            Self::spool(&mut self.reader(), name, limits)
        } else {
            Ok(self)
        }
    }

    fn spool(bytes: &mut dyn Read, name: &Arc<str>, limits: &Limits) -> Result<Self, FileError> {
        let mut head = [0; 2];
        let cannot = |source| FileError::Read {
            file: Arc::clone(name),
            row: 0,
            source,
        };
        let count = read_full(bytes, &mut head).map_err(cannot)?;
        let whole = head[..count].chain(bytes);
        if is_gzip(&head[..count]) {
            let bad = |source| FileError::BadGzip {
                file: Arc::clone(name),
                source,
            };
            copy(
                &mut MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, whole)),
                name,
                limits,
                bad,
            )
        } else {
            copy(&mut { whole }, name, limits, cannot)
        }
    }

    /// How many bytes a reader gives.
    pub fn len(&self) -> u64 {
        match &*self.0 {
            Content::Plain { len, .. } | Content::Spooled { len, .. } => *len,
            Content::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// A reader from the start.
    pub fn reader(&self) -> SourceReader {
        SourceReader {
            source: self.clone(),
            position: 0,
            progress: Arc::default(),
        }
    }

    /// The first bytes, at most [`HEAD_BYTES`].
    pub fn head(&self) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.reader().take(HEAD_BYTES).read_to_end(&mut head)?;
        Ok(head)
    }

    /// Whether another program has changed the file since it was opened.
    pub fn is_changed(&self) -> bool {
        let Content::Plain {
            file,
            len,
            modified: then,
        } = &*self.0
        else {
            return false;
        };
        match file.metadata() {
            Ok(now) => now.len() != *len || modified(&now) != *then,
            Err(_) => true,
        }
    }

    /// Whether the bytes up to the length at opening may have changed: it is shorter, or as long and written again. A
    /// file that has only grown keeps them.
    pub fn is_overwritten(&self) -> bool {
        let Content::Plain { file, len, .. } = &*self.0 else {
            return false;
        };
        self.is_changed() && file.metadata().map_or(true, |now| now.len() <= *len)
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let rest = self.len().saturating_sub(position);
        let count = buffer
            .len()
            .min(usize::try_from(rest).unwrap_or(usize::MAX));
        match &*self.0 {
            Content::Plain { file, .. } | Content::Spooled { file, .. } => {
                file.read_at(&mut buffer[..count], position)
            }
            Content::Memory(bytes) => {
                let start =
                    usize::try_from(position).map_or(bytes.len(), |start| start.min(bytes.len()));
                buffer[..count].copy_from_slice(&bytes[start..start + count]);
                Ok(count)
            }
        }
    }
}

fn modified(metadata: &Metadata) -> Option<SystemTime> {
    metadata.modified().ok()
}

fn read_full(bytes: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match bytes.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// Copies all of `bytes` into a temporary file; `bad` says why they cannot be read.
fn copy(
    bytes: &mut dyn Read,
    name: &Arc<str>,
    limits: &Limits,
    bad: impl Fn(io::Error) -> FileError,
) -> Result<Source, FileError> {
    let mut spool = Spool::new(name, limits)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match bytes.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(bad(error)),
        };
        if count == 0 {
            return spool.finish();
        }
        spool.write(&buffer[..count])?;
    }
}

/// A temporary file while it is written, bounded by `max_spool_bytes`.
pub struct Spool {
    file: io::BufWriter<File>,
    len: u64,
    limit: u64,
    name: Arc<str>,
}

impl Spool {
    /// An empty one, for the content of the file `name`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(name: &Arc<str>, limits: &Limits) -> Result<Self, FileError> {
        let file = tempfile::tempfile().map_err(|source| cannot_spool(name, source))?;
        Ok(Self {
            file: io::BufWriter::with_capacity(BUFFER_BYTES, file),
            len: 0,
            limit: limits.max_spool_bytes,
            name: Arc::clone(name),
        })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// If they are too many, or cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.len += bytes.len() as u64;
        if self.len > self.limit {
            return Err(FileError::SpoolTooLarge {
                file: Arc::clone(&self.name),
                limit: self.limit,
            });
        }
        self.file
            .write_all(bytes)
            .map_err(|source| cannot_spool(&self.name, source))
    }

    /// The file as a source.
    ///
    /// # Errors
    /// If the last bytes cannot be written.
    pub fn finish(self) -> Result<Source, FileError> {
        let file = self
            .file
            .into_inner()
            .map_err(|error| cannot_spool(&self.name, error.into_error()))?;
        Ok(Source::of_spool(file, self.len))
    }
}

fn cannot_spool(name: &Arc<str>, source: io::Error) -> FileError {
    FileError::Spool {
        file: Arc::clone(name),
        directory: std::env::temp_dir(),
        source,
    }
}

/// Reads a source by position, independently of other readers of it.
#[derive(Debug)]
pub struct SourceReader {
    source: Source,
    position: u64,
    progress: Arc<AtomicU64>,
}

impl SourceReader {
    /// With a buffer.
    pub fn buffered(self) -> BufReader<Self> {
        BufReader::with_capacity(BUFFER_BYTES, self)
    }

    /// The position up to which bytes were read.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The same, as it moves.
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(buffer, self.position)?;
        self.position += count as u64;
        self.progress.store(self.position, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for SourceReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.source.len().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
