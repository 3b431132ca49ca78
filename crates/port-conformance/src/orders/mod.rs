//! The suite of the inbound port [`Orders`]: what each use case answers and refuses, whatever carries the call.
//!
//! Called by the tests of each implementation through [`orders_suite!`](crate::orders_suite). The use cases themselves run on
//! the store in memory; a [`Carrier`] says how they are reached. Everything that a call or an answer says is compared with
//! what the store holds or the test knows, so that a carrier that loses a field fails.

pub mod access;
pub mod batches;
pub mod commands;
pub mod dead_letters;
pub mod deadlines;
pub mod failures;
pub mod health;
pub mod lists;
pub mod placing;
pub mod reading;
pub mod receipts;
mod subject;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use application::Orders;
use async_trait::async_trait;

pub use subject::{FaultyReceipts, Subject, caller};

/// How the use cases are reached: the implementation of the port that is tested.
#[async_trait]
pub trait Carrier: Send + Sync + 'static {
    /// The implementation under test, whose calls `local` answers.
    async fn carry(&self, local: Arc<dyn Orders>) -> Arc<dyn Orders>;
}

/// Nothing carries the calls: the use cases of this process are called.
pub struct Direct;

#[async_trait]
impl Carrier for Direct {
    async fn carry(&self, local: Arc<dyn Orders>) -> Arc<dyn Orders> {
        local
    }
}

/// The future of a behaviour.
pub type Run<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One promise of the port, as a test.
#[derive(Clone, Copy)]
pub struct Behaviour {
    /// Its name, which is its test's name.
    pub name: &'static str,
    /// Runs it; panics if the implementation breaks the promise.
    pub run: for<'a> fn(&'a dyn Carrier) -> Run<'a>,
}

macro_rules! behaviour_table {
    (() $($module:ident::$name:ident,)*) => {
        /// Every behaviour of the suite.
        #[must_use]
        pub fn behaviours() -> Vec<Behaviour> {
            vec![$(Behaviour {
                name: stringify!($name),
                run: |carrier| Box::pin($module::$name(carrier)),
            },)*]
        }
    };
}

crate::with_orders_behaviours!([behaviour_table]());

/// Expands to one test a behaviour of the port `Orders`, each reached by the [`Carrier`] `$carrier`.
#[macro_export]
macro_rules! orders_suite {
    ($carrier:expr) => {
        $crate::with_orders_behaviours!([$crate::orders_tests]($carrier));
    };
}

/// The tests of [`orders_suite!`].
#[macro_export]
#[doc(hidden)]
macro_rules! orders_tests {
    (($carrier:expr) $($module:ident::$name:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let carrier = $carrier;
                $crate::order_store::in_bounded_time($crate::orders::$module::$name(&carrier)).await;
            }
        )*
    };
}

/// The one list of the behaviours: hands each one's `module::name,` to a macro, after `$context`.
#[macro_export]
#[doc(hidden)]
macro_rules! with_orders_behaviours {
    ([$($callback:tt)*] $context:tt) => {
        $($callback)*! {
            $context
            placing::a_placed_order_comes_back_whole,
            placing::a_key_replays_the_order_as_first_answered,
            placing::an_external_id_answers_the_order_as_it_is_now,
            placing::a_key_stands_for_one_body,
            placing::a_taken_external_id_names_the_differing_fields,
            placing::a_key_that_is_under_way_is_said_to_be,
            batches::rows_are_answered_one_by_one,
            batches::history_comes_back_as_it_ended,
            batches::an_invalid_history_has_its_fault_with_the_pointer,
            reading::an_order_comes_back_whole_whatever_its_status,
            reading::an_order_is_found_by_what_names_it,
            reading::events_come_back_with_their_positions,
            reading::a_watcher_has_seen_all_once_it_is_past_the_last_event,
            reading::counts_are_those_of_each_status,
            lists::pages_lead_on_to_the_end,
            lists::each_condition_narrows_a_list,
            receipts::a_rendered_receipt_is_read_once_the_order_is_processed,
            receipts::a_stored_receipt_is_read_from_its_store,
            receipts::a_receipt_store_that_fails_is_named,
            commands::each_command_changes_the_order,
            commands::a_command_is_recorded_with_who_and_why,
            commands::a_command_waits_for_an_expected_version,
            commands::a_command_on_no_order_finds_none,
            commands::what_the_rules_refuse_is_said_with_the_reason,
            commands::an_order_that_keeps_changing_is_contended,
            commands::a_status_is_reached_by_its_command,
            dead_letters::letters_are_replayed_by_their_reason,
            dead_letters::letters_are_counted_by_their_reason,
            access::a_missing_scope_is_named,
            access::a_scope_is_enough_for_its_calls,
            access::a_bound_caller_reads_its_own_user_alone,
            access::a_bound_caller_changes_its_own_user_alone,
            deadlines::what_expired_is_never_written,
            deadlines::a_read_ends_at_its_deadline,
            deadlines::callers_keep_their_own_deadlines,
            failures::a_failed_placing_says_all_that_the_store_said,
            failures::a_failed_read_says_all_that_the_store_said,
            failures::a_failed_command_says_all_that_the_store_said,
            health::each_shard_says_how_it_is,
            health::the_oldest_due_order_has_its_age,
        }
    };
}
