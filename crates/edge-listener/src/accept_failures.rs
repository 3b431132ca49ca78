//! What the log says of connections that were not accepted or were refused: the cause with its remedy, and each cause once a
//! minute at most, because it repeats many times a second.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use tokio::time::Instant;

/// The least time between two lines of one kind.
const QUIET: Duration = Duration::from_secs(60);

/// Which lines were written, and when.
#[derive(Debug, Default)]
pub(crate) struct AcceptFailures {
    too_few_files: Quiet,
    failed: Quiet,
    refused: Quiet,
}

impl AcceptFailures {
    /// The system did not hand over a connection.
    pub(crate) fn log_failed(&mut self, error: &io::Error) {
        if is_too_few_files(error) {
            if self.too_few_files.may_speak() {
                let limit = getrlimit(Resource::Nofile).current;
                tracing::error!(
                    %error,
                    limit,
                    "no connection can be accepted: too few open files are allowed. Raise the limit of this process \
                     (ulimit -n, LimitNOFILE of systemd), or lower max_connections"
                );
            }
        } else if self.failed.may_speak() {
            tracing::warn!(%error, "a connection could not be accepted");
        }
    }

    /// A connection was refused, because its client holds most of them.
    pub(crate) fn log_refused(&mut self, max_connections: usize) {
        if self.refused.may_speak() {
            tracing::warn!(
                max_connections,
                "connections are refused: one client address holds most of those allowed, and uses all of them. Raise \
                 max_connections, or name the address in trusted_proxies if it is a proxy"
            );
        }
    }
}

/// Whether the process, or the system, may open no more files.
pub(crate) fn is_too_few_files(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    )
}

/// Lets one line pass in [`QUIET`].
#[derive(Debug, Default)]
struct Quiet {
    spoke: Option<Instant>,
}

impl Quiet {
    fn may_speak(&mut self) -> bool {
        let now = Instant::now();
        let may = self.spoke.is_none_or(|spoke| now - spoke >= QUIET);
        if may {
            self.spoke = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use rustix::io::Errno;
    use tokio::time::advance;

    use super::{Quiet, is_too_few_files};

    #[tokio::test(start_paused = true)]
    async fn a_line_is_written_once_a_minute() {
        let mut quiet = Quiet::default();
        assert!(quiet.may_speak() && !quiet.may_speak());
        advance(Duration::from_secs(59)).await;
        assert!(!quiet.may_speak());
        advance(Duration::from_secs(1)).await;
        assert!(quiet.may_speak() && !quiet.may_speak());
    }

    #[test]
    fn only_a_lack_of_files_is_one() {
        assert!(is_too_few_files(&Errno::MFILE.into()));
        assert!(is_too_few_files(&Errno::NFILE.into()));
        assert!(!is_too_few_files(&Errno::CONNABORTED.into()));
        assert!(!is_too_few_files(&io::Error::other("no number")));
    }
}
