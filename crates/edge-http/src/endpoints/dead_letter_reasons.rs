//! `GET /v1/dead-letters/reasons`: how many orders failed for good, by reason, the most frequent first.

use std::io::Write as _;

use axum::http::StatusCode;
use order_json::write_text;

use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::{Incomer, Query};
use crate::state::EdgeState;

pub(crate) async fn list_reasons(
    edge: &EdgeState,
    incomer: Incomer<'_>,
) -> Result<Answer, Problem> {
    let mut query = Query::read(incomer.parts.uri.query(), &["user_id"]);
    let user_id = query.user_id();
    query.finish()?;
    // As many as one replay by filter takes: what is shown is what it would do.
    let limit = edge.settings.tuning.max_replayed_at_once;
    let caller = edge.caller(incomer.trace());
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
