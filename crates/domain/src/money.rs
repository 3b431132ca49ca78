//! Amounts of money: integers of a currency's minor unit.

use std::fmt;

use crate::currency::Currency;
use crate::decimal::{self, DecimalError};

/// A non-negative amount in minor units of its currency: 299.98 USD is `29998`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: u64,
    currency: Currency,
}

/// Why a text or a sum is not an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a decimal number.
    #[error("is not a decimal number such as 149.99")]
    Syntax,
    /// Below zero.
    #[error("is below zero")]
    Negative,
    /// More digits after the point than the currency has.
    #[error(
        "has more than {exponent} digits after the point, which {currency} does not have; amounts are never rounded"
    )]
    TooPrecise {
        /// The currency that was asked for.
        currency: Currency,
        /// How many digits it has.
        exponent: u8,
    },
    /// More than 2^53 - 1 minor units.
    #[error("is more than 9007199254740991 minor units")]
    TooLarge,
}

impl MoneyError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Syntax => "not_a_number",
            Self::Negative | Self::TooLarge => "out_of_range",
            Self::TooPrecise { .. } => "too_precise",
        }
    }
}

impl Money {
    /// The largest amount, in minor units: 2^53 - 1, which every JSON reader holds exactly.
    pub const MAX_MINOR: u64 = (1 << 53) - 1;

    /// An amount of `minor` units.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`] past [`Money::MAX_MINOR`].
    pub const fn new(minor: u64, currency: Currency) -> Result<Self, MoneyError> {
        if minor > Self::MAX_MINOR {
            Err(MoneyError::TooLarge)
        } else {
            Ok(Self { minor, currency })
        }
    }

    /// Reads a decimal in major units: `149.99` at USD is 14999 cents.
    ///
    /// # Errors
    /// See [`MoneyError`]; digits beyond the currency's exponent are refused unless they are zeros.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let exponent = currency.exponent();
        let minor = decimal::parse(text, exponent).map_err(|error| match error {
            DecimalError::Syntax => MoneyError::Syntax,
            DecimalError::TooPrecise => MoneyError::TooPrecise { currency, exponent },
            DecimalError::TooLarge if text.starts_with('-') => MoneyError::Negative,
            DecimalError::TooLarge => MoneyError::TooLarge,
        })?;
        Self::new(
            u64::try_from(minor).map_err(|_| MoneyError::Negative)?,
            currency,
        )
    }

    /// Reads a signed decimal in major units, for adjustments: `-20.00` at USD is -2000 cents.
    ///
    /// # Errors
    /// See [`MoneyError`]; never [`MoneyError::Negative`].
    pub fn parse_signed(text: &str, currency: Currency) -> Result<i64, MoneyError> {
        let exponent = currency.exponent();
        let minor = decimal::parse(text, exponent).map_err(|error| match error {
            DecimalError::Syntax => MoneyError::Syntax,
            DecimalError::TooPrecise => MoneyError::TooPrecise { currency, exponent },
            DecimalError::TooLarge => MoneyError::TooLarge,
        })?;
        if minor.unsigned_abs() > Self::MAX_MINOR {
            return Err(MoneyError::TooLarge);
        }
        Ok(minor)
    }

    /// Minor units.
    #[must_use]
    pub const fn minor(self) -> u64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }
}

impl fmt::Display for Money {
    /// The decimal alone, with exactly the currency's digits: `299.98`, `300` (JPY), `0.005` (KWD).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minor = i64::try_from(self.minor).map_err(|_| fmt::Error)?;
        decimal::write(f, minor, self.currency.exponent())
    }
}
