//! What an order is asked to be: the facts of its creation, their JSON, and the receipt that follows from them.
//!
//! The load generator makes them, the checker compares with them. Nothing here calls the product's own code, so that
//! a fault there cannot hide itself.

use std::fmt::Write as _;

use serde_json::json;

/// A line as it was ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LineFacts {
    pub(super) sku: Option<String>,
    pub(super) product_name: String,
    pub(super) quantity: u64,
    pub(super) unit_price_minor: u64,
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

impl Facts {
    /// One of many different valid orders.
    pub(super) fn draw(marker: String, dice: &mut Dice) -> Self {
        let (currency, _) = CURRENCIES[usize::try_from(dice.below(3)).expect("below 3")];
        let line_count = dice.below(4);
        let lines: Vec<LineFacts> = (0..line_count)
            .map(|index| LineFacts {
                sku: (dice.below(2) == 0).then(|| format!("SKU-{}", dice.below(500))),
                product_name: format!("Thing \"{index}\" of {} ü 🧰", dice.below(90)),
                quantity: 1 + dice.below(20),
                unit_price_minor: dice.below(100_000),
            })
            .collect();
        let sum = lines
            .iter()
            .map(|line| line.quantity * line.unit_price_minor)
            .sum();
        let amount_minor = if lines.is_empty() {
            dice.below(10_000_000)
        } else {
            sum
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
                json!({"sku": line.sku, "product_name": line.product_name, "quantity": line.quantity,
                       "unit_price": decimal(line.unit_price_minor, &self.currency)})
            })
            .collect();
        let mut metadata = serde_json::Map::new();
        metadata.insert(MARKER.to_owned(), json!(self.marker));
        if let Some(note) = &self.note {
            metadata.insert("note".to_owned(), json!(note));
        }
        let mut body = json!({"user_id": self.user_id, "source": self.source, "currency": self.currency,
                              "amount": decimal(self.amount_minor, &self.currency), "metadata": metadata});
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
        let price = |minor: u64| {
            let amount = decimal(minor, &self.currency);
            if self.currency == "USD" {
                format!("${amount}")
            } else {
                format!("{} {amount}", self.currency)
            }
        };
        let first_half = self.user_id.bytes().next().is_some_and(|byte| {
            byte.to_ascii_uppercase().is_ascii_uppercase() && byte.to_ascii_uppercase() <= b'M'
        });
        let thin = "-".repeat(37);
        let thick = "=".repeat(37);
        let mut text = format!(
            "ORDER RECEIPT\n{thick}\nOrder ID:    {id}\nUser ID:     {}\nShard:       {}\n{thin}\n",
            self.user_id,
            if first_half { "shard1" } else { "shard2" },
        );
        for line in &self.lines {
            let _ = writeln!(
                text,
                "Product:     {}\nQuantity:    {}\nUnit Price:  {}\nTotal:       {}\n{thin}",
                line.product_name,
                line.quantity,
                price(line.unit_price_minor),
                price(line.quantity * line.unit_price_minor),
            );
        }
        if self.lines.len() != 1 {
            let _ = writeln!(text, "Order Total: {}\n{thin}", price(self.amount_minor));
        }
        let _ = write!(
            text,
            "Status:      pending\nCreated At:  {}Z\n{thick}\nThank you for your order!\n",
            created_at
                .split_once('.')
                .map_or(created_at, |(whole, _)| whole),
        );
        text
    }
}
