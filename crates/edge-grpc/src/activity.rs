//! Whether anything happens on a connection: its calls say so, its watch asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

use crate::settings::GrpcSettings;

/// What the calls of a connection leave behind for its watch.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Calls under way.
    busy: AtomicUsize,
    /// Whether one has ended since the watch last looked.
    was_busy: AtomicBool,
}

/// A call under way on a connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Activity>);

impl Busy {
    pub(crate) fn new(activity: &Arc<Activity>) -> Self {
        activity.busy.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.was_busy.store(true, Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Activity {
    /// Returns once the connection should end: the server stops, or it was idle for too long (exact to half of it).
    pub(crate) async fn is_over(&self, settings: &GrpcSettings, soft: &CancellationToken) {
        let tick = settings.idle_timeout / 2;
        let mut idle_ticks = 0;
        while idle_ticks < 2 {
            tokio::select! {
                () = soft.cancelled() => return,
                () = tokio::time::sleep(tick) => {}
            }
            let is_busy = self.busy.load(Ordering::Relaxed) > 0;
            let was_busy = self.was_busy.swap(false, Ordering::Relaxed);
            idle_ticks = if is_busy || was_busy {
                0
            } else {
                idle_ticks + 1
            };
        }
    }
}
