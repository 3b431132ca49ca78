//! `POST /v1/dead-letters/replay | discard`: replays or discards the dead letters that match a filter, newest first, and
//! answers with their number. The body is `{"user_id": ..., "code": ..., "reason": ...}`, all optional; `{}` means all
//! dead letters.

use application::Caller;
use application::ports::ListFilter;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{Fault, Given, OrderCommand, Reason, UserId};
use order_json::{Reader, read_dead_letter_command};

use crate::answer::{self, Answer};
use crate::openapi::examples;
use crate::openapi::refusals::{BODY, REQUEST, STORE, refusals};
use crate::openapi::schemas::standing::{DeadLetterCommand, Discarded, Replayed};
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::{JsonBody, NoQuery, RequestCaller};
use crate::state::Edge;

refusals!(ByFilterRefusals: REQUEST, BODY, STORE, [
    Code::Contended,
    Code::InvalidQuery,
    Code::UnsupportedMediaType,
]);

/// Replay all dead letters of a filter
///
/// Newest first, up to 10,000 at a time unless configured otherwise; with `has_more: true` there may be more: send the
/// request again.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/replay",
    operation_id = "replayDeadLetters",
    tag = tags::DEAD_LETTERS,
    request_body(content = DeadLetterCommand, examples(
        ("of a failure" = (value = json!(examples::dead_letter_command()))),
        ("all" = (value = json!({}))),
    )),
    responses(
        (
            status = 200,
            description = "How many are PENDING again.",
            headers(("Cache-Control")),
            body = Replayed,
            example = json!({"replayed": 12, "has_more": false}),
        ),
        ByFilterRefusals,
    ),
)]
pub(crate) async fn replay_dead_letters(
    State(edge): State<Edge>,
    _: NoQuery,
    RequestCaller(caller): RequestCaller,
    body: JsonBody,
) -> Result<Answer, Problem> {
    by_filter(&edge, &caller, OrderCommand::Replay, "replayed", &body).await
}

/// Discard all dead letters of a filter
///
/// Newest first, up to 10,000 at a time unless configured otherwise; with `has_more: true` there may be more: send the
/// request again.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/discard",
    operation_id = "discardDeadLetters",
    tag = tags::DEAD_LETTERS,
    request_body(content = DeadLetterCommand, examples(
        ("of a failure" = (value = json!(examples::dead_letter_command()))),
        ("all" = (value = json!({}))),
    )),
    responses(
        (
            status = 200,
            description = "How many are CANCELLED.",
            headers(("Cache-Control")),
            body = Discarded,
            example = json!({"discarded": 12, "has_more": false}),
        ),
        ByFilterRefusals,
    ),
)]
pub(crate) async fn discard_dead_letters(
    State(edge): State<Edge>,
    _: NoQuery,
    RequestCaller(caller): RequestCaller,
    body: JsonBody,
) -> Result<Answer, Problem> {
    by_filter(&edge, &caller, OrderCommand::Discard, "discarded", &body).await
}

async fn by_filter(
    edge: &Edge,
    caller: &Caller,
    command: OrderCommand,
    member: &'static str,
    body: &[u8],
) -> Result<Answer, Problem> {
    let (filter, reason) = read_command(body)?;
    let limit = edge.settings.tuning.max_replayed_at_once;
    let changed = edge
        .orders
        .command_dead_letters(caller, filter, command, reason, limit)
        .await?;
    // If the bound was reached, there may be more: the client asks again.
    let has_more = changed == limit;
    let body = format!("{{\"{member}\":{changed},\"has_more\":{has_more}}}");
    Ok(answer::json(StatusCode::OK, body.into_bytes()))
}

fn read_command(bytes: &[u8]) -> Result<(ListFilter, Option<Reason>), Problem> {
    let mut faults = Vec::new();
    let mut reader = Reader::new(bytes)?;
    let given = read_dead_letter_command(&mut reader, &mut faults)?;
    reader.finish()?;
    let user_id = given.user_id.value().and_then(|text| {
        UserId::new(&text)
            .map_err(|error| faults.push(Fault::new("/user_id", error.code(), error.to_string())))
            .ok()
    });
    if let Given::Value(code) = &given.code
        && (code.is_empty() || code.chars().count() > 255)
    {
        faults.push(Fault::new(
            "/code",
            "too_long",
            "must have 1 to 255 characters",
        ));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid_body(faults));
    }
    let filter = ListFilter {
        user_id,
        failure_code: given.code.value().map(Into::into),
        ..ListFilter::default()
    };
    Ok((filter, given.reason))
}
