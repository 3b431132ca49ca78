//! An order: what was asked for, which never changes, and how far it has got, which changes by decisions alone.

use std::sync::Arc;

use crate::id::{OrderId, Version};
use crate::money::Money;
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

/// One line of an order. Its total is `quantity` times `unit_price`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The stock keeping unit, where the client has one.
    pub sku: Option<Sku>,
    /// What is sold.
    pub product_name: ProductName,
    /// How many: 1 to [`Line::MAX_QUANTITY`].
    pub quantity: u32,
    /// Minor units of the order's currency, for one piece.
    pub unit_price_minor: u64,
}

impl Line {
    /// The most pieces in a line.
    pub const MAX_QUANTITY: u32 = 1_000_000;
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

    /// The code of an attempt of which nobody knows more than that its lease ran out.
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

/// An order as it stands at one version. A store reads and writes it; only [`Decision`](crate::Decision)s change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its name, which holds `created_at` and its home bucket.
    pub id: OrderId,
    /// The client's own number.
    pub external_id: Option<ExternalId>,
    /// Whose it is.
    pub user_id: UserId,
    /// Where it came in.
    pub source: Source,
    /// Amount and currency; the sum of the lines where there are lines.
    pub amount: Money,
    /// What was ordered; empty for an order that is an amount alone.
    pub lines: Arc<[Line]>,
    /// The client's notes.
    pub metadata: Arc<Metadata>,
    /// When it was accepted, or for imported history when it was made.
    pub created_at: Timestamp,

    /// Where it stands.
    pub status: Status,
    /// How many changes it has seen, its creation included.
    pub version: Version,
    /// Attempts begun since it was created or last replayed.
    pub attempt: u32,
    /// Why the last attempt failed, while that matters: RETRYING, FAILED, a PROCESSING that follows a failure, and a
    /// CANCELLED that was one of these.
    pub failure: Option<Failure>,
    /// What the handler answered: a JSON text of at most [`MAX_RESULT_BYTES`].
    pub result: Option<Arc<str>>,
    /// Where its receipt is, once it is PROCESSED.
    pub receipt_key: Option<Arc<str>>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Order {
    /// From so many attempts on, an order whose last one lost its lease is suspected of killing its workers.
    pub const SUSPECT_FROM: u32 = 2;

    /// Whether its next attempt is made with no other beside it in the same process: its last attempt lost its lease, and
    /// it was not the first. One that kills its worker would otherwise take its neighbours with it to the dead letters;
    /// alone, it takes nobody. After a first loss it is not so: most workers that die are not killed by an order, and
    /// what they had in hand is worked off side by side.
    #[must_use]
    pub fn runs_alone(&self) -> bool {
        self.status == Status::Retrying
            && self.attempt >= Self::SUSPECT_FROM
            && self
                .failure
                .as_ref()
                .is_some_and(|failure| *failure.code == *Failure::LEASE_LOST)
    }

    /// The order as it was first answered: at version 1. What a replayed idempotency key is told.
    #[must_use]
    pub fn as_created(&self) -> Self {
        Self {
            status: Status::Pending,
            version: Version::FIRST,
            attempt: 0,
            failure: None,
            result: None,
            receipt_key: None,
            updated_at: self.created_at,
            ..self.clone()
        }
    }
}
