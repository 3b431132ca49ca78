//! `POST /v1/dead-letters/replay | discard`: starts every dead letter again, or gives it up, that a filter names, newest
//! first, and says how many. The body is `{"user_id": ..., "code": ...}`, both optional; `{}` means all.

use application::Caller;
use application::ports::ListFilter;
use axum::http::StatusCode;
use domain::{Fault, Given, Steering, UserId};

use super::no_query;
use crate::answer::{self, Answer};
use crate::json::{Reader, read_dead_letter_filter};
use crate::problem::Problem;
use crate::request::{Incomer, JSON, media_type, read_body};
use crate::state::EdgeState;

pub(crate) async fn steer(
    edge: &EdgeState,
    incomer: Incomer<'_>,
    steering: Steering,
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
    let filter = read_filter(&bytes)?;
    let caller = Caller {
        trace,
        deadline: edge.deadline(),
    };
    let limit = edge.settings.max_replayed_at_once;
    let steered = edge
        .application
        .steer_dead_letters(&caller, filter, steering, limit)
        .await?;
    // Where the bound was reached, there may be more: the client asks again.
    let has_more = steered == limit;
    let word = match steering {
        Steering::Discard => "discarded",
        _ => "replayed",
    };
    let body = format!("{{\"{word}\":{steered},\"has_more\":{has_more}}}");
    Ok(answer::json(StatusCode::OK, body.into_bytes()))
}

fn read_filter(bytes: &[u8]) -> Result<ListFilter, Problem> {
    let mut faults = Vec::new();
    let mut reader = Reader::new(bytes)?;
    let given = read_dead_letter_filter(&mut reader, &mut faults)?;
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
    Ok(ListFilter {
        user_id,
        failure_code: given.code.value().map(Into::into),
        ..ListFilter::default()
    })
}
