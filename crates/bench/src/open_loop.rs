//! Open-loop load: orders are sent at a fixed rate whatever the server does, and each is timed from the moment at
//! which it *should* have been sent until a watcher hears that it is PROCESSED. A stall of the server thus shows in
//! every order that it delayed, not in one (no coordinated omission).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::closed_loop::MakeRequest;
use super::connection::{Connection, find, first_id};
use super::error::{BenchError, Result};
use super::socket::Socket;

/// Orders whose answer or whose push is still awaited, and the latencies of those that have both.
struct Lives {
    intended: HashMap<String, Instant>,
    pushed: HashMap<String, Instant>,
    latency: Histogram<u64>,
}

/// Where and how fast.
pub(super) struct OpenLoad<'a> {
    pub(super) address: &'a str,
    pub(super) per_second: u64,
    pub(super) warm_up: Duration,
    pub(super) measured: Duration,
}

const CONNECTIONS: usize = 64;

/// Room for latencies in microseconds, up to a minute: `saturating_record` clamps to the bound, and never widens it.
pub(super) fn latencies() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
}

/// Microseconds from the intended send time to the push of PROCESSED.
pub(super) async fn run(load: OpenLoad<'_>, make_request: MakeRequest) -> Result<Histogram<u64>> {
    let lives = Lives {
        intended: HashMap::new(),
        pushed: HashMap::new(),
        latency: latencies()?,
    };
    let lives = Arc::new(Mutex::new(lives));
    let total = load.per_second * (load.warm_up + load.measured).as_secs();
    let unmeasured = load.per_second * load.warm_up.as_secs();
    let begin = Instant::now() + Duration::from_millis(200);
    let at =
        move |number: u64| begin + Duration::from_nanos(number * 1_000_000_000 / load.per_second);
    let due = Arc::new(Semaphore::new(0));
    let mut tasks = JoinSet::new();
    let watcher = Socket::open(load.address, r#"{"subscribe":{"all":true}}"#).await?;
    let watched = Arc::new(AtomicU64::new(0));
    tasks.spawn(watch(
        watcher,
        Arc::clone(&lives),
        Arc::clone(&watched),
        total,
    ));
    let next = Arc::new(AtomicU64::new(0));
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(load.address).await?;
        let (due, next, lives, make_request) = (
            Arc::clone(&due),
            Arc::clone(&next),
            Arc::clone(&lives),
            Arc::clone(&make_request),
        );
        tasks.spawn(async move {
            let mut request = Vec::with_capacity(512);
            // The semaphore is closed when all orders of the load are handed out.
            while let Ok(permit) = due.acquire().await {
                permit.forget();
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    break;
                }
                request.clear();
                make_request(number, &mut request);
                let answer = connection.exchange(&request).await?;
                if answer.status != 201 {
                    return Err(BenchError::unexpected(format!(
                        "answered {}: {}",
                        answer.status,
                        String::from_utf8_lossy(answer.body)
                    )));
                }
                let id = first_id(answer.body)
                    .ok_or_else(|| BenchError::unexpected("no id in the answer"))?
                    .to_owned();
                let intended = (number >= unmeasured).then(|| at(number));
                record(&lives, id, intended, None);
            }
            Ok(())
        });
    }
    let finished = pace(due, total, at, &watched, &mut tasks).await;
    tasks.shutdown().await;
    finished?;
    let latency = lives
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .latency
        .clone();
    Ok(latency)
}

/// Hands orders out when they are due and waits until all are pushed, or too long.
async fn pace(
    due: Arc<Semaphore>,
    total: u64,
    at: impl Fn(u64) -> Instant + Send + 'static,
    watched: &AtomicU64,
    tasks: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let stopped = Arc::new(AtomicBool::new(false));
    let limit = at(total) + Duration::from_secs(60);
    let pacer = {
        let (due, stopped) = (Arc::clone(&due), Arc::clone(&stopped));
        // A thread of its own: the runtime's timer counts whole milliseconds, which is what is to be measured.
        std::thread::spawn(move || {
            let mut released = 0;
            while released < total && !stopped.load(Ordering::Relaxed) {
                let now = Instant::now();
                let mut ready = 0;
                while released < total && at(released) <= now {
                    released += 1;
                    ready += 1;
                }
                due.add_permits(ready);
                std::thread::sleep(Duration::from_micros(100));
            }
            due.add_permits(CONNECTIONS);
        })
    };
    let result = loop {
        if watched.load(Ordering::Relaxed) >= total {
            break Ok(());
        }
        if Instant::now() > limit {
            let seen = watched.load(Ordering::Relaxed);
            break Err(BenchError::unexpected(format!(
                "only {seen} of {total} orders were pushed as PROCESSED within a minute after the last was sent"
            )));
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
            Some(ended) = tasks.join_next() => if let Err(error) = ended? { break Err(error) },
        }
    };
    stopped.store(true, Ordering::Relaxed);
    if pacer.join().is_err() {
        return Err(BenchError::unexpected("the pacing thread panicked"));
    }
    result
}

async fn watch(
    mut socket: Socket,
    lives: Arc<Mutex<Lives>>,
    watched: Arc<AtomicU64>,
    total: u64,
) -> Result<()> {
    while watched.load(Ordering::Relaxed) < total {
        let mut processed = Vec::new();
        socket
            .read(|frame| {
                if find(frame, b"\"status\":\"PROCESSED\"").is_some() {
                    let id =
                        find(frame, b"\"order_id\":\"").and_then(|at| frame.get(at + 12..at + 48));
                    processed.extend(
                        id.and_then(|id| std::str::from_utf8(id).ok())
                            .map(str::to_owned),
                    );
                }
            })
            .await?;
        let now = Instant::now();
        watched.fetch_add(processed.len() as u64, Ordering::Relaxed);
        for id in processed {
            record(&lives, id, None, Some(now));
        }
    }
    Ok(())
}

/// Notes one half of an order's life; the answer and the push may come in either order.
fn record(lives: &Mutex<Lives>, id: String, intended: Option<Instant>, pushed: Option<Instant>) {
    let mut lives = lives.lock().unwrap_or_else(PoisonError::into_inner);
    let (intended, pushed) = match (intended, pushed) {
        (Some(intended), None) => match lives.pushed.remove(&id) {
            Some(pushed) => (intended, pushed),
            None => {
                lives.intended.insert(id, intended);
                return;
            }
        },
        (None, Some(pushed)) => match lives.intended.remove(&id) {
            Some(intended) => (intended, pushed),
            None => {
                lives.pushed.insert(id, pushed);
                return;
            }
        },
        (Some(_), Some(_)) | (None, None) => return,
    };
    let micros =
        u64::try_from(pushed.saturating_duration_since(intended).as_micros()).unwrap_or(u64::MAX);
    lives.latency.saturating_record(micros);
}
