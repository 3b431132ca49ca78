//! The currencies of ISO 4217 and how many digits each has after the point.

use std::fmt;

/// An active currency of ISO 4217: three capital letters and the exponent of its minor unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

/// The text is no active ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an ISO 4217 currency code in capital letters, such as USD")]
pub struct UnknownCurrency;

/// Currencies without a minor unit (ISO 4217, list one).
const EXPONENT_0: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ";
/// Currencies with hundredths; metals, bonds and test codes have no minor unit and are left out.
const EXPONENT_2: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD \
    CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD \
    HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR \
    MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE \
    SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW \
    ZWG ";
/// Currencies with thousandths.
const EXPONENT_3: &str = "BHD IQD JOD KWD LYD OMR TND ";
/// Units of account with ten-thousandths.
const EXPONENT_4: &str = "CLF UYW ";

impl Currency {
    /// United States dollar, the default where nothing else is configured.
    pub const USD: Self = Self {
        code: *b"USD",
        exponent: 2,
    };

    /// Finds a currency by its code, in capital letters.
    ///
    /// # Errors
    /// Where ISO 4217 has no such active currency with a minor unit.
    pub fn parse(code: &str) -> Result<Self, UnknownCurrency> {
        let letters: [u8; 3] = code.as_bytes().try_into().map_err(|_| UnknownCurrency)?;
        if letters == Self::USD.code {
            return Ok(Self::USD);
        }
        let lists = [
            (EXPONENT_2, 2),
            (EXPONENT_0, 0),
            (EXPONENT_3, 3),
            (EXPONENT_4, 4),
        ];
        lists
            .into_iter()
            .find(|(list, _)| list.split_ascii_whitespace().any(|known| known == code))
            .map(|(_, exponent)| Self {
                code: letters,
                exponent,
            })
            .ok_or(UnknownCurrency)
    }

    /// The codes of all of them.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        [EXPONENT_0, EXPONENT_2, EXPONENT_3, EXPONENT_4]
            .into_iter()
            .flat_map(str::split_ascii_whitespace)
    }

    /// Digits after the decimal point: JPY 0, USD 2, KWD 3.
    #[must_use]
    pub const fn exponent(self) -> u8 {
        self.exponent
    }

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code)
            .expect("a currency is made of ASCII letters by `parse` alone")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Currency;

    #[test]
    fn knows_each_currency_with_its_exponent() {
        for (code, exponent) in [
            ("JPY", 0),
            ("USD", 2),
            ("EUR", 2),
            ("GBP", 2),
            ("KWD", 3),
            ("CLF", 4),
        ] {
            let currency = Currency::parse(code).unwrap();
            assert_eq!((currency.code(), currency.exponent()), (code, exponent));
        }
    }

    #[test]
    fn refuses_what_iso_4217_does_not_list() {
        for code in ["", "US", "usd", "USDX", "XXX", "ABC", "EU ", "€"] {
            assert!(Currency::parse(code).is_err(), "{code:?}");
        }
    }
}
