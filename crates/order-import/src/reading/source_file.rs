//! The files of an import, open from the first pass to the last. Beyond a number of them, plain files are closed and opened
//! again, so that an import of a year of daily files does not run out of file handles.

use std::sync::Arc;

use super::Inputs;
use crate::files::{FileError, FileLayout, Input, Limits, OrderFile};

/// The most files that stay open.
const MAX_OPEN: usize = 128;

/// A file of an import.
pub enum SourceFile {
    /// It stays open.
    Open(OrderFile),
    /// It is opened for each pass.
    Closed {
        /// What it is.
        input: Input,
        /// How it is laid out.
        layout: FileLayout,
        /// Bounds of opening it.
        limits: Limits,
        /// Its size at the first time.
        size: u64,
    },
}

impl SourceFile {
    /// Opens all files.
    ///
    /// # Errors
    /// The first file that cannot be opened.
    pub fn open_all(inputs: &Inputs, layout: &FileLayout) -> Result<Vec<Self>, FileError> {
        let layout = FileLayout {
            format: inputs.format.or(layout.format),
            ..layout.clone()
        };
        let open = |(index, input): (usize, &Input)| {
            let file = OrderFile::open(input, &layout, &inputs.limits)?;
            Ok(if index < MAX_OPEN || !input.is_plain_file() {
                Self::Open(file)
            } else {
                Self::Closed {
                    input: input.clone(),
                    layout: layout.clone(),
                    limits: inputs.limits,
                    size: file.size(),
                }
            })
        };
        inputs.files.iter().enumerate().map(open).collect()
    }

    /// The name in reports.
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::Open(file) => Arc::clone(file.name()),
            Self::Closed { input, .. } => input.name(),
        }
    }

    /// Bytes of one pass.
    pub fn size(&self) -> u64 {
        match self {
            Self::Open(file) => file.size(),
            Self::Closed { size, .. } => *size,
        }
    }

    /// Does something with the open file.
    ///
    /// # Errors
    /// If the file cannot be opened again, or has another size by now; and those of `with`.
    pub fn with<T, E: From<FileError>>(
        &self,
        with: impl FnOnce(&OrderFile) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Open(file) => with(file),
            Self::Closed {
                input,
                layout,
                limits,
                size,
            } => {
                let file = OrderFile::open(input, layout, limits)?;
                if file.size() != *size {
                    return Err(FileError::Changed { file: input.name() }.into());
                }
                with(&file)
            }
        }
    }
}
