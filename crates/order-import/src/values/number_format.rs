//! The text of a number into its value: the decimal and thousands signs of the file, a sign before or after the digits or
//! brackets around them, and a currency sign or code. A text that could be meant in two ways is refused.

use super::currency_marks::Marks;
use super::number::Number;

/// How a file writes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberFormat {
    /// Between the whole and the fraction: `.` or `,`.
    pub decimal: char,
    /// Between groups of digits: `,` `.` `'` or a space, which stands for every narrow or fixed space as well.
    pub thousands: Option<char>,
}

/// Why a text is not a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberFault {
    /// Not a number at all.
    #[error("is not a number such as {sample}")]
    Syntax {
        /// A number as the mapping says that the file writes it.
        sample: &'static str,
    },
    /// A sign that the mapping does not expect.
    #[error(
        "has {sign:?}, which is neither the decimal sign ({decimal:?}) nor a thousands sign; \
         set decimal and thousands as the file writes numbers"
    )]
    UnexpectedSign {
        /// The sign.
        sign: char,
        /// The decimal sign.
        decimal: char,
    },
    /// A thousands sign at a position that no number has.
    #[error(
        "has the thousands sign {sign:?} at a wrong position: it stands before three digits; \
         set decimal and thousands as the file writes numbers"
    )]
    BadGroups {
        /// The sign.
        sign: char,
    },
    /// More digits than any amount.
    #[error("has more than 28 digits")]
    TooLong,
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self {
            decimal: '.',
            thousands: None,
        }
    }
}

const MINUSES: [char; 4] = ['-', '\u{2212}', '\u{2013}', '\u{2010}'];

impl NumberFormat {
    /// The thousands sign that a mapping's text stands for.
    pub fn thousands_sign(text: &str) -> Option<char> {
        let mut signs = text.chars();
        let sign = plain_sign(signs.next()?);
        (signs.next().is_none() && matches!(sign, ',' | '.' | '\'' | ' ')).then_some(sign)
    }

    /// Reads a number, with the currency signs around it.
    ///
    /// # Errors
    /// See [`NumberFault`]; the sentence follows the text itself.
    pub fn read(&self, text: &str) -> Result<(Number, Marks), NumberFault> {
        let text = text.trim();
        let (is_bracketed, inner) = match text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
            Some(inner) => (true, inner),
            None => (false, text),
        };
        let (before, digits, after) = self.parts(inner).ok_or_else(|| self.syntax())?;
        let mut marks = Marks::default();
        let mut minuses = usize::from(is_bracketed);
        for around in [before, without_empty_fraction(after)] {
            let (mark, own_minuses) = mark_and_minuses(around);
            minuses += own_minuses;
            if !mark.is_empty() && !marks.push(mark) {
                return Err(self.syntax());
            }
        }
        if minuses > 1 {
            return Err(self.syntax());
        }
        let number = self.unsigned(digits, minuses == 1)?;
        Ok((number, marks))
    }

    /// What is before the first digit, the digits, and what is after the last one.
    fn parts<'t>(&self, text: &'t str) -> Option<(&'t str, &'t str, &'t str)> {
        let first = text.find(|sign: char| sign.is_ascii_digit())?;
        let last = text.rfind(|sign: char| sign.is_ascii_digit())? + 1;
        // `.50` begins with the point, but `Rs.50` has the point of an abbreviation.
        let before = &text[..first];
        let start = match before.strip_suffix(self.decimal) {
            Some(rest) if !rest.ends_with(char::is_alphanumeric) => rest.len(),
            _ => first,
        };
        Some((&text[..start], &text[start..last], &text[last..]))
    }

    fn unsigned(&self, digits: &str, is_negative: bool) -> Result<Number, NumberFault> {
        let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                let exponent: i32 = exponent
                    .parse()
                    .ok()
                    .filter(|exponent| (-28..=28).contains(exponent))
                    .ok_or_else(|| self.syntax())?;
                (mantissa, exponent)
            }
            None => (digits, 0),
        };
        let (whole, fraction) = mantissa.split_once(self.decimal).unwrap_or((mantissa, ""));
        self.expect_digits(fraction)?;
        let whole = self.without_groups(whole)?;
        if whole.is_empty() && fraction.is_empty() {
            return Err(self.syntax());
        }
        Number::of_digits(is_negative, &whole, fraction, exponent).ok_or(NumberFault::TooLong)
    }

    fn expect_digits(&self, text: &str) -> Result<(), NumberFault> {
        match text.chars().find(|sign| !sign.is_ascii_digit()) {
            None => Ok(()),
            Some(sign) if Some(plain_sign(sign)) == self.thousands => {
                Err(NumberFault::BadGroups { sign })
            }
            Some(sign) if is_number_sign(sign) => Err(NumberFault::UnexpectedSign {
                sign,
                decimal: self.decimal,
            }),
            Some(_) => Err(self.syntax()),
        }
    }

    /// The digits without thousands signs: the last group has three digits, those before it two or three (India), the
    /// first one to three.
    fn without_groups(&self, text: &str) -> Result<String, NumberFault> {
        let Some(thousands) = self.thousands else {
            self.expect_digits(text)?;
            return Ok(text.to_owned());
        };
        let groups: Vec<&str> = text.split(|sign| plain_sign(sign) == thousands).collect();
        for group in &groups {
            self.expect_digits(group)?;
        }
        let count = groups.len();
        let is_well_formed = groups.iter().enumerate().all(|(index, group)| {
            let lengths = match index {
                _ if count == 1 => return true,
                0 => 1..=3,
                index if index + 1 == count => 3..=3,
                _ => 2..=3,
            };
            lengths.contains(&group.len())
        });
        if is_well_formed {
            Ok(groups.concat())
        } else {
            Err(NumberFault::BadGroups { sign: thousands })
        }
    }

    const fn syntax(&self) -> NumberFault {
        NumberFault::Syntax {
            sample: match (self.decimal, self.thousands) {
                (',', Some('.')) => "1.234,50",
                (',', Some('\'')) => "1'234,50",
                (',', Some(_)) => "1 234,50",
                (',', None) => "1234,50",
                (_, Some(',')) => "1,234.50",
                (_, Some('\'')) => "1'234.50",
                (_, Some(_)) => "1 234.50",
                (_, None) => "1234.50",
            },
        }
    }
}

/// The typewriter's form of a sign that has finer ones in print.
const fn plain_sign(sign: char) -> char {
    match sign {
        '\u{a0}' | '\u{202f}' | '\u{2009}' => ' ',
        '\u{2019}' => '\'',
        other => other,
    }
}

const fn is_number_sign(sign: char) -> bool {
    matches!(plain_sign(sign), '.' | ',' | '\'' | ' ')
}

/// `500.-` and `500,-` are whole amounts, and their line is no minus; a point at the end (`5.`) says nothing.
fn without_empty_fraction(after: &str) -> &str {
    let Some(rest) = after.strip_prefix(['.', ',']) else {
        return after;
    };
    rest.strip_prefix(['-', '\u{2013}', '\u{2014}'])
        .unwrap_or(rest)
}

/// The currency sign of what stands beside the digits, and how many signs there are in it.
fn mark_and_minuses(text: &str) -> (&str, usize) {
    let signs = |sign: char| MINUSES.contains(&sign) || sign == '+';
    let trimmed = text.trim();
    let mut minuses = 0;
    let mut mark = trimmed;
    if let Some(sign) = mark.chars().next().filter(|sign| signs(*sign)) {
        mark = mark[sign.len_utf8()..].trim();
        minuses += usize::from(sign != '+');
    }
    if let Some(sign) = mark.chars().last().filter(|sign| signs(*sign)) {
        mark = mark[..mark.len() - sign.len_utf8()].trim();
        minuses += usize::from(sign != '+');
    }
    (mark, minuses)
}

#[cfg(test)]
mod tests {
    use domain::Currency;

    use super::{NumberFault, NumberFormat};

    fn format(decimal: char, thousands: Option<char>) -> NumberFormat {
        NumberFormat { decimal, thousands }
    }

    fn read(format: NumberFormat, text: &str) -> Option<String> {
        format.read(text).ok().map(|(number, _)| number.to_string())
    }

    #[test]
    fn amounts_are_read_with_their_signs_codes_and_minuses() {
        let english = format('.', Some(','));
        for (text, value) in [
            ("$1,216.00", "1216"),
            ("-$5.00", "-5"),
            ("$-5.00", "-5"),
            ("5.00-", "-5"),
            ("(5.00)", "-5"),
            ("($5.00)", "-5"),
            ("\u{2212}5.25", "-5.25"),
            ("USD 5", "5"),
            ("5 usd", "5"),
            ("US$ 5.10", "5.1"),
            ("Rs.500", "500"),
            ("$.50", "0.5"),
            ("500.-", "500"),
            ("CHF 500.-", "500"),
            ("007", "7"),
            ("+3", "3"),
            ("1.2E+03", "1200"),
            ("12,34,567.5", "1234567.5"),
            ("5.", "5"),
        ] {
            assert_eq!(read(english, text).as_deref(), Some(value), "{text}");
        }
        let german = format(',', Some('.'));
        for (text, value) in [
            ("1.234,50 \u{20ac}", "1234.5"),
            ("114.938,97", "114938.97"),
            ("-2500,00", "-2500"),
            ("R$ 1.000", "1000"),
            ("500,-", "500"),
        ] {
            assert_eq!(read(german, text).as_deref(), Some(value), "{text}");
        }
        let french = format(',', Some(' '));
        assert_eq!(
            read(french, "1\u{202f}234,5\u{a0}€").as_deref(),
            Some("1234.5")
        );
        let swiss = format('.', Some('\''));
        assert_eq!(read(swiss, "1\u{2019}234.05").as_deref(), Some("1234.05"));
    }

    #[test]
    fn what_could_be_meant_in_two_ways_is_refused() {
        let plain = NumberFormat::default();
        for text in [
            "", "-", "$", "abc", "1-2", "--5", "-5-", "(-5)", "5 apples", "1 2", "5%", "1e99",
            "0x10", "5 EUR 3", "1..2",
        ] {
            assert!(plain.read(text).is_err(), "{text:?}");
        }
        assert!(matches!(
            plain.read("1,234.50"),
            Err(NumberFault::UnexpectedSign { sign: ',', .. })
        ));
        let german = format(',', Some('.'));
        for text in ["1.23", "1.2345", "1.234.56", "1,2.345"] {
            assert!(
                matches!(german.read(text), Err(NumberFault::BadGroups { .. })),
                "{text:?}: {:?}",
                german.read(text)
            );
        }
        assert!(matches!(
            plain.read(&"9".repeat(29)),
            Err(NumberFault::TooLong)
        ));
    }

    #[test]
    fn a_sign_fits_the_currencies_that_use_it() {
        let fits = |text: &str, code: &str| {
            let (_, marks) = NumberFormat::default().read(text).unwrap();
            marks.fit(Currency::parse(code).unwrap())
        };
        assert!(fits("$5", "USD") && fits("$5", "CAD") && !fits("$5", "EUR"));
        assert!(fits("€5", "EUR") && !fits("€5", "USD"));
        assert!(fits("5 EUR", "EUR") && !fits("5 EUR", "USD"));
        assert!(fits("5", "JPY") && fits("US$ 5 USD", "USD"));
    }
}
