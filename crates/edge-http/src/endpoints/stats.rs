//! `GET /v1/stats`: how many orders have each status. accepted = processed + failed + cancelled + in flight, at any time.
//! Erased orders are in no other count.

use std::io::Write as _;

use axum::http::StatusCode;
use domain::Status;

use super::{no_query, read};
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::Incomer;
use crate::state::EdgeState;

pub(crate) async fn get_stats(edge: &EdgeState, incomer: Incomer<'_>) -> Result<Answer, Problem> {
    no_query(&incomer)?;
    let counts = read(edge.deadline(), edge.application.counts()).await?;
    let accepted = counts.accepted();
    let [processed, failed, cancelled] =
        [Status::Processed, Status::Failed, Status::Cancelled].map(|status| counts.get(status));
    let in_flight = accepted - processed - failed - cancelled;
    let mut body = Vec::with_capacity(256);
    // Writing into a Vec cannot fail.
    let _ = write!(
        body,
        "{{\"accepted\":{accepted},\"processed\":{processed},\"failed\":{failed},\
         \"cancelled\":{cancelled},\"in_flight\":{in_flight},\"erased\":{},\"by_status\":{{",
        counts.erased
    );
    for (index, status) in Status::ALL.into_iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(body, "{comma}\"{status}\":{}", counts.get(status));
    }
    body.extend_from_slice(b"}}");
    Ok(answer::json(StatusCode::OK, body))
}
