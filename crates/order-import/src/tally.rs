//! What an import takes, by number and by sum: the summary, the comparison with what the mapping expects, and which orders
//! of a run are the same, so that a dry run counts as the real one would.

use std::collections::{BTreeMap, HashMap};

use domain::{Currency, Money};

use crate::mapping::Expect;
use crate::orders::{NumberHasher, Ready};
use crate::values::Number;

/// How many of the largest orders are kept for each currency.
const LARGEST: usize = 3;
/// The most names that are remembered; orders beyond count as new.
const MAX_REMEMBERED: usize = 20_000_000;

/// Counts and sums of orders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many orders.
    pub orders: u64,
    /// How many values were rounded.
    pub rounded: u64,
    /// How many orders have a rounding adjustment that keeps a difference.
    pub differences: u64,
    /// By currency.
    pub currencies: BTreeMap<Currency, CurrencyTally>,
}

/// Orders of one currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CurrencyTally {
    /// How many.
    pub orders: u64,
    /// Their amounts, in minor units.
    pub sum_minor: u128,
    /// The largest amounts with the orders' numbers, the largest first.
    pub largest: Vec<(u64, String)>,
}

impl CurrencyTally {
    /// The sum as a decimal.
    pub fn sum(&self, currency: Currency) -> String {
        let units = i128::try_from(self.sum_minor).unwrap_or(i128::MAX);
        padded(Number::of_units(units, currency.exponent()), currency)
    }

    /// The largest orders as decimals with their numbers.
    pub fn largest(&self, currency: Currency) -> impl Iterator<Item = (String, &str)> {
        self.largest.iter().map(move |(minor, number)| {
            let amount = Money::new(*minor, currency).map(|amount| amount.to_string());
            (amount.unwrap_or_default(), number.as_str())
        })
    }
}

/// A decimal with all digits of a currency.
fn padded(number: Number, currency: Currency) -> String {
    let text = number.to_string();
    let digits = usize::from(currency.exponent());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if digits == 0 {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction:0<digits$}")
    }
}

impl Tally {
    /// Adds an order.
    pub fn add(&mut self, ready: &Ready) {
        self.orders += 1;
        self.rounded += u64::from(ready.rounded);
        self.differences += u64::from(ready.difference.is_some());
        let amount = ready.order.amount;
        let own = self.currencies.entry(amount.currency()).or_default();
        own.orders += 1;
        own.sum_minor += u128::from(amount.minor());
        let at = own
            .largest
            .partition_point(|(minor, _)| *minor >= amount.minor());
        if at < LARGEST {
            own.largest
                .insert(at, (amount.minor(), ready.number.clone()));
            own.largest.truncate(LARGEST);
        }
    }

    /// Compares with what a mapping expects.
    ///
    /// # Errors
    /// What is different.
    pub fn compare(&self, expect: &Expect) -> Result<(), Mismatch> {
        let mut differences = Vec::new();
        if let Some(orders) = expect.orders
            && orders != self.orders
        {
            differences.push(format!(
                "{orders} orders are expected, and there are {}",
                self.orders
            ));
        }
        let mut sums = expect.sums.clone();
        if let Some(sum) = expect.sum {
            match self.currencies.keys().collect::<Vec<_>>().as_slice() {
                [] if sum.is_zero() => {}
                [currency] => {
                    sums.insert(**currency, sum);
                }
                [] => differences.push(format!(
                    "a sum of {sum} is expected, and there are no orders"
                )),
                several => {
                    let codes: Vec<&str> = several.iter().map(|currency| currency.code()).collect();
                    differences.push(format!(
                        "one sum is expected, and there are orders in {}; write expect.sum = {{ {} = \"...\" }}",
                        codes.join(", "),
                        codes.join(" = \"...\", ")
                    ));
                }
            }
        }
        for (currency, sum) in &sums {
            let own = self.currencies.get(currency).cloned().unwrap_or_default();
            let expected = sum.units(currency.exponent());
            if expected != i128::try_from(own.sum_minor).ok() {
                differences.push(format!(
                    "a sum of {currency} {} is expected, and it is {}",
                    padded(*sum, *currency),
                    own.sum(*currency)
                ));
            }
        }
        if differences.is_empty() {
            Ok(())
        } else {
            Err(Mismatch(differences))
        }
    }
}

/// What is not as a mapping expects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct Mismatch(Vec<String>);

/// What a server without orders would make of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is new.
    New,
    /// It was there before in the same run, with the same content.
    Existing,
    /// One with the same number and other content was there before.
    Differs,
}

/// Remembers the orders of a run by their names.
#[derive(Debug, Default)]
pub struct Repeats {
    hasher: NumberHasher,
    contents: HashMap<u128, u64>,
}

impl Repeats {
    /// What a server without orders would make of the order.
    pub fn take(&mut self, ready: &Ready) -> Taken {
        let order = &ready.order;
        let fingerprint = order.fingerprint().0;
        let content = fingerprint
            .iter()
            .take(8)
            .fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        let user = order.user_id.as_str();
        let key = ready.key.as_deref().map(|key| ("key", key));
        let external_id = order.external_id.as_ref();
        let external_id = external_id.map(|id| ("id", id.as_str()));
        let mut taken = Taken::New;
        for (kind, name) in key.into_iter().chain(external_id) {
            let hash = self.hasher.hash(&format!("{kind}\0{user}\0{name}"));
            match self.contents.get(&hash) {
                Some(known) if *known == content => taken = Taken::Existing,
                Some(_) => return Taken::Differs,
                None if self.contents.len() < MAX_REMEMBERED => {
                    self.contents.insert(hash, content);
                }
                None => {}
            }
        }
        taken
    }
}
