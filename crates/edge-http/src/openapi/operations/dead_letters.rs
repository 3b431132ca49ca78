//! Dead letters: listed, replayed, discarded.

use serde_json::json;
use utoipa::openapi::Required;

use super::orders::{order_command, page};
use crate::openapi::examples;
use crate::openapi::operation::{Description, Group};
use crate::openapi::refusals::STORE;
use crate::openapi::schemas::standing::{DeadLetterCommand, Discarded, Reasons, Replayed};
use crate::problem::Code;

pub(super) fn list() -> Description {
    let description = Description::get(
        Group::DeadLetters,
        "listDeadLetters",
        "List dead letters, newest first",
    );
    page(description.takes("user_id").takes("failure_code"))
}

pub(super) fn replay() -> Description {
    order_command(
        Group::DeadLetters,
        "replayDeadLetter",
        "Replay a dead letter",
        "The order is PENDING again; its attempts start at 0.",
        examples::order("PENDING", 4),
    )
}

pub(super) fn discard() -> Description {
    order_command(
        Group::DeadLetters,
        "discardDeadLetter",
        "Discard a dead letter",
        "The order becomes CANCELLED, which is final.",
        examples::order("CANCELLED", 4),
    )
}

pub(super) fn reasons() -> Description {
    let reason = json!({
        "code": "handler_rejected",
        "count": 12,
        "newest_at": "2026-01-31T12:00:00.000Z",
        "sample_message": "the card was declined"
    });
    Description::get(
        Group::DeadLetters,
        "listDeadLetterReasons",
        "How many dead letters there are, by reason",
    )
    .says("The most frequent reason first.")
    .takes("user_id")
    .answers_json::<Reasons>(
        200,
        "The reasons.",
        &[],
        json!({"data": [reason], "counted": 12, "has_more": false}),
    )
    .refuses(&STORE)
    .refuses(&[Code::InvalidQuery])
}

pub(super) fn replay_all() -> Description {
    let description = Description::post(
        Group::DeadLetters,
        "replayDeadLetters",
        "Replay all dead letters of a filter",
    );
    all_of_a_filter(description).answers_json::<Replayed>(
        200,
        "How many are PENDING again.",
        &[],
        json!({"replayed": 12, "has_more": false}),
    )
}

pub(super) fn discard_all() -> Description {
    let description = Description::post(
        Group::DeadLetters,
        "discardDeadLetters",
        "Discard all dead letters of a filter",
    );
    all_of_a_filter(description).answers_json::<Discarded>(
        200,
        "How many are CANCELLED.",
        &[],
        json!({"discarded": 12, "has_more": false}),
    )
}

fn all_of_a_filter(description: Description) -> Description {
    description
        .says(
            "Newest first, up to 10,000 at a time unless configured otherwise; with `has_more: true` there may be more: \
             send the request again.",
        )
        .reads::<DeadLetterCommand>(
            Required::True,
            &[
                (
                    "of a failure",
                    json!({"code": "handler_rejected", "reason": "the cards work again"}),
                ),
                ("all", json!({})),
            ],
        )
        .refuses(&STORE)
        .refuses(&[
            Code::Contended,
            Code::InvalidQuery,
            Code::UnsupportedMediaType,
        ])
}
