//! Broken twins of the wire form: each loses one field, and the suite finds it out, in the behaviour that is about it.

use port_conformance::orders::{Carrier, behaviours};
use proto::ordermill::internal::v1;
use proto::ordermill::internal::v1::call::Request;
use proto::ordermill::internal::v1::reply::Response;
use tokio::task::JoinSet;

use crate::carrier::{LoopBack, Loss};

/// The caller of a call.
fn caller(request: &mut Request) -> &mut v1::Caller {
    let caller = match request {
        Request::Place(m) => &mut m.caller,
        Request::PlaceBatch(m) => &mut m.caller,
        Request::Get(m) => &mut m.caller,
        Request::Find(m) => &mut m.caller,
        Request::FindByName(m) => &mut m.caller,
        Request::List(m) => &mut m.caller,
        Request::Events(m) => &mut m.caller,
        Request::HasSeenAll(m) => &mut m.caller,
        Request::Receipt(m) => &mut m.caller,
        Request::Counts(m) => &mut m.caller,
        Request::Command(m) => &mut m.caller,
        Request::SetStatus(m) => &mut m.caller,
        Request::CommandDeadLetters(m) => &mut m.caller,
        Request::DeadLetterReasons(m) => &mut m.caller,
        Request::StoreHealth(m) => &mut m.caller,
    };
    caller.as_mut().expect("every call has a caller")
}

/// The order of an answer to [`Request::Get`], if it found one.
fn got(response: &mut Response) -> Option<&mut v1::Order> {
    use v1::found_order::Found;
    use v1::order_response::Result as Answer;
    match response {
        Response::Get(v1::OrderResponse {
            result:
                Some(Answer::Answer(v1::FoundOrder {
                    found: Some(Found::Order(order)),
                })),
        }) => Some(order),
        _ => None,
    }
}

/// The error of an answer to [`Request::Get`], if it failed.
fn read_error(response: &mut Response) -> Option<&mut v1::read_error::Kind> {
    use v1::order_response::Result as Answer;
    match response {
        Response::Get(v1::OrderResponse {
            result: Some(Answer::Error(error)),
        }) => error.kind.as_mut(),
        _ => None,
    }
}

/// The errors of an answer to a batch.
fn row_errors(response: &mut Response) -> impl Iterator<Item = &mut v1::place_error::Kind> {
    use v1::place_response::Result as Answer;
    let rows = match response {
        Response::PlaceBatch(answer) => answer.rows.as_mut_slice(),
        Response::Place(answer) => std::slice::from_mut(answer),
        _ => &mut [],
    };
    rows.iter_mut().filter_map(|row| match &mut row.result {
        Some(Answer::Error(error)) => error.kind.as_mut(),
        _ => None,
    })
}

/// The error of a change of one order, if it was refused.
fn change_error(response: &mut Response) -> Option<&mut v1::command_error::Kind> {
    use v1::change_response::Result as Answer;
    match response {
        Response::Command(answer) | Response::SetStatus(answer) => match &mut answer.result {
            Some(Answer::Error(error)) => error.kind.as_mut(),
            _ => None,
        },
        _ => None,
    }
}

/// Fails unless `behaviour` notices the loss.
async fn assert_notices(behaviour: &'static str, loss: Loss) {
    let tested = behaviours()
        .into_iter()
        .find(|tested| tested.name == behaviour);
    let run = tested.expect("the suite has this behaviour").run;
    let mut task = JoinSet::new();
    task.spawn(async move {
        let carrier: &dyn Carrier = &LoopBack::losing(loss);
        run(carrier).await;
    });
    let ended = task.join_next().await.expect("it was spawned");
    let noticed = ended.is_err_and(|error| error.is_panic());
    assert!(noticed, "{behaviour} passes although a field is lost");
}

/// Tests of fields that calls lose: the behaviour that notices, and what is done to the call.
macro_rules! lost_in_calls {
    ($($test:ident: $behaviour:ident, $lose:expr;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            assert_notices(stringify!($behaviour), Loss::InCalls($lose)).await;
        })*
    };
}

/// Tests of fields that answers lose.
macro_rules! lost_in_replies {
    ($($test:ident: $behaviour:ident, $lose:expr;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            assert_notices(stringify!($behaviour), Loss::InReplies($lose)).await;
        })*
    };
}

fn an_hour(request: &mut Request) {
    caller(request).remaining = Some(prost_types::Duration {
        seconds: 3_600,
        nanos: 0,
    });
}

fn every_scope(request: &mut Request) {
    caller(request).scopes = (1..=6).collect();
}

fn all_users(request: &mut Request) {
    let principal = caller(request).principal.as_mut().expect("it is set");
    principal.users = Some(v1::principal::Users::All(()));
}

fn any_version(request: &mut Request) {
    use v1::expected_version::Expected;
    if let Request::Command(v1::CommandRequest { expected, .. })
    | Request::SetStatus(v1::SetStatusRequest { expected, .. }) = request
    {
        *expected = Some(v1::ExpectedVersion {
            expected: Some(Expected::Any(())),
        });
    }
}

fn facts(request: &mut Request) -> Option<&mut v1::PlaceOrder> {
    match request {
        Request::Place(m) => m.command.as_mut(),
        _ => None,
    }
}

lost_in_calls! {
    a_lost_deadline_is_noticed: what_expired_is_never_written, an_hour;
    a_lost_deadline_of_a_read_is_noticed: a_read_ends_at_its_deadline, an_hour;
    lost_scopes_are_noticed: a_missing_scope_is_named, every_scope;
    a_lost_binding_is_noticed: a_bound_caller_reads_its_own_user_alone, all_users;
    a_lost_binding_of_changes_is_noticed: a_bound_caller_changes_its_own_user_alone, all_users;
    a_lost_subject_is_noticed: a_placed_order_comes_back_whole, |request| {
        caller(request).principal.as_mut().expect("it is set").subject = None;
    };
    a_lost_span_is_noticed: a_command_is_recorded_with_who_and_why, |request| {
        caller(request).trace.as_mut().expect("it is set").span_id = None;
    };
    a_lost_key_is_noticed: a_key_replays_the_order_as_first_answered, |request| {
        if let Request::Place(m) = request {
            m.key = None;
        }
    };
    a_lost_template_is_noticed: a_placed_order_comes_back_whole, |request| {
        if let Some(command) = facts(request) {
            command.receipt_template = v1::ReceiptTemplate::Standard.into();
        }
    };
    a_lost_time_is_noticed: a_placed_order_comes_back_whole, |request| {
        if let Some(facts) = facts(request).and_then(|command| command.facts.as_mut()) {
            facts.process_after_ms = None;
        }
    };
    lost_metadata_are_noticed: a_placed_order_comes_back_whole, |request| {
        if let Some(facts) = facts(request).and_then(|command| command.facts.as_mut()) {
            facts.metadata.clear();
        }
    };
    a_lost_history_is_noticed: history_comes_back_as_it_ended, |request| {
        if let Request::PlaceBatch(m) = request {
            m.rows.iter_mut().for_each(|row| row.history = None);
        }
    };
    a_lost_condition_is_noticed: each_condition_narrows_a_list, |request| {
        if let Request::List(m) = request {
            let page = m.page.as_mut().expect("it is set");
            page.filter.as_mut().expect("it is set").failure_code = None;
        }
    };
    a_lost_place_in_a_list_is_noticed: pages_lead_on_to_the_end, |request| {
        if let Request::List(m) = request {
            m.page.as_mut().expect("it is set").before = None;
        }
    };
    a_lost_place_among_events_is_noticed: events_come_back_with_their_positions, |request| {
        if let Request::Events(m) = request {
            m.after = None;
        }
    };
    a_lost_cursor_is_noticed: a_watcher_has_seen_all_once_it_is_past_the_last_event, |request| {
        if let Request::HasSeenAll(m) = request {
            m.cursor = Some(v1::Cursor::default());
        }
    };
    a_lost_version_is_noticed: a_command_waits_for_an_expected_version, any_version;
    a_lost_reason_is_noticed: a_command_is_recorded_with_who_and_why, |request| {
        if let Request::Command(m) = request {
            m.reason = None;
        }
    };
    a_lost_reason_of_many_is_noticed: letters_are_replayed_by_their_reason, |request| {
        if let Request::CommandDeadLetters(m) = request {
            m.reason = None;
        }
    };
    a_lost_filter_of_letters_is_noticed: letters_are_replayed_by_their_reason, |request| {
        if let Request::CommandDeadLetters(m) = request {
            m.filter = Some(v1::ListFilter::default());
        }
    };
    a_lost_user_of_letters_is_noticed: letters_are_counted_by_their_reason, |request| {
        if let Request::DeadLetterReasons(m) = request {
            m.user_id = None;
        }
    };
}

/// Does something to each order that was read by its id.
macro_rules! of_order {
    ($order:ident => $lose:expr) => {
        |response| {
            if let Some($order) = got(response) {
                $lose;
            }
        }
    };
}

lost_in_replies! {
    lost_operator_commands_are_noticed: an_order_comes_back_whole_whatever_its_status,
        of_order!(order => order.operator_commands = Some(0));
    a_lost_attempt_is_noticed: an_order_comes_back_whole_whatever_its_status,
        of_order!(order => order.attempt = Some(0));
    a_lost_retry_time_is_noticed: an_order_comes_back_whole_whatever_its_status,
        of_order!(order => order.retry_at_ms = None);
    a_lost_busy_time_is_noticed: an_order_comes_back_whole_whatever_its_status,
        of_order!(order => order.busy_since_ms = None);
    lost_work_is_noticed: an_order_comes_back_whole_whatever_its_status,
        of_order!(order => order.work_done = Some(false));
    a_lost_result_is_noticed: an_order_comes_back_whole_whatever_its_status,
        of_order!(order => order.result = None);
    a_lost_receipt_key_is_noticed: an_order_comes_back_whole_whatever_its_status,
        of_order!(order => order.receipt_key = None);
    a_lost_failure_is_noticed: an_order_comes_back_whole_whatever_its_status,
        of_order!(order => order.failure = None);
    a_lost_receipt_location_is_noticed: an_order_comes_back_whole_whatever_its_status,
        of_order!(order => order.receipt.as_mut().expect("it is set").location =
            v1::ReceiptLocation::Rendered.into());
    lost_bits_are_noticed: events_come_back_with_their_positions, |response| {
        use v1::events_response::Result as Answer;
        use v1::found_events::Found;
        if let Response::Events(v1::EventsResponse { result: Some(Answer::Answer(found)) }) = response
            && let Some(Found::Events(found)) = &mut found.found
        {
            found.events.iter_mut().for_each(|event| event.bits = Some(0));
        }
    };
    a_lost_continuation_is_noticed: pages_lead_on_to_the_end, |response| {
        use v1::list_response::Result as Answer;
        if let Response::List(v1::ListResponse { result: Some(Answer::Answer(page)) }) = response {
            page.next_before = None;
        }
    };
    a_lost_pointer_is_noticed: an_invalid_history_has_its_fault_with_the_pointer, |response| {
        for error in row_errors(response) {
            if let v1::place_error::Kind::Invalid(faults) = error {
                faults.faults.iter_mut().for_each(|fault| fault.pointer = Some(String::new()));
            }
        }
    };
    lost_faults_are_noticed: an_invalid_history_has_its_fault_with_the_pointer, |response| {
        for error in row_errors(response) {
            if let v1::place_error::Kind::Invalid(faults) = error {
                faults.faults.clear();
            }
        }
    };
    lost_differing_fields_are_noticed: a_taken_external_id_names_the_differing_fields, |response| {
        for error in row_errors(response) {
            if let v1::place_error::Kind::ExternalIdTaken(differing) = error {
                differing.pointers.clear();
            }
        }
    };
    a_lost_reason_of_a_refusal_is_noticed: a_failed_placing_says_all_that_the_store_said, |response| {
        for error in row_errors(response) {
            if let v1::place_error::Kind::Refused(reason) = error {
                reason.clear();
            }
        }
    };
    a_lost_shard_is_noticed: a_failed_read_says_all_that_the_store_said, |response| {
        use v1::store_error::Kind;
        if let Some(v1::read_error::Kind::Store(error)) = read_error(response)
            && let Some(Kind::Unavailable(fault) | Kind::Unknown(fault)) = &mut error.kind
        {
            fault.shard = Some(0);
        }
    };
    a_lost_bound_of_the_queue_is_noticed: a_failed_read_says_all_that_the_store_said, |response| {
        if let Some(v1::read_error::Kind::Store(error)) = read_error(response)
            && let Some(v1::store_error::Kind::Overloaded(limit)) = &mut error.kind
        {
            *limit = 0;
        }
    };
    a_lost_scope_of_a_refusal_is_noticed: a_missing_scope_is_named, |response| {
        if let Some(v1::read_error::Kind::Forbidden(forbidden)) = read_error(response) {
            let admin = v1::forbidden::Reason::MissingScope(v1::Scope::Admin.into());
            forbidden.reason = Some(admin);
        }
    };
    a_lost_current_version_is_noticed: a_command_waits_for_an_expected_version, |response| {
        if let Some(v1::command_error::Kind::VersionMismatch(current)) = change_error(response) {
            *current = 1;
        }
    };
    a_lost_transition_is_noticed: what_the_rules_refuse_is_said_with_the_reason, |response| {
        if let Some(v1::command_error::Kind::Illegal(refusal)) = change_error(response)
            && let Some(v1::refusal::Kind::NotAllowed(refused)) = &mut refusal.kind
        {
            refused.transition = v1::Transition::Claim.into();
        }
    };
    lost_erased_orders_are_noticed: counts_are_those_of_each_status, |response| {
        use v1::counts_response::Result as Answer;
        if let Response::Counts(v1::CountsResponse { result: Some(Answer::Answer(counts)) }) = response {
            counts.erased = Some(0);
        }
    };
    a_lost_bound_of_a_count_is_noticed: letters_are_counted_by_their_reason, |response| {
        use v1::dead_letter_reasons_response::Result as Answer;
        if let Response::DeadLetterReasons(answer) = response
            && let Some(Answer::Answer(reasons)) = &mut answer.result
        {
            reasons.has_more = Some(false);
        }
    };
    a_lost_age_is_noticed: the_oldest_due_order_has_its_age, |response| {
        if let Response::StoreHealth(health) = response {
            health.shards.iter_mut().for_each(|shard| shard.oldest_due_age = None);
        }
    };
    a_lost_cause_of_a_state_is_noticed: each_shard_says_how_it_is, |response| {
        if let Response::StoreHealth(health) = response {
            for shard in &mut health.shards {
                if shard.state == i32::from(v1::ShardState::Full) {
                    shard.state = v1::ShardState::CommitsFail.into();
                }
            }
        }
    };
}
