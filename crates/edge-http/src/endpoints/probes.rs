//! `/livez`, `/readyz`, `/health`: whether the process runs, whether it can take orders, and how it is.

use application::order_json::{write_text, write_text_or_null};
use axum::http::StatusCode;
use std::io::Write as _;
use tokio::time::Instant;

use super::{no_query, read};
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::Incomer;
use crate::state::EdgeState;

/// The process runs. Says nothing of the store, so that nobody restarts a process because its database is away.
pub(crate) fn say_alive(incomer: &Incomer<'_>) -> Result<Answer, Problem> {
    no_query(incomer)?;
    Ok(answer::text(StatusCode::OK, "ok\n"))
}

/// The store answers, and the server is not about to stop.
pub(crate) async fn say_ready(edge: &EdgeState, incomer: Incomer<'_>) -> Result<Answer, Problem> {
    no_query(&incomer)?;
    if edge.soft.is_cancelled() {
        return Err(Problem::stopping());
    }
    reach_store(edge).await?;
    Ok(answer::json(
        StatusCode::OK,
        b"{\"status\":\"ready\"}".to_vec(),
    ))
}

/// Everything that there is to know at a glance; 503 where no order could be taken. The first two members are what
/// clients of orderflow look for, so that one address serves both.
pub(crate) async fn say_health(edge: &EdgeState) -> Result<Answer, Problem> {
    let store = reach_store(edge).await;
    let (status, word, store) = match store {
        Ok(()) => (StatusCode::OK, "healthy", "reachable"),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "unreachable",
        ),
    };
    let mut body = Vec::with_capacity(128);
    // Writing into a Vec cannot fail.
    let _ = write!(
        body,
        r#"{{"service":"orderflow-producer","status":"{word}","version":"#
    );
    write_text(&edge.settings.version, &mut body);
    let _ = write!(body, ",\"store\":\"{store}\",\"breaker\":");
    write_text_or_null(edge.work.breaker().as_str(), &mut body);
    body.extend_from_slice(b"}\n");
    Ok(answer::json(status, body))
}

/// Asks the store for the least that it can be asked for.
async fn reach_store(edge: &EdgeState) -> Result<(), Problem> {
    let until = Instant::now() + edge.settings.probe_timeout;
    read(until, edge.application.reach_store()).await
}
