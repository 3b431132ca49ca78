//! How many orders have each status, and how the server is.

use serde_json::json;

use crate::openapi::content::text;
use crate::openapi::examples;
use crate::openapi::operation::{Description, Group};
use crate::openapi::refusals::STORE;
use crate::openapi::schemas::standing::{Health, Ready, Stats};
use crate::problem::Code;

pub(super) fn stats() -> Description {
    let summary = "How many orders have each status, and how their processing goes";
    Description::get(Group::Standing, "getStats", summary)
        .says("accepted = processed + failed + cancelled + in_flight, at any time.")
        .answers_json::<Stats>(200, "The counts.", &[], examples::stats())
        .refuses(&STORE)
        .refuses(&[Code::InvalidQuery])
}

pub(super) fn is_alive() -> Description {
    let ok = Some(("text/plain", text("ok\n")));
    Description::get(Group::Standing, "isAlive", "Whether the process runs")
        .says("Says nothing of the store, so that nobody restarts a process because its database is away.")
        .answers(200, "It runs.", ok, &["Cache-Control"], &[])
        .refuses(&[Code::InvalidQuery])
}

pub(super) fn is_ready() -> Description {
    Description::get(Group::Standing, "isReady", "Whether orders can be taken")
        .says(
            "They can if at least one shard answers and its last commit did not fail. A shard whose commits fail is \
             probed, so that the server becomes ready again by itself.",
        )
        .answers_json::<Ready>(200, "They can.", &[], json!({"status": "ready"}))
        .refuses(&[
            Code::InvalidQuery,
            Code::Stopping,
            Code::StoreFull,
            Code::StoreUnavailable,
        ])
}

pub(super) fn health() -> Description {
    let healthy = json!({
        "status": "healthy",
        "version": "0.1.0",
        "reasons": [],
        "store": "reachable",
        "shards": [{"shard": 0, "status": "available"}],
        "handler": {"kind": "http", "note": null},
        "breaker": {
            "state": "closed",
            "since": "2026-01-31T12:00:00.000Z",
            "consecutive_faults": 0,
            "next_probe_ms": null
        },
        "busy_pause_ms": null,
        "oldest_due_age_ms": 12
    });
    let mut unavailable = healthy.clone();
    unavailable["status"] = json!("unavailable");
    unavailable["shards"][0]["status"] = json!("full");
    unavailable["reasons"] = json!([{
        "code": "store_full",
        "detail": "The disk of shard 0 is full: orders of its users are refused until there is room. Free space where \
                   its data is; the server goes on by itself."
    }]);
    Description::get(
        Group::Standing,
        "getHealth",
        "How the server is, at a glance",
    )
    .says(
        "`degraded` still takes orders. Every `reason` has a stable code. With the setting `dialects.orderflow` the first \
         member is orderflow's `service`, every method answers the same, and the answer has orderflow's CORS headers.",
    )
    .answers_json::<Health>(200, "Orders can be taken.", &[], healthy)
    .answers_beside_refusals::<Health>(503, unavailable)
    .refuses(&[Code::InvalidQuery])
}
