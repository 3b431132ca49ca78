//! One WebSocket from its opening to its close: does its commands, passes changes on, pings, and ends.
//!
//! Everything that a client can do to hold it up has a bound: what waits for it (the watcher's queue), how long it
//! takes nothing, how long it says nothing, how much it says at once, how much it watches.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use application::watch::{Cursor, Delivery, Framing, Lagged, Start, Topic, WatchError, Watcher};
use bytes::Bytes;
use domain::Trace;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::CancellationToken;

use super::awaited::{Awaited, name_in};
use super::command::{Command, Refused};
use super::frame;
use super::peer::{Closing, Peer, Said};
use crate::settings::EdgeSettings;
use crate::state::EdgeState;

const BINARY: Closing = Closing {
    code: CloseCode::Unsupported,
    reason: "only text frames are understood",
};
const TOO_MANY_TOPICS: Closing = Closing {
    code: CloseCode::Policy,
    reason: "too many subscriptions",
};
const LAGS: Closing = Closing {
    code: CloseCode::Again,
    reason: "too slow: come back and resume from the last cursor",
};
const RESTART: Closing = Closing {
    code: CloseCode::Restart,
    reason: "service restart",
};
const SILENT: Closing = Closing {
    code: CloseCode::Away,
    reason: "no answer to pings",
};

/// What a WebSocket is made of, beside its connection.
pub(super) struct Connection {
    watcher: Watcher,
    waits: Waits,
    /// On the separate port alone.
    awaited: Option<Box<Awaited>>,
}

/// How long a connection waits, and until when.
struct Waits {
    settings: Arc<EdgeSettings>,
    soft: CancellationToken,
}

/// Why a WebSocket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client closes it: its close frame is answered.
    Left,
    /// Nobody is there, or nothing gets through.
    Gone,
    /// It is told why.
    Told(Closing),
}

/// What happens to a WebSocket.
enum Happening {
    Stop,
    Came(Result<VecDeque<Delivery>, Lagged>),
    Said(Said),
    Silence,
}

impl Connection {
    pub(super) fn new(edge: &EdgeState, watcher: Watcher) -> Self {
        Self {
            watcher,
            waits: Waits {
                settings: Arc::clone(&edge.settings),
                soft: edge.soft.clone(),
            },
            awaited: None,
        }
    }

    /// A WebSocket whose client may also name an order by its bare id, to be told when it is over.
    pub(super) fn awaiting(edge: &EdgeState, watcher: Watcher, trace: Trace) -> Self {
        Self {
            awaited: Some(Box::new(Awaited::new(edge.clone(), trace))),
            ..Self::new(edge, watcher)
        }
    }

    pub(super) fn max_message_bytes(&self) -> usize {
        self.waits.settings.tuning.live.max_message_bytes
    }

    pub(super) async fn run<S>(mut self, mut peer: Peer<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let end = self.live(&mut peer).await;
        let patience = self.waits.settings.tuning.live.close_timeout;
        // What the client watched ends now, not when its goodbye is over.
        drop(self.watcher);
        match end {
            End::Gone => {}
            End::Left => Box::pin(peer.close(None, patience)).await,
            End::Told(closing) => Box::pin(peer.close(Some(closing), patience)).await,
        }
    }

    async fn live<S>(&mut self, peer: &mut Peer<S>) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let soft = self.waits.soft.clone();
        let ping_after = self.waits.settings.tuning.live.ping_after;
        let mut stop = pin!(soft.cancelled());
        let mut silence = pin!(sleep(ping_after));
        let mut heard = Instant::now();
        loop {
            let happening = tokio::select! {
                () = &mut stop => Happening::Stop,
                came = self.watcher.receive() => Happening::Came(came),
                said = peer.listen() => Happening::Said(said),
                () = &mut silence => Happening::Silence,
            };
            let step = match happening {
                Happening::Came(Ok(deliveries)) => {
                    let over = queue(peer, self.awaited.as_deref_mut(), deliveries);
                    self.unwatch(over);
                    let lagging = self.watcher.lagging();
                    write(peer, &self.waits, lagging).await
                }
                Happening::Came(Err(Lagged)) => Err(End::Told(LAGS)),
                Happening::Said(said) => {
                    heard = Instant::now();
                    self.hear(peer, said).await
                }
                Happening::Silence => {
                    silence.as_mut().reset(Instant::now() + ping_after);
                    self.ping(peer, heard).await
                }
                Happening::Stop => Err(Box::pin(self.stop(peer)).await),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn ping<S>(&self, peer: &mut Peer<S>, heard: Instant) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let live = &self.waits.settings.tuning.live;
        let silent_for = heard.elapsed();
        if silent_for >= live.idle_timeout {
            return Err(End::Told(SILENT));
        }
        if silent_for < live.ping_after {
            return Ok(());
        }
        match timeout(live.close_timeout, peer.ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    async fn hear<S>(&mut self, peer: &mut Peer<S>, said: Said) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match said {
            Said::Text(text) => match (self.awaited.is_some(), name_in(&text)) {
                (true, Some(name)) => Box::pin(self.await_order(peer, name)).await,
                _ => {
                    let command = Command::parse(&text);
                    drop(text);
                    Box::pin(self.obey(peer, command)).await
                }
            },
            Said::Binary => Err(End::Told(BINARY)),
            Said::Sign => Ok(()),
            Said::Gone => Err(End::Left),
            Said::Fault(closing) => Err(End::Told(closing)),
        }
    }

    async fn obey<S>(
        &mut self,
        peer: &mut Peer<S>,
        command: Result<Command, Refused>,
    ) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match command {
            Ok(Command::Subscribe { topics, start }) => {
                for topic in topics {
                    if let Some(awaited) = &mut self.awaited {
                        awaited.forget(&topic);
                    }
                    let is_order = matches!(topic, Topic::Order(_));
                    let joined_at = self.subscribe(peer, topic, start.clone()).await?;
                    // A watcher of many orders can resume from here before it has seen a change.
                    if let (Some(cursor), false) = (joined_at, is_order) {
                        peer.queue(frame::subscribed(&cursor));
                    }
                }
                write(peer, &self.waits, self.watcher.lagging()).await
            }
            Ok(Command::Unsubscribe { topics }) => {
                for topic in &topics {
                    if let Some(awaited) = &mut self.awaited {
                        awaited.forget(topic);
                    }
                }
                self.unwatch(topics);
                Ok(())
            }
            Err(refused) => self.say_error(peer, refused.code, &refused.detail).await,
        }
    }

    fn unwatch(&mut self, topics: Vec<Topic>) {
        for topic in topics {
            self.watcher.unwatch(&topic);
        }
    }

    /// Watches an order of which the client is told once it is over.
    async fn await_order<S>(&mut self, peer: &mut Peer<S>, name: &str) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(awaited) = &mut self.awaited else {
            return Ok(());
        };
        match awaited.add(name).await {
            Ok(Some(_)) if awaited.names() > self.waits.settings.tuning.live.max_topics => {
                Err(End::Told(TOO_MANY_TOPICS))
            }
            Ok(Some(topic)) => {
                let joined_at = self.subscribe(peer, topic.clone(), Start::Now).await?;
                if let (None, Some(awaited)) = (joined_at, &mut self.awaited) {
                    // The client was told that it is not watched, and nothing is kept for it.
                    awaited.forget(&topic);
                }
                write(peer, &self.waits, self.watcher.lagging()).await
            }
            Ok(None) => {
                let detail = "is neither the id of an order nor a number that one had before";
                self.say_error(peer, "unknown_order", detail).await
            }
            Err(problem) => {
                let words = problem.words();
                self.say_error(peer, problem.code(), &words).await
            }
        }
    }

    /// Returns where the topic was joined; `None` where the client was told that it was not.
    async fn subscribe<S>(
        &mut self,
        peer: &mut Peer<S>,
        topic: Topic,
        start: Start,
    ) -> Result<Option<Cursor>, End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let watched = self.watcher.topics();
        if watched.len() >= self.waits.settings.tuning.live.max_topics && !watched.contains(&topic)
        {
            return Err(End::Told(TOO_MANY_TOPICS));
        }
        let mut catch_up = self.watcher.watch(topic, start);
        let mut over = Vec::new();
        let error = loop {
            match catch_up.next().await {
                Ok(Some(deliveries)) => {
                    over.extend(queue(peer, self.awaited.as_deref_mut(), deliveries));
                }
                Ok(None) => {
                    let joined_at = catch_up.joined_at().cloned();
                    drop(catch_up);
                    self.unwatch(over);
                    return Ok(joined_at);
                }
                Err(error) => break error,
            }
            write(peer, &self.waits, catch_up.lagging()).await?;
            if self.waits.soft.is_cancelled() {
                // No cursor is right in the middle of a gap: the client's own is.
                return Err(End::Told(RESTART));
            }
        };
        drop(catch_up);
        tracing::debug!(%error, "a subscription could not begin");
        let code = match error {
            WatchError::Store(_) | WatchError::NotFollowed { .. } => "unavailable",
            WatchError::Busy | WatchError::TooManyWatchers => "busy",
            WatchError::Forbidden(_) => "forbidden",
        };
        let detail = match error {
            WatchError::Forbidden(forbidden) => forbidden.to_string(),
            _ => "the subscription did not begin; nothing is skipped: send it again in a moment"
                .to_owned(),
        };
        self.say_error(peer, code, &detail).await?;
        Ok(None)
    }

    async fn say_error<S>(&self, peer: &mut Peer<S>, code: &str, detail: &str) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        peer.queue(frame::error(code, detail));
        write(peer, &self.waits, self.watcher.lagging()).await
    }

    /// The server stops: whatever waits is passed on, with the cursor to come back with.
    async fn stop<S>(&mut self, peer: &mut Peer<S>) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let awaited = self.awaited.as_ref().map_or(0, |awaited| awaited.orders());
        let is_watching = self.watcher.topics().len() > awaited;
        let Ok((deliveries, cursor)) = self.watcher.end() else {
            return End::Told(LAGS);
        };
        let _ = queue(peer, self.awaited.as_deref_mut(), deliveries);
        if is_watching {
            peer.queue(frame::reconnect(&cursor));
        }
        match write(peer, &self.waits, std::future::pending()).await {
            Ok(()) => End::Told(RESTART),
            Err(end) => end,
        }
    }
}

/// Queues what came; returns the topics of which nothing more is to come.
fn queue<S>(
    peer: &mut Peer<S>,
    mut awaited: Option<&mut Awaited>,
    deliveries: VecDeque<Delivery>,
) -> Vec<Topic>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut over = Vec::new();
    for delivery in deliveries {
        let frames: Bytes = match (&delivery, &mut awaited) {
            (Delivery::Changes(batch), Some(awaited)) if awaited.orders() > 0 => {
                awaited.frames(batch.changes(), &mut over)
            }
            (Delivery::Changes(batch), _) => {
                batch.framed(Framing::WebSocket, frame::changes).clone()
            }
            (Delivery::Resync(resync), _) => frame::resync(resync),
        };
        peer.queue(frames);
    }
    over
}

/// Writes all that waits. A client that takes nothing for too long is given up, sooner where the server stops; one that
/// lags is told so, if it takes the rest of what was begun in time.
async fn write<S>(
    peer: &mut Peer<S>,
    waits: &Waits,
    lagging: impl Future<Output = ()>,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut lagging = pin!(lagging);
    let mut patience = waits.settings.tuning.live.write_timeout;
    let mut is_stopping = false;
    loop {
        let written = tokio::select! {
            // First: as long as the client takes everything at once, nothing else is looked at.
            biased;
            written = peer.write_some() => written,
            () = &mut lagging => break,
            () = waits.soft.cancelled(), if !is_stopping => {
                is_stopping = true;
                patience = waits.settings.tuning.live.close_timeout;
                continue;
            }
            () = sleep(patience) => return Err(End::Gone),
        };
        match written {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(_) => return Err(End::Gone),
        }
    }
    peer.forget_waiting();
    let rest = async { while let Ok(false) = peer.write_some().await {} };
    tokio::select! {
        () = rest => Err(End::Told(LAGS)),
        () = sleep(waits.settings.tuning.live.lag_grace) => Err(End::Gone),
        () = waits.soft.cancelled() => Err(End::Gone),
    }
}
