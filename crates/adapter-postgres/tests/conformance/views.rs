//! What a person reads: the tables and their views in words and decimals, held against the domain.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::PostgresStore;
use application::ports::{
    ClaimLimits, ListFilter, ListQuery, OrderReader as _, OrderWriter as _, WorkQueue as _,
};
use domain::{
    Adjustment, AdjustmentKind, Cause, Currency, Decision, Failure, HistoryStatus, Line, Money,
    Order, OrderCommand, OrderId, PlaceOrder, Receipt, ReceiptLocation, ShardId, Status, Timestamp,
    Wait, decimal,
};
use port_conformance::order_store::{deadline, sample, write_at};
use tokio_postgres::Row;

use crate::orders::{erasure, keyed, now, unkeyed, written};
use crate::server::{Beside, Process, fresh_shards};

/// A shard with an order of every status and of everything that an order waits for, of every number of digits, with and
/// without lines.
pub async fn filled(shards: &[String]) -> Process {
    let process = Process::on(shards).await;
    let store = &process.store;
    let first = [
        bought("alice", "A-1", -2_000),
        in_currency(sample::plain("bob", 2_200), "JPY"),
        in_currency(sample::plain("carol", 500), "KWD"),
        sample::numbered("dave", 1_999, "D-1"),
        sample::plain("erin", 100),
        sample::plain("judy", 700),
        sample::full("mallory", "M-1"),
        bought("olivia", "O-1", -1_000),
        sample::plain("peggy", 300),
        sample::plain("rupert", 400),
    ];
    for command in &first {
        written(store, keyed(command, command.user_id.as_str())).await;
    }
    let claimed = store
        .claim(ShardId(0), ClaimLimits::any(100), Duration::from_secs(3600))
        .await;
    let claimed: HashMap<String, Arc<Order>> = (claimed.unwrap().into_iter())
        .map(|order| (order.user_id.as_str().to_owned(), order))
        .collect();
    assert_eq!(claimed.len(), first.len());
    for user in ["alice", "bob", "carol", "mallory", "olivia"] {
        let order = &claimed[user];
        let key = Receipt::key_of(&order.user_id, order.id);
        let result = (user == "alice").then(|| Arc::from("{\"parcel\":7}"));
        let processed = order.complete(result, key, now()).unwrap();
        change(store, order, processed).await;
    }
    let rejected = Failure::new("handler_rejected", "400: no such SKU");
    let failed = claimed["dave"].fail(rejected, now()).unwrap();
    change(store, &claimed["dave"], failed).await;
    let away = Failure::new("timeout", "no answer within 30 s");
    let retry = claimed["erin"].retry(away, Duration::from_secs(3600), now());
    change(store, &claimed["erin"], retry.unwrap()).await;
    for user in ["peggy", "rupert"] {
        let away = Failure::new("receipt_store", "the receipt store does not answer");
        let hour = Duration::from_secs(3600);
        let done = claimed[user].await_receipt(Some(Arc::from("7")), away, hour, now());
        let done = done.unwrap();
        let waiting = Arc::clone(&done.order);
        change(store, &claimed[user], done).await;
        if user == "rupert" {
            apply(
                store,
                &waiting,
                &[OrderCommand::Hold, OrderCommand::Release],
            )
            .await;
        }
    }

    written(store, keyed(&sample::plain("frank", 5), "frank")).await;
    let later = sample::later("grace", 60, sample::time("2100-01-01T00:00:00.000Z"));
    written(store, keyed(&later, "grace")).await;
    let clf = in_currency(sample::plain("heidi", 12_345), "CLF");
    for (placing, command) in [
        (clf, OrderCommand::Hold),
        (sample::plain("ivan", 9), OrderCommand::Cancel),
    ] {
        let placed = written(store, keyed(&placing, "k")).await;
        apply(store, &placed, &[command]).await;
    }
    let old = in_currency(sample::numbered("karl", 9_900, "K-1"), "DEM");
    let long_ago = sample::time("1999-12-24T18:00:00.000Z");
    let history = Order::place_history(
        old.clone(),
        OrderId::new(long_ago, &old.user_id, 7),
        long_ago,
        Cause::default(),
        ReceiptLocation::Rendered,
        HistoryStatus::Processed,
    );
    written(store, unkeyed(history.unwrap(), &old)).await;
    erase(store, "mallory").await;
    process
}

/// An order of two lines, with a discount, shipping and a tax that the prices contain.
fn bought(user: &str, number: &str, discount: i64) -> PlaceOrder {
    let lines = vec![
        sample::line(Some("KB-1"), "Mechanical Keyboard", 2, 14_999),
        sample::priced(Some("APPLE"), "Apples, by weight", 485, Some(219), 106),
    ];
    let included = Adjustment {
        included: true,
        ..sample::adjustment(AdjustmentKind::Tax, Some("VAT 19 %"), 4_583)
    };
    let adjustments = vec![
        sample::adjustment(AdjustmentKind::Discount, Some("SPRING"), discount),
        sample::adjustment(AdjustmentKind::Shipping, None, 600),
        included,
    ];
    PlaceOrder {
        external_id: Some(sample::external_id(number)),
        ..sample::of_lines_and(user, lines, adjustments)
    }
}

fn in_currency(command: PlaceOrder, code: &str) -> PlaceOrder {
    let currency = Currency::parse_any(code).unwrap();
    PlaceOrder {
        amount: Money::new(command.amount.minor(), currency).unwrap(),
        ..command
    }
}

async fn change(store: &PostgresStore, from: &Order, decision: Decision) {
    written(store, write_at(from, decision)).await;
}

async fn apply(store: &PostgresStore, order: &Order, commands: &[OrderCommand]) {
    let mut order = order.clone();
    for command in commands {
        let changed = order.apply(*command, now(), Cause::default()).unwrap();
        let next = Order::clone(&changed.order);
        change(store, &order, changed).await;
        order = next;
    }
}

async fn erase(store: &PostgresStore, user: &str) {
    let order = all_orders(store)
        .await
        .into_iter()
        .find(|order| order.user_id.as_str() == user)
        .unwrap();
    store.erase(erasure(&order), deadline()).await.unwrap();
}

async fn all_orders(store: &PostgresStore) -> Vec<Arc<Order>> {
    let query = ListQuery {
        filter: ListFilter::default(),
        before: None,
        limit: 100,
        scan_limit: 1_000,
    };
    store.list(&query).await.unwrap().orders
}

fn decimal_of(minor: i64, currency: Currency) -> String {
    let mut text = String::new();
    decimal::write(&mut text, minor, currency.exponent()).unwrap();
    text
}

fn unsigned(minor: u64, currency: Currency) -> String {
    decimal_of(i64::try_from(minor).unwrap(), currency)
}

/// All columns of a row, as PostgreSQL prints them; times as the domain does.
fn texts(row: &Row) -> Vec<Option<String>> {
    (0..row.len()).map(|column| row.get(column)).collect()
}

const RFC_3339: &str = "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'";

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_shown_in_the_words_and_digits_of_the_api() {
    let shards = fresh_shards(1).await;
    let process = filled(&shards).await;
    let orders = all_orders(&process.store).await;
    let statuses: Vec<Status> = orders.iter().map(|order| order.status).collect();
    for status in Status::ALL {
        assert!(statuses.contains(&status), "an order that is {status}");
    }
    for wait in Wait::ALL {
        let mut waits = orders.iter().filter_map(|order| order.waiting_for());
        assert!(waits.any(|waiting| waiting.what == wait), "{wait:?}");
    }
    let time = |column: &str| format!("to_char({column} AT TIME ZONE 'UTC', {RFC_3339})");
    let query = format!(
        "SELECT {}, {}, status, source, user_id, external_id, currency, amount::text, {}, waiting_for, {}, attempt::text, \
                version::text, failure_code, failure_message, result, receipt_key, metadata::text, \
                (due_at IS NOT NULL)::text \
         FROM orders_readable WHERE id = $1",
        time("created_at"),
        time("updated_at"),
        time("process_after"),
        time("waiting_until"),
    );
    let beside = Beside::to(&shards[0]).await;
    for order in &orders {
        let id = order.id.as_uuid();
        let row = beside.client.query_one(&query, &[&id]).await.unwrap();
        let waiting = order.waiting_for();
        let text = |value: &dyn ToString| Some(value.to_string());
        let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let failure = order.failure.as_ref();
        let is_due = matches!(order.status, Status::Pending | Status::Retrying);
        let expected = vec![
            text(&order.created_at),
            text(&order.updated_at),
            text(&order.status),
            text(&order.source.as_str()),
            text(&order.user_id),
            order.external_id.as_ref().map(ToString::to_string),
            text(&order.amount.currency()),
            text(&order.amount),
            moment(order.process_after),
            waiting.map(|waiting| waiting.what.as_str().to_owned()),
            moment(waiting.and_then(|waiting| waiting.until)),
            text(&order.attempt),
            text(&order.version),
            failure.map(|failure| failure.code.to_string()),
            failure.map(|failure| failure.message.to_string()),
            order.result.as_deref().map(str::to_owned),
            order.receipt_key.as_deref().map(str::to_owned),
            Some("{}".to_owned()),
            text(&is_due),
        ];
        assert_eq!(texts(&row), expected, "{}", order.user_id);
    }
    let count = "SELECT count(*) FROM orders_readable";
    let count: i64 = beside.client.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(count).unwrap(), orders.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_adjustments_are_shown_one_per_row_with_exact_decimals() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let yen = in_currency(sample::full("bob", "B-1"), "JPY");
    let orders = [
        written(&process.store, keyed(&sample::full("alice", "A-1"), "k")).await,
        written(&process.store, keyed(&yen, "k")).await,
        written(&process.store, keyed(&sample::plain("carol", 1), "k")).await,
    ];
    let beside = Beside::to(&shards[0]).await;
    let lines = "SELECT line::text, sku, product_name, quantity::text, unit_price::text, total::text, currency \
                 FROM order_lines WHERE order_id = $1 ORDER BY line";
    let adjustments = "SELECT adjustment::text, kind, label, amount::text, included::text, currency \
                       FROM order_adjustments WHERE order_id = $1 ORDER BY adjustment";
    for order in &orders {
        let (id, currency) = (order.id.as_uuid(), order.amount.currency());
        let shown = |line: (usize, &Line)| {
            let (index, line) = line;
            vec![
                Some((index + 1).to_string()),
                line.sku.as_ref().map(ToString::to_string),
                Some(line.product_name.to_string()),
                Some(line.quantity.to_string()),
                line.unit_price_minor.map(|minor| unsigned(minor, currency)),
                Some(unsigned(line.total_minor, currency)),
                Some(currency.to_string()),
            ]
        };
        let expected: Vec<_> = order.lines.iter().enumerate().map(shown).collect();
        let rows = beside.client.query(lines, &[&id]).await.unwrap();
        assert_eq!(rows.iter().map(texts).collect::<Vec<_>>(), expected);

        let shown = |adjustment: (usize, &Adjustment)| {
            let (index, adjustment) = adjustment;
            vec![
                Some((index + 1).to_string()),
                Some(adjustment.kind.as_str().to_owned()),
                adjustment.label.as_ref().map(ToString::to_string),
                Some(decimal_of(adjustment.amount_minor, currency)),
                Some(adjustment.included.to_string()),
                Some(currency.to_string()),
            ]
        };
        let expected: Vec<_> = order.adjustments.iter().enumerate().map(shown).collect();
        let rows = beside.client.query(adjustments, &[&id]).await.unwrap();
        assert_eq!(rows.iter().map(texts).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_knows_the_currencies_that_the_domain_knows() {
    let shards = fresh_shards(1).await;
    let _process = Process::on(&shards).await;
    let mut expected = Vec::new();
    for first in 'A'..='Z' {
        for second in 'A'..='Z' {
            for third in 'A'..='Z' {
                let code = String::from_iter([first, second, third]);
                if let Ok(currency) = Currency::parse_any(&code) {
                    let unit = decimal_of(1, currency);
                    expected.push((code, i16::from(currency.exponent()), unit));
                }
            }
        }
    }
    let beside = Beside::to(&shards[0]).await;
    let query = "SELECT code, digits, minor_unit::text FROM currencies ORDER BY code COLLATE \"C\"";
    let rows = beside.client.query(query, &[]).await.unwrap();
    let stored: Vec<(String, i16, String)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    assert_eq!(stored, expected);
    assert!(
        Currency::codes().count() < stored.len(),
        "with withdrawn ones"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_id_of_a_time_is_that_of_the_domain() {
    let shards = fresh_shards(1).await;
    let _process = Process::on(&shards).await;
    let beside = Beside::to(&shards[0]).await;
    for (asked, first) in [
        ("2026-01-31T12:00:00.123Z", "2026-01-31T12:00:00.123Z"),
        // A fraction of a millisecond: the orders of this millisecond may be older.
        ("2026-01-31T12:00:00.1231Z", "2026-01-31T12:00:00.124Z"),
        ("1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.001Z"),
        ("9999-12-30T22:00:00.000Z", "9999-12-30T22:00:00.000Z"),
    ] {
        let query = format!("SELECT first_order_id('{asked}')::text");
        let id: String = beside.client.query_one(&query, &[]).await.unwrap().get(0);
        assert_eq!(id, OrderId::first_at(sample::time(first)).to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_can_be_read_by_a_person() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    written(
        &process.store,
        keyed(&bought("alice", "A-1", -2_000), "k-1"),
    )
    .await;
    let beside = Beside::to(&shards[0]).await;
    let row = beside
        .client
        .query_one(
            "SELECT orders.user_id, external_id, idempotency_key, currency, lines::text, adjustments::text, metadata::text \
             FROM orders JOIN events ON order_id = id WHERE event_type = 1 AND due_at <= clock_timestamp()",
            &[],
        )
        .await
        .unwrap();
    let read: Vec<String> = (0..7).map(|column| row.get(column)).collect();
    assert_eq!(
        read,
        [
            "alice",
            "A-1",
            "k-1",
            "USD",
            r#"[{"sku":"KB-1","product_name":"Mechanical Keyboard","quantity":2,"unit_price":149.99,"total":299.98},{"sku":"APPLE","product_name":"Apples, by weight","quantity":0.485,"unit_price":2.19,"total":1.06}]"#,
            r#"[{"kind":"discount","label":"SPRING","amount":-20.00},{"kind":"shipping","amount":6.00},{"kind":"tax","label":"VAT 19 %","amount":45.83,"included":true}]"#,
            "{}",
        ]
    );
}

/// Two roles of the server, dropped by the test at its end.
async fn create_roles(beside: &Beside, schema: &str, roles: [&str; 2]) {
    const PAGE: &str = include_str!("../../../../docs/POSTGRES.md");
    let [server, reporting] = roles;
    let mut statements = String::new();
    for role in roles {
        statements +=
            &format!("CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role};");
    }
    for grant in PAGE.lines().filter(|line| line.starts_with("GRANT ")) {
        statements += &grant
            .replace("TO ordermill_server;", &format!("TO {server};"))
            .replace("TO reporting;", &format!("TO {reporting};"));
    }
    beside.run(&statements).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_and_its_reports_need_no_more_rights_than_the_page_says() {
    let shards = fresh_shards(1).await;
    adapter_postgres::migrate(&crate::server::options(&shards))
        .await
        .unwrap();
    let (_, schema) = shards[0].rsplit_once("%3D").unwrap();
    let roles = [format!("{schema}_server"), format!("{schema}_reporting")];
    let [server, reporting] = [&*roles[0], &*roles[1]];
    let beside = Beside::to(&shards[0]).await;
    create_roles(&beside, schema, [server, reporting]).await;

    let as_role = |role: &str| shards[0].replacen("postgres@", &format!("{role}@"), 1);
    let process = filled(&[as_role(server)]).await;
    assert_eq!(process.store.counts().await.unwrap().erased, 1);
    process.store.close().await;

    let reader = Beside::to(&as_role(reporting)).await;
    for (view, least) in [
        ("orders_readable", 10),
        ("order_lines", 4),
        ("order_adjustments", 6),
    ] {
        let query = format!("SELECT count(*) FROM {view}");
        let count: i64 = reader.client.query_one(&query, &[]).await.unwrap().get(0);
        assert!(count >= least, "{view}: {count}");
    }
    for hidden in ["SELECT idempotency_key FROM orders", "SELECT * FROM events"] {
        assert!(reader.client.query(hidden, &[]).await.is_err(), "{hidden}");
    }
    beside
        .run(&format!(
            "DROP OWNED BY {server}, {reporting}; DROP ROLE {server}, {reporting}"
        ))
        .await;
}
