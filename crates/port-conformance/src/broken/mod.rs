//! Stores that are broken on purpose, each in one way in which real systems were broken: the suite must fail on every
//! one of them, and for that reason. A suite that passes a broken twin checks nothing.
//!
//! A twin wraps a healthy store, so that everything but the one fault is the real adapter. Adapters run them by
//! [`broken_order_store_suite!`](crate::broken_order_store_suite).

mod claims;
mod erasing;
mod fault;
mod hints;
mod store;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use tokio::task::JoinSet;

pub use fault::{Expectation, Fault};

use crate::order_store::{IndexCommand, OpenStore, StoreFactory, Surroundings, behaviours};

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
    store: Arc<store::BrokenStore>,
    hints: hints::ForgetfulHints,
}

impl Broken {
    fn wrap(healthy: Box<dyn OpenStore>, fault: Fault) -> Box<dyn OpenStore> {
        let broken = store::BrokenStore::new(healthy.store(), healthy.clock(), fault);
        let store = Arc::new(broken);
        let hints = hints::ForgetfulHints::new(&*healthy, fault);
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
            wake_ups: Arc::clone(self.hints.wake_ups()) as _,
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

/// Runs one behaviour; the message of its failure.
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
/// If the suite lets the broken twin pass, or fails it for another reason.
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
            the_suite_catches_a_missing_order: MissingOrder,
            the_suite_catches_orders_of_tombstones: OrdersOfTombstones,
            the_suite_catches_swapped_orders: SwappedOrders,
            the_suite_catches_torn_pages: TornPages,
            the_suite_catches_a_lost_hint_of_due_work: LostHintOfWork,
            the_suite_catches_a_lost_hint_of_events: LostHintOfEvents,
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
            the_suite_catches_forgotten_tombstones: ForgottenTombstones,
            the_suite_catches_personal_tombstones: PersonalTombstones,
            the_suite_catches_redrawn_bits_of_tombstones: RedrawnBits,
            the_suite_catches_an_erased_order_in_the_counts: KeptCounts,
            the_suite_catches_an_erased_order_in_a_list: KeptInLists,
            the_suite_catches_an_erased_key_that_stays_bound: KeptKey,
            the_suite_catches_an_erased_external_id_that_stays_bound: KeptExternalId,
            the_suite_catches_an_unguarded_erasure: UnguardedErasure,
            the_suite_catches_constant_bits: ConstantBits,
            the_suite_catches_mistaken_positions: MistakenPositions,
            the_suite_catches_unmarked_history: UnmarkedHistory,
            the_suite_catches_a_full_millisecond: FullMillisecond,
            the_suite_catches_an_early_job: EarlyJob,
            the_suite_catches_forgotten_attempts: ForgottenAttempts,
            the_suite_catches_a_released_order_that_is_not_isolated: ReleasedAmongOthers,
            the_suite_catches_lanes_without_shares: SharelessLanes,
            the_suite_catches_claims_of_the_oldest_order: OldestFirst,
            the_suite_catches_a_round_that_begins_anew: RestartedRound,
            the_suite_catches_lanes_told_as_one: MergedLanes,
            the_suite_catches_holds_counted_as_attempts: CountedHolds,
            the_suite_catches_lanes_by_attempts: LanesByAttempts,
            the_suite_catches_forgotten_work: ForgottenWork,
            the_suite_catches_a_probe_that_takes_work: ProbeTakesWork,
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
