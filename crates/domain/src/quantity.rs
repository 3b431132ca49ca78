//! How much of a product a line has: a decimal with at most three fraction digits, kept as an integer of thousandths.

use std::fmt;

use crate::decimal::{self, DecimalError};

/// A quantity from 0.001 to 1,000,000, in thousandths: 0.485 (kg) is `485`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quantity(u32);

/// Why a text is not a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a decimal number.
    #[error("is not a decimal number such as 2 or 0.485")]
    Syntax,
    /// More than three digits after the point, and not all of them zero.
    #[error("has more than 3 digits after the point; quantities are never rounded")]
    TooPrecise,
    /// Below 0.001 or above 1,000,000.
    #[error("must be from 0.001 to 1,000,000")]
    OutOfRange,
}

impl QuantityError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Syntax => "not_a_number",
            Self::TooPrecise => "too_precise",
            Self::OutOfRange => "out_of_range",
        }
    }
}

impl Quantity {
    /// Fraction digits.
    pub const SCALE: u8 = 3;
    /// Thousandths in a whole.
    pub const PER_WHOLE: u32 = 1000;
    /// One piece.
    pub const ONE: Self = Self(Self::PER_WHOLE);
    /// The largest quantity: 1,000,000.
    pub const MAX: Self = Self(1_000_000 * Self::PER_WHOLE);

    /// Reads a decimal such as `2`, `0.485` or `1.5e2`.
    ///
    /// # Errors
    /// See [`QuantityError`].
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let thousandths = decimal::parse(text, Self::SCALE).map_err(|error| match error {
            DecimalError::Syntax => QuantityError::Syntax,
            DecimalError::TooPrecise => QuantityError::TooPrecise,
            DecimalError::TooLarge => QuantityError::OutOfRange,
        })?;
        u32::try_from(thousandths)
            .ok()
            .and_then(Self::from_thousandths)
            .ok_or(QuantityError::OutOfRange)
    }

    /// This many pieces; `None` for 0 and above 1,000,000.
    #[must_use]
    pub const fn whole(pieces: u32) -> Option<Self> {
        match pieces.checked_mul(Self::PER_WHOLE) {
            Some(thousandths) => Self::from_thousandths(thousandths),
            None => None,
        }
    }

    /// The quantity of this many thousandths; `None` for 0 and above 1,000,000,000.
    #[must_use]
    pub const fn from_thousandths(thousandths: u32) -> Option<Self> {
        if thousandths == 0 || thousandths > Self::MAX.0 {
            None
        } else {
            Some(Self(thousandths))
        }
    }

    /// Thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// The number of pieces; `None` for a fractional quantity.
    #[must_use]
    pub const fn as_whole(self) -> Option<u32> {
        if self.is_whole() {
            Some(self.0 / Self::PER_WHOLE)
        } else {
            None
        }
    }

    /// Whether there is no fraction.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.0.is_multiple_of(Self::PER_WHOLE)
    }
}

impl fmt::Display for Quantity {
    /// The decimal without trailing zeros: `2`, `0.485`, `1.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / Self::PER_WHOLE, self.0 % Self::PER_WHOLE);
        if fraction == 0 {
            write!(f, "{whole}")
        } else if fraction.is_multiple_of(100) {
            write!(f, "{whole}.{}", fraction / 100)
        } else if fraction.is_multiple_of(10) {
            write!(f, "{whole}.{:02}", fraction / 10)
        } else {
            write!(f, "{whole}.{fraction:03}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Quantity, QuantityError};

    #[test]
    fn reads_and_prints_at_most_three_fraction_digits() {
        for (text, thousandths, printed) in [
            ("2", 2000, "2"),
            ("2.000", 2000, "2"),
            ("0.485", 485, "0.485"),
            ("1.50", 1500, "1.5"),
            ("1.25", 1250, "1.25"),
            ("0.001", 1, "0.001"),
            ("1.05", 1050, "1.05"),
            ("1e6", 1_000_000_000, "1000000"),
        ] {
            let quantity = Quantity::parse(text).unwrap();
            assert_eq!(quantity.thousandths(), thousandths, "{text}");
            assert_eq!(quantity.to_string(), printed);
            assert_eq!(Quantity::parse(printed), Ok(quantity));
        }
        assert_eq!(Quantity::whole(3), Quantity::from_thousandths(3000));
        assert_eq!(Quantity::parse("0.5").unwrap().as_whole(), None);
    }

    #[test]
    fn refuses_what_is_out_of_range_or_too_precise() {
        for (text, error) in [
            ("0", QuantityError::OutOfRange),
            ("-1", QuantityError::OutOfRange),
            ("0.0005", QuantityError::TooPrecise),
            ("1000000.001", QuantityError::OutOfRange),
            ("1e99", QuantityError::OutOfRange),
            ("two", QuantityError::Syntax),
        ] {
            assert_eq!(Quantity::parse(text), Err(error), "{text}");
        }
        assert_eq!(Quantity::whole(0), None);
        assert_eq!(Quantity::whole(u32::MAX), None);
    }
}
