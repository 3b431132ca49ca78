//! Measures the intake of the embedded store without HTTP: `cargo run --release -p adapter-sqlite --example intake -- [dir]
//! [load]`.
//!
//! It runs each load for a few seconds: `plain`, `keyed` (with key and external id) and `whole life` with 64 and 256 callers,
//! each of which waits for its answer, and `groups` of 256 orders from four callers. It prints, for each load: orders per
//! second; CPU time per order, of the process and of the writer thread (which is meaningful on a busy machine, too); bytes per
//! order in the file; and bytes and write calls per order, including the index.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use adapter_sqlite::{SHARDS, SqliteOptions, SqliteStore, Tuning};
use application::in_process::InProcessHints;
use application::ports::{
    ClaimLimits, Clock, Committed, Guard, Ids, OrderReader as _, OrderWriter as _, WorkQueue as _,
    Write,
};
use application::system::{SystemClock, SystemIds};
use domain::{
    Cause, Currency, ExternalId, IdempotencyKey, Money, Order, PlaceOrder, Receipt,
    ReceiptLocation, ReceiptTemplate, Source, UserId,
};
use tokio::task::JoinSet;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUN: Duration = Duration::from_secs(4);

fn main() {
    let dir = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "target".to_owned());
    let only = std::env::args().nth(2).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    println!(
        "{:<26} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "load", "orders/s", "cpu us", "writer us", "in file", "written", "calls"
    );
    for callers in [64, 256] {
        for (name, keyed, with_workers) in [
            ("plain", false, false),
            ("keyed", true, false),
            ("whole life", false, true),
        ] {
            let load = Load {
                label: format!("{name}, {callers} callers"),
                callers,
                group: 1,
                keyed,
                with_workers,
            };
            if load.label.contains(&only) {
                runtime.block_on(run(Path::new(&dir), load));
            }
        }
    }
    let groups = Load {
        label: "groups of 256, 4 callers".to_owned(),
        callers: 4,
        group: 256,
        keyed: false,
        with_workers: false,
    };
    if groups.label.contains(&only) {
        runtime.block_on(run(Path::new(&dir), groups));
    }
}

struct Load {
    label: String,
    callers: usize,
    /// The orders of one call.
    group: u64,
    /// Each order has an idempotency key and an external id.
    keyed: bool,
    with_workers: bool,
}

async fn run(dir: &Path, load: Load) {
    let Load {
        label,
        callers,
        group,
        keyed,
        with_workers,
    } = load;
    let folder = tempfile::tempdir_in(dir).expect("a folder can be made");
    let hints = Arc::new(InProcessHints::new(&SHARDS));
    let clock = Arc::new(SystemClock::new());
    let options = SqliteOptions {
        data_dir: folder.path().to_owned(),
        queue: 8_192,
        batch: 1_024,
        tuning: Tuning::default(),
    };
    let store = SqliteStore::open(options, Arc::clone(&clock) as _, Arc::new(SystemIds), hints);
    let store = Arc::new(store.expect("the folder is new"));
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let (cpu_before, began) = (cpu_ticks(None), tokio::time::Instant::now());
    let (bytes_before, calls_before) = written();
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (store, stop, done) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&done));
        let clock = Arc::clone(&clock);
        tasks.spawn(async move {
            let mut number = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                let numbers = number..number + group;
                let writes = numbers.map(|number| place(&*clock, caller, number, keyed));
                let writes = writes.collect();
                number += group;
                let answers = store.commit(writes, in_a_minute()).await;
                let is_new = |answer: &&_| matches!(answer, Ok(Committed::Written { .. }));
                done.fetch_add(
                    answers.iter().filter(is_new).count() as u64,
                    Ordering::Relaxed,
                );
            }
        });
    }
    if with_workers {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        tasks.spawn(async move { work(&store, &*clock, &stop).await });
    }
    tokio::time::sleep(RUN).await;
    let orders = done.load(Ordering::Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_ticks(None) - cpu_before;
    let writer = cpu_ticks(Some("orders-writer"));
    let (bytes, calls) = written();
    stop.store(true, Ordering::Relaxed);
    while tasks.join_next().await.is_some() {}
    let each = |ticks: u64| (ticks as f64) * 10_000.0 / (orders.max(1) as f64);
    let counts = store.counts().await.expect("the store counts");
    if with_workers {
        println!("  {counts:?}");
    }
    store.close().await;
    drop(store);
    let file = std::fs::metadata(folder.path().join("orders.db"));
    let in_file = file.expect("the orders are in a file").len();
    let an_order = |amount: u64| amount as f64 / orders.max(1) as f64;
    println!(
        "{label:<26} {:>9.0} {:>9.2} {:>9.2} {:>9.1} {:>9.1} {:>9.3}",
        orders as f64 / seconds,
        each(cpu),
        each(writer),
        in_file as f64 / counts.accepted().max(1) as f64,
        an_order(bytes - bytes_before),
        an_order(calls - calls_before),
    );
}

/// The number of bytes that this process has written, and of its write calls.
fn written() -> (u64, u64) {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let figure = |name: &str| {
        let line = io.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|figure| figure.trim().parse().ok())
            .unwrap_or_default()
    };
    (figure("wchar:"), figure("syscw:"))
}

fn in_a_minute() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(60)
}

fn place(clock: &dyn Clock, caller: usize, number: u64, keyed: bool) -> Write {
    let user_id = UserId::new(&format!("user-{}", (caller as u64 * 31 + number) % 5_000));
    let external_id = keyed.then(|| ExternalId::new(&format!("{caller}-{number}")));
    let command = PlaceOrder {
        user_id: user_id.expect("a valid user id"),
        external_id: external_id.map(|id| id.expect("a valid external id")),
        source: Source::Api,
        amount: Money::new(14_999, Currency::USD).expect("a valid amount"),
        lines: Arc::from([]),
        adjustments: Arc::from([]),
        metadata: Arc::default(),
        process_after: None,
        receipt_template: ReceiptTemplate::Standard,
    };
    let key = keyed.then(|| IdempotencyKey::new(&format!("key-{caller}-{number}")));
    let guard = Guard::New {
        key: key.map(|key| key.expect("a valid key")),
        fingerprint: keyed.then(|| command.fingerprint()),
    };
    let now = clock.now();
    let id = SystemIds.order_id(now, &command.user_id);
    Write {
        decision: Order::place(
            command,
            id,
            now,
            Cause::default(),
            ReceiptLocation::Rendered,
        ),
        guard,
    }
}

/// Claims and completes orders at full speed, with up to four calls at a time.
async fn work(store: &Arc<SqliteStore>, clock: &dyn Clock, stop: &AtomicBool) {
    let mut finishing = JoinSet::new();
    while !stop.load(Ordering::Relaxed) {
        let claimed = store
            .claim(SHARDS[0], ClaimLimits::any(512), Duration::from_secs(30))
            .await;
        let claimed = claimed.unwrap_or_default();
        if claimed.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        let writes = claimed.iter().map(|order| complete(order, clock)).collect();
        let store = Arc::clone(store);
        finishing.spawn(async move { store.commit(writes, in_a_minute()).await.len() });
        while finishing.len() >= 4 {
            finishing.join_next().await;
        }
    }
    while finishing.join_next().await.is_some() {}
}

fn complete(order: &Order, clock: &dyn Clock) -> Write {
    let receipt_key = Receipt::key_of(&order.user_id, order.id);
    let decision = order
        .complete(None, receipt_key, clock.now())
        .expect("a claimed order can be completed");
    Write {
        decision,
        guard: Guard::At {
            version: order.version,
            status: order.status,
        },
    }
}

/// The CPU time in hundredths of a second: of this process, or of its threads with this name.
fn cpu_ticks(thread: Option<&str>) -> u64 {
    let of = |stat: String| -> u64 {
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = after_name.split_ascii_whitespace().skip(11);
        let mut next = || fields.next().and_then(|ticks| ticks.parse::<u64>().ok());
        next().unwrap_or_default() + next().unwrap_or_default()
    };
    let Some(name) = thread else {
        return std::fs::read_to_string("/proc/self/stat").map_or(0, of);
    };
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return 0;
    };
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok())
        .filter(|stat| stat.contains(&format!("({name})")))
        .map(of)
        .sum()
}
