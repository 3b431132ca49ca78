//! The queries of docs/POSTGRES.md, run as they are printed against a shard with orders of every kind.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use tokio_postgres::SimpleQueryMessage;

use crate::server::{Beside, fresh_shards};
use crate::views::filled;

const PAGE: &str = include_str!("../../../../docs/POSTGRES.md");

/// A block of SQL, with the paragraph before it.
struct Printed {
    about: &'static str,
    sql: &'static str,
}

fn printed() -> Vec<Printed> {
    let mut blocks = Vec::new();
    let mut rest = PAGE;
    while let Some((before, block)) = rest.split_once("```sql\n") {
        let (sql, after) = block.split_once("```").expect("each block is closed");
        let about = before.trim_end().rsplit("\n\n").next().unwrap();
        blocks.push(Printed { about, sql });
        rest = after;
    }
    blocks
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_page_runs_and_finds_what_it_is_for() {
    let shards = fresh_shards(1).await;
    let _process = filled(&shards).await;
    let beside = Beside::to(&shards[0]).await;
    let blocks = printed();
    assert!(blocks.len() >= 10, "the page has its queries");
    for Printed { about, sql } in blocks {
        // Roles are of the whole server: what the page creates is rolled back.
        beside.run("BEGIN").await;
        let messages = beside
            .client
            .simple_query(sql)
            .await
            .unwrap_or_else(|error| panic!("{about}\n{sql}{error:?}"));
        beside.run("ROLLBACK").await;
        let is_row = |message: &&SimpleQueryMessage| matches!(message, SimpleQueryMessage::Row(_));
        let rows = messages.iter().filter(is_row).count();
        if sql.starts_with("SELECT") {
            assert_eq!(rows == 0, about.contains("returns no rows"), "{about}");
        } else {
            assert!(sql.contains("GRANT"), "{about}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queries_of_the_page_count_right() {
    let shards = fresh_shards(1).await;
    let _process = filled(&shards).await;
    let beside = Beside::to(&shards[0]).await;
    let mut read = Vec::new();
    for Printed { about, sql } in printed() {
        if !sql.starts_with("SELECT") {
            continue;
        }
        let rows = beside.client.simple_query(sql).await.unwrap();
        let text = |row: &SimpleQueryMessage| match row {
            SimpleQueryMessage::Row(row) => {
                let values = (0..row.len()).filter(|at| !is_volatile(row.columns()[*at].name()));
                let values: Vec<&str> = values.map(|at| row.get(at).unwrap_or("-")).collect();
                Some(values.join(" | "))
            }
            _ => None,
        };
        read.push(about.lines().next().unwrap().to_owned());
        read.extend(rows.iter().filter_map(text).map(|row| format!("  {row}")));
    }
    assert_eq!(read.join("\n"), EXPECTED.trim());
}

/// Columns that differ from run to run.
fn is_volatile(column: &str) -> bool {
    let names = ["id", "day", "overdue", "longest_since", "next_time"];
    names.contains(&column) || column.ends_with("_at")
}

const EXPECTED: &str = "
Revenue per day and currency, for the last 30 days:
  JPY | 1 | 2200
  KWD | 1 | 0.500
  USD | 2 | 584.08
The orders that have waited for a worker for the longest time:
  rupert | PENDING | 0
  frank | PENDING | 0
What the unfinished orders wait for:
  FAILED | operator | 1
  ON_HOLD | release | 1
  PENDING | process_after | 1
  PENDING | receipts | 1
  PENDING | worker | 1
  PROCESSING | handler | 1
  RETRYING | receipts | 1
  RETRYING | retry | 1
Dead letters by reason, with the latest message of each:
  handler_rejected | 1 | 400: no such SKU
The best-selling SKUs of the last 30 days:
  KB-1 | Mechanical Keyboard | 4 | USD | 599.96
  APPLE | Apples, by weight | 0.970 | USD | 2.12
Orders with discounts, the largest discount first:
  A-1 | alice | 287.04 | USD | SPRING | -20.00
  O-1 | olivia | 297.04 | USD | SPRING | -10.00
Taxes of the last 30 days by rate; `included` tells those that the prices contain already:
  VAT 19 % | t | USD | 2 | 91.66
One order by the client's number, with its lines:
  PROCESSED | 287.04 | USD | - | 1 | KB-1 | Mechanical Keyboard | 2 | 149.99 | 299.98
  PROCESSED | 287.04 | USD | - | 2 | APPLE | Apples, by weight | 0.485 | 2.19 | 1.06
Orders whose lines and adjustments do not add up to their amount. ordermill accepts no such order, so this returns no rows:
";
