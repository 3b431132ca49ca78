//! The currencies of ISO 4217 and how many digits each has after the point.

use std::fmt;

/// A currency of ISO 4217: three capital letters and the exponent of its minor unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

/// The text is not the code of a currency.
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

/// Withdrawn currencies without a minor unit (ISO 4217, list three).
const WITHDRAWN_EXPONENT_0: &str = "ADP BEF BYB BYR ESP GRD ITL LUF MGF PTE ROL TPE TRL ";
/// Withdrawn currencies with hundredths. List three gives no exponents; these are the ones that list one had.
const WITHDRAWN_EXPONENT_2: &str = "AFA ALK ANG AOK AON AOR ARA ARP ARY ATS AYM AZM BAD BEC BEL BGJ BGK BGL BGN BOP BRB BRC BRE BRN BRR \
    BUK CHC CSD CSJ CSK CUC CYP DDM DEM ECS ECV EEK ESA ESB FIM FRF GEK GHC GNE GNS GQE GWE GWP HRD HRK \
    IEP ILP ILR ISJ LAJ LSM LTL LTT LUC LUL LVL LVR MLF MRO MTL MTP MVQ MXP MZE MZM NIC NLG PEH PEI PES \
    PLZ RHD ROK RUR SDD SDP SIT SKK SLL SRG STD SUR TJR TMM UAK UGS UGW USS UYN UYP VEB VEF VNC XEU YDD \
    YUD YUM YUN ZAL ZMK ZRN ZRZ ZWC ZWD ZWL ZWN ZWR ";

const ACTIVE: [(&str, u8); 4] = [
    (EXPONENT_2, 2),
    (EXPONENT_0, 0),
    (EXPONENT_3, 3),
    (EXPONENT_4, 4),
];
const WITHDRAWN: [(&str, u8); 2] = [(WITHDRAWN_EXPONENT_2, 2), (WITHDRAWN_EXPONENT_0, 0)];

fn find(lists: &[(&str, u8)], code: &str) -> Option<u8> {
    lists
        .iter()
        .find(|(list, _)| list.split_ascii_whitespace().any(|known| known == code))
        .map(|(_, exponent)| *exponent)
}

impl Currency {
    /// United States dollar, the default where nothing else is configured.
    pub const USD: Self = Self {
        code: *b"USD",
        exponent: 2,
    };

    /// Finds an active currency by its code, in capital letters.
    ///
    /// # Errors
    /// If ISO 4217 has no such active currency with a minor unit.
    pub fn parse(code: &str) -> Result<Self, UnknownCurrency> {
        if code == "USD" {
            return Ok(Self::USD);
        }
        Self::listed(&ACTIVE, code).ok_or(UnknownCurrency)
    }

    /// Finds an active currency, or one that ISO 4217 has withdrawn: orders of the past are in those.
    ///
    /// # Errors
    /// If ISO 4217 has no such currency with a minor unit, and had none.
    pub fn parse_any(code: &str) -> Result<Self, UnknownCurrency> {
        Self::parse(code).or_else(|error| Self::listed(&WITHDRAWN, code).ok_or(error))
    }

    /// The currency of a code in the wrong case, for a suggestion: `usd` is USD.
    #[must_use]
    pub fn of_other_case(code: &str) -> Option<Self> {
        Self::parse_any(&code.trim().to_ascii_uppercase()).ok()
    }

    fn listed(lists: &[(&str, u8)], code: &str) -> Option<Self> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        find(lists, code).map(|exponent| Self {
            code: letters,
            exponent,
        })
    }

    /// Whether ISO 4217 has withdrawn it.
    #[must_use]
    pub fn is_withdrawn(self) -> bool {
        find(&WITHDRAWN, self.code()).is_some()
    }

    /// The codes of all active ones.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        ACTIVE
            .into_iter()
            .flat_map(|(list, _)| list.split_ascii_whitespace())
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
            assert!(Currency::parse_any(code).is_err(), "{code:?}");
        }
    }

    #[test]
    fn withdrawn_currencies_are_found_only_if_asked_for() {
        for (code, exponent) in [("DEM", 2), ("ITL", 0), ("BGN", 2), ("HRK", 2), ("TRL", 0)] {
            assert!(Currency::parse(code).is_err(), "{code}");
            let currency = Currency::parse_any(code).unwrap();
            assert_eq!((currency.code(), currency.exponent()), (code, exponent));
            assert!(currency.is_withdrawn());
        }
        assert!(!Currency::parse_any("EUR").unwrap().is_withdrawn());
        let withdrawn = super::WITHDRAWN
            .into_iter()
            .flat_map(|(list, _)| list.split_ascii_whitespace());
        for code in withdrawn {
            assert!(Currency::parse(code).is_err(), "{code} is in both lists");
        }
    }

    #[test]
    fn a_code_in_the_wrong_case_is_recognised() {
        assert_eq!(Currency::of_other_case("eur").unwrap().code(), "EUR");
        assert_eq!(Currency::of_other_case(" Jpy").unwrap().code(), "JPY");
        assert!(Currency::of_other_case("euro").is_none());
    }
}
