//! Measures how many orders per second the store takes: concurrent callers, one order per call, each waiting for its
//! commit; then how fast the orders are claimed and completed, and how fast they are read and listed.
//!
//! `cargo run --release -p adapter-postgres --example postgres_intake -- DSN [callers [seconds [keys] [only]]]`, with an
//! empty schema behind the DSN; `keys` gives each order an idempotency key and an external id, `only` stops after
//! the intake.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::{NotifyBus, PostgresOptions, PostgresStore, ShardMap, Tuning};
use application::in_process::{FanOut, InProcessHints};
use application::ports::{
    Guard, Ids, ListFilter, ListQuery, OrderReader as _, OrderWriter as _, WorkQueue as _, Write,
};
use application::system::{SystemClock, SystemIds};
use domain::{
    Cause, Currency, ExternalId, IdempotencyKey, Line, Money, Order, PlaceOrder, ProductName,
    Quantity, Receipt, ReceiptLocation, ReceiptTemplate, ShardId, Source, Timestamp, UserId,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("which DSN?")?;
    let callers: usize = arguments.next().map_or(Ok(64), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let words: Vec<String> = arguments.collect();
    let has_keys = words.iter().any(|word| word == "keys");
    let hints = Arc::new(InProcessHints::new(&[ShardId(0)]));
    let options = PostgresOptions {
        shards: vec![address],
        map: ShardMap::Spread,
        pool_size: 8,
        queue: 8_192,
        batch: 512,
        connect_timeout: Duration::from_secs(3),
        start_timeout: Duration::from_secs(10),
        tuning: Tuning::default(),
    };
    let clock = Arc::new(SystemClock::new());
    let bus = Arc::new(NotifyBus::start(&options, &hints)?);
    let hints = Arc::new(FanOut::to(vec![hints, bus]));
    let store = PostgresStore::connect(options, clock, hints).await?;
    let store = Arc::new(store);

    let placed = intake(&store, callers, Duration::from_secs(seconds), has_keys).await?;
    report("placed", placed, Duration::from_secs(seconds));
    if words.iter().any(|word| word == "only") {
        store.close().await;
        return Ok(());
    }
    let start = Instant::now();
    let worked = process_all(&store, placed.min(100_000)).await?;
    report("claimed and completed", worked, start.elapsed());
    read(&store).await?;
    store.close().await;
    Ok(())
}

fn report(what: &str, count: usize, took: Duration) {
    let rate = count as f64 / took.as_secs_f64();
    println!(
        "{what}: {count} in {:.2} s, {rate:.0}/s",
        took.as_secs_f64()
    );
}

async fn intake(
    store: &Arc<PostgresStore>,
    callers: usize,
    time: Duration,
    has_keys: bool,
) -> Result<usize, Failed> {
    let end = Instant::now() + time;
    let mut tasks: JoinSet<Result<usize, Failed>> = JoinSet::new();
    for _ in 0..callers {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let mut count = 0;
            while Instant::now() < end {
                let write = order(has_keys)?;
                let deadline = Instant::now() + Duration::from_secs(10);
                for answer in store.commit(vec![write], deadline).await {
                    answer?;
                    count += 1;
                }
            }
            Ok(count)
        });
    }
    let mut sum = 0;
    while let Some(count) = tasks.join_next().await {
        sum += count??;
    }
    Ok(sum)
}

fn order(has_keys: bool) -> Result<Write, Failed> {
    let random = SystemIds.random();
    let unique = format!("{random:016x}");
    let user_id = UserId::new(&format!("user-{}", random % 10_000))?;
    let unit_price_minor = 14_999;
    let command = PlaceOrder {
        external_id: has_keys.then(|| ExternalId::new(&unique)).transpose()?,
        source: Source::Api,
        amount: Money::new(2 * unit_price_minor, Currency::USD)?,
        lines: Arc::from([Line {
            sku: None,
            product_name: ProductName::new("Mechanical Keyboard")?,
            quantity: Quantity::whole(2).ok_or("2 is a quantity")?,
            unit_price_minor: Some(unit_price_minor),
            total_minor: 2 * unit_price_minor,
        }]),
        adjustments: Arc::default(),
        metadata: Arc::default(),
        process_after: None,
        receipt_template: ReceiptTemplate::Standard,
        user_id,
    };
    let key = has_keys.then(|| IdempotencyKey::new(&unique)).transpose()?;
    let fingerprint = has_keys.then(|| command.fingerprint());
    let now = now()?;
    let id = SystemIds.order_id(now, &command.user_id);
    Ok(Write {
        decision: Order::place(
            command,
            id,
            now,
            Cause::default(),
            ReceiptLocation::Rendered,
        ),
        guard: Guard::New { key, fingerprint },
    })
}

fn now() -> Result<Timestamp, Failed> {
    use application::ports::Clock as _;
    Ok(SystemClock::new().now())
}

async fn process_all(store: &Arc<PostgresStore>, count: usize) -> Result<usize, Failed> {
    let mut done = 0;
    let mut outcomes = JoinSet::new();
    while done < count {
        let claimed = store
            .claim(
                ShardId(0),
                application::ports::ClaimLimits::any(256),
                Duration::from_secs(30),
            )
            .await?;
        if claimed.is_empty() {
            break;
        }
        done += claimed.len();
        while outcomes.len() >= 2 {
            outcomes.join_next().await;
        }
        let store = Arc::clone(store);
        outcomes.spawn(async move {
            let writes = claimed
                .iter()
                .filter_map(|order| completion(order))
                .collect();
            let deadline = Instant::now() + Duration::from_secs(10);
            store.commit(writes, deadline).await
        });
    }
    while let Some(answers) = outcomes.join_next().await {
        for answer in answers? {
            answer?;
        }
    }
    Ok(done)
}

fn completion(order: &Order) -> Option<Write> {
    let key = Receipt::key_of(&order.user_id, order.id);
    let decision = order.complete(None, key, order.updated_at).ok()?;
    Some(Write {
        decision,
        guard: Guard::At {
            version: order.version,
            status: order.status,
        },
    })
}

async fn read(store: &Arc<PostgresStore>) -> Result<(), Failed> {
    let newest = ListQuery {
        filter: ListFilter::default(),
        before: None,
        limit: 1000,
        scan_limit: 10_000,
    };
    let orders = store.list(&newest).await?.orders;
    let start = Instant::now();
    for order in &orders {
        store.get(order.id).await?;
    }
    report(
        "read by id, one after the other",
        orders.len(),
        start.elapsed(),
    );
    let start = Instant::now();
    for order in &orders {
        let query = ListQuery {
            filter: ListFilter {
                user_id: Some(order.user_id.clone()),
                ..ListFilter::default()
            },
            limit: 50,
            ..newest.clone()
        };
        store.list(&query).await?;
    }
    report(
        "lists by user, one after the other",
        orders.len(),
        start.elapsed(),
    );
    Ok(())
}
