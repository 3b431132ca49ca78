//! An order: what was asked for, which never changes, and how far it has got, which changes by decisions alone.

use std::sync::Arc;

use crate::adjustment::Adjustment;
use crate::id::{OrderId, Version};
use crate::money::Money;
use crate::quantity::Quantity;
use crate::receipt_form::ReceiptForm;
use crate::status::Status;
use crate::text::{ExternalId, Metadata, ProductName, Sku, UserId};
use crate::time::Timestamp;

/// Where an order came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A web shop.
    Web,
    /// A point of sale.
    Pos,
    /// A mobile app.
    Mobile,
    /// A program; the default.
    Api,
    /// A file.
    Import,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 5] = [Self::Web, Self::Pos, Self::Mobile, Self::Api, Self::Import];

    /// The name that clients see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Pos => "pos",
            Self::Mobile => "mobile",
            Self::Api => "api",
            Self::Import => "import",
        }
    }

    /// Finds a source by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == name)
    }

    /// A number that never changes, for stores.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Web => 1,
            Self::Pos => 2,
            Self::Mobile => 3,
            Self::Api => 4,
            Self::Import => 5,
        }
    }

    /// Finds a source by its [`Source::code`].
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.code() == code)
    }
}

/// One line of an order.
///
/// `total_minor` is what the line costs. A unit price is kept beside it as the client gave it: it may be the rounded
/// quotient of the two, and agrees with them within [`Line::prices_agree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The stock keeping unit, if the client has one.
    pub sku: Option<Sku>,
    /// What is sold.
    pub product_name: ProductName,
    /// How much of it.
    pub quantity: Quantity,
    /// Minor units of the order's currency, for a quantity of one; `None` if only the total was given.
    pub unit_price_minor: Option<u64>,
    /// Minor units of the order's currency, for the whole line.
    pub total_minor: u64,
}

impl Line {
    /// Quantity times unit price in minor units; `None` if that is not a whole number of them, or more than 2^53 - 1.
    #[must_use]
    pub fn exact_total(quantity: Quantity, unit_price_minor: u64) -> Option<u64> {
        let thousandths = u128::from(quantity.thousandths()) * u128::from(unit_price_minor);
        let per_whole = u128::from(Quantity::PER_WHOLE);
        if !thousandths.is_multiple_of(per_whole) {
            return None;
        }
        u64::try_from(thousandths / per_whole)
            .ok()
            .filter(|minor| *minor <= Money::MAX_MINOR)
    }

    /// Whether a unit price may stand beside a total: they differ by at most half a minor unit times the quantity (a
    /// unit price is a rounded quotient), and half a minor unit more if the quantity is not whole (then the total is
    /// rounded, too: 0.3 kg at 2.19 is 0.66).
    #[must_use]
    pub fn prices_agree(quantity: Quantity, unit_price_minor: u64, total_minor: u64) -> bool {
        let per_whole = u128::from(Quantity::PER_WHOLE);
        let thousandths = u128::from(quantity.thousandths());
        let by_unit = thousandths * u128::from(unit_price_minor);
        let by_total = per_whole * u128::from(total_minor);
        let rounded_total = if quantity.is_whole() { 0 } else { per_whole };
        // Both sides are doubled, so that halves are whole.
        2 * by_unit.abs_diff(by_total) <= thousandths + rounded_total
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A stable word: `handler_rejected`, `timeout`, `lease_lost`...
    pub code: Arc<str>,
    /// A sentence for the operator, at most [`Failure::MAX_MESSAGE_CHARS`] characters, without control characters.
    pub message: Arc<str>,
}

impl Failure {
    /// Longer messages are cut here.
    pub const MAX_MESSAGE_CHARS: usize = 1000;

    /// The code of an attempt whose lease ran out; nothing else is known of it.
    pub const LEASE_LOST: &str = "lease_lost";

    /// A failure; the message is cut to its bound and its control characters become spaces.
    #[must_use]
    pub fn new(code: &str, message: &str) -> Self {
        let clean: String = message
            .chars()
            .take(Self::MAX_MESSAGE_CHARS)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        Self {
            code: Arc::from(code),
            message: Arc::from(clean),
        }
    }
}

/// The most lines of an order.
pub const MAX_LINES: usize = 1000;

/// The most bytes of a handler's result, as JSON.
pub const MAX_RESULT_BYTES: usize = 8 * 1024;

/// The most holds, releases and replays of one order, together. It bounds what people can add to an order's history;
/// the worker's own changes are never refused.
pub const MAX_OPERATOR_COMMANDS: u32 = 1000;

/// An order at one version. A store reads and writes it; only [`Decision`](crate::Decision)s change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its name, which contains `created_at` and its home bucket.
    pub id: OrderId,
    /// The client's own number.
    pub external_id: Option<ExternalId>,
    /// The user who placed it.
    pub user_id: UserId,
    /// Where it came in.
    pub source: Source,
    /// Amount and currency; the sum of line totals and adjustments if there are lines.
    pub amount: Money,
    /// What was ordered; empty for an order that is an amount alone.
    pub lines: Arc<[Line]>,
    /// What is added to the lines or taken off; for information only if there are no lines.
    pub adjustments: Arc<[Adjustment]>,
    /// The client's notes.
    pub metadata: Arc<Metadata>,
    /// It is not processed before this time.
    pub process_after: Option<Timestamp>,
    /// When it was accepted; for imported history, when it was made.
    pub created_at: Timestamp,
    /// How its receipt looks and where it is kept: fixed here, so that later settings change no receipt.
    pub receipt: ReceiptForm,

    /// How far it has got.
    pub status: Status,
    /// How many changes it has seen, its creation included.
    pub version: Version,
    /// Attempts begun since it was created or last replayed.
    pub attempt: u32,
    /// Holds, releases and replays so far, at most [`MAX_OPERATOR_COMMANDS`].
    pub operator_commands: u32,
    /// Why the last attempt failed, while that matters: RETRYING, FAILED, a PROCESSING that follows a failure, and an
    /// ON_HOLD, PENDING or CANCELLED that was one of these.
    pub failure: Option<Failure>,
    /// When the next attempt is due; only while RETRYING.
    pub retry_at: Option<Timestamp>,
    /// Since when the endpoint has given this order nothing but busy answers; `None` after any other outcome.
    pub busy_since: Option<Timestamp>,
    /// The handler has done the work; what is left is to write the receipt. Never taken back: the work is not done again.
    pub work_done: bool,
    /// What the handler answered, once the work is done: a JSON text of at most [`MAX_RESULT_BYTES`].
    pub result: Option<Arc<str>>,
    /// Where its receipt is, once it is PROCESSED.
    pub receipt_key: Option<Arc<str>>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What an order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wait {
    /// PENDING: a worker that is free.
    Worker,
    /// PENDING: the time that the client asked for.
    ProcessAfter,
    /// PROCESSING: the handler's answer.
    Handler,
    /// RETRYING: the time of the next attempt.
    Retry,
    /// PENDING or RETRYING with its work done: the receipt store.
    Receipts,
    /// ON_HOLD: a person who releases it.
    Release,
    /// FAILED: an operator who replays or discards it.
    Operator,
}

impl Wait {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Worker,
        Self::ProcessAfter,
        Self::Handler,
        Self::Retry,
        Self::Receipts,
        Self::Release,
        Self::Operator,
    ];

    /// The name that clients see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::ProcessAfter => "process_after",
            Self::Handler => "handler",
            Self::Retry => "retry",
            Self::Receipts => "receipts",
            Self::Release => "release",
            Self::Operator => "operator",
        }
    }
}

/// What an order waits for, and until when if it is a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingFor {
    /// What it is.
    pub what: Wait,
    /// The time, for [`Wait::ProcessAfter`], [`Wait::Retry`] and [`Wait::Receipts`] while RETRYING.
    pub until: Option<Timestamp>,
}

/// A queue of waiting orders. Workers share their calls between the lanes, so that the orders of one lane never stop those of
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Orders that were never tried.
    Fresh,
    /// Orders that were tried before: retries, and replays of dead letters.
    Retries,
    /// Orders whose work is done and whose receipt is missing. They need the receipt store, not the handler.
    Receipts,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 3] = [Self::Fresh, Self::Retries, Self::Receipts];

    /// The position in [`Lane::ALL`], for tables with an entry per lane.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Fresh => 0,
            Self::Retries => 1,
            Self::Receipts => 2,
        }
    }
}

impl Order {
    /// Whether an attempt was begun before the running one, if one runs. A version is made by the creation, by each hold,
    /// release and replay, or by a worker: an order with no other versions than the first two kinds was never claimed.
    #[must_use]
    pub fn was_tried(&self) -> bool {
        let own_claim = u32::from(self.status == Status::Processing);
        let without_attempts = self.operator_commands.saturating_add(Version::FIRST.get());
        self.version.get() > without_attempts.saturating_add(own_claim)
    }

    /// The lane in which the order waits for a worker, or waited when it was claimed.
    #[must_use]
    pub fn lane(&self) -> Lane {
        if self.work_done {
            Lane::Receipts
        } else if self.was_tried() {
            Lane::Retries
        } else {
            Lane::Fresh
        }
    }

    /// An order with this many attempts behind it whose last one lost its lease is suspected of killing its workers.
    pub const SUSPECT_FROM: u32 = 2;

    /// Whether its next attempt runs exclusively, without any other order beside it in the same process: its last attempt
    /// lost its lease and was not its first. An order that kills its worker would otherwise take its neighbours to the dead
    /// letters with it. After a first loss it is not quarantined: most workers that die were not killed by an order.
    #[must_use]
    pub fn is_quarantined(&self) -> bool {
        matches!(self.status, Status::Retrying | Status::Pending)
            && self.attempt >= Self::SUSPECT_FROM
            && self
                .failure
                .as_ref()
                .is_some_and(|failure| *failure.code == *Failure::LEASE_LOST)
    }

    /// What the order waits for since its last change; `None` if it is final. It follows from the order alone, without
    /// a clock: an `until` that has passed says that the order is due and waits for a worker.
    #[must_use]
    pub fn waiting_for(&self) -> Option<WaitingFor> {
        let (what, until) = match self.status {
            Status::Pending | Status::Retrying if self.work_done => (Wait::Receipts, self.retry_at),
            Status::Pending => match self.process_after {
                Some(time) if time > self.updated_at => (Wait::ProcessAfter, Some(time)),
                Some(_) | None => (Wait::Worker, None),
            },
            Status::Processing => (Wait::Handler, None),
            Status::Retrying => (Wait::Retry, self.retry_at),
            Status::OnHold => (Wait::Release, None),
            Status::Failed => (Wait::Operator, None),
            Status::Processed | Status::Cancelled => return None,
        };
        Some(WaitingFor { what, until })
    }

    /// The order as it was first answered: at version 1. The answer to a replayed idempotency key.
    #[must_use]
    pub fn as_created(&self) -> Self {
        Self {
            status: Status::Pending,
            version: Version::FIRST,
            attempt: 0,
            operator_commands: 0,
            failure: None,
            retry_at: None,
            busy_since: None,
            work_done: false,
            result: None,
            receipt_key: None,
            updated_at: self.created_at,
            ..self.clone()
        }
    }

    /// The facts in which two orders differ, as JSON pointers: what a client is told whose external id is taken. Facts
    /// that are not compared under a key (the source) are not named.
    #[must_use]
    pub fn differing_facts(&self, other: &Self) -> Vec<&'static str> {
        let facts = [
            ("/user_id", self.user_id == other.user_id),
            ("/external_id", self.external_id == other.external_id),
            (
                "/currency",
                self.amount.currency() == other.amount.currency(),
            ),
            ("/amount", self.amount.minor() == other.amount.minor()),
            ("/lines", self.lines == other.lines),
            ("/adjustments", self.adjustments == other.adjustments),
            ("/metadata", self.metadata == other.metadata),
            ("/process_after", self.process_after == other.process_after),
        ];
        facts
            .into_iter()
            .filter(|(_, is_equal)| !is_equal)
            .map(|(pointer, _)| pointer)
            .collect()
    }
}
