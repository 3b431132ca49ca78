//! The process's limit of open files: raised as far as the system allows, because it begins low on most systems. The
//! bounds of connections are checked against it, because past it nothing can be accepted, opened or called.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, Layers, StoreKind};

/// What is open beside connections: logs, the store's own files, what a request opens for a moment.
const SPARE: u64 = 128;
/// A shard's connections beside those of its pool: the writer's, the listener's, and one that is being replaced.
const BESIDE_POOL: usize = 4;

/// Raises the bound, lowers the bounds of connections to it if they have their default values, and refuses other values
/// that do not fit.
pub fn make_room(config: &mut Config, layers: &mut Layers) {
    let Some(limit) = raised() else {
        return;
    };
    let listeners =
        1 + usize::from(config.http.ws_addr.is_some()) + usize::from(config.grpc.addr.is_some());
    let rest = SPARE + number(beside_connections(config));
    let fits = limit.saturating_sub(rest) / number(listeners);
    let mut bounds = vec![("http.max_connections", &mut config.http.max_connections)];
    if config.grpc.addr.is_some() {
        bounds.push(("grpc.max_connections", &mut config.grpc.max_connections));
    }
    for (setting, wanted) in bounds {
        if number(*wanted) <= fits {
            continue;
        }
        let fits = usize::try_from(fits).unwrap_or(usize::MAX);
        if fits == 0 || !layers.has_default_value(setting) {
            let reason = format!(
                "is too high: {wanted} connections on each of {listeners} listeners and {rest} files beside them \
                 do not fit into the {limit} open files that this process may have: set it to {fits} or less, or allow \
                 more (ulimit -Hn, LimitNOFILE of systemd)"
            );
            layers.refuse(setting, &reason);
            continue;
        }
        tracing::info!(
            limit,
            connections = fits,
            setting,
            "fewer connections are taken than the setting says by default, because the process may not open more \
             files (ulimit -Hn, LimitNOFILE of systemd)"
        );
        *wanted = fits;
    }
}

/// The limit after it was raised as far as possible; `None` if there is none.
fn raised() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
    // Some systems refuse what they say that they allow: then it stays as it was.
    if raised.is_ok() { maximum } else { current }
}

/// Connections and files that the configuration allows beside those of clients.
fn beside_connections(config: &Config) -> usize {
    let store = match config.store.kind {
        StoreKind::Sqlite => 0,
        StoreKind::Postgres => config.store.shards.len() * (config.store.pool + BESIDE_POOL),
    };
    store + config.handler.max_in_flight
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
