//! One watching from its beginning to its end: a task that passes changes on to the answer's stream.
//!
//! A slow client is slowed down at the watcher's bounded queue. A client that lags is told so, comes back with its last
//! cursor, and the gap is filled from the store.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use application::watch::{Cursor, Delivery, Lagged, Start, Topic, WatchError, Watcher};
use futures_util::Stream;
use prost::Message as _;
use proto::ordermill::v1 as pb;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::answer_memory::AnswerReservation;
use crate::call::Call;
use crate::connection::Connection;
use crate::messages;
use crate::refusal::Refusal;
use crate::settings::GrpcSettings;
use crate::state::GrpcEdge;

/// What goes from a feed to its stream.
pub(super) enum Chunk {
    /// Messages, with the memory that they hold until the client takes them.
    Messages(Vec<pb::WatchResponse>, AnswerReservation),
    /// Nothing follows.
    Finished,
    /// The client should come back.
    Cut(Refusal),
}

pub(super) struct Feed {
    watcher: Watcher,
    outlet: Outlet,
    joining: (Topic, Start),
    settings: Arc<GrpcSettings>,
    soft: CancellationToken,
}

/// Where a feed's chunks go, as the client takes them.
struct Outlet {
    chunks: mpsc::Sender<Chunk>,
    /// The watching of one order ends with its final status.
    is_one_order: bool,
    settings: Arc<GrpcSettings>,
    connection: Arc<Connection>,
}

/// The watching is over. `None`: the client is gone.
struct End(Option<Chunk>);

impl Feed {
    pub(super) fn new(
        edge: &GrpcEdge,
        call: &Call,
        watcher: Watcher,
        chunks: mpsc::Sender<Chunk>,
        topic: Topic,
        start: Start,
    ) -> Self {
        Self {
            watcher,
            outlet: Outlet {
                chunks,
                is_one_order: matches!(topic, Topic::Order(_)),
                settings: Arc::clone(&edge.settings),
                connection: Arc::clone(call.connection()),
            },
            joining: (topic, start),
            settings: Arc::clone(&edge.settings),
            soft: edge.soft.clone(),
        }
    }

    /// Runs until the client leaves, the server stops, or the one order is final. `begun` gets first whether the
    /// watching can begin.
    pub(super) async fn run(mut self, begun: oneshot::Sender<Result<(), WatchError>>) {
        let End(last) = match Box::pin(self.join(begun)).await {
            Ok(()) => match self.follow().await {
                Ok(never) => match never {},
                Err(end) => end,
            },
            Err(end) => end,
        };
        // The watching ends now, not when the last chunk was taken.
        drop(self.watcher);
        if let Some(last) = last {
            let wait = self.settings.tuning.write_timeout;
            // A client that takes nothing any more finds the stream cut off.
            let _ = self.outlet.chunks.send_timeout(last, wait).await;
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
        loop {
            match next {
                Ok(Some(deliveries)) => self.outlet.pass_on(deliveries).await?,
                Ok(None) => break,
                // The client comes back with what it has got.
                Err(_) => return Err(cut(Refusal::stopping())),
            }
            if self.soft.is_cancelled() {
                return Err(cut(Refusal::stopping()));
            }
            next = catch_up.next().await;
        }
        match catch_up.joined_at() {
            Some(cursor) if !self.outlet.is_one_order => self.outlet.send_position(cursor).await,
            _ => Ok(()),
        }
    }

    async fn follow(&self) -> Result<std::convert::Infallible, End> {
        let heartbeat = self.settings.tuning.heartbeat;
        let mut stop = pin!(self.soft.cancelled());
        let mut silence = pin!(sleep(heartbeat));
        loop {
            tokio::select! {
                () = &mut stop => return Err(cut(Refusal::stopping())),
                () = self.outlet.chunks.closed() => return Err(End(None)),
                came = self.watcher.receive() => match came {
                    Ok(deliveries) => self.outlet.pass_on(deliveries).await?,
                    Err(Lagged) => return Err(cut(Refusal::watcher_lags())),
                },
                () = &mut silence => {
                    if let Some(cursor) = self.watcher.cursor().filter(|_| !self.outlet.is_one_order) {
                        self.outlet.send_position(&cursor).await?;
                    }
                }
            }
            silence.as_mut().reset(Instant::now() + heartbeat);
        }
    }
}

const fn cut(refusal: Refusal) -> End {
    End(Some(Chunk::Cut(refusal)))
}

impl Outlet {
    async fn pass_on(&self, deliveries: VecDeque<Delivery>) -> Result<(), End> {
        let mut is_final = false;
        let mut messages = Vec::new();
        for delivery in &deliveries {
            match delivery {
                Delivery::Changes(batch) => {
                    let changes = batch.changes().iter();
                    messages.extend(changes.map(|change| messages::change(change)));
                    let last = batch.changes().last();
                    is_final = last.is_some_and(|change| {
                        change.event().status().is_none_or(domain::Status::is_final)
                    });
                }
                Delivery::Resync(resync) => messages.push(messages::resync(resync)),
            }
        }
        self.send(messages).await?;
        if self.is_one_order && is_final {
            return Err(End(Some(Chunk::Finished)));
        }
        Ok(())
    }

    async fn send_position(&self, cursor: &Cursor) -> Result<(), End> {
        self.send(vec![messages::position(cursor)]).await
    }

    /// Fails once the client is gone, or takes nothing for too long; it comes back with its last cursor.
    async fn send(&self, messages: Vec<pb::WatchResponse>) -> Result<(), End> {
        let bytes = messages.iter().map(pb::WatchResponse::encoded_len).sum();
        let memory = self.connection.answers.reserve(bytes);
        let memory = memory.map_err(|_| cut(Refusal::too_many_answers()))?;
        let chunk = Chunk::Messages(messages, memory);
        let sent = self
            .chunks
            .send_timeout(chunk, self.settings.tuning.write_timeout)
            .await;
        sent.map_err(|_| End(None))
    }
}

/// The stream of the answer.
pub(crate) struct Watch {
    chunks: Option<(mpsc::Receiver<Chunk>, Call, Arc<GrpcSettings>)>,
    waiting: std::vec::IntoIter<pb::WatchResponse>,
    /// What the waiting messages hold.
    memory: Option<AnswerReservation>,
}

impl Watch {
    pub(super) fn new(edge: &GrpcEdge, call: &Call, chunks: mpsc::Receiver<Chunk>) -> Self {
        Self {
            chunks: Some((chunks, call.clone(), Arc::clone(&edge.settings))),
            waiting: Vec::new().into_iter(),
            memory: None,
        }
    }

    /// Nothing is left to send, and nothing will follow.
    pub(super) fn ended() -> Self {
        Self {
            chunks: None,
            waiting: Vec::new().into_iter(),
            memory: None,
        }
    }
}

impl Stream for Watch {
    type Item = Result<pb::WatchResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(message) = self.waiting.next() {
                return Poll::Ready(Some(Ok(message)));
            }
            self.memory = None;
            let Some((chunks, call, settings)) = &mut self.chunks else {
                return Poll::Ready(None);
            };
            let Poll::Ready(chunk) = chunks.poll_recv(context) else {
                return Poll::Pending;
            };
            let refusal = match chunk {
                Some(Chunk::Messages(messages, memory)) => {
                    self.waiting = messages.into_iter();
                    self.memory = Some(memory);
                    continue;
                }
                Some(Chunk::Finished) => None,
                Some(Chunk::Cut(refusal)) => Some(refusal),
                // The feed ended because the client took nothing.
                None => Some(Refusal::watcher_lags()),
            };
            let end =
                refusal.map(|refusal| Err(refusal.into_status(call, settings.tuning.retry_after)));
            self.chunks = None;
            return Poll::Ready(end);
        }
    }
}
