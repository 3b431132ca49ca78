//! The dead letters together: ListDeadLetters, ListDeadLetterReasons, ReplayDeadLetters and DiscardDeadLetters. The commands
//! to one of them are in `order_command`.

use application::ListCursor;
use application::ports::ListFilter;
use domain::{OrderCommand, OrderId, Status, UserId};
use proto::ordermill::v1 as pb;

use super::page::{orders_page, read_cursor, read_limit};
use super::read;
use crate::call::Call;
use crate::messages::{self, Faults};
use crate::refusal::{Refusal, of_command};
use crate::state::GrpcEdge;

/// Which dead letters, and why, as a replay or a discard asks.
pub(super) struct Selection<'a> {
    pub(super) user_id: Option<&'a str>,
    pub(super) code: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
}

/// How many were changed.
pub(super) struct Changed {
    pub(super) count: u64,
    /// As many were changed as one call may: there may be more.
    pub(super) has_more: bool,
}

pub(super) async fn list(
    edge: &GrpcEdge,
    call: &Call,
    message: &pb::ListDeadLettersRequest,
) -> Result<pb::ListDeadLettersResponse, Refusal> {
    let (user_id, code) = (message.user_id.as_deref(), message.code.as_deref());
    let mut faults = Faults::default();
    let filter = ListFilter {
        status: Some(Status::Failed),
        ..read_filter(user_id, code, &mut faults)
    };
    let limit = read_limit(message.limit, &mut faults);
    let conditions = [("user_id", user_id), ("code", code)];
    let given = conditions
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let cursor = ListCursor::of("ordermill.v1.dead-letters", given);
    let before = read_cursor(&message.cursor, &cursor, &mut faults).map(OrderId::from_bytes);
    faults.finish()?;
    let page = orders_page(edge, call, filter, (before, limit), &cursor).await?;
    Ok(pb::ListDeadLettersResponse {
        orders: page.orders,
        has_more: !page.next_cursor.is_empty(),
        next_cursor: page.next_cursor,
    })
}

pub(super) async fn list_reasons(
    edge: &GrpcEdge,
    call: &Call,
    message: &pb::ListDeadLetterReasonsRequest,
) -> Result<pb::ListDeadLetterReasonsResponse, Refusal> {
    let mut faults = Faults::default();
    let user_id = read_user_id(message.user_id.as_deref(), &mut faults);
    faults.finish()?;
    let caller = call.caller(edge.settings.request_deadline);
    // As many as one replay by filter changes: what is shown is what it would do.
    let limit = edge.settings.tuning.max_dead_letters_at_once;
    let reading = edge.orders.dead_letter_reasons(&caller, user_id, limit);
    let found = read(&caller, reading).await?;
    Ok(pb::ListDeadLetterReasonsResponse {
        reasons: found
            .reasons
            .iter()
            .map(messages::dead_letter_reason)
            .collect(),
        counted: found.counted as u64,
        has_more: found.has_more,
    })
}

pub(super) async fn command(
    edge: &GrpcEdge,
    call: &Call,
    selection: Selection<'_>,
    command: OrderCommand,
) -> Result<Changed, Refusal> {
    let mut faults = Faults::default();
    let filter = read_filter(selection.user_id, selection.code, &mut faults);
    let reason = messages::read_reason(selection.reason, &mut faults);
    faults.finish()?;
    let caller = call.caller(edge.settings.request_deadline);
    let limit = edge.settings.tuning.max_dead_letters_at_once;
    let count = edge
        .orders
        .command_dead_letters(&caller, filter, command, reason, limit)
        .await
        .map_err(|error| of_command(error, caller.deadline))?;
    Ok(Changed {
        count: count as u64,
        has_more: count == limit,
    })
}

fn read_filter(user_id: Option<&str>, code: Option<&str>, faults: &mut Faults) -> ListFilter {
    if code.is_some_and(|code| code.is_empty() || code.chars().count() > 255) {
        faults.push("/code", "invalid", "must have 1 to 255 characters");
    }
    ListFilter {
        user_id: read_user_id(user_id, faults),
        failure_code: code.map(Into::into),
        ..ListFilter::default()
    }
}

fn read_user_id(given: Option<&str>, faults: &mut Faults) -> Option<UserId> {
    UserId::new(given?)
        .map_err(|error| faults.push("/user_id", error.code(), error.to_string()))
        .ok()
}
