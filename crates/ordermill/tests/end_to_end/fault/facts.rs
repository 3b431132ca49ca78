//! What an order should be: the facts of its creation, their JSON, and the receipt that follows from them.
//!
//! The load generator makes them, the checker compares with them. Nothing here calls the product's own code, so that a
//! fault there cannot hide itself.

use std::fmt::Write as _;

use serde_json::json;

/// A line as it was ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LineFacts {
    pub(super) sku: Option<String>,
    pub(super) product_name: String,
    /// 485 is 0.485.
    pub(super) quantity_thousandths: u64,
    pub(super) unit_price_minor: Option<u64>,
    pub(super) total_minor: u64,
}

/// An adjustment as it was ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AdjustmentFacts {
    pub(super) kind: String,
    pub(super) label: Option<String>,
    /// Signed.
    pub(super) amount_minor: i64,
    pub(super) included: bool,
}

/// An order as it was asked for. Amounts are minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Unique in a run: an order is found by it whether or not its id was ever told. Kept in the metadata.
    pub(super) marker: String,
    pub(super) user_id: String,
    pub(super) external_id: Option<String>,
    pub(super) source: String,
    pub(super) currency: String,
    pub(super) amount_minor: u64,
    pub(super) lines: Vec<LineFacts>,
    pub(super) adjustments: Vec<AdjustmentFacts>,
    pub(super) note: Option<String>,
}

/// The name of the metadata pair that holds [`Facts::marker`].
pub(super) const MARKER: &str = "marker";

/// Makes the facts of a run's orders; the same seed makes the same orders.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64: enough to vary a load, and repeatable.
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

const CURRENCIES: [(&str, u32); 3] = [("USD", 2), ("JPY", 0), ("KWD", 3)];

fn exponent_of(currency: &str) -> u32 {
    let known = CURRENCIES.iter().find(|(code, _)| *code == currency);
    known.map_or(2, |(_, exponent)| *exponent)
}

/// Minor units as a decimal with all digits of its currency.
pub(super) fn decimal(minor: u64, currency: &str) -> String {
    let exponent = exponent_of(currency);
    if exponent == 0 {
        return minor.to_string();
    }
    let divisor = 10_u64.pow(exponent);
    let width = exponent as usize;
    format!("{}.{:0width$}", minor / divisor, minor % divisor)
}

/// Signed minor units as a decimal with all digits of its currency.
pub(super) fn signed_decimal(minor: i64, currency: &str) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{}", decimal(minor.unsigned_abs(), currency))
}

/// Thousandths as a decimal without trailing zeros.
pub(super) fn quantity(thousandths: u64) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    let text = text.trim_end_matches('0');
    text.trim_end_matches('.').to_owned()
}

/// A line whose prices fit together in one of the ways that clients may choose.
fn draw_line(index: u64, dice: &mut Dice) -> LineFacts {
    let line = LineFacts {
        sku: (dice.below(2) == 0).then(|| format!("SKU-{}", dice.below(500))),
        product_name: format!("Thing \"{index}\" of {} ü 🧰", dice.below(90)),
        quantity_thousandths: 1000 * (1 + dice.below(20)),
        unit_price_minor: None,
        total_minor: 0,
    };
    match dice.below(3) {
        // A unit price alone: the total is the product.
        0 => {
            let unit_price = dice.below(100_000);
            LineFacts {
                unit_price_minor: Some(unit_price),
                total_minor: unit_price * line.quantity_thousandths / 1000,
                ..line
            }
        }
        // A total alone, of a fractional quantity.
        1 => LineFacts {
            quantity_thousandths: 1 + dice.below(5_000),
            total_minor: dice.below(100_000),
            ..line
        },
        // A total and its rounded quotient.
        _ => {
            let (total, pieces) = (dice.below(100_000), line.quantity_thousandths / 1000);
            LineFacts {
                unit_price_minor: Some((2 * total + pieces) / (2 * pieces)),
                total_minor: total,
                ..line
            }
        }
    }
}

/// None, or a discount that the lines can bear, shipping, and a tax that the prices contain.
fn draw_adjustments(totals: u64, dice: &mut Dice) -> Vec<AdjustmentFacts> {
    if dice.below(2) == 0 {
        return Vec::new();
    }
    let adjustment = |kind: &str, label: Option<&str>, amount_minor, included| AdjustmentFacts {
        kind: kind.to_owned(),
        label: label.map(str::to_owned),
        amount_minor,
        included,
    };
    let small = |bound: u64, dice: &mut Dice| i64::try_from(dice.below(bound)).expect("small");
    vec![
        adjustment("discount", Some("SPRING"), -small(totals + 1, dice), false),
        adjustment("shipping", None, small(2_000, dice), false),
        adjustment("tax", Some("VAT"), small(2_000, dice), true),
    ]
}

impl Facts {
    /// One of many different valid orders.
    pub(super) fn draw(marker: String, dice: &mut Dice) -> Self {
        let (currency, _) = CURRENCIES[usize::try_from(dice.below(3)).expect("below 3")];
        let line_count = dice.below(4);
        let lines: Vec<LineFacts> = (0..line_count)
            .map(|index| draw_line(index, dice))
            .collect();
        let totals: u64 = lines.iter().map(|line| line.total_minor).sum();
        let adjustments = draw_adjustments(totals, dice);
        let added: i64 = adjustments
            .iter()
            .filter(|adjustment| !adjustment.included)
            .map(|adjustment| adjustment.amount_minor)
            .sum();
        let amount_minor = if lines.is_empty() {
            dice.below(10_000_000)
        } else {
            totals
                .checked_add_signed(added)
                .expect("a discount is at most the totals")
        };
        Self {
            user_id: format!(
                "{} user/{}",
                ["alice", "zoe", "Ümit"][usize::try_from(dice.below(3)).expect("below 3")],
                dice.below(40)
            ),
            external_id: (dice.below(3) == 0).then(|| format!("ext-{marker}")),
            source: ["web", "pos", "mobile", "api"]
                [usize::try_from(dice.below(4)).expect("below 4")]
            .to_owned(),
            currency: currency.to_owned(),
            amount_minor,
            lines,
            adjustments,
            note: (dice.below(5) == 0).then(|| "tab\tand\nline".to_owned()),
            marker,
        }
    }

    /// The body of the request that creates it.
    pub(super) fn body(&self) -> String {
        let lines: Vec<_> = self
            .lines
            .iter()
            .map(|line| {
                let price = |minor| decimal(minor, &self.currency);
                // A total that follows from the unit price is left out, as many clients do.
                let follows = line.unit_price_minor.is_some_and(|unit_price| {
                    unit_price * line.quantity_thousandths == 1000 * line.total_minor
                });
                json!({"sku": line.sku, "product_name": line.product_name,
                       "quantity": quantity(line.quantity_thousandths),
                       "unit_price": line.unit_price_minor.map(price),
                       "total": (!follows).then(|| price(line.total_minor))})
            })
            .collect();
        let adjustments: Vec<_> = self
            .adjustments
            .iter()
            .map(|adjustment| {
                json!({"kind": adjustment.kind, "label": adjustment.label,
                       "amount": signed_decimal(adjustment.amount_minor, &self.currency),
                       "included": adjustment.included})
            })
            .collect();
        let mut metadata = serde_json::Map::new();
        metadata.insert(MARKER.to_owned(), json!(self.marker));
        if let Some(note) = &self.note {
            metadata.insert("note".to_owned(), json!(note));
        }
        let mut body = json!({"user_id": self.user_id, "source": self.source, "currency": self.currency,
                              "amount": decimal(self.amount_minor, &self.currency), "metadata": metadata});
        if !adjustments.is_empty() {
            body["adjustments"] = json!(adjustments);
        }
        if !lines.is_empty() {
            body["lines"] = json!(lines);
        }
        if let Some(external_id) = &self.external_id {
            body["external_id"] = json!(external_id);
        }
        body.to_string()
    }

    /// The same order with one fault that makes it refusable, and the fault's name.
    pub(super) fn faulty_body(&self, dice: &mut Dice) -> (String, &'static str) {
        let mut body: serde_json::Value =
            serde_json::from_str(&self.body()).expect("the body was just made");
        let fault = match dice.below(5) {
            0 => {
                body["user_id"] = json!(" ");
                "a blank user"
            }
            1 => {
                body["lines"] = json!([{"product_name": "x", "quantity": 0, "unit_price": "1"}]);
                "a quantity of 0"
            }
            2 => {
                body["amount"] = json!("1.23456");
                "digits beyond the currency's"
            }
            3 => {
                body["colour"] = json!("red");
                "an unknown field"
            }
            _ => {
                body["source"] = json!("fax");
                "an unknown source"
            }
        };
        (body.to_string(), fault)
    }

    /// The text of its receipt.
    pub(super) fn receipt(&self, id: &str, created_at: &str) -> String {
        let price = |minor: u64| decimal(minor, &self.currency);
        let thin = "-".repeat(37);
        let thick = "=".repeat(37);
        let mut text = format!("RECEIPT\n{thick}\nOrder        {id}\n");
        if let Some(number) = &self.external_id {
            let _ = writeln!(text, "Number       {number}");
        }
        let second = created_at
            .split_once('.')
            .map_or(created_at, |(whole, _)| whole);
        let _ = writeln!(
            text,
            "Customer     {}\nDate         {second}Z\n{thin}",
            self.user_id
        );
        for line in &self.lines {
            let _ = writeln!(text, "Item         {}", line.product_name);
            if let Some(sku) = &line.sku {
                let _ = writeln!(text, "SKU          {sku}");
            }
            let _ = writeln!(text, "Quantity     {}", quantity(line.quantity_thousandths));
            if let Some(unit_price) = line.unit_price_minor {
                let _ = writeln!(text, "Unit price   {}", price(unit_price));
            }
            let _ = writeln!(text, "Total        {}\n{thin}", price(line.total_minor));
        }
        for adjustment in &self.adjustments {
            let label = adjustment
                .label
                .as_ref()
                .map_or_else(String::new, |label| format!(" ({label})"));
            let amount = signed_decimal(adjustment.amount_minor, &self.currency);
            let included = if adjustment.included {
                ", included in the prices"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "Adjustment   {}{label} {amount}{included}",
                adjustment.kind
            );
        }
        if !self.adjustments.is_empty() {
            let _ = writeln!(text, "{thin}");
        }
        let _ = writeln!(
            text,
            "Amount       {} {}\n{thick}",
            self.currency,
            price(self.amount_minor)
        );
        text
    }
}
