//! The cores, and threads for a load that is dealt out over them: one a core, each with a runtime of its own.
//!
//! A load is made to cost as little as it can, because it runs on the cores of the server under test. Tasks that stay on
//! one thread are never handed from one to another, and what came for a connection together goes on together.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::task::JoinSet;

use super::error::{Doing as _, Result};

/// How many there are.
pub(super) fn count() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Deals `parts` out evenly over the cores and has each core's thread do its share; what came of each share. A core
/// without a share does nothing.
pub(super) async fn share_out<T, F, W>(parts: usize, work: F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Fn(usize) -> W + Send + Sync + 'static,
    W: Future<Output = Result<T>>,
{
    let work = Arc::new(work);
    let mut threads = JoinSet::new();
    for share in shares(parts, count()) {
        let work = Arc::clone(&work);
        threads.spawn_blocking(move || {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .build()
                .doing(|| "starting a runtime of the load".to_owned())?;
            runtime.block_on(work(share))
        });
    }
    let mut done = Vec::new();
    while let Some(ended) = threads.join_next().await {
        done.push(ended??);
    }
    Ok(done)
}

fn shares(parts: usize, cores: usize) -> impl Iterator<Item = usize> {
    (0..cores)
        .map(move |core| parts / cores + usize::from(core < parts % cores))
        .filter(|share| *share > 0)
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn every_part_is_somebodys_and_the_shares_are_even() {
        for (parts, cores, expected) in [
            (1, 2, vec![1]),
            (64, 2, vec![32, 32]),
            (7, 3, vec![3, 2, 2]),
        ] {
            assert_eq!(shares(parts, cores).collect::<Vec<_>>(), expected);
        }
    }
}
