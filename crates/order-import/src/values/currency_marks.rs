//! Currency signs and codes around an amount, and which currencies they may stand for.

use domain::Currency;

/// Signs and abbreviations with the currencies that use them. A sign that many currencies share has all of them; letters
/// are compared without regard to case.
const SIGNS: [(&str, &str); 57] = [
    (
        "$",
        "USD CAD AUD NZD MXN ARS CLP COP UYU SGD HKD TWD BBD BMD BND BSD BZD DOP FJD GYD JMD KYD LRD NAD SBD SRD SVC TTD XCD \
         CVE MOP NIO PAB ZWG",
    ),
    ("us$", "USD"),
    ("u$s", "USD"),
    ("ca$", "CAD"),
    ("c$", "CAD NIO"),
    ("can$", "CAD"),
    ("a$", "AUD"),
    ("au$", "AUD"),
    ("nz$", "NZD"),
    ("mx$", "MXN"),
    ("mex$", "MXN"),
    ("ar$", "ARS"),
    ("r$", "BRL"),
    ("s$", "SGD"),
    ("hk$", "HKD"),
    ("nt$", "TWD"),
    ("rd$", "DOP"),
    ("j$", "JMD"),
    ("tt$", "TTD"),
    ("cl$", "CLP"),
    ("co$", "COP"),
    ("$u", "UYU"),
    ("€", "EUR"),
    ("£", "GBP GIP FKP SHP EGP LBP SYP SSP SDG"),
    ("¥", "JPY CNY"),
    ("￥", "JPY CNY"),
    ("円", "JPY"),
    ("元", "CNY TWD HKD"),
    ("₹", "INR"),
    ("rs", "INR PKR LKR NPR MUR SCR"),
    ("rs.", "INR PKR LKR NPR MUR SCR"),
    ("₩", "KRW KPW"),
    ("원", "KRW"),
    ("₽", "RUB"),
    ("руб", "RUB BYN"),
    ("руб.", "RUB BYN"),
    ("₺", "TRY"),
    ("tl", "TRY"),
    ("₴", "UAH"),
    ("₫", "VND"),
    ("đ", "VND"),
    ("₪", "ILS"),
    ("฿", "THB"),
    ("₱", "PHP"),
    ("₦", "NGN"),
    ("rp", "IDR"),
    ("rm", "MYR"),
    ("kr", "SEK NOK DKK ISK"),
    ("kr.", "SEK NOK DKK ISK"),
    ("zł", "PLN"),
    ("kč", "CZK"),
    ("ft", "HUF"),
    ("lei", "RON MDL"),
    ("лв", "BGN BGL"),
    ("fr.", "CHF XOF XAF"),
    ("r", "ZAR"),
    ("s/", "PEN"),
];

/// The signs and codes that stand around one number: at most one before it and one after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(Vec<Mark>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    Sign(&'static str),
    Code(Currency),
}

impl Marks {
    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a sign or code; false if it is none.
    pub fn push(&mut self, text: &str) -> bool {
        let letters = text.to_lowercase();
        let sign = SIGNS.iter().find(|(sign, _)| *sign == letters);
        let mark = match sign {
            Some((_, currencies)) => Mark::Sign(currencies),
            None => match Currency::parse_any(&text.to_ascii_uppercase()) {
                Ok(currency) => Mark::Code(currency),
                Err(_) => return false,
            },
        };
        self.0.push(mark);
        true
    }

    /// Whether all of them can stand for the currency.
    pub fn fit(&self, currency: Currency) -> bool {
        self.0.iter().all(|mark| match mark {
            Mark::Code(own) => *own == currency,
            Mark::Sign(currencies) => currencies
                .split_ascii_whitespace()
                .any(|code| code == currency.code()),
        })
    }
}
