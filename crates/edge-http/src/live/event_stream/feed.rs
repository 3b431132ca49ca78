//! One event stream from its beginning to its end: a task that passes changes on to the connection's body.
//!
//! A slow client fills the watcher's bounded queue and nothing else. A client that lags need not read all orders again:
//! its stream ends, it reconnects with its last id, and the gap is filled from the store.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use application::watch::{Batch, Delivery, Framing, Lagged, Start, Topic, WatchError, Watcher};
use bytes::Bytes;
use domain::Status;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::event;
use crate::settings::{EdgeSettings, LiveTuning};
use crate::state::EdgeState;

pub(super) struct Feed {
    watcher: Watcher,
    outlet: Outlet,
    joining: (Topic, Start),
    settings: Arc<EdgeSettings>,
    soft: CancellationToken,
}

/// Where a feed's chunks go: to the connection's body, as fast as the client takes them.
struct Outlet {
    chunks: mpsc::Sender<Bytes>,
    /// The stream of one order ends with its final status, or when the order is erased.
    ends_when_final: bool,
    write_timeout: Duration,
}

/// The end of a stream, with the reason that the client gets, if any.
struct End(Option<&'static str>);

const LAGS: &str = "too slow: come back, nothing is skipped";
const BROKEN: &str = "something went wrong on the server: come back, nothing is skipped";
const STOPPING: &str = "the server stops: come back, nothing is skipped";

/// The last chunk of a stream that ends because of a fault of the server.
pub(super) fn broken_off(settings: &LiveTuning) -> Bytes {
    event::close(BROKEN, settings.reconnect_after)
}

impl Feed {
    pub(super) fn new(
        edge: &EdgeState,
        watcher: Watcher,
        chunks: mpsc::Sender<Bytes>,
        topic: Topic,
        start: Start,
    ) -> Self {
        Self {
            watcher,
            outlet: Outlet {
                chunks,
                ends_when_final: matches!(topic, Topic::Order(_)),
                write_timeout: edge.settings.tuning.live.write_timeout,
            },
            joining: (topic, start),
            settings: Arc::clone(&edge.settings),
            soft: edge.soft.clone(),
        }
    }

    /// Runs until the client leaves, the server stops, or the one order is final or erased. `begun` gets first whether
    /// the stream can begin.
    pub(super) async fn run(mut self, begun: oneshot::Sender<Result<(), WatchError>>) {
        let End(why) = match Box::pin(self.join(begun)).await {
            Ok(()) => match self.follow().await {
                Ok(never) => match never {},
                Err(end) => end,
            },
            Err(end) => end,
        };
        if let Some(why) = why {
            let close = event::close(why, self.settings.tuning.live.reconnect_after);
            // A client that takes nothing any more does not get it.
            let _ = self
                .outlet
                .chunks
                .send_timeout(close, self.settings.tuning.live.close_timeout)
                .await;
        }
    }

    async fn join(&mut self, begun: oneshot::Sender<Result<(), WatchError>>) -> Result<(), End> {
        let (topic, start) = self.joining.clone();
        let mut catch_up = self.watcher.watch(topic, start);
        let mut next = catch_up.next().await;
        if let Err(error) = next {
            let _ = begun.send(Err(error));
            return Err(End(None));
        }
        let _ = begun.send(Ok(()));
        let retry = event::retry(self.settings.tuning.live.reconnect_after);
        self.outlet.send(retry).await?;
        loop {
            match next {
                Ok(Some(deliveries)) => {
                    self.outlet.pass_on(deliveries).await?;
                }
                Ok(None) => break,
                // The client reconnects with the last id that it has.
                Err(_) => return Err(End(Some(STOPPING))),
            }
            if self.soft.is_cancelled() {
                return Err(End(Some(STOPPING)));
            }
            next = catch_up.next().await;
        }
        match catch_up.joined_at() {
            Some(cursor) => self.outlet.send(event::position(cursor)).await,
            None => Ok(()),
        }
    }

    async fn follow(&self) -> Result<std::convert::Infallible, End> {
        let heartbeat = self.settings.tuning.live.heartbeat;
        let mut stop = pin!(self.soft.cancelled());
        let mut silence = pin!(sleep(heartbeat));
        loop {
            tokio::select! {
                () = &mut stop => return Err(End(Some(STOPPING))),
                () = self.outlet.chunks.closed() => return Err(End(None)),
                came = self.watcher.receive() => match came {
                    Ok(deliveries) => self.outlet.pass_on(deliveries).await?,
                    Err(Lagged) => return Err(End(Some(LAGS))),
                },
                () = &mut silence => {
                    let cursor = self.watcher.cursor();
                    self.outlet.send(event::heartbeat(cursor.as_ref())).await?;
                }
            }
            silence.as_mut().reset(Instant::now() + heartbeat);
        }
    }
}

impl Outlet {
    async fn pass_on(&self, deliveries: VecDeque<Delivery>) -> Result<(), End> {
        for delivery in deliveries {
            match &delivery {
                Delivery::Changes(batch) => {
                    let events = batch.framed(Framing::EventStream, event::changes);
                    self.send(events.clone()).await?;
                    if self.ends_when_final && is_final(batch) {
                        return Err(End(None));
                    }
                }
                Delivery::Resync(resync) => self.send(event::resync(resync)).await?,
            }
        }
        Ok(())
    }

    /// Fails if the client is gone or takes nothing for too long; it reconnects with its last id.
    async fn send(&self, chunk: Bytes) -> Result<(), End> {
        let sent = self.chunks.send_timeout(chunk, self.write_timeout).await;
        sent.map_err(|_| End(None))
    }
}

fn is_final(batch: &Batch) -> bool {
    let last = batch.changes().last();
    // An erased order has no status, and nothing follows.
    last.is_some_and(|change| change.event().status().is_none_or(Status::is_final))
}
