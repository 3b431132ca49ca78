//! Why a benchmark gave no figures. The command line prints it with its sources; every module of this crate returns it.

use std::fmt::Display;
use std::io;

/// Why a benchmark gave no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Other programs use the machine. Temporary: the same run may succeed once they have ended.
    #[error(
        "the machine is not idle: {percent:.0}% of its cores are busy; stop what runs, or say --busy-machine and trust no figure"
    )]
    MachineIsBusy {
        /// The busy share of all cores.
        percent: f64,
    },
    /// A file, a process or a connection failed. Permanent, unless the system's reason says otherwise.
    #[error("{doing}")]
    System {
        /// What was tried.
        doing: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A server under test, or a program beside it, failed or answered something that it must not. Permanent: the figures
    /// of such a build mean nothing.
    #[error("{0}")]
    Unexpected(String),
    /// A gRPC call was refused. Permanent, as [`BenchError::Unexpected`].
    #[error("a gRPC call failed")]
    Call(#[source] Box<tonic::Status>),
    /// A load or a figure of the benchmark itself failed: a defect of this crate.
    #[error("the benchmark itself failed")]
    Own(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the functions of this crate return.
pub(crate) type Result<T, E = BenchError> = std::result::Result<T, E>;

impl BenchError {
    /// A server or program did what it must not.
    pub(crate) fn unexpected(what: impl Display) -> Self {
        Self::Unexpected(what.to_string())
    }
}

/// Says what was tried if the system refuses it.
pub(crate) trait Doing<T> {
    /// The error names what was tried: `connecting to 127.0.0.1:8080`.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| BenchError::System {
            doing: what(),
            source,
        })
    }
}

impl From<io::Error> for BenchError {
    /// For the many reads and writes of a connection, whose reason says enough.
    fn from(source: io::Error) -> Self {
        Self::System {
            doing: "a file or a connection of the benchmark failed".to_owned(),
            source,
        }
    }
}

impl From<tonic::Status> for BenchError {
    fn from(status: tonic::Status) -> Self {
        Self::Call(Box::new(status))
    }
}

/// Errors that only a defect of this crate makes.
macro_rules! own {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for BenchError {
            fn from(error: $error) -> Self {
                Self::Own(Box::new(error))
            }
        })*
    };
}

own!(
    hdrhistogram::AdditionError,
    hdrhistogram::CreationError,
    hdrhistogram::RecordError,
    http::uri::InvalidUri,
    hyper::Error,
    serde_json::Error,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    tokio::task::JoinError,
);

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::io;

    use super::{BenchError, Doing as _};

    #[test]
    fn an_error_says_what_was_tried_and_keeps_the_reason() {
        let refused: io::Result<()> = Err(io::ErrorKind::PermissionDenied.into());
        let error = refused.doing(|| "creating x".to_owned()).unwrap_err();
        assert_eq!(error.to_string(), "creating x");
        let source = error.source().unwrap().to_string();
        assert!(source.contains("permission denied"), "{source}");
        let status = tonic::Status::unavailable("stopping");
        let source = BenchError::from(status).source().unwrap().to_string();
        assert!(source.contains("stopping"), "{source}");
    }
}
