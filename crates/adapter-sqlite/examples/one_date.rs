//! Measures writing and reading old orders with dates alone: `cargo run --release -p adapter-sqlite --example one_date -- [dir]
//! [orders]`, by default 500,000 orders.
//!
//! All orders have the same millisecond. They are written in batches of 500, one after the other, as an importer does. It
//! prints rows per second, in total and for the last tenth, and the time of a lookup by id and of a page of a list.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adapter_sqlite::{SHARDS, SqliteOptions, SqliteStore, Tuning};
use application::in_process::InProcessHints;
use application::ports::{
    Committed, Guard, Ids, ListFilter, ListQuery, OrderReader as _, OrderWriter as _, Write,
};
use application::system::{SystemClock, SystemIds};
use domain::{
    Cause, Currency, HistoryStatus, Money, Order, OrderId, PlaceOrder, ReceiptLocation,
    ReceiptTemplate, Source, Timestamp, UserId,
};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: u64 = 500;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().unwrap_or_else(|| "target".to_owned());
    let orders = arguments.next().map_or(500_000, |number| {
        number
            .parse::<u64>()
            .expect("the number of orders is a number")
    });
    let folder = tempfile::tempdir_in(Path::new(&dir)).expect("a folder can be made");
    let hints = Arc::new(InProcessHints::new(&SHARDS));
    let store = SqliteStore::open(
        SqliteOptions {
            data_dir: folder.path().to_owned(),
            queue: 8_192,
            batch: 1_024,
            tuning: Tuning::default(),
        },
        Arc::new(SystemClock::new()),
        Arc::new(SystemIds),
        hints,
    );
    let store = store.expect("the folder is new");
    let created_at = Timestamp::parse("2010-12-01T00:00:00Z").expect("a valid time");
    let mut ids = Vec::new();
    let began = Instant::now();
    let (mut last_tenth, mut before_it) = (began, 0);
    for first in (0..orders).step_by(BATCH as usize) {
        if first * 10 >= orders * 9 && before_it == 0 {
            (last_tenth, before_it) = (Instant::now(), first);
        }
        let numbers = first..orders.min(first + BATCH);
        let writes: Vec<Write> = numbers.map(|number| history(number, created_at)).collect();
        ids.extend(writes.iter().map(|write| write.decision.order.id));
        let deadline = Instant::now() + Duration::from_secs(60);
        for answer in store.commit(writes, deadline).await {
            assert!(
                matches!(answer, Ok(Committed::Written { .. })),
                "{answer:?}"
            );
        }
    }
    let rate = |rows: u64, since: Instant| rows as f64 / since.elapsed().as_secs_f64();
    println!(
        "{orders} orders of one date: {:.0} rows/s, {:.0} in the last tenth",
        rate(orders, began),
        rate(orders - before_it, last_tenth)
    );
    look_up(&store, &ids).await;
    list(&store).await;
    store.close().await;
}

async fn look_up(store: &SqliteStore, ids: &[OrderId]) {
    let began = Instant::now();
    let some = ids.iter().step_by(101);
    let count = some.len();
    for id in some {
        let found = store.get(*id).await.expect("the store reads");
        assert_eq!(found.map(|order| order.id), Some(*id));
    }
    let each = began.elapsed() / u32::try_from(count).expect("a small number");
    println!("a lookup by id: {each:?}");
}

async fn list(store: &SqliteStore) {
    const PAGES: u32 = 20;
    let mut query = ListQuery {
        filter: ListFilter::default(),
        before: None,
        limit: 100,
        scan_limit: 10_000,
    };
    let began = Instant::now();
    for _ in 0..PAGES {
        let page = store.list(&query).await.expect("the store lists");
        assert_eq!(page.orders.len(), 100);
        query.before = page.next_before;
    }
    println!("a page of 100 of the list: {:?}", began.elapsed() / PAGES);
}

fn history(number: u64, created_at: Timestamp) -> Write {
    let user_id = UserId::new(&format!("user-{}", number % 5_000)).expect("a valid user id");
    let command = PlaceOrder {
        user_id,
        external_id: None,
        source: Source::Import,
        amount: Money::new(14_999, Currency::USD).expect("a valid amount"),
        lines: Arc::from([]),
        adjustments: Arc::from([]),
        metadata: Arc::default(),
        process_after: None,
        receipt_template: ReceiptTemplate::Standard,
    };
    let id = SystemIds.order_id(created_at, &command.user_id);
    let decision = Order::place_history(
        command,
        id,
        created_at,
        Cause::default(),
        ReceiptLocation::Rendered,
        HistoryStatus::Processed,
    );
    Write {
        decision: decision.expect("the rules allow history"),
        guard: Guard::New {
            key: None,
            fingerprint: None,
        },
    }
}
