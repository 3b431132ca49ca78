//! The sum rule and the tolerance between a line's prices, against an oracle that computes with decimals alone: digits
//! as a person would add them on paper, without integers of minor units.

use std::borrow::Cow;
use std::cmp::Ordering;

use domain::{
    AdjustmentDraft, AdjustmentKind, CheckRules, Currency, Given, Line, LineDraft, OrderDraft,
    PlaceOrder, Quantity,
};
use proptest::prelude::*;

use crate::made::{any_currency, own_code};

/// A decimal: a sign and digits, the last `scale` of them after the point. Arithmetic digit by digit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Paper {
    negative: bool,
    /// Least significant first.
    digits: Vec<u8>,
    scale: usize,
}

impl Paper {
    fn read(text: &str) -> Self {
        let unsigned = text.trim_start_matches('-');
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = whole.bytes().chain(fraction.bytes()).rev();
        Self {
            negative: text.starts_with('-'),
            digits: digits.map(|digit| digit - b'0').collect(),
            scale: fraction.len(),
        }
    }

    fn at_scale(&self, scale: usize) -> Vec<u8> {
        let mut digits = vec![0; scale - self.scale];
        digits.extend_from_slice(&self.digits);
        digits
    }

    fn aligned(&self, other: &Self) -> (Vec<u8>, Vec<u8>, usize) {
        let scale = self.scale.max(other.scale);
        let (mut a, mut b) = (self.at_scale(scale), other.at_scale(scale));
        let length = a.len().max(b.len());
        a.resize(length, 0);
        b.resize(length, 0);
        (a, b, scale)
    }

    fn magnitude(a: &[u8], b: &[u8]) -> Ordering {
        a.iter().rev().cmp(b.iter().rev())
    }

    fn add(&self, other: &Self) -> Self {
        let (a, b, scale) = self.aligned(other);
        if self.negative == other.negative {
            let mut digits = Vec::new();
            let mut carry = 0;
            for (x, y) in a.iter().zip(&b) {
                digits.push((x + y + carry) % 10);
                carry = (x + y + carry) / 10;
            }
            digits.push(carry);
            return Self {
                negative: self.negative,
                digits,
                scale,
            };
        }
        let (large, small, negative) = match Self::magnitude(&a, &b) {
            Ordering::Less => (b, a, other.negative),
            Ordering::Equal | Ordering::Greater => (a, b, self.negative),
        };
        let mut digits = Vec::new();
        let mut borrow = 0;
        for (x, y) in large.iter().zip(&small) {
            let y = y + borrow;
            borrow = u8::from(*x < y);
            digits.push(x + 10 * borrow - y);
        }
        Self {
            negative,
            digits,
            scale,
        }
    }

    fn times(&self, other: &Self) -> Self {
        let mut digits = vec![0_u8; self.digits.len() + other.digits.len() + 1];
        for (i, x) in self.digits.iter().enumerate() {
            let mut carry = 0;
            for (j, y) in other.digits.iter().enumerate() {
                let cell = digits[i + j] + x * y + carry;
                digits[i + j] = cell % 10;
                carry = cell / 10;
            }
            digits[i + other.digits.len()] += carry;
        }
        Self {
            negative: self.negative != other.negative,
            digits,
            scale: self.scale + other.scale,
        }
    }

    fn negated(&self) -> Self {
        Self {
            negative: !self.negative,
            ..self.clone()
        }
    }

    fn is_zero(&self) -> bool {
        self.digits.iter().all(|digit| *digit == 0)
    }

    /// How the magnitudes compare.
    fn compare(&self, other: &Self) -> Ordering {
        let (a, b, _) = self.aligned(other);
        Self::magnitude(&a, &b)
    }

    /// The decimal with exactly `scale` digits after the point; `None` if it has more.
    fn print(&self, scale: usize) -> Option<String> {
        let surplus = self.scale.saturating_sub(scale);
        if self.digits.iter().take(surplus).any(|digit| *digit != 0) {
            return None;
        }
        let mut digits = self.digits.get(surplus..).unwrap_or_default().to_vec();
        let mut padded = vec![0; scale.saturating_sub(self.scale)];
        padded.append(&mut digits);
        while padded.len() <= scale {
            padded.push(0);
        }
        let text: String = padded.iter().rev().map(|d| char::from(d + b'0')).collect();
        let (whole, fraction) = text.split_at(text.len() - scale);
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let sign = if self.negative && !self.is_zero() {
            "-"
        } else {
            ""
        };
        Some(if scale == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{fraction}")
        })
    }
}

/// `minor` of a currency as a decimal text.
fn decimal(minor: i64, currency: Currency) -> String {
    let mut text = String::new();
    domain::decimal::write(&mut text, minor, currency.exponent()).expect("a String takes it");
    text
}

/// Whether a unit price may stand beside a total, on paper: |q x u - t| <= half a minor unit x q, and half a minor unit
/// more if q is not whole.
fn paper_agrees(quantity: &str, unit_price: &str, total: &str, currency: Currency) -> bool {
    let half = match usize::from(currency.exponent()) {
        0 => "0.5".to_owned(),
        exponent => format!("0.{}5", "0".repeat(exponent)),
    };
    let (quantity, half) = (Paper::read(quantity), Paper::read(&half));
    let product = quantity.times(&Paper::read(unit_price));
    let difference = product.add(&Paper::read(total).negated());
    let is_whole = quantity
        .digits
        .iter()
        .take(quantity.scale)
        .all(|digit| *digit == 0);
    let mut tolerance = quantity.times(&half);
    if !is_whole {
        tolerance = tolerance.add(&half);
    }
    difference.compare(&tolerance) != Ordering::Greater
}

fn given(text: &str) -> Given<Cow<'_, str>> {
    Given::Value(Cow::Borrowed(text))
}

fn line<'a>(
    quantity: &'a str,
    unit_price: Option<&'a str>,
    total: Option<&'a str>,
) -> LineDraft<'a> {
    LineDraft {
        sku: Given::Missing,
        product_name: given("Tea"),
        quantity: given(quantity),
        unit_price: Given::from(unit_price.map(Cow::Borrowed)),
        total: Given::from(total.map(Cow::Borrowed)),
    }
}

fn check(
    currency: Currency,
    lines: Vec<LineDraft<'_>>,
    adjustments: Vec<AdjustmentDraft<'_>>,
    amount: Option<&str>,
) -> Result<PlaceOrder, Vec<(String, &'static str)>> {
    let draft = OrderDraft {
        user_id: given("alice"),
        currency: given(currency.code()),
        amount: Given::from(amount.map(Cow::Borrowed)),
        lines: Given::Value(lines),
        adjustments: Given::Value(adjustments),
        ..OrderDraft::default()
    };
    let mut faults = Vec::new();
    PlaceOrder::check(draft, CheckRules::new_orders(Currency::USD), &mut faults).ok_or_else(|| {
        let found = faults.into_iter();
        found
            .map(|fault| (fault.pointer, own_code(fault.code)))
            .collect()
    })
}

/// Every exponent that ISO 4217 knows.
fn exponents() -> [Currency; 4] {
    ["JPY", "USD", "KWD", "CLF"].map(|code| Currency::parse(code).expect("valid"))
}

/// Quantities around whole ones and halves, small and large.
fn any_quantity() -> impl Strategy<Value = u32> {
    prop_oneof![
        3 => 1_u32..5_000,
        2 => (1_u32..50).prop_map(|pieces| pieces * 1_000),
        1 => 1_u32..=1_000_000_000,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn prices_agree_exactly_within_the_tolerance(
        thousandths in any_quantity(), unit_price in 0_u64..100_000, off_by in -1_500_i64..1_500,
    ) {
        let quantity = Quantity::from_thousandths(thousandths).unwrap();
        let product = u128::from(thousandths) * u128::from(unit_price) / 1_000;
        // Around the edge of the tolerance, which is half the quantity in minor units.
        let edge = i64::from(thousandths / 2_000) * off_by.signum();
        let near = i64::try_from(product).unwrap() + edge + off_by % 3;
        for total in [near, i64::try_from(product).unwrap() + off_by] {
            let Ok(total) = u64::try_from(total) else { continue; };
            let agrees = Line::prices_agree(quantity, unit_price, total);
            for currency in exponents() {
                let unit_price = decimal(unit_price.try_into().unwrap(), currency);
                let total = decimal(total.try_into().unwrap(), currency);
                let on_paper = paper_agrees(&quantity.to_string(), &unit_price, &total, currency);
                prop_assert_eq!(agrees, on_paper, "{} x {} = {} {}", quantity, unit_price, total, currency);
                let checked = check(currency, vec![line(&quantity.to_string(), Some(&unit_price), Some(&total))], vec![], None);
                match checked {
                    Ok(order) => prop_assert!(agrees && order.amount.to_string() == total),
                    Err(faults) => {
                        prop_assert!(!agrees);
                        prop_assert_eq!(faults, vec![("/lines/0/total".to_owned(), "not_the_product")]);
                    }
                }
            }
        }
    }

    #[test]
    fn a_total_that_is_left_out_is_the_exact_product_or_asked_for(
        thousandths in any_quantity(), unit_price in 0_i64..100_000, currency in any_currency(),
    ) {
        let quantity = Quantity::from_thousandths(thousandths).unwrap().to_string();
        let unit_price = decimal(unit_price, currency);
        let product = Paper::read(&quantity).times(&Paper::read(&unit_price));
        let expected = product.print(usize::from(currency.exponent()));
        match check(currency, vec![line(&quantity, Some(&unit_price), None)], vec![], None) {
            Ok(order) => prop_assert_eq!(Some(order.amount.to_string()), expected),
            Err(faults) => {
                prop_assert_eq!(expected, None);
                prop_assert_eq!(faults, vec![("/lines/0/total".to_owned(), "required")]);
            }
        }
    }

    #[test]
    fn the_amount_is_the_sum_of_totals_and_of_adjustments_that_are_not_included(
        totals in prop::collection::vec(0_i64..10_000_000, 1..12),
        adjustments in prop::collection::vec((prop::sample::select(AdjustmentKind::ALL.to_vec()), 0_i64..1_000_000, any::<bool>()), 0..8),
        off_by in prop::option::of(-2_i64..3),
        currency in any_currency(),
    ) {
        let scale = usize::from(currency.exponent());
        let total_texts: Vec<String> = totals.iter().map(|minor| decimal(*minor, currency)).collect();
        let mut sum = Paper::read("0");
        for total in &total_texts {
            sum = sum.add(&Paper::read(total));
        }
        let adjustment_texts: Vec<(AdjustmentKind, String, bool)> = adjustments
            .iter()
            .map(|(kind, minor, flag)| {
                let is_negative = match kind {
                    AdjustmentKind::Discount => true,
                    AdjustmentKind::Rounding | AdjustmentKind::Other => *flag,
                    _ => false,
                };
                let included = *kind == AdjustmentKind::Tax && *flag;
                (*kind, decimal(if is_negative { -minor } else { *minor }, currency), included)
            })
            .collect();
        for (_, amount, included) in &adjustment_texts {
            if !included {
                sum = sum.add(&Paper::read(amount));
            }
        }
        let exact = sum.print(scale).expect("no more digits than the currency has");
        let amount = off_by.map(|minor| {
            let moved = sum.add(&Paper::read(&decimal(minor, currency)));
            moved.print(scale).expect("no more digits than the currency has")
        });
        let lines = total_texts.iter().map(|total| line("1", None, Some(total))).collect();
        let drafts = adjustment_texts
            .iter()
            .map(|(kind, amount, included)| AdjustmentDraft {
                kind: given(kind.as_str()),
                label: Given::Missing,
                amount: given(amount),
                included: Given::Value(*included),
            })
            .collect();
        let checked = check(currency, lines, drafts, amount.as_deref());
        let is_negative = sum.negative && !sum.is_zero();
        let says_otherwise = off_by.is_some_and(|minor| minor != 0);
        match checked {
            Ok(order) => {
                prop_assert!(!is_negative && !says_otherwise);
                prop_assert_eq!(order.amount.to_string(), exact);
            }
            Err(faults) => {
                let codes: Vec<_> = faults.iter().map(|(pointer, code)| (pointer.as_str(), *code)).collect();
                prop_assert!(is_negative || says_otherwise, "{:?}", codes);
                let amount_is_negative = amount.as_deref().is_some_and(|amount| amount.starts_with('-'));
                if is_negative {
                    prop_assert!(codes.contains(&("/adjustments", "out_of_range")), "{:?}", codes);
                    prop_assert_eq!(codes.contains(&("/amount", "out_of_range")), amount_is_negative);
                } else if amount.as_deref().is_some_and(|amount| amount.starts_with('-')) {
                    prop_assert_eq!(codes, vec![("/amount", "out_of_range")]);
                } else {
                    prop_assert_eq!(codes, vec![("/amount", "not_the_sum")]);
                }
            }
        }
    }
}

#[test]
fn what_real_exports_contain_is_accepted() {
    let usd = Currency::USD;
    for (quantity, unit_price, total) in [
        ("3", "6.67", "20.00"),
        ("0.3", "2.19", "0.66"),
        ("0.485", "19.90", "9.65"),
        ("7", "14.29", "100.00"),
        ("1", "5.00", "5.00"),
    ] {
        let order = check(
            usd,
            vec![line(quantity, Some(unit_price), Some(total))],
            vec![],
            None,
        );
        assert_eq!(
            order.unwrap().amount.to_string(),
            total,
            "{quantity} x {unit_price}"
        );
    }
    for (quantity, unit_price, total) in [
        ("3", "6.67", "20.03"),
        ("1", "5.00", "5.01"),
        ("0.3", "2.19", "0.68"),
    ] {
        let order = check(
            usd,
            vec![line(quantity, Some(unit_price), Some(total))],
            vec![],
            None,
        );
        assert!(order.is_err(), "{quantity} x {unit_price} = {total}");
    }
}
