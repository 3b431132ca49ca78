//! `POST /v1/dead-letters/replay | discard`: replays or discards the dead letters that match a filter, newest first, and
//! answers with their number. The body is `{"user_id": ..., "code": ..., "reason": ...}`, all optional; `{}` means all
//! dead letters.

use application::ports::ListFilter;
use axum::http::StatusCode;
use domain::{Fault, Given, OrderCommand, Reason, UserId};
use order_json::{Reader, read_dead_letter_command};

use super::no_query;
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::{Incomer, JSON, media_type, read_body};
use crate::state::EdgeState;

pub(crate) async fn command_dead_letters(
    edge: &EdgeState,
    incomer: Incomer<'_>,
    command: OrderCommand,
) -> Result<Answer, Problem> {
    no_query(&incomer)?;
    let trace = incomer.trace();
    let headers = &incomer.parts.headers;
    media_type(headers, JSON)?;
    let bytes = read_body(
        edge,
        headers,
        incomer.body,
        incomer.began,
        edge.settings.max_body_bytes,
    )
    .await?;
    let (filter, reason) = read_command(&bytes)?;
    let caller = edge.caller(trace);
    let limit = edge.settings.tuning.max_replayed_at_once;
    let changed = edge
        .orders
        .command_dead_letters(&caller, filter, command, reason, limit)
        .await?;
    // If the bound was reached, there may be more: the client asks again.
    let has_more = changed == limit;
    let word = match command {
        OrderCommand::Discard => "discarded",
        _ => "replayed",
    };
    let body = format!("{{\"{word}\":{changed},\"has_more\":{has_more}}}");
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
