//! What the disk alone takes of an order's life: the ceiling of the latency at a fixed rate. An order that is created and
//! then processed waits for two flushes, one after the other, whatever else is done for it; and where the disk stands
//! still for a moment, so does every store that says nothing before its orders are durable.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::error::{Doing as _, Result};

/// What one flush writes: about as much as a commit of the embedded store at some ten thousand orders a second.
const COMMIT_BYTES: usize = 32 << 10;
/// The file is written over and over, as a write-ahead log is: what is flushed never makes it longer.
const FILE_BYTES: usize = 4 << 20;

/// Microseconds from the moment at which an order comes to the end of the second flush after it, at a fixed rate. Each
/// flush takes with it whatever came during the one before, as a group commit does.
///
/// # Errors
/// Where the file cannot be written in `folder`.
pub(super) fn two_flushes(
    folder: &Path,
    per_second: u64,
    span: Duration,
) -> Result<Histogram<u64>> {
    let path = folder.join("disk-alone");
    let pages = vec![1_u8; COMMIT_BYTES];
    let file = File::create(&path).doing(|| format!("creating {}", path.display()))?;
    let places = (0..FILE_BYTES as u64).step_by(COMMIT_BYTES);
    for place in places.clone() {
        file.write_all_at(&pages, place)?;
    }
    file.sync_all()?;

    let mut latency = super::open_loop::latencies()?;
    let total = per_second * span.as_secs();
    let begin = Instant::now();
    let at = |number: u64| begin + Duration::from_nanos(number * 1_000_000_000 / per_second);
    let mut place = places.cycle();
    // Orders that are flushed once, and those that have come since.
    let (mut once, mut come): (Range<u64>, Range<u64>) = (0..0, 0..0);
    while once.end < total || !once.is_empty() {
        let now = Instant::now();
        while come.end < total && at(come.end) <= now {
            come.end += 1;
        }
        if once.is_empty() && come.is_empty() {
            std::thread::sleep(at(come.end).saturating_duration_since(now));
            continue;
        }
        file.write_all_at(&pages, place.next().unwrap_or(0))?;
        file.sync_data()?;
        let flushed = Instant::now();
        for number in once {
            let waited = flushed.saturating_duration_since(at(number)).as_micros();
            latency.saturating_record(u64::try_from(waited).unwrap_or(u64::MAX));
        }
        once = come.clone();
        come = come.end..come.end;
    }
    drop(file);
    std::fs::remove_file(&path)?;
    Ok(latency)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::two_flushes;

    #[test]
    fn every_order_waits_for_two_flushes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let latency = two_flushes(folder.path(), 2_000, Duration::from_secs(1))
            .expect("the folder can be written");
        assert_eq!(latency.len(), 2_000);
        assert!(latency.min() > 0);
        let left = std::fs::read_dir(folder.path())
            .expect("the folder")
            .count();
        assert_eq!(left, 0, "the file is thrown away");
    }
}
