//! WatchOrder and WatchOrders: what is watched, and where it begins. What follows is in `feed`.

mod feed;

use std::panic::AssertUnwindSafe;

use application::watch::{Cursor, Start, Topic};
use domain::{UserId, Version};
use futures_util::FutureExt as _;
use proto::ordermill::v1 as pb;
use tokio::sync::{mpsc, oneshot};

use super::{existing_order, read};
use crate::call::Call;
use crate::messages::{self, Faults};
use crate::refusal::{Refusal, of_watch};
use crate::state::GrpcEdge;

pub(crate) use feed::Watch;
use feed::{Chunk, Feed};

/// Chunks between a feed and its stream. Few: what waits longer waits in the watcher's queue, which is bounded.
const WAITING_CHUNKS: usize = 2;

/// One order, until it is final.
pub(super) async fn watch_order(
    edge: &GrpcEdge,
    call: &Call,
    message: &pb::WatchOrderRequest,
) -> Result<Watch, Refusal> {
    use pb::watch_order_request::Start as Asked;
    let mut faults = Faults::default();
    let id = messages::read_order_id(&message.order_id, &mut faults);
    let start = match &message.start {
        None => Some(Start::Now),
        Some(Asked::AfterVersion(number)) => {
            Some(Start::AfterVersion(Version::from_number(*number)))
        }
        Some(Asked::Cursor(text)) => read_cursor(text, &mut faults).map(Start::After),
    };
    let (id, start) = faults.all_good(id.zip(start))?;
    let caller = call.caller(edge.settings.request_deadline);
    let order = existing_order(edge, &caller, id).await?;
    let has_seen_all = match &start {
        Start::Now => false,
        Start::AfterVersion(version) => order.status.is_final() && *version == Some(order.version),
        Start::After(cursor) => {
            order.status.is_final()
                && read(&caller, edge.orders.has_seen_all(&caller, id, cursor)).await?
        }
    };
    if has_seen_all {
        return Ok(Watch::ended());
    }
    open(edge, call, Topic::Order(id), start).await
}

/// A user's orders, or all.
pub(super) async fn watch_orders(
    edge: &GrpcEdge,
    call: &Call,
    message: &pb::WatchOrdersRequest,
) -> Result<Watch, Refusal> {
    let mut faults = Faults::default();
    let topic = match message.user_id.as_deref().map(UserId::new) {
        None => Some(Topic::Everything),
        Some(Ok(user)) => Some(Topic::User(user)),
        Some(Err(error)) => {
            faults.push("/user_id", error.code(), error.to_string());
            None
        }
    };
    let start = if message.cursor.is_empty() {
        Some(Start::Now)
    } else {
        read_cursor(&message.cursor, &mut faults).map(Start::After)
    };
    let (topic, start) = faults.all_good(topic.zip(start))?;
    open(edge, call, topic, start).await
}

fn read_cursor(text: &str, faults: &mut Faults) -> Option<Cursor> {
    Cursor::parse(text)
        .map_err(|error| faults.push("/cursor", "invalid", error.to_string()))
        .ok()
}

async fn open(edge: &GrpcEdge, call: &Call, topic: Topic, start: Start) -> Result<Watch, Refusal> {
    if edge.soft.is_cancelled() {
        return Err(Refusal::stopping());
    }
    let caller = call.caller(edge.settings.request_deadline);
    let watcher = edge.hub.watcher(&caller);
    let watcher = watcher.map_err(|error| of_watch(&error, caller.deadline))?;
    let (chunks, received) = mpsc::channel(WAITING_CHUNKS);
    let after_panic = chunks.clone();
    let (begun, has_begun) = oneshot::channel();
    let feed = Feed::new(edge, call, watcher, chunks, topic, start);
    let (hard, write_timeout) = (edge.hard.clone(), edge.settings.tuning.write_timeout);
    edge.tasks.spawn(async move {
        let running = AssertUnwindSafe(feed.run(begun)).catch_unwind();
        if let Some(Err(panic)) = hard.run_until_cancelled_owned(running).await {
            let refusal = Refusal::of_panic(&*panic);
            // A client that has left, or takes nothing, does not get it.
            let _ = after_panic
                .send_timeout(Chunk::Cut(refusal), write_timeout)
                .await;
        }
    });
    // A stream that cannot begin is refused at once, not with silence.
    has_begun
        .await
        .map_err(|_| {
            if edge.hard.is_cancelled() {
                Refusal::stopping()
            } else {
                Refusal::internal("the watching broke off before it began")
            }
        })?
        .map_err(|error| of_watch(&error, call.within(edge.settings.request_deadline)))?;
    Ok(Watch::new(edge, call, received))
}
