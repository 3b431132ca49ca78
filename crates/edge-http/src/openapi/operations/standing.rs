//! How many orders stand where, and how the server is.

use serde_json::json;
use utoipa::openapi::HttpMethod;

use crate::dialects::Voice;
use crate::openapi::content::text;
use crate::openapi::examples;
use crate::openapi::operation::{Description, Group, STORE};
use crate::openapi::schemas::standing::{Health, Ready, Stats};
use crate::problem::Code;

pub(super) fn stats() -> Description {
    Description::get(Group::Standing, "getStats", "How many orders stand where")
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
        .answers_json::<Ready>(200, "They can.", &[], json!({"status": "ready"}))
        .refuses(&STORE)
        .refuses(&[Code::InvalidQuery, Code::Stopping])
}

pub(super) fn health() -> Description {
    let health = |status: &str, store: &str| {
        json!({
            "service": "orderflow-producer",
            "status": status,
            "version": "0.1.0",
            "store": store,
            "breaker": "closed"
        })
    };
    Description::of_dialect(
        HttpMethod::Get,
        Group::Standing,
        Voice::Orderflow,
        "getHealth",
        "How the server is, at a glance",
    )
    .says("Orders can be taken where the status is 200. Every method answers the same, because orderflow's clients ask so.")
    .answers_json::<Health>(
        200,
        "Orders can be taken.",
        &[],
        health("healthy", "reachable"),
    )
    .answers_beside_refusals::<Health>(503, health("unavailable", "unreachable"))
}
