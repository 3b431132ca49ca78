//! The gRPC interfaces of two order systems that ordermill replaces, one file each, translating at the edge. What they
//! share is here: their amounts are floating-point numbers on the wire, and nowhere else.

mod order_stream;
mod ordersystem;

use std::borrow::Cow;

use domain::{CheckRules, Currency, Fault, Given, Money, OrderDraft, PlaceOrder};

use crate::refusal::Refusal;

pub(crate) use order_stream::OrderStream;
pub(crate) use ordersystem::OrderSystem;

/// A double by its shortest decimal form, which is what its sender wrote. None and zero look the same on the wire: an
/// order without an amount is refused.
fn shortest(amount: f64) -> Given<Cow<'static, str>> {
    // By its bits, without the sign's: only what was not sent is exactly nothing.
    if amount.to_bits() << 1 == 0 {
        Given::Missing
    } else {
        Given::Value(Cow::Owned(amount.to_string()))
    }
}

/// An amount as a double. Nothing is computed: the decimal text is read as the double that is nearest to it.
fn double(amount: Money) -> f64 {
    amount
        .to_string()
        .parse()
        .expect("an amount is a decimal number")
}

/// An empty text is one that was not given.
fn text(text: String) -> Given<Cow<'static, str>> {
    if text.is_empty() {
        Given::Missing
    } else {
        Given::Value(Cow::Owned(text))
    }
}

/// Checks an order that is an amount alone; faults are told by the names that the dialect's fields have.
fn checked(
    draft: OrderDraft<'_>,
    default_currency: Currency,
    names: &[(&str, &str)],
) -> Result<PlaceOrder, Refusal> {
    let mut faults = Vec::new();
    if let Some(command) =
        PlaceOrder::check(draft, CheckRules::new_orders(default_currency), &mut faults)
    {
        return Ok(command);
    }
    let faults = faults.into_iter().map(|fault| match &*fault.pointer {
        // The only way to have neither lines nor an amount.
        "" => Fault::new("/amount", "required", "is required"),
        pointer => {
            let name = names.iter().find(|(ours, _)| *ours == pointer);
            let pointer = name.map_or(pointer, |(_, theirs)| *theirs).to_owned();
            Fault { pointer, ..fault }
        }
    });
    Err(Refusal::invalid(faults.collect()))
}

#[cfg(test)]
mod tests {
    use domain::{Currency, Given, Money};

    use super::{double, shortest};

    #[test]
    fn doubles_are_read_by_their_shortest_decimal_form_and_written_back() {
        for (amount, expected) in [
            (19.98, Some("19.98")),
            (0.1, Some("0.1")),
            (0.1 + 0.2, Some("0.30000000000000004")),
            (1e2, Some("100")),
            (-5.0, Some("-5")),
            (f64::NAN, Some("NaN")),
            (f64::INFINITY, Some("inf")),
            (0.0, None),
            (-0.0, None),
        ] {
            let read = shortest(amount).value();
            assert_eq!(read.as_deref(), expected);
        }
        // Past 2^45 units a double is coarser than a cent.
        for minor in [1, 5, 10, 1998, 14_999, 29_998, 3_000_000_000_000_001] {
            let money = Money::new(minor, Currency::USD).unwrap();
            let Given::Value(text) = shortest(double(money)) else {
                panic!("{money} is nothing")
            };
            assert_eq!(Money::parse(&text, Currency::USD), Ok(money));
        }
    }
}
