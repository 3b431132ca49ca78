//! The schema of a shard: brought up to date under an advisory lock, and compared with the configuration, so that a
//! process never works on a shard that is not the one it thinks it is. Called at the start, and by the writer
//! whenever it connects.

use std::time::Duration;

use domain::ShardId;
use refinery::{Migration, Runner};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::ShardMap;
use crate::connect::{Address, Purpose};
use crate::error::{ConnectError, reason};

const MIGRATIONS: &[(&str, &str)] = &[
    ("V1__orders", include_str!("../migrations/V1__orders.sql")),
    (
        "V2__work_that_is_done_alone",
        include_str!("../migrations/V2__work_that_is_done_alone.sql"),
    ),
];

/// The version that the last migration makes.
const KNOWN: i32 = 2;

/// Any number will do, as long as all processes use it: "ordermil" in ASCII.
const LOCK: i64 = 0x6f72_6465_726d_696c;

/// How long a start waits for another process's migration.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// Which shard a schema belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) shard: ShardId,
    pub(crate) shards: usize,
    pub(crate) map: String,
}

impl Place {
    pub(crate) fn new(shard: ShardId, shards: usize, map: &ShardMap) -> Self {
        Self {
            shard,
            shards,
            map: map.text(),
        }
    }

    fn describe(number: i64, shards: i64, map: &str) -> String {
        format!("shard {number} of {shards} by map \"{map}\"")
    }
}

/// Brings the schema up to date and compares its place, on a connection of its own.
pub(crate) async fn prepare(address: &Address, place: &Place) -> Result<(), ConnectError> {
    let (mut client, driver) = address.dial().await?;
    let work = async {
        address.settle(&client, Purpose::Read).await?;
        // Nearly always there is nothing to do: that is found out without waiting for anybody, in a statement's time.
        let look = async {
            match is_current(&client, place).await {
                Ok(true) => check(&client, place).await.map(|()| true),
                other => other,
            }
        };
        let silent = || ConnectError::Unavailable {
            shard: place.shard,
            reason: "the connection does not answer".to_owned(),
        };
        if timeout(address.statement_timeout(), look)
            .await
            .unwrap_or_else(|_| Err(silent()))?
        {
            return Ok(());
        }
        address.settle(&client, Purpose::Schema).await?;
        migrate(&mut client, place).await
    };
    tokio::pin!(work);
    let work = async {
        // The driver ends with the connection; whatever it leaves unanswered then fails in `work`.
        tokio::select! {
            result = &mut work => result,
            _ = driver => work.await,
        }
    };
    timeout(MIGRATION_TIMEOUT, work).await.unwrap_or_else(|_| {
        Err(ConnectError::Migration {
            shard: place.shard,
            reason: format!("not done within {} s", MIGRATION_TIMEOUT.as_secs()),
        })
    })
}

/// Compares the schema with what this process expects, without changing it.
pub(crate) async fn check(client: &Client, place: &Place) -> Result<(), ConnectError> {
    refuse_newer(place, version(client, place).await?.unwrap_or_default())?;
    let row = client
        .query_one("SELECT number, shards, map FROM shard", &[])
        .await
        .map_err(|error| unavailable(place, &error))?;
    let (number, shards, map): (i32, i32, String) = (row.get(0), row.get(1), row.get(2));
    let stored = Place::describe(number.into(), shards.into(), &map);
    let shards = i64::try_from(place.shards).unwrap_or(i64::MAX);
    let configured = Place::describe(place.shard.0.into(), shards, &place.map);
    if stored == configured {
        Ok(())
    } else {
        Err(ConnectError::WrongMap {
            shard: place.shard,
            stored,
            configured,
        })
    }
}

/// The version of the schema; `None` where there is none yet.
async fn version(client: &Client, place: &Place) -> Result<Option<i32>, ConnectError> {
    let is_there = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let version = "SELECT coalesce(max(version), 0)::int FROM refinery_schema_history";
    let found = async {
        if client.query_one(is_there, &[]).await?.try_get(0)? {
            client.query_one(version, &[]).await?.try_get(0).map(Some)
        } else {
            Ok(None)
        }
    };
    found.await.map_err(|error| unavailable(place, &error))
}

/// Whether the schema is of this version and knows its place, right or wrong.
async fn is_current(client: &Client, place: &Place) -> Result<bool, ConnectError> {
    let Some(version) = version(client, place).await? else {
        return Ok(false);
    };
    refuse_newer(place, version)?;
    if version < KNOWN {
        return Ok(false);
    }
    let shards = client
        .query("SELECT number FROM shard", &[])
        .await
        .map_err(|error| unavailable(place, &error))?;
    Ok(!shards.is_empty())
}

async fn migrate(client: &mut Client, place: &Place) -> Result<(), ConnectError> {
    // Held until this connection ends, whatever happens to it.
    client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await
        .map_err(|error| unavailable(place, &error))?;
    if let Some(version) = version(client, place).await? {
        refuse_newer(place, version)?;
    }
    let failed = |reason: String| ConnectError::Migration {
        shard: place.shard,
        reason,
    };
    let migrations = MIGRATIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed(error.to_string()))?;
    Runner::new(&migrations)
        .run_async(client)
        .await
        .map_err(|error| failed(error.to_string()))?;
    client
        .execute(
            "INSERT INTO shard (number, shards, map) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[
                &i32::from(place.shard.0),
                &i32::try_from(place.shards).unwrap_or(i32::MAX),
                &place.map,
            ],
        )
        .await
        .map_err(|error| unavailable(place, &error))?;
    check(client, place).await
}

fn refuse_newer(place: &Place, found: i32) -> Result<(), ConnectError> {
    if found > KNOWN {
        return Err(ConnectError::SchemaTooNew {
            shard: place.shard,
            found,
            known: KNOWN,
        });
    }
    Ok(())
}

fn unavailable(place: &Place, error: &tokio_postgres::Error) -> ConnectError {
    ConnectError::Unavailable {
        shard: place.shard,
        reason: reason(error),
    }
}
