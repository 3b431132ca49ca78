//! `--show`: an order as it would be placed, for people.

use domain::Money;
use order_import::Ready;

use crate::exit::one_line;

/// The order in several lines.
pub fn shown(ready: &Ready) -> String {
    let order = &ready.order;
    let currency = order.amount.currency();
    let amount = |minor: u64| {
        let money = Money::new(minor, currency);
        money.map_or_else(|_| minor.to_string(), |money| money.to_string())
    };
    let number = match ready.number.as_str() {
        "" => "(without a number)".to_owned(),
        number => one_line(number),
    };
    let mut lines = vec![format!(
        "{number}: {currency} {}, user {}, source {}, {}",
        order.amount,
        one_line(order.user_id.as_str()),
        order.source.as_str(),
        match &ready.history {
            Some(history) => format!(
                "history {} of {}",
                history.status.status(),
                history.created_at
            ),
            None => "new".to_owned(),
        }
    )];
    for line in order.lines.iter() {
        let sku = line
            .sku
            .as_ref()
            .map(|sku| format!("{} ", one_line(sku.as_str())));
        let price = line
            .unit_price_minor
            .map(|minor| format!(" x {}", amount(minor)));
        lines.push(format!(
            "  {}{}  {}{} = {}",
            sku.unwrap_or_default(),
            one_line(line.product_name.as_str()),
            line.quantity,
            price.unwrap_or_default(),
            amount(line.total_minor)
        ));
    }
    for adjustment in order.adjustments.iter() {
        let label = adjustment.label.as_ref();
        let label = label.map(|label| format!(" {}", one_line(label.as_str())));
        lines.push(format!(
            "  {}{}  {}{}{}",
            adjustment.kind.as_str(),
            label.unwrap_or_default(),
            if adjustment.amount_minor < 0 { "-" } else { "" },
            amount(adjustment.amount_minor.unsigned_abs()),
            if adjustment.included {
                " (contained in the prices)"
            } else {
                ""
            }
        ));
    }
    for (name, value) in order.metadata.pairs() {
        lines.push(format!("  {}: {}", one_line(name), one_line(value)));
    }
    if let Some(at) = order.process_after {
        lines.push(format!("  not processed before {at}"));
    }
    lines.join("\n")
}
