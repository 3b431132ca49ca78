//! The rules between settings. Called once all are read; every fault names the setting to change. The rules of the parts
//! that are built from settings are in [`crate::check`].

use std::time::Duration;

use domain::Bucket;

use super::layers::Layers;
use super::sections::{AuthMode, Config, Handler, HandlerKind, ReceiptsKind, StoreKind};
use super::types::ShardMapText;

/// Checks all sections together; faults stay in the layers.
pub fn check(config: &Config, layers: &mut Layers) {
    listeners(config, layers);
    store(config, layers);
    work(config, layers);
    at_least_one(config, layers);
}

fn listeners(config: &Config, layers: &mut Layers) {
    let listeners = [
        ("http.addr", Some(config.http.addr)),
        ("http.ws_addr", config.http.ws_addr),
        ("grpc.addr", config.grpc.addr),
    ];
    for (name, addr) in listeners {
        if addr.is_some_and(|addr| !addr.ip().is_loopback()) && config.auth.mode != AuthMode::None {
            layers.refuse(
                name,
                "is not on loopback, where anyone who can connect may do everything: \
                 say auth.mode = \"none\" if that is meant",
            );
        }
    }
    if config.http.ws_addr == Some(config.http.addr) && config.http.addr.port() != 0 {
        layers.refuse(
            "http.ws_addr",
            "is the same as http.addr; give it another port, or \"\" to switch it off",
        );
    }
    let taken = [Some(config.http.addr), config.http.ws_addr];
    if config
        .grpc
        .addr
        .is_some_and(|addr| addr.port() != 0 && taken.contains(&Some(addr)))
    {
        layers.refuse(
            "grpc.addr",
            "is the address of another listener; give it another port, or \"\" to switch it off",
        );
    }
    grpc_sizes(config, layers);
    let max_batch = 256 * 1024 * 1024;
    if config.http.max_batch_bytes > max_batch {
        layers.refuse(
            "http.max_batch_bytes",
            "must not be above 268435456 (256 MiB): a batch is held in memory",
        );
    }
    if config.http.max_bodies_bytes < config.http.max_batch_bytes {
        layers.refuse(
            "http.max_bodies_bytes",
            "must not be below http.max_batch_bytes: no batch of that size could come in",
        );
    }
    let least_answers = 1024 * 1024;
    if config.http.max_answers_bytes < least_answers {
        layers.refuse(
            "http.max_answers_bytes",
            "must not be below 1048576 (1 MiB): no list of that size could be answered",
        );
    }
    if config.http.max_body_bytes > config.http.max_batch_bytes {
        layers.refuse(
            "http.max_body_bytes",
            "must not be above http.max_batch_bytes",
        );
    }
}

fn grpc_sizes(config: &Config, layers: &mut Layers) {
    let grpc = &config.grpc;
    if grpc.max_batch_bytes > 256 * 1024 * 1024 {
        layers.refuse(
            "grpc.max_batch_bytes",
            "must not be above 268435456 (256 MiB): a batch is held in memory",
        );
    }
    if grpc.max_message_bytes > grpc.max_batch_bytes {
        layers.refuse(
            "grpc.max_message_bytes",
            "must not be above grpc.max_batch_bytes",
        );
    }
    if grpc.max_messages_bytes < grpc.max_batch_bytes {
        layers.refuse(
            "grpc.max_messages_bytes",
            "must not be below grpc.max_batch_bytes: no batch of that size could come in",
        );
    }
}

fn store(config: &Config, layers: &mut Layers) {
    let shards = config.store.shards.len();
    match config.store.kind {
        StoreKind::Sqlite => {
            if shards > 0 {
                layers.refuse("store.shards", "has no effect with store.kind = \"sqlite\": say store.kind = \"postgres\" or leave it out");
            }
            if config.store.data_dir.as_os_str().is_empty() {
                layers.refuse("store.data_dir", "must name a folder");
            }
            if !config.store.notify {
                layers.refuse("store.notify", "has no effect with store.kind = \"sqlite\", which one process uses: leave it out");
            }
        }
        StoreKind::Postgres => {
            if shards == 0 {
                layers.refuse(
                    "store.shards",
                    "must name at least one database with store.kind = \"postgres\"",
                );
            }
            if !layers.is_default("store.data_dir") {
                layers.refuse(
                    "store.data_dir",
                    "has no effect with store.kind = \"postgres\": leave it out",
                );
            }
        }
    }
    let is_postgres = config.store.kind == StoreKind::Postgres;
    match &config.store.map {
        ShardMapText::Letter if is_postgres && shards != 2 => {
            layers.refuse(
                "store.map",
                "\"letter\" needs exactly two databases in store.shards",
            );
        }
        ShardMapText::Ranges(ranges) if is_postgres => {
            if let Err(reason) = covered_once(ranges, shards) {
                layers.refuse("store.map", &reason);
            }
        }
        ShardMapText::Letter | ShardMapText::Ranges(_) if !is_postgres => {
            layers.refuse(
                "store.map",
                "has no effect with store.kind = \"sqlite\": leave it out",
            );
        }
        ShardMapText::Spread | ShardMapText::Letter | ShardMapText::Ranges(_) => {}
    }
}

/// Every bucket needs one owner among the shards.
fn covered_once(ranges: &[(u16, u16, u16)], shards: usize) -> Result<(), String> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let mut next = 0;
    for (first, last, shard) in sorted {
        if usize::from(shard) >= shards {
            return Err(format!(
                "gives buckets to shard {shard}, but store.shards ends before it (the first is 0)"
            ));
        }
        if first != next || last < first || last >= Bucket::COUNT {
            return Err(format!(
                "must give each of the {} buckets to one shard; look at bucket {next}",
                Bucket::COUNT
            ));
        }
        next = last + 1;
    }
    if next != Bucket::COUNT {
        return Err(format!(
            "must give each of the {} buckets to one shard; look at bucket {next}",
            Bucket::COUNT
        ));
    }
    Ok(())
}

fn work(config: &Config, layers: &mut Layers) {
    handler(&config.handler, layers);
    match (config.receipts.store, &config.receipts.folder) {
        (ReceiptsKind::Folder, None) => {
            layers.refuse(
                "receipts.store",
                "is \"folder\", but receipts.folder names none",
            );
        }
        (ReceiptsKind::Embedded, Some(_)) => {
            layers.refuse("receipts.folder", "has no effect with receipts.store = \"embedded\": say receipts.store = \"folder\" or leave it out");
        }
        (ReceiptsKind::Folder, Some(_)) | (ReceiptsKind::Embedded, None) => {}
    }
    if config.worker.backoff_first > config.worker.backoff_last {
        layers.refuse(
            "worker.backoff_first",
            "must not be above worker.backoff_last",
        );
    }
    if !(1..=100).contains(&config.worker.breaker_percent) {
        layers.refuse("worker.breaker_percent", "must be 1 to 100");
    }
    if config.worker.breaker_open > config.worker.breaker_longest_wait {
        layers.refuse(
            "worker.breaker_open",
            "must not be above worker.breaker_longest_wait",
        );
    }
    if config.worker.lease < Duration::from_secs(1) {
        layers.refuse(
            "worker.lease",
            "must be at least 1s: it is renewed every third of it",
        );
    }
    if !config.worker.enabled && !layers.is_default("handler.kind") {
        layers.refuse(
            "worker.enabled",
            "is false, so that handler.kind has no effect in this process: leave handler.kind out",
        );
    }
}

fn handler(handler: &Handler, layers: &mut Layers) {
    match (handler.kind, &handler.url) {
        (HandlerKind::Http, None) => {
            layers.refuse("handler.kind", "is \"http\", but handler.url says no URL");
        }
        (HandlerKind::Http, Some(url)) => tls(handler, url, layers),
        (HandlerKind::None, _) => {
            let needs_http = [
                ("handler.url", handler.url.is_some()),
                ("handler.secret", !handler.secret.is_empty()),
                ("handler.headers", !handler.headers.is_empty()),
                ("handler.ca_file", handler.ca_file.is_some()),
                ("handler.client_cert", handler.client_cert.is_some()),
                ("handler.client_key", handler.client_key.is_some()),
            ];
            for (name, is_set) in needs_http {
                if is_set {
                    layers.refuse(name, "has no effect with handler.kind = \"none\": say handler.kind = \"http\" or leave it out");
                }
            }
        }
    }
}

fn tls(handler: &Handler, url: &str, layers: &mut Layers) {
    match (&handler.client_cert, &handler.client_key) {
        (Some(_), None) => layers.refuse("handler.client_cert", "needs handler.client_key"),
        (None, Some(_)) => layers.refuse("handler.client_key", "needs handler.client_cert"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let is_plain = url
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
    let needs_tls = [
        ("handler.ca_file", &handler.ca_file),
        ("handler.client_cert", &handler.client_cert),
    ];
    for (name, file) in needs_tls {
        if is_plain && file.is_some() {
            layers.refuse(
                name,
                "has no effect with handler.url, which begins with http://: say https:// or leave it out",
            );
        }
    }
}

fn at_least_one(config: &Config, layers: &mut Layers) {
    let counts = [
        ("http.max_connections", config.http.max_connections),
        ("http.max_in_flight", config.http.max_in_flight),
        ("http.max_streams", config.http.max_streams),
        ("http.max_body_bytes", config.http.max_body_bytes),
        ("grpc.max_connections", config.grpc.max_connections),
        (
            "grpc.max_streams_per_connection",
            config.grpc.max_streams_per_connection as usize,
        ),
        ("grpc.max_in_flight", config.grpc.max_in_flight),
        ("grpc.max_streams", config.grpc.max_streams),
        ("grpc.max_message_bytes", config.grpc.max_message_bytes),
        ("grpc.intake_window", config.grpc.intake_window),
        ("store.pool", config.store.pool),
        ("store.queue", config.store.queue),
        ("store.batch", config.store.batch),
        ("worker.concurrency", config.worker.concurrency),
        ("worker.max_attempts", config.worker.max_attempts as usize),
        (
            "worker.breaker_faults",
            config.worker.breaker_faults as usize,
        ),
        ("handler.max_in_flight", config.handler.max_in_flight),
    ];
    for (name, count) in counts {
        if count == 0 {
            layers.refuse(name, "must be at least 1");
        }
    }
    let times = [
        ("http.idle_timeout", config.http.idle_timeout),
        ("http.body_timeout", config.http.body_timeout),
        ("http.request_timeout", config.http.request_timeout),
        ("grpc.request_timeout", config.grpc.request_timeout),
        ("grpc.keepalive", config.grpc.keepalive),
        ("grpc.idle_timeout", config.grpc.idle_timeout),
        ("store.connect_timeout", config.store.connect_timeout),
        ("store.start_timeout", config.store.start_timeout),
        ("worker.backoff_first", config.worker.backoff_first),
        ("worker.busy_limit", config.worker.busy_limit),
        ("worker.breaker_open", config.worker.breaker_open),
        ("worker.breaker_grace", config.worker.breaker_grace),
        ("handler.connect_timeout", config.handler.connect_timeout),
        ("handler.timeout", config.handler.timeout),
    ];
    let late_after = config.health.late_after;
    let late_after = late_after.map(|time| ("health.late_after", time));
    for (name, time) in times.into_iter().chain(late_after) {
        if time.is_zero() {
            layers.refuse(name, "must be above zero");
        }
    }
}
