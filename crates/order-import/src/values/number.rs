//! A decimal number with every digit that its text has, and half-even rounding of it.

use std::cmp::Ordering;
use std::fmt;

/// The most significant digits: far beyond every amount and price, and a product of two is still exact in most cases.
const MAX_DIGITS: usize = 28;

/// An exact decimal: `coefficient` x 10^-`scale`, with a sign. Equal numbers are equal whatever their text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    is_negative: bool,
    coefficient: u128,
    scale: u32,
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self {
        is_negative: false,
        coefficient: 0,
        scale: 0,
    };

    /// The number that digits before and after the point and a power of ten make. `None` if a part is not made of
    /// digits, or if there are too many of them.
    pub fn of_digits(
        is_negative: bool,
        whole: &str,
        fraction: &str,
        exponent: i32,
    ) -> Option<Self> {
        let digits = || whole.bytes().chain(fraction.bytes());
        if digits().next().is_none() || !digits().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let leading = digits().take_while(|byte| *byte == b'0').count();
        let trailing = digits().rev().take_while(|byte| *byte == b'0').count();
        let total = whole.len() + fraction.len();
        if leading == total {
            return Some(Self::ZERO);
        }
        if total - leading - trailing > MAX_DIGITS {
            return None;
        }
        let coefficient = digits()
            .take(total - trailing)
            .fold(0, |number: u128, byte| {
                number * 10 + u128::from(byte - b'0')
            });
        let scale = i64::try_from(fraction.len()).ok()?
            - i64::try_from(trailing).ok()?
            - i64::from(exponent);
        Self::scaled(is_negative, coefficient, scale)
    }

    /// A decimal with a point, as a mapping writes it; `None` for anything else.
    pub fn plain(text: &str) -> Option<Self> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (digits, ""),
        };
        if whole.is_empty() {
            return None;
        }
        Self::of_digits(is_negative, whole, fraction, 0)
    }

    /// `units` of 10^-`scale`.
    pub fn of_units(units: i128, scale: u8) -> Self {
        Self::scaled(units < 0, units.unsigned_abs(), i64::from(scale)).unwrap_or(Self::ZERO)
    }

    /// Brings the scale to 0 or above, without trailing zeros after the point.
    fn scaled(is_negative: bool, coefficient: u128, scale: i64) -> Option<Self> {
        let (mut coefficient, mut scale) = (coefficient, scale);
        while scale > 0 && coefficient.is_multiple_of(10) && coefficient > 0 {
            coefficient /= 10;
            scale -= 1;
        }
        while scale < 0 {
            coefficient = coefficient.checked_mul(10)?;
            scale += 1;
        }
        if coefficient == 0 {
            return Some(Self::ZERO);
        }
        let scale = u32::try_from(scale).ok()?;
        Some(Self {
            is_negative,
            coefficient,
            scale,
        })
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.is_negative
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.coefficient == 0
    }

    /// Digits after the point.
    pub const fn fraction_digits(self) -> u32 {
        self.scale
    }

    /// The number with the other sign.
    pub const fn negated(self) -> Self {
        Self {
            is_negative: !self.is_negative && self.coefficient != 0,
            ..self
        }
    }

    /// The number without its sign.
    pub const fn magnitude(self) -> Self {
        Self {
            is_negative: false,
            ..self
        }
    }

    /// The exact sum; `None` beyond what can be kept.
    pub fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let sum = self.at_scale(scale)?.checked_add(other.at_scale(scale)?)?;
        Self::scaled(sum < 0, sum.unsigned_abs(), i64::from(scale))
    }

    /// The exact product; `None` beyond what can be kept.
    pub fn times(self, other: Self) -> Option<Self> {
        Self::scaled(
            self.is_negative != other.is_negative,
            self.coefficient.checked_mul(other.coefficient)?,
            i64::from(self.scale) + i64::from(other.scale),
        )
    }

    /// Rounded to `digits` after the point; a tie goes to the even neighbour.
    pub fn rounded(self, digits: u8) -> Self {
        let digits = u32::from(digits);
        if self.scale <= digits {
            return self;
        }
        // A divisor beyond 10^38 leaves nothing of any coefficient.
        let Some(divisor) = 10_u128.checked_pow(self.scale - digits) else {
            return Self::ZERO;
        };
        let (kept, rest) = (self.coefficient / divisor, self.coefficient % divisor);
        let kept = match (rest * 2).cmp(&divisor) {
            Ordering::Less => kept,
            Ordering::Equal => kept + kept % 2,
            Ordering::Greater => kept + 1,
        };
        Self::scaled(self.is_negative, kept, i64::from(digits)).unwrap_or(Self::ZERO)
    }

    /// In units of 10^-`scale`; `None` if it has more digits, or too many.
    pub fn units(self, scale: u8) -> Option<i128> {
        (self.scale <= u32::from(scale))
            .then(|| self.at_scale(u32::from(scale)))
            .flatten()
    }

    fn at_scale(self, scale: u32) -> Option<i128> {
        let factor = 10_u128.checked_pow(scale - self.scale)?;
        let units = i128::try_from(self.coefficient.checked_mul(factor)?).ok()?;
        Some(if self.is_negative { -units } else { units })
    }
}

impl fmt::Display for Number {
    /// A plain decimal: `-1234.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::try_from(self.scale).map_err(|_| fmt::Error)?;
        let digits = format!("{:0>width$}", self.coefficient, width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if self.is_negative { "-" } else { "" };
        if fraction.is_empty() {
            write!(f, "{sign}{whole}")
        } else {
            write!(f, "{sign}{whole}.{fraction}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    fn number(text: &str) -> Number {
        Number::plain(text).unwrap()
    }

    #[test]
    fn a_tie_goes_to_the_even_neighbour_and_anything_else_to_the_nearest() {
        for (text, digits, rounded) in [
            ("0.125", 2, "0.12"),
            ("0.135", 2, "0.14"),
            ("0.1250001", 2, "0.13"),
            ("-0.125", 2, "-0.12"),
            ("-0.135", 2, "-0.14"),
            ("2.5", 0, "2"),
            ("3.5", 0, "4"),
            ("0.5", 0, "0"),
            ("99.995", 2, "100"),
            ("0.004", 2, "0"),
            ("7", 2, "7"),
        ] {
            assert_eq!(number(text).rounded(digits).to_string(), rounded, "{text}");
        }
    }

    #[test]
    fn sums_and_products_are_exact() {
        assert_eq!(number("0.1").plus(number("0.20")), Some(number("0.3")));
        assert_eq!(number("1").plus(number("-1")), Some(Number::ZERO));
        assert_eq!(
            number("0.485").times(number("3.99")),
            Some(number("1.93515"))
        );
        assert_eq!(number("-1.5").units(2), Some(-150));
        assert_eq!(number("1.005").units(2), None);
        assert_eq!(Number::of_units(-150, 2), number("-1.5"));
    }
}
