//! The suite of [`OrderStore`]: how a store is opened for it, and the list of its behaviours.
//!
//! Called by the adapters' tests through [`order_store_suite!`](crate::order_store_suite). Nothing here knows which
//! store it runs on: what only some stores can do (a second process, an index in the background) is asked of
//! [`OpenStore`], and a behaviour that a store cannot run says on standard error that it was left out.

pub mod claims;
pub mod commit;
pub mod done_work;
pub mod durability;
pub mod erased_feed;
pub mod erasing;
pub mod events;
pub mod feed_with_orders;
pub mod guards;
pub mod hints;
pub mod history;
pub mod idempotency;
pub mod isolation;
mod lane_stock;
pub mod lanes;
pub mod leases;
mod list_model;
pub mod lists;
pub mod positions;
pub mod probes;
pub mod process_after;
pub mod races;
pub mod retries;
pub mod rounds;
pub mod sample;
pub mod stored_delays;
mod subject;
pub mod texts;
pub mod traffic;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{Clock, OrderStore, WakeUps};
use async_trait::async_trait;
use domain::Timestamp;

pub use subject::{Subject, deadline, write_at};

/// A lease or a delay that is meant to run out in the test: short, because a store may only have real time.
pub const SHORT: Duration = Duration::from_millis(300);

/// A lease or a delay that is never meant to run out in the test.
pub const LONG: Duration = Duration::from_secs(3_600);

/// Opens stores for the suite.
#[async_trait]
pub trait StoreFactory: Send + Sync + 'static {
    /// A new store without orders; another one each time.
    async fn fresh(&self) -> Box<dyn OpenStore>;
}

/// What a test may ask of the index that a store keeps up in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexCommand {
    /// Stop working until [`IndexCommand::Resume`].
    Pause,
    /// Go on.
    Resume,
    /// Throw the index away and build it again, in the background.
    Rebuild,
}

/// An open store, and what it was opened with.
pub struct Surroundings {
    /// The store.
    pub store: Arc<dyn OrderStore>,
    /// Where hints of its commits arrive in this process.
    pub wake_ups: Arc<dyn WakeUps>,
    /// The clock by which this process decides.
    pub clock: Arc<dyn Clock>,
}

impl Surroundings {
    /// Those of a store whose hints arrive at `hints`.
    pub fn in_process(
        store: &Arc<impl OrderStore>,
        hints: &Arc<InProcessHints>,
        clock: &Arc<impl Clock>,
    ) -> Self {
        Self {
            store: Arc::clone(store) as _,
            wake_ups: Arc::clone(hints) as _,
            clock: Arc::clone(clock) as _,
        }
    }
}

/// An open store with its surroundings: one process, as far as the store can tell.
#[async_trait]
pub trait OpenStore: Send + Sync + 'static {
    /// The store, and what it was opened with.
    fn surroundings(&self) -> Surroundings;

    /// The store.
    fn store(&self) -> Arc<dyn OrderStore> {
        self.surroundings().store
    }

    /// Where hints of the store's commits arrive in this process.
    fn wake_ups(&self) -> Arc<dyn WakeUps> {
        self.surroundings().wake_ups
    }

    /// The clock by which this process decides.
    fn clock(&self) -> Arc<dyn Clock> {
        self.surroundings().clock
    }

    /// Lets at least this much time pass by the store's clock: turns a manual clock, or waits.
    async fn pass(&self, duration: Duration);

    /// Closes the store, lets go of everything and opens it again, as a new process would.
    async fn reopen(self: Box<Self>) -> Box<dyn OpenStore>;

    /// Another process on the same store, with its own hints; `None` if the store allows one process only.
    async fn second(&self) -> Option<Box<dyn OpenStore>> {
        None
    }

    /// Whether a new process may take back the claims of the one before it at once, because there is only ever one.
    fn claims_end_with_the_process(&self) -> bool {
        false
    }

    /// Whether hints reach the other processes on the same store too.
    fn hints_cross_processes(&self) -> bool {
        false
    }

    /// How long a hint may take before it counts as lost.
    fn hint_within(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// Does `command`; `false` if the store keeps no index in the background.
    async fn index(&self, _command: IndexCommand) -> bool {
        false
    }

    /// Sets the wall clock of this process forward, as an operator or NTP may; `false` if a test cannot.
    fn jump_wall_clock(&self, _by: Duration) -> bool {
        false
    }

    /// Sets the wall clock by which the store decides what is due, forward or back; `false` if a test cannot.
    fn set_store_clock(&self, _to: Timestamp) -> bool {
        false
    }
}

/// The future of a behaviour.
pub type Run<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One promise of the port, as a test.
#[derive(Clone, Copy)]
pub struct Behaviour {
    /// Its name, which is its test's name.
    pub name: &'static str,
    /// Runs it; panics if the store breaks the promise.
    pub run: for<'a> fn(&'a dyn StoreFactory) -> Run<'a>,
}

/// Waits for a behaviour, with a bound: a store that hangs fails.
///
/// # Panics
/// If the behaviour takes longer than five minutes.
pub async fn in_bounded_time(behaviour: impl Future<Output = ()>) {
    let bound = Duration::from_secs(300);
    assert!(
        tokio::time::timeout(bound, Box::pin(behaviour))
            .await
            .is_ok(),
        "the store hangs: the behaviour has not ended in {bound:?}"
    );
}

macro_rules! behaviour_table {
    (() $($module:ident::$name:ident,)*) => {
        /// Every behaviour of the suite.
        #[must_use]
        pub fn behaviours() -> Vec<Behaviour> {
            vec![$(Behaviour {
                name: stringify!($name),
                run: |factory| Box::pin($module::$name(factory)),
            },)*]
        }
    };
}

crate::with_order_store_behaviours!([behaviour_table]());

/// Expands to one test a behaviour of the order store, each on a fresh store of the [`StoreFactory`] `$factory`.
#[macro_export]
macro_rules! order_store_suite {
    ($factory:expr) => {
        $crate::with_order_store_behaviours!([$crate::order_store_tests]($factory));
    };
}

/// The tests of [`order_store_suite!`].
#[macro_export]
#[doc(hidden)]
macro_rules! order_store_tests {
    (($factory:expr) $($module:ident::$name:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let factory = $factory;
                $crate::order_store::in_bounded_time($crate::order_store::$module::$name(&factory))
                    .await;
            }
        )*
    };
}

/// The one list of the behaviours: hands each one's `module::name,` to a macro, after `$context`.
#[macro_export]
#[doc(hidden)]
macro_rules! with_order_store_behaviours {
    ([$($callback:tt)*] $context:tt) => {
        $($callback)*! {
            $context
            commit::a_placed_order_is_there_whole,
            commit::an_outcome_brings_order_and_event_together,
            commit::a_conflict_fails_alone,
            commit::a_poison_decision_fails_alone,
            commit::writes_to_one_order_are_done_in_their_order,
            commit::outcomes_of_one_batch_leave_their_own_jobs,
            guards::a_stale_guard_writes_nothing,
            guards::of_concurrent_changes_one_wins,
            guards::what_expired_never_appears,
            guards::a_burst_is_written_or_refused_clearly,
            guards::a_reader_sees_what_was_confirmed,
            guards::counts_follow_every_change,
            guards::answers_come_in_the_order_of_the_writes,
            idempotency::equal_requests_at_once_make_one_order,
            idempotency::equal_requests_to_two_processes_make_one_order,
            idempotency::equal_external_ids_at_once_make_one_order,
            idempotency::of_different_bodies_with_one_key_one_wins,
            idempotency::equal_writes_of_one_batch_make_one_order,
            idempotency::a_key_stands_for_one_body_of_one_user,
            idempotency::the_key_is_looked_at_before_the_external_id,
            idempotency::a_refusal_binds_no_key,
            idempotency::an_external_id_belongs_to_its_user,
            idempotency::a_replay_shows_the_order_as_it_is_now,
            claims::a_claim_is_a_change_like_any_other,
            claims::claims_come_oldest_due_first,
            claims::concurrent_claims_are_disjoint,
            claims::claims_of_two_processes_are_disjoint,
            claims::only_work_that_waits_is_claimed,
            claims::a_claim_and_a_cancellation_exclude_each_other,
            leases::a_live_lease_is_never_rescued,
            leases::a_jump_of_the_wall_clock_ends_no_lease,
            leases::a_lost_lease_is_rescued_once,
            leases::concurrent_rescues_are_disjoint,
            leases::a_heartbeat_keeps_the_lease,
            leases::a_late_outcome_counts_until_the_rescue,
            leases::a_stale_token_changes_nothing,
            leases::a_token_from_before_a_replay_is_stale,
            leases::a_crash_loop_ends_in_the_dead_letters,
            isolation::an_order_that_runs_alone_is_claimed_alone,
            isolation::an_order_that_runs_alone_is_due_at_its_time,
            isolation::a_released_order_that_runs_alone_is_claimed_alone,
            retries::a_retry_is_due_at_its_time,
            retries::steering_moves_the_job,
            retries::a_held_retry_keeps_its_attempts,
            retries::what_is_given_back_costs_no_attempt,
            retries::dead_letters_are_listed_by_their_reason,
            process_after::an_order_is_claimed_at_its_time,
            process_after::a_time_that_has_passed_is_due_at_once,
            process_after::a_time_is_kept_for_the_next_process,
            process_after::a_released_order_still_waits_for_its_time,
            process_after::work_of_both_clocks_comes_oldest_due_first,
            process_after::a_step_of_the_wall_clock_moves_the_time,
            lanes::a_lane_gets_its_share_and_what_the_others_leave,
            lanes::a_lane_that_may_give_nothing_gives_nothing,
            lanes::an_order_that_was_never_tried_is_fresh,
            lanes::an_order_that_was_tried_is_a_retry,
            lanes::an_order_whose_work_is_done_waits_for_its_receipt,
            lanes::a_quarantined_order_is_in_no_lane,
            lanes::each_lane_has_its_next_work,
            lanes::the_oldest_due_order_has_its_age,
            rounds::a_flood_of_fresh_orders_delays_no_other_user,
            rounds::a_flood_of_retries_delays_no_other_user,
            rounds::a_flood_delays_no_other_user_in_the_next_process,
            rounds::each_bucket_has_its_turn,
            rounds::work_that_is_due_later_keeps_no_bucket_waiting,
            done_work::work_that_is_done_stays_done,
            done_work::busy_answers_are_counted_from_the_first,
            stored_delays::a_delay_ends_although_the_clock_is_set_back,
            stored_delays::a_delay_ends_although_the_clock_is_set_forward,
            stored_delays::a_delay_ends_in_the_next_process,
            stored_delays::what_is_due_stays_due_although_the_clock_is_set_back,
            history::history_is_written_whole,
            history::a_full_millisecond_takes_more_orders,
            erasing::an_erased_order_is_gone,
            erasing::the_names_of_an_erased_order_are_free,
            erasing::an_erasure_is_guarded,
            erasing::an_erasure_and_a_change_exclude_each_other,
            erased_feed::a_feed_pages_through_tombstones,
            erased_feed::tombstones_hold_nothing_personal,
            erased_feed::followers_miss_nothing_while_orders_are_erased,
            feed_with_orders::events_come_with_their_orders,
            feed_with_orders::an_erased_order_comes_with_no_event,
            feed_with_orders::events_and_their_orders_are_of_one_moment,
            positions::every_event_has_its_position,
            positions::two_histories_differ_in_their_bits,
            events::events_of_an_order_come_by_version,
            events::every_field_of_an_event_comes_back,
            events::events_of_a_shard_come_by_seq,
            events::events_are_gapless_and_in_commit_order,
            events::claims_take_their_place_among_the_events,
            lists::lists_agree_with_a_sorted_model,
            lists::a_short_page_leads_on,
            lists::an_external_id_alone_leads_to_its_orders,
            lists::lists_are_exact_while_orders_are_added,
            lists::lists_are_exact_whatever_the_index_does,
            lists::a_list_by_status_follows_each_change,
            races::an_outcome_and_a_rescue_exclude_each_other,
            races::a_heartbeat_and_a_rescue_exclude_each_other,
            races::a_heartbeat_of_many_tells_which_are_lost,
            races::a_reader_never_sees_half_of_a_change,
            races::a_call_of_thousands_is_answered_write_by_write,
            races::what_comes_in_meanwhile_is_claimed_too,
            hints::every_commit_is_hinted_to_watchers,
            hints::an_erasure_is_hinted_to_watchers,
            hints::due_work_is_hinted_to_workers,
            hints::hints_come_for_each_shard,
            hints::hints_reach_another_process,
            durability::the_next_process_finds_everything,
            durability::claims_of_an_earlier_process_are_rescued,
            durability::closing_keeps_what_was_confirmed,
            durability::every_bucket_has_its_shard,
            probes::a_probe_of_commits_leaves_no_trace,
            probes::a_probe_fails_where_no_commit_can_be_made,
            texts::any_text_comes_back_as_it_was,
            texts::a_large_order_comes_back_whole,
            texts::extreme_values_come_back_as_they_were,
            texts::every_fact_of_an_order_comes_back,
            texts::a_result_with_nul_is_kept_or_refused,
        }
    };
}
