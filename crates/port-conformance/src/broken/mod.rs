//! Stores that are broken on purpose, each in one way that real systems were broken: the suite must fail on every
//! one of them, and for the reason that was broken. A suite that passes a broken twin checks nothing.
//!
//! A twin wraps a healthy store, so that all but the one fault is the real adapter. Adapters run them by
//! [`broken_order_store_suite!`](crate::broken_order_store_suite).

mod hints;
mod store;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use tokio::task::JoinSet;

use crate::around::Around;
use crate::order_store::{IndexCommand, OpenStore, StoreFactory, Surroundings, behaviours};

/// One way to be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Hands out events of a shard in another order than they were committed in, numbers and all.
    ReorderedEvents,
    /// Gives the events of a shard the numbers of their neighbours.
    MisnumberedEvents,
    /// Shows an event only after later ones have been shown, as an outbox read by "id > last seen" does.
    LateCommit,
    /// As [`Fault::LateCommit`], and closes the gap meanwhile, so that the numbers shift when the event appears.
    HiddenLateCommit,
    /// Loses one dispatch hint for good.
    SwallowedDispatch,
    /// Loses one hint of the status bus for good.
    SwallowedStatus,
    /// Compares id and status of an outcome, but not the token.
    DroppedFencing,
    /// Prolongs the lease of whoever holds the order now, whatever token the heartbeat has.
    UnfencedHeartbeat,
    /// Rescues orders whose lease is alive.
    RescuedLiveLease,
    /// Does not bind idempotency keys.
    ForgottenKey,
    /// Gives up a batch at its first conflict.
    BatchFailsTogether,
    /// Answers that a decision has expired, and writes it nevertheless.
    ExpiredYetWritten,
    /// Answers reads from a cache that no write refreshes.
    StaleReads,
    /// Lists without the newest order, as an index that is behind.
    ForgetfulList,
    /// Hands out one claim twice.
    SharedClaim,
    /// Hands out an order that runs alone among others.
    MixedClaim,
    /// Returns due orders as settled and writes nothing.
    UnwrittenSettlement,
}

/// How a broken twin is found out.
#[derive(Debug, Clone, Copy)]
pub struct Expectation {
    /// The behaviour that must fail.
    pub behaviour: &'static str,
    /// What its failure must say.
    pub reason: &'static str,
    /// A behaviour that has nothing to do with the fault: it must pass, or the twin is broken in more than one way.
    pub control: &'static str,
}

impl Fault {
    /// How a store with this fault is found out.
    #[must_use]
    pub const fn expectation(self) -> Expectation {
        let (behaviour, reason, control) = match self {
            Self::ReorderedEvents | Self::LateCommit => (
                "events_are_gapless_and_in_commit_order",
                "events come in the order of seq, without gaps",
                "a_conflict_fails_alone",
            ),
            Self::MisnumberedEvents => (
                "events_are_gapless_and_in_commit_order",
                "at the place that its commit told",
                "a_lost_lease_is_rescued_once",
            ),
            Self::HiddenLateCommit => (
                "events_are_gapless_and_in_commit_order",
                "a reader that has seen a seq never later sees another event at a smaller one",
                "a_lost_lease_is_rescued_once",
            ),
            Self::SwallowedDispatch => (
                "due_work_is_hinted_to_workers",
                "no hint that",
                "every_commit_is_hinted_to_watchers",
            ),
            Self::SwallowedStatus => (
                "every_commit_is_hinted_to_watchers",
                "no hint of",
                "due_work_is_hinted_to_workers",
            ),
            Self::DroppedFencing => (
                "a_token_from_before_a_replay_is_stale",
                "a stale token must not",
                "a_stale_guard_writes_nothing",
            ),
            Self::UnfencedHeartbeat => (
                "a_stale_token_changes_nothing",
                "a stale token's heartbeat tells that the claim is lost",
                "a_late_outcome_counts_until_the_rescue",
            ),
            Self::RescuedLiveLease => (
                "a_live_lease_is_never_rescued",
                "never a live lease",
                "a_lost_lease_is_rescued_once",
            ),
            Self::ForgottenKey => (
                "of_different_bodies_with_one_key_one_wins",
                "of different bodies with one key one is written",
                "an_external_id_belongs_to_its_user",
            ),
            Self::BatchFailsTogether => (
                "a_conflict_fails_alone",
                "a write that travelled with conflicts",
                "writes_to_one_order_are_done_in_their_order",
            ),
            Self::ExpiredYetWritten => (
                "what_expired_never_appears",
                "expired and appeared",
                "a_burst_is_written_or_refused_clearly",
            ),
            Self::StaleReads => (
                "a_reader_sees_what_was_confirmed",
                "get after a change",
                "events_of_an_order_come_by_version",
            ),
            Self::ForgetfulList => (
                "a_reader_sees_what_was_confirmed",
                "lacks the order just confirmed",
                "a_stale_guard_writes_nothing",
            ),
            Self::SharedClaim => (
                "concurrent_claims_are_disjoint",
                "two claims never share an order",
                "a_short_page_leads_on",
            ),
            Self::MixedClaim => (
                "an_order_that_runs_alone_is_claimed_alone",
                "an order that runs alone comes with no other",
                "a_lost_lease_is_rescued_once",
            ),
            Self::UnwrittenSettlement => (
                "a_settled_order_is_final_with_its_events",
                "stored as it was returned",
                "a_claim_is_a_change_like_any_other",
            ),
        };
        Expectation {
            behaviour,
            reason,
            control,
        }
    }
}

/// Opens healthy stores and breaks them.
pub struct BrokenFactory {
    healthy: Arc<dyn StoreFactory>,
    fault: Fault,
}

impl BrokenFactory {
    /// Breaks the stores of `healthy` in one way.
    #[must_use]
    pub fn new(healthy: Arc<dyn StoreFactory>, fault: Fault) -> Self {
        Self { healthy, fault }
    }
}

#[async_trait]
impl StoreFactory for BrokenFactory {
    async fn fresh(&self) -> Box<dyn OpenStore> {
        Broken::wrap(self.healthy.fresh().await, self.fault)
    }
}

/// A broken store with its surroundings.
struct Broken {
    healthy: Box<dyn OpenStore>,
    fault: Fault,
    store: Arc<Around<store::BrokenStore>>,
    hints: Arc<hints::ForgetfulHints>,
}

impl Broken {
    fn wrap(healthy: Box<dyn OpenStore>, fault: Fault) -> Box<dyn OpenStore> {
        let broken = store::BrokenStore::new(healthy.store(), healthy.clock(), fault);
        let store = Arc::new(Around(broken));
        let hints = Arc::new(hints::ForgetfulHints::new(&*healthy, fault));
        Box::new(Self {
            healthy,
            fault,
            store,
            hints,
        })
    }
}

#[async_trait]
impl OpenStore for Broken {
    fn surroundings(&self) -> Surroundings {
        Surroundings {
            store: Arc::clone(&self.store) as _,
            dispatch: Arc::clone(&self.hints) as _,
            status_bus: Arc::clone(&self.hints) as _,
            clock: self.healthy.clock(),
        }
    }

    async fn pass(&self, duration: Duration) {
        self.healthy.pass(duration).await;
    }

    async fn reopen(self: Box<Self>) -> Box<dyn OpenStore> {
        let Self {
            healthy,
            fault,
            store,
            hints,
        } = *self;
        drop((store, hints));
        Self::wrap(healthy.reopen().await, fault)
    }

    async fn second(&self) -> Option<Box<dyn OpenStore>> {
        let second = self.healthy.second().await?;
        Some(Self::wrap(second, self.fault))
    }

    fn claims_end_with_the_process(&self) -> bool {
        self.healthy.claims_end_with_the_process()
    }

    fn hints_cross_processes(&self) -> bool {
        self.healthy.hints_cross_processes()
    }

    fn hint_within(&self) -> Duration {
        Duration::from_secs(2)
    }

    async fn index(&self, command: IndexCommand) -> bool {
        self.healthy.index(command).await
    }

    fn jump_wall_clock(&self, by: Duration) -> bool {
        self.healthy.jump_wall_clock(by)
    }

    fn set_store_clock(&self, to: Timestamp) -> bool {
        self.healthy.set_store_clock(to)
    }
}

/// Runs one behaviour; what it said where it failed.
async fn run(factory: Arc<dyn StoreFactory>, name: &'static str) -> Result<(), String> {
    let behaviour = behaviours()
        .into_iter()
        .find(|behaviour| behaviour.name == name)
        .unwrap_or_else(|| panic!("the suite has no behaviour {name}"));
    let mut task = JoinSet::new();
    task.spawn(async move { (behaviour.run)(&*factory).await });
    match task.join_next().await {
        Some(Ok(())) | None => Ok(()),
        Some(Err(error)) => Err(what_it_said(&*error.into_panic())),
    }
}

fn what_it_said(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// Fails unless the suite finds the fault out, for its own reason, and finds nothing else wrong.
///
/// # Panics
/// Where the suite lets the broken twin pass, or fails it for another reason.
pub async fn assert_suite_catches(healthy: Arc<dyn StoreFactory>, fault: Fault) {
    let expected = fault.expectation();
    let broken: Arc<dyn StoreFactory> = Arc::new(BrokenFactory::new(healthy, fault));
    match run(Arc::clone(&broken), expected.behaviour).await {
        Ok(()) => panic!("{} passes a store with {fault:?}", expected.behaviour),
        Err(said) => assert!(
            said.contains(expected.reason),
            "{} fails on {fault:?}, but not because {:?}; it said: {said}",
            expected.behaviour,
            expected.reason
        ),
    }
    if let Err(said) = run(broken, expected.control).await {
        panic!(
            "{fault:?} should not disturb {}, which said: {said}",
            expected.control
        );
    }
}

/// Expands to one test a fault: the suite finds out each broken twin of the [`StoreFactory`]'s stores.
#[macro_export]
macro_rules! broken_order_store_suite {
    ($factory:expr) => {
        $crate::broken_order_store_suite! { @tests ($factory)
            the_suite_catches_reordered_events: ReorderedEvents,
            the_suite_catches_misnumbered_events: MisnumberedEvents,
            the_suite_catches_a_late_commit: LateCommit,
            the_suite_catches_a_hidden_late_commit: HiddenLateCommit,
            the_suite_catches_a_swallowed_dispatch_hint: SwallowedDispatch,
            the_suite_catches_a_swallowed_status_hint: SwallowedStatus,
            the_suite_catches_dropped_fencing: DroppedFencing,
            the_suite_catches_an_unfenced_heartbeat: UnfencedHeartbeat,
            the_suite_catches_a_rescued_live_lease: RescuedLiveLease,
            the_suite_catches_a_forgotten_key: ForgottenKey,
            the_suite_catches_a_batch_that_fails_together: BatchFailsTogether,
            the_suite_catches_an_expired_write: ExpiredYetWritten,
            the_suite_catches_stale_reads: StaleReads,
            the_suite_catches_a_forgetful_list: ForgetfulList,
            the_suite_catches_a_shared_claim: SharedClaim,
            the_suite_catches_a_mixed_claim: MixedClaim,
            the_suite_catches_an_unwritten_settlement: UnwrittenSettlement,
        }
    };
    (@tests ($factory:expr) $($name:ident: $fault:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let healthy = std::sync::Arc::new($factory);
                $crate::broken::assert_suite_catches(healthy, $crate::broken::Fault::$fault).await;
            }
        )*
    };
}
