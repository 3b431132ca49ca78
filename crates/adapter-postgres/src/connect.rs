//! Connections to one shard: its address read from the settings and checked, each connection with its time-outs and session
//! settings. Used by the writer, the notify bus, the pool and the schema. It never retries: its callers do.

use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use domain::ShardId;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{ConnectError, reason};
use crate::options::PostgresOptions;
use crate::tls;
use crate::tls_options::{TlsOptions, split_options};

/// A connection that somebody else has to drive.
pub(crate) type Driver = tokio_postgres::Connection<
    tokio_postgres::Socket,
    <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<tokio_postgres::Socket>>::Stream,
>;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Write,
    Read,
    Notify,
    Schema,
}

/// The address of one shard. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) shard: ShardId,
    config: Config,
    tls: MakeRustlsConnect,
    connect_timeout: Duration,
    statement_timeout: Duration,
}

impl Address {
    /// Reads a data source name.
    pub(crate) fn parse(
        shard: ShardId,
        text: &str,
        options: &PostgresOptions,
    ) -> Result<Self, ConnectError> {
        let invalid = |reason: String| ConnectError::InvalidAddress { shard, reason };
        let (text, tls_options) = split_options(text);
        let mut config: Config = text.parse().map_err(|error| invalid(reason(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(invalid("it names no host".to_owned()));
        }
        if let Some(fault) = unequal_lists(&config) {
            return Err(invalid(fault.to_owned()));
        }
        if config.get_application_name().is_none() {
            config.application_name("ordermill");
        }
        config.connect_timeout(options.connect_timeout);
        // A peer that vanished without a word is noticed within a statement's time.
        config.keepalives_idle(Duration::from_secs(15));
        config.tcp_user_timeout(options.tuning.statement_timeout + Duration::from_secs(5));
        let tls = if config.get_ssl_mode() == SslMode::Disable {
            tls::connector(&TlsOptions::default())
        } else {
            tls::connector(&tls_options)
        };
        Ok(Self {
            shard,
            config,
            tls: tls.map_err(invalid)?,
            connect_timeout: options.connect_timeout,
            statement_timeout: options.tuning.statement_timeout,
        })
    }

    /// Opens a connection. Its settings are made by [`Address::configure_session`], once something drives it.
    pub(crate) async fn dial(&self) -> Result<(Client, Driver), ConnectError> {
        match timeout(self.connect_timeout, self.config.connect(self.tls.clone())).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.unavailable(reason(&error))),
            Err(_) => Err(self.unavailable(format!(
                "no connection within {} ms (setting store.connect_timeout)",
                self.connect_timeout.as_millis()
            ))),
        }
    }

    /// Makes the settings of a session.
    pub(crate) async fn configure_session(
        &self,
        client: &Client,
        purpose: Purpose,
    ) -> Result<(), ConnectError> {
        let settings = settings(purpose, self.statement_timeout);
        match timeout(self.connect_timeout, client.batch_execute(&settings)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.unavailable(reason(&error))),
            Err(_) => Err(self.unavailable("the connection does not answer".to_owned())),
        }
    }

    /// A bounded pool of connections for reading.
    pub(crate) fn pool(&self, size: usize) -> Result<Pool, ConnectError> {
        let manager = Manager::from_config(
            self.config.clone(),
            self.tls.clone(),
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let settings = settings(Purpose::Read, self.statement_timeout);
        Pool::builder(manager)
            .max_size(size.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(self.connect_timeout))
            .create_timeout(Some(self.connect_timeout))
            .recycle_timeout(Some(self.connect_timeout))
            .post_create(Hook::async_fn(move |client, _| {
                let settings = settings.clone();
                Box::pin(async move {
                    client
                        .batch_execute(&settings)
                        .await
                        .map_err(HookError::Backend)
                })
            }))
            .build()
            .map_err(|error| self.unavailable(error.to_string()))
    }

    pub(crate) const fn statement_timeout(&self) -> Duration {
        self.statement_timeout
    }

    fn unavailable(&self, reason: String) -> ConnectError {
        ConnectError::Unavailable {
            shard: self.shard,
            reason,
        }
    }
}

impl PostgresOptions {
    /// Every fault that makes a start impossible until the settings change: a shard map that does not fit, an address
    /// that cannot be read, certificates and keys that cannot be read. [`PostgresStore::connect`](crate::PostgresStore)
    /// fails with the first of them. Reads files, opens no connection.
    #[must_use]
    pub fn faults(&self) -> Vec<ConnectError> {
        let map = self.map.owners(self.shards.len()).err();
        let map = map.map(ConnectError::InvalidMap).into_iter();
        map.chain(self.addresses().filter_map(Result::err))
            .collect()
    }

    /// The address of each shard.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = Result<Address, ConnectError>> {
        (0..)
            .zip(&self.shards)
            .map(|(number, text)| Address::parse(ShardId(number), text, self))
    }
}

/// Hosts, their addresses and ports are lists that belong together. The driver compares them when it connects, which is
/// too late for a setting.
fn unequal_lists(config: &Config) -> Option<&'static str> {
    let (hosts, addresses) = (config.get_hosts().len(), config.get_hostaddrs().len());
    let ports = config.get_ports().len();
    if hosts > 0 && addresses > 0 && hosts != addresses {
        return Some("it names another number of hostaddr than of host");
    }
    if ports > 1 && ports != hosts.max(addresses) {
        return Some("it names another number of port than of host");
    }
    None
}

/// Every query here is written for one index, and a table may grow from nothing to millions of rows before its
/// statistics are first gathered: plans that a small table would favour are switched off, so that no plan made in
/// the first minute hurts in the second.
fn settings(purpose: Purpose, statement_timeout: Duration) -> String {
    let statement_ms = statement_timeout.as_millis();
    let mut settings = format!(
        "SET statement_timeout = {statement_ms}; SET jit = off; SET client_min_messages = warning; \
         SET enable_seqscan = off; SET enable_bitmapscan = off; "
    );
    match purpose {
        Purpose::Write => settings.push_str(
            // A server whose default is `off` would acknowledge what a power cut can take back. A process that is
            // stopped in the middle of a transaction must not hold its locks for long.
            "SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan; \
             SET idle_in_transaction_session_timeout = 5000; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') = 'off'",
        ),
        Purpose::Read => settings.push_str("SET enable_hashjoin = off; SET enable_mergejoin = off"),
        // A notification is a transaction, although it writes nothing that has to be on disk.
        Purpose::Notify => settings.push_str("SET synchronous_commit = off"),
        // Building an index over many rows takes what it takes.
        Purpose::Schema => settings.push_str("SET statement_timeout = 0"),
    }
    settings
}
