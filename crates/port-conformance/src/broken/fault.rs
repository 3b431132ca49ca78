//! The faults of broken twins, and how the suite finds each of them out. Used by this module's parent.

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
    /// Leaves an order out of a page of events and orders.
    MissingOrder,
    /// Gives erased orders with their tombstones.
    OrdersOfTombstones,
    /// Gives each event the order of another one.
    SwappedOrders,
    /// Reads the orders of a page after its events, in another snapshot.
    TornPages,
    /// Loses one hint of due work for good.
    LostHintOfWork,
    /// Loses one hint of new events for good.
    LostHintOfEvents,
    /// Compares id and status of an outcome, but not the token.
    DroppedFencing,
    /// Prolongs the lease of an order whatever token the heartbeat has.
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
    /// Erases the events of an order instead of keeping tombstones.
    ForgottenTombstones,
    /// Erases an order and leaves its events as they were.
    PersonalTombstones,
    /// Draws new random bits for the tombstones.
    RedrawnBits,
    /// Counts an erased order as if it were there.
    KeptCounts,
    /// Lists an erased order, as an index that missed the erasure.
    KeptInLists,
    /// Leaves the key of an erased order bound.
    KeptKey,
    /// Leaves the external id of an erased order bound.
    KeptExternalId,
    /// Erases an order whatever it has become since the erasure was decided.
    UnguardedErasure,
    /// Has the same bits in every event.
    ConstantBits,
    /// Finds the position of an event's neighbour.
    MistakenPositions,
    /// Stores the events of history as if they were new.
    UnmarkedHistory,
    /// Has room for a number of orders in one millisecond, and turns away all others for ever.
    FullMillisecond,
    /// Hands out an order before its `process_after`.
    EarlyJob,
    /// Counts the time until `process_after` as a delay, by a clock that is never set. Adapters do not run it: it needs a
    /// store whose clock a test can set and whose delays do not follow that clock.
    TimeAsDelay,
    /// Starts the attempts of a released order again.
    ForgottenAttempts,
    /// Hands out a released order that runs alone among others.
    ReleasedAmongOthers,
    /// Claims of every lane alike, whatever its share is.
    SharelessLanes,
    /// Hands out the oldest order, whoever's it is.
    OldestFirst,
    /// Begins the round over the buckets anew with each claim.
    RestartedRound,
    /// Tells of all lanes as if they were one.
    MergedLanes,
    /// Counts an order that was held and released as tried.
    CountedHolds,
    /// Takes an order without attempts for one that was never tried.
    LanesByAttempts,
    /// Forgets that the work of an order is done.
    ForgottenWork,
    /// Stores a delay as a time of the wall clock. Adapters whose clock a test can set run it.
    DelayByWallClock,
    /// Takes due work when it is asked whether it takes commits.
    ProbeTakesWork,
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
    pub fn expectation(self) -> Expectation {
        let found = [
            Self::of_events,
            Self::of_writes,
            Self::of_work,
            Self::of_lanes,
            Self::of_erasing,
        ]
        .into_iter()
        .find_map(|expectation| expectation(self));
        let (behaviour, reason, control) = found.expect("every fault is in one of the tables");
        Expectation {
            behaviour,
            reason,
            control,
        }
    }

    /// Faults of the feed and of the hints about it.
    const fn of_events(self) -> Option<Table> {
        Some(match self {
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
            Self::LostHintOfWork => (
                "due_work_is_hinted_to_workers",
                "no hint that",
                "every_commit_is_hinted_to_watchers",
            ),
            Self::LostHintOfEvents => (
                "every_commit_is_hinted_to_watchers",
                "no hint of",
                "due_work_is_hinted_to_workers",
            ),
            Self::MissingOrder => (
                "events_come_with_their_orders",
                "an event that is no tombstone has its order",
                "a_feed_pages_through_tombstones",
            ),
            Self::SwappedOrders => (
                "events_come_with_their_orders",
                "the order of an event is its own",
                "an_erased_order_is_gone",
            ),
            Self::OrdersOfTombstones => (
                "an_erased_order_comes_with_no_event",
                "a page has the orders of its events and no others",
                "events_come_with_their_orders",
            ),
            Self::TornPages => (
                "events_and_their_orders_are_of_one_moment",
                "an event that is no tombstone has its order",
                "an_erased_order_comes_with_no_event",
            ),
            Self::ConstantBits => (
                "two_histories_differ_in_their_bits",
                "two histories give different bits to one number",
                "every_event_has_its_position",
            ),
            Self::MistakenPositions => (
                "every_event_has_its_position",
                "the position of an event is what the feed showed",
                "two_histories_differ_in_their_bits",
            ),
            _ => return None,
        })
    }

    /// Faults of commits and of reads.
    const fn of_writes(self) -> Option<Table> {
        Some(match self {
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
            Self::UnmarkedHistory => (
                "history_is_written_whole",
                "every event of history is marked",
                "every_field_of_an_event_comes_back",
            ),
            Self::FullMillisecond => (
                "a_full_millisecond_takes_more_orders",
                "a full millisecond takes more orders",
                "history_is_written_whole",
            ),
            _ => return None,
        })
    }

    /// Faults of claims, leases and times.
    const fn of_work(self) -> Option<Table> {
        Some(match self {
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
            Self::ReleasedAmongOthers => (
                "a_released_order_that_runs_alone_is_claimed_alone",
                "a released order that runs alone comes with no other",
                "an_order_that_runs_alone_is_claimed_alone",
            ),
            Self::EarlyJob => (
                "an_order_is_claimed_at_its_time",
                "an order is not claimed before its time",
                "a_retry_is_due_at_its_time",
            ),
            Self::TimeAsDelay => (
                "a_step_of_the_wall_clock_moves_the_time",
                "a clock that was set forward brings the time nearer",
                "an_order_is_claimed_at_its_time",
            ),
            Self::ProbeTakesWork => (
                "a_probe_of_commits_leaves_no_trace",
                "a probe leaves no event behind",
                "a_claim_is_a_change_like_any_other",
            ),
            Self::ForgottenAttempts => (
                "a_held_retry_keeps_its_attempts",
                "a released order keeps its attempts",
                "steering_moves_the_job",
            ),
            _ => return None,
        })
    }

    /// Faults of lanes, of rounds over the buckets, and of what they depend on.
    const fn of_lanes(self) -> Option<Table> {
        Some(match self {
            Self::SharelessLanes => (
                "a_lane_gets_its_share_and_what_the_others_leave",
                "a lane gets its share while the others have due work",
                "a_retry_is_due_at_its_time",
            ),
            Self::OldestFirst => (
                "a_flood_of_fresh_orders_delays_no_other_user",
                "an order of another user is among the first",
                "a_claim_is_a_change_like_any_other",
            ),
            Self::RestartedRound => (
                "each_bucket_has_its_turn",
                "each bucket has its turn within",
                "a_claim_is_a_change_like_any_other",
            ),
            Self::MergedLanes => (
                "an_order_that_was_tried_is_a_retry",
                "a retry is due in its lane",
                "a_lane_gets_its_share_and_what_the_others_leave",
            ),
            Self::CountedHolds => (
                "an_order_that_was_never_tried_is_fresh",
                "a released order that was never tried is due in its lane",
                "an_order_that_was_tried_is_a_retry",
            ),
            Self::LanesByAttempts => (
                "an_order_that_was_tried_is_a_retry",
                "an order that was given back is due in its lane",
                "an_order_that_was_never_tried_is_fresh",
            ),
            Self::ForgottenWork => (
                "work_that_is_done_stays_done",
                "the work stays done",
                "busy_answers_are_counted_from_the_first",
            ),
            Self::DelayByWallClock => (
                "a_delay_ends_although_the_clock_is_set_back",
                "a clock that was set back puts off no delay",
                "a_retry_is_due_at_its_time",
            ),
            _ => return None,
        })
    }

    /// Faults of erasing.
    const fn of_erasing(self) -> Option<Table> {
        Some(match self {
            Self::ForgottenTombstones => (
                "a_feed_pages_through_tombstones",
                "events come in the order of seq, without gaps",
                "an_erased_order_is_gone",
            ),
            Self::PersonalTombstones => (
                "tombstones_hold_nothing_personal",
                "nothing personal is left in a tombstone",
                "an_erased_order_is_gone",
            ),
            Self::RedrawnBits => (
                "a_feed_pages_through_tombstones",
                "a tombstone keeps its position",
                "an_erased_order_is_gone",
            ),
            Self::KeptCounts => (
                "an_erased_order_is_gone",
                "an erased order is in no count but its own",
                "a_feed_pages_through_tombstones",
            ),
            Self::KeptInLists => (
                "an_erased_order_is_gone",
                "an erased order is in no list",
                "a_feed_pages_through_tombstones",
            ),
            Self::KeptKey => (
                "the_names_of_an_erased_order_are_free",
                "the key of an erased order is free",
                "an_erased_order_is_gone",
            ),
            Self::KeptExternalId => (
                "the_names_of_an_erased_order_are_free",
                "the external id of an erased order is free",
                "an_erased_order_is_gone",
            ),
            Self::UnguardedErasure => (
                "an_erasure_is_guarded",
                "an erasure is guarded by version and status",
                "a_stale_guard_writes_nothing",
            ),
            _ => return None,
        })
    }
}

/// Behaviour, reason and control of an [`Expectation`].
type Table = (&'static str, &'static str, &'static str);
