//! What is added to or taken from the sum of an order's lines: discounts, shipping, taxes, fees, tips, rounding.

use crate::text::Label;

/// The most adjustments of an order.
pub const MAX_ADJUSTMENTS: usize = 50;

/// What an adjustment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdjustmentKind {
    /// Never above zero.
    Discount,
    /// Never below zero.
    Shipping,
    /// Never below zero.
    Tax,
    /// Never below zero.
    Fee,
    /// Never below zero.
    Tip,
    /// A difference that rounding left: any sign.
    Rounding,
    /// Anything else: any sign.
    Other,
}

impl AdjustmentKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Discount,
        Self::Shipping,
        Self::Tax,
        Self::Fee,
        Self::Tip,
        Self::Rounding,
        Self::Other,
    ];

    /// The name that clients see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discount => "discount",
            Self::Shipping => "shipping",
            Self::Tax => "tax",
            Self::Fee => "fee",
            Self::Tip => "tip",
            Self::Rounding => "rounding",
            Self::Other => "other",
        }
    }

    /// Finds a kind by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// A number that never changes, for stores.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Discount => 1,
            Self::Shipping => 2,
            Self::Tax => 3,
            Self::Fee => 4,
            Self::Tip => 5,
            Self::Rounding => 6,
            Self::Other => 7,
        }
    }

    /// Finds a kind by its [`AdjustmentKind::code`].
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Why an adjustment of this kind cannot have this amount (minor units); `None` if it can.
    #[must_use]
    pub const fn sign_fault(self, amount_minor: i64) -> Option<&'static str> {
        match self {
            Self::Discount if amount_minor > 0 => {
                Some("a discount is negative or zero: it is added to the sum")
            }
            Self::Shipping | Self::Tax | Self::Fee | Self::Tip if amount_minor < 0 => {
                Some("must not be below zero; what is taken off is a discount, or of kind other")
            }
            Self::Discount
            | Self::Shipping
            | Self::Tax
            | Self::Fee
            | Self::Tip
            | Self::Rounding
            | Self::Other => None,
        }
    }
}

/// One adjustment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// What it is for.
    pub kind: AdjustmentKind,
    /// The client's name for it: a discount code, a tax rate.
    pub label: Option<Label>,
    /// Signed minor units of the order's currency; the sign fits the kind ([`AdjustmentKind::sign_fault`]).
    pub amount_minor: i64,
    /// Whether the prices contain it already, so that it is shown and not added. For taxes only.
    pub included: bool,
}
