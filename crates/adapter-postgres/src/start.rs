//! What comes before a store: bringing the shards' schemas up to date, and waiting for those that
//! are away. Called by `store`, and by the command that only migrates.

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use crate::backoff::pauses_up_to;
use crate::connect::Address;
use crate::error::ConnectError;
use crate::options::PostgresOptions;
use crate::schema::{self, ShardIdentity};

/// Brings the schemas of these shards up to date, without starting a store.
///
/// # Errors
/// See [`ConnectError`]; here every shard has to be there.
pub async fn migrate(options: &PostgresOptions) -> Result<(), ConnectError> {
    let identities = ShardIdentity::of_all(&options.map, options.shards.len())?;
    let addresses = options.addresses().collect::<Result<Vec<_>, _>>()?;
    for (address, identity) in addresses.iter().zip(&identities) {
        schema::prepare(address, identity).await?;
    }
    Ok(())
}

/// Which shards are there and belong to this store. Waits for the others as long as the start may.
pub(crate) async fn reach(
    addresses: &[Address],
    identities: &[ShardIdentity],
    options: &PostgresOptions,
) -> Result<Vec<bool>, ConnectError> {
    let give_up = Instant::now() + options.start_timeout;
    let attempts = addresses
        .iter()
        .zip(identities)
        .map(|(address, identity)| async move {
            let mut pauses = pauses_up_to(options.tuning.max_backoff);
            let mut logged = None;
            loop {
                let error = match schema::prepare(address, identity).await {
                    Ok(()) => return Ok(None),
                    Err(error) if !error.is_passing() => return Err(error),
                    Err(error) => error,
                };
                let pause = pauses.after_failure();
                if Instant::now() + pause >= give_up {
                    return Ok(Some(error));
                }
                // Each reason once, however often it is met.
                let reason = Some(error.to_string());
                if reason != logged {
                    tracing::info!(%error, "waiting for a shard");
                    logged = reason;
                }
                sleep(pause).await;
            }
        });
    let mut away = try_join_all(attempts).await?;
    if away.iter().all(Option::is_some)
        && let Some(error) = away.pop().flatten()
    {
        return Err(error);
    }
    for error in away.iter().flatten() {
        tracing::warn!(%error, "starting without a shard; its orders are refused until it is back");
    }
    Ok(away.iter().map(Option::is_none).collect())
}
