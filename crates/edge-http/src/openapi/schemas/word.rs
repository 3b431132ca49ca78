//! Words of answers, of which a later version may have more. The other schemas use them; words that clients send, and the
//! status of an order, are enumerations in `value`.
//!
//! In generated clients such a word is a text: an enumeration would make them fail at an answer with a new word, and the
//! constants of two enumerations with a word in common clash in Go. `x-extensible-enum` lists the words for programs; the
//! tests hold every answer to it.

use application::watch::ResyncReason;
use domain::{EventType, Wait};
use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident = $words:expr;)*) => {$(
        $(#[doc = $doc])+
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let meaning = [$($doc.trim()),+].join(" ");
                Schema::from(extensible(&meaning, &$words).build()).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

words! {
    /// What an order waits for: a free `worker`, the time `process_after`, the `handler`'s answer, the time of the next
    /// attempt (`retry`), a person's `release`, or an `operator`, who replays or discards it.
    WaitWord = Wait::ALL.map(Wait::as_str);
    /// What happened.
    EventName = EventType::ALL.map(EventType::as_str);
    /// Why a gap in a stream cannot be filled.
    ResyncWord = [ResyncReason::TooFarBehind, ResyncReason::NotOfThisStore].map(ResyncReason::code);
    /// Whether orders are taken (`healthy`, `degraded`) or not (`unavailable`).
    HealthWord = ["healthy", "degraded", "unavailable"];
    /// What is not as it should be: a shard cannot be reached, its disk is full, or it takes no commits; the endpoint that
    /// processes orders fails, and the circuit breaker is open; that endpoint is busy, and calls pause; the receipt store
    /// cannot be reached; the longest-due order has waited for longer than `health.late_after`.
    ReasonCode = [
        "shard_unavailable", "store_full", "commits_fail", "breaker_open", "endpoint_busy",
        "receipts_unavailable", "work_is_late",
    ];
    /// The state of a shard.
    ShardWord = ["available", "unreachable", "full", "commits_fail"];
    /// The state of the store.
    StoreWord = ["reachable", "unreachable"];
    /// The setting `handler.kind`.
    HandlerWord = ["none", "http"];
    /// The state of the circuit breaker.
    BreakerWord = ["closed", "open"];
    /// Our statuses in orderflow's spelling; `created` in the answer to a POST.
    OrderflowStatus = [
        "created", "pending", "processing", "retrying", "processed", "failed", "on_hold", "cancelled",
    ];
    /// Users from A to M, and all others.
    OrderflowShard = ["shard1", "shard2"];
}

/// A text with its known words.
fn extensible(meaning: &str, words: &[&'static str]) -> ObjectBuilder {
    let listed: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    let text = format!(
        "{meaning} Today one of {}; a later version may have more.",
        listed.join(", ")
    );
    let extension = [("x-extensible-enum", json!(words))];
    ObjectBuilder::new()
        .schema_type(Type::String)
        .extensions(Some(Extensions::from_iter(extension)))
        .description(Some(text))
}
