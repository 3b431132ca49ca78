//! The process's limit of open files: raised as far as the system allows, because it begins low on most systems. The
//! bounds of connections are checked against it, because past it nothing can be accepted, opened or called.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, Layers, StoreKind};

/// What is open beside connections: logs, the store's own files, what a request opens for a moment.
const SPARE: u64 = 128;
/// A shard's connections beside those of its pool: the writer's, the listener's, and one that is being replaced.
const BESIDE_POOL: usize = 4;

/// With fewer connections than this on a listener the start is refused, unless a setting asks for fewer.
const LEAST_CONNECTIONS: usize = 16;
/// Below this many connections a lowered bound is a warning.
const FEW_CONNECTIONS: usize = 1000;
/// What the remedy names: enough for all defaults.
const ENOUGH_FILES: u64 = 65_536;

/// Raises the limit, lowers the bounds of connections to it if they have their default values, and refuses other values that
/// do not fit. A limit that leaves hardly any connection is one fault, whatever it is that does not fit.
pub fn make_room(config: &mut Config, layers: &mut Layers) {
    let Some(limit) = raised() else {
        return;
    };
    let listeners =
        1 + usize::from(config.http.ws_addr.is_some()) + usize::from(config.grpc.addr.is_some());
    let rest = SPARE + number(beside_connections(config));
    let fits = limit.saturating_sub(rest) / number(listeners);
    let fits = usize::try_from(fits).unwrap_or(usize::MAX);
    let mut bounds = vec![("http.max_connections", &mut config.http.max_connections)];
    if config.grpc.addr.is_some() {
        bounds.push(("grpc.max_connections", &mut config.grpc.max_connections));
    }
    let wanted = bounds.iter().map(|(_, wanted)| **wanted).max();
    let least = wanted.unwrap_or_default().min(LEAST_CONNECTIONS);
    if fits < least {
        let needed = rest + number(least * listeners);
        let reason = format!(
            "does not fit: this process may have {limit} open files and needs {needed} at the least, {rest} for the store, \
             the logs and calls, and {least} for connections of each of {listeners} listeners: allow more with \
             \"ulimit -n {ENOUGH_FILES}\", or LimitNOFILE={ENOUGH_FILES} in a unit of systemd"
        );
        layers.refuse("http.max_connections", &reason);
        return;
    }
    let mut lowered = Vec::new();
    for (setting, wanted) in bounds {
        if *wanted <= fits {
            continue;
        }
        if !layers.has_default_value(setting) {
            let reason = format!(
                "is too high: {wanted} connections on each of {listeners} listeners and {rest} files beside them \
                 do not fit into the {limit} open files that this process may have: set it to {fits} or less, or allow \
                 more (ulimit -Hn, LimitNOFILE of systemd)"
            );
            layers.refuse(setting, &reason);
            continue;
        }
        lowered.push(setting);
        *wanted = fits;
    }
    log_lowered(&lowered, limit, fits);
}

fn log_lowered(lowered: &[&str], limit: u64, connections: usize) {
    if lowered.is_empty() {
        return;
    }
    let settings = lowered.join(", ");
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                limit,
                connections,
                settings,
                "fewer connections are taken than the settings say by default, because the process may not open more \
                 files (ulimit -Hn, LimitNOFILE of systemd)"
            )
        };
    }
    if connections < FEW_CONNECTIONS {
        log!(warn);
    } else {
        log!(info);
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
