//! The schema of a shard: brought up to date under an advisory lock, and compared with the configuration, so that a
//! process never writes to a shard that is not the configured one. A start restarts the stored delays, too. Called at the
//! start, and by the writer each time it connects.

use std::time::Duration;

use domain::ShardId;
use refinery::{Migration, Runner};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::connect::{Address, Purpose};
use crate::error::{ConnectError, reason};
use crate::server_clock::restart_delays;
use crate::shard_map::{MapEpoch, ShardMap, ShardMapError, owned_buckets};

const MIGRATIONS: &[(&str, &str)] = &[
    ("V1__orders", include_str!("../migrations/V1__orders.sql")),
    (
        "V2__shard_map",
        include_str!("../migrations/V2__shard_map.sql"),
    ),
];

/// The version that the last migration makes.
const KNOWN: i32 = 2;

/// Any number that all processes use: "ordermil" in ASCII.
const LOCK: i64 = 0x6f72_6465_726d_696c;

/// How long a start waits for another process's migration.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// Which shard a schema belongs to, and the map by which it has its buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardIdentity {
    pub(crate) shard: ShardId,
    pub(crate) shards: usize,
    pub(crate) map: String,
    /// The shard's own buckets ([`owned_buckets`]).
    pub(crate) buckets: Vec<u8>,
}

impl ShardIdentity {
    /// The identity of each of these shards, by a map that fits them.
    pub(crate) fn of_all(map: &ShardMap, shards: usize) -> Result<Vec<Self>, ShardMapError> {
        let owners = map.owners(shards)?;
        let identity = |shard| Self {
            shard,
            shards,
            map: map.text(),
            buckets: owned_buckets(&owners, shard),
        };
        Ok((0..).map(ShardId).take(shards).map(identity).collect())
    }

    fn describe(number: i64, shards: i64, map: &str) -> String {
        format!("shard {number} of {shards} by map \"{map}\"")
    }
}

/// Brings the schema up to date and compares its identity, on a connection of its own.
pub(crate) async fn prepare(
    address: &Address,
    identity: &ShardIdentity,
) -> Result<(), ConnectError> {
    let (mut client, driver) = address.dial().await?;
    let work = async {
        address.configure_session(&client, Purpose::Read).await?;
        // Nearly always there is nothing to do. This is found out without a lock, in a statement's time.
        let look = async {
            match is_current(&client, identity).await {
                Ok(true) => check(&client, identity).await.map(|_| true),
                other => other,
            }
        };
        let silent = || ConnectError::Unavailable {
            shard: identity.shard,
            reason: "the connection does not answer".to_owned(),
        };
        if timeout(address.statement_timeout(), look)
            .await
            .unwrap_or_else(|_| Err(silent()))?
        {
            restart_delays_at_start(&client, address).await;
            return Ok(());
        }
        address.configure_session(&client, Purpose::Schema).await?;
        migrate(&mut client, identity).await
    };
    tokio::pin!(work);
    let work = async {
        // The driver ends with the connection; statements that it leaves unanswered then fail in `work`.
        tokio::select! {
            result = &mut work => result,
            _ = driver => work.await,
        }
    };
    timeout(MIGRATION_TIMEOUT, work).await.unwrap_or_else(|_| {
        Err(ConnectError::Migration {
            shard: identity.shard,
            reason: format!("not done within {} s", MIGRATION_TIMEOUT.as_secs()),
        })
    })
}

/// In case the server's clock was set back while no process looked. The first claims do it again, so no start fails with it.
async fn restart_delays_at_start(client: &Client, address: &Address) {
    let limit = address.statement_timeout();
    if let Err(reason) = restart_delays(client, limit).await {
        let shard = address.shard.0;
        tracing::warn!(shard, reason, "delays of waiting orders were not restarted");
    }
}

/// Compares the schema with what this process expects, without changing it; the epoch of its map.
pub(crate) async fn check(
    client: &Client,
    identity: &ShardIdentity,
) -> Result<MapEpoch, ConnectError> {
    version(client, identity).await?;
    check_map(client, identity).await?;
    let row = client
        .query_one(
            "SELECT s.map_epoch, o.buckets FROM shard AS s, owned_buckets AS o",
            &[],
        )
        .await
        .map_err(|error| unavailable(identity, &error))?;
    let (epoch, buckets): (i64, Vec<u8>) = (row.get(0), row.get(1));
    if buckets == identity.buckets {
        Ok(MapEpoch(epoch))
    } else {
        Err(ConnectError::WrongBuckets {
            shard: identity.shard,
        })
    }
}

async fn check_map(client: &Client, identity: &ShardIdentity) -> Result<(), ConnectError> {
    let row = client
        .query_one("SELECT number, shards, map FROM shard", &[])
        .await
        .map_err(|error| unavailable(identity, &error))?;
    let (number, shards, map): (i32, i32, String) = (row.get(0), row.get(1), row.get(2));
    let stored = ShardIdentity::describe(number.into(), shards.into(), &map);
    let shards = i64::try_from(identity.shards).unwrap_or(i64::MAX);
    let configured = ShardIdentity::describe(identity.shard.0.into(), shards, &identity.map);
    if stored == configured {
        Ok(())
    } else {
        Err(ConnectError::WrongMap {
            shard: identity.shard,
            stored,
            configured,
        })
    }
}

/// The version of the schema; `None` if there is none yet. Fails if this build cannot use it.
async fn version(client: &Client, identity: &ShardIdentity) -> Result<Option<i32>, ConnectError> {
    let is_there = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let history = "SELECT coalesce(max(version), 0)::int, max(checksum) FILTER (WHERE version = 1) \
                   FROM refinery_schema_history";
    let found = async {
        if client.query_one(is_there, &[]).await?.try_get(0)? {
            let row = client.query_one(history, &[]).await?;
            Ok(Some((
                row.try_get::<_, i32>(0)?,
                row.try_get::<_, Option<String>>(1)?,
            )))
        } else {
            Ok(None)
        }
    };
    let found = found.await.map_err(|error| unavailable(identity, &error))?;
    let Some((version, first)) = found else {
        return Ok(None);
    };
    // A migration never changes once it is released, so another first one is of an unreleased build.
    if let (Some(stored), Some(ours)) = (first, migrations(identity)?.first())
        && stored != ours.checksum().to_string()
    {
        return Err(ConnectError::SchemaOfEarlierBuild {
            shard: identity.shard,
        });
    }
    if version > KNOWN {
        return Err(ConnectError::SchemaTooNew {
            shard: identity.shard,
            found: version,
            known: KNOWN,
        });
    }
    Ok(Some(version))
}

fn migrations(identity: &ShardIdentity) -> Result<Vec<Migration>, ConnectError> {
    MIGRATIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect::<Result<_, _>>()
        .map_err(|error| failed(identity, error.to_string()))
}

/// Whether the schema is of this version and names a shard and its buckets, the configured ones or others.
async fn is_current(client: &Client, identity: &ShardIdentity) -> Result<bool, ConnectError> {
    if version(client, identity)
        .await?
        .is_none_or(|version| version < KNOWN)
    {
        return Ok(false);
    }
    let identities = client
        .query("SELECT FROM shard, owned_buckets", &[])
        .await
        .map_err(|error| unavailable(identity, &error))?;
    Ok(!identities.is_empty())
}

async fn migrate(client: &mut Client, identity: &ShardIdentity) -> Result<(), ConnectError> {
    // Held until this connection ends.
    client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await
        .map_err(|error| unavailable(identity, &error))?;
    version(client, identity).await?;
    let migrations = migrations(identity)?;
    Runner::new(&migrations)
        .run_async(client)
        .await
        .map_err(|error| failed(identity, error.to_string()))?;
    client
        .execute(
            "INSERT INTO shard (number, shards, map) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[
                &i32::from(identity.shard.0),
                &i32::try_from(identity.shards).unwrap_or(i32::MAX),
                &identity.map,
            ],
        )
        .await
        .map_err(|error| unavailable(identity, &error))?;
    // The buckets follow from the map, so they are filled in only if that is the configured one.
    check_map(client, identity).await?;
    client
        .execute(
            "INSERT INTO owned_buckets (buckets) VALUES ($1) ON CONFLICT DO NOTHING",
            &[&identity.buckets],
        )
        .await
        .map_err(|error| unavailable(identity, &error))?;
    check(client, identity).await.map(drop)
}

fn failed(identity: &ShardIdentity, reason: String) -> ConnectError {
    ConnectError::Migration {
        shard: identity.shard,
        reason,
    }
}

fn unavailable(identity: &ShardIdentity, error: &tokio_postgres::Error) -> ConnectError {
    ConnectError::Unavailable {
        shard: identity.shard,
        reason: reason(error),
    }
}
