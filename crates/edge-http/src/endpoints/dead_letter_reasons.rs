//! `GET /v1/dead-letters/reasons`: how many orders failed for good, by reason, the most frequent first.

use std::io::Write as _;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use order_json::write_text;

use crate::answer::{self, Answer};
use crate::openapi::examples;
use crate::openapi::parameters::UserIdParameter;
use crate::openapi::refusals::{REQUEST, STORE, refusals};
use crate::openapi::schemas::standing::DeadLetterReasons;
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::{Query, RequestCaller};
use crate::state::Edge;

refusals!(ListReasonsRefusals: REQUEST, STORE, [Code::InvalidQuery]);

/// How many dead letters there are, by reason
///
/// The most frequent reason first.
#[utoipa::path(
    get,
    path = "/v1/dead-letters/reasons",
    operation_id = "listDeadLetterReasons",
    tag = tags::DEAD_LETTERS,
    params(UserIdParameter),
    responses(
        (
            status = 200,
            description = "The reasons.",
            headers(("Cache-Control")),
            body = DeadLetterReasons,
            example = json!(examples::reasons()),
        ),
        ListReasonsRefusals,
    ),
)]
pub(crate) async fn list_reasons(
    State(edge): State<Edge>,
    RawQuery(query): RawQuery,
    RequestCaller(caller): RequestCaller,
) -> Result<Answer, Problem> {
    let mut query = Query::read(query.as_deref(), &["user_id"]);
    let user_id = query.user_id();
    query.finish()?;
    // As many as one replay by filter takes: what is shown is what it would do.
    let limit = edge.settings.tuning.max_replayed_at_once;
    let reading = edge.orders.dead_letter_reasons(&caller, user_id, limit);
    let found = reading.await?;
    let mut body = b"{\"data\":[".to_vec();
    for (index, reason) in found.reasons.iter().enumerate() {
        body.extend_from_slice(if index > 0 { b",{" } else { b"{" });
        body.extend_from_slice(b"\"code\":");
        write_text(&reason.code, &mut body);
        // Writing into a Vec cannot fail.
        let _ = write!(
            body,
            ",\"count\":{},\"newest_at\":\"{}\",\"sample_message\":",
            reason.count, reason.newest_at
        );
        write_text(&reason.sample_message, &mut body);
        body.push(b'}');
    }
    let _ = write!(
        body,
        "],\"counted\":{},\"has_more\":{}}}",
        found.counted, found.has_more
    );
    Ok(answer::json(StatusCode::OK, body))
}
