//! The fingerprint of a command: what is compared if a key or an external id comes again.

use sha2::{Digest, Sha256};

use crate::adjustment::Adjustment;
use crate::order::Line;
use crate::place::PlaceOrder;

/// SHA-256 of a [`PlaceOrder`]: equal commands have equal fingerprints, however their JSON was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// The rules below as a whole. It changes only if a field that is there today is hashed differently; a new optional
/// field gets a tag of its own and changes no fingerprint of a command without it.
const VERSION: u8 = 1;

// Tags are never reused. A container (a line, an adjustment, the metadata) is one field whose value is its own fields.
const USER_ID: u8 = 1;
const EXTERNAL_ID: u8 = 2;
const CURRENCY: u8 = 3;
const AMOUNT: u8 = 4;
const LINE: u8 = 5;
const ADJUSTMENT: u8 = 6;
const METADATA: u8 = 7;
const PROCESS_AFTER: u8 = 8;

const LINE_SKU: u8 = 1;
const LINE_PRODUCT_NAME: u8 = 2;
const LINE_QUANTITY: u8 = 3;
const LINE_UNIT_PRICE: u8 = 4;
const LINE_TOTAL: u8 = 5;

const ADJUSTMENT_KIND: u8 = 1;
const ADJUSTMENT_LABEL: u8 = 2;
const ADJUSTMENT_AMOUNT: u8 = 3;
const ADJUSTMENT_INCLUDED: u8 = 4;

const METADATA_KEY: u8 = 1;
const METADATA_VALUE: u8 = 2;

impl PlaceOrder {
    /// The fingerprint of the command after defaults and derivation (totals and the amount are part of it). The source
    /// is not: the same order may come again by another way.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut fields = Fields::default();
        fields.text(USER_ID, self.user_id.as_str());
        if let Some(external_id) = &self.external_id {
            fields.text(EXTERNAL_ID, external_id.as_str());
        }
        fields.text(CURRENCY, self.amount.currency().code());
        fields.number(AMOUNT, self.amount.minor());
        for line in self.lines.iter() {
            fields.container(LINE, &line_fields(line));
        }
        for adjustment in self.adjustments.iter() {
            fields.container(ADJUSTMENT, &adjustment_fields(adjustment));
        }
        if !self.metadata.pairs().is_empty() {
            let mut pairs = Fields::default();
            for (key, value) in self.metadata.pairs() {
                pairs.text(METADATA_KEY, key);
                pairs.text(METADATA_VALUE, value);
            }
            fields.container(METADATA, &pairs);
        }
        if let Some(time) = self.process_after {
            fields.number(PROCESS_AFTER, time.as_millis());
        }
        let digest = Sha256::new()
            .chain_update([VERSION])
            .chain_update(fields.bytes)
            .finalize();
        Fingerprint(digest.into())
    }
}

fn line_fields(line: &Line) -> Fields {
    let mut fields = Fields::default();
    if let Some(sku) = &line.sku {
        fields.text(LINE_SKU, sku.as_str());
    }
    fields.text(LINE_PRODUCT_NAME, line.product_name.as_str());
    fields.number(LINE_QUANTITY, u64::from(line.quantity.thousandths()));
    if let Some(unit_price) = line.unit_price_minor {
        fields.number(LINE_UNIT_PRICE, unit_price);
    }
    fields.number(LINE_TOTAL, line.total_minor);
    fields
}

fn adjustment_fields(adjustment: &Adjustment) -> Fields {
    let mut fields = Fields::default();
    fields.text(ADJUSTMENT_KIND, adjustment.kind.as_str());
    if let Some(label) = &adjustment.label {
        fields.text(ADJUSTMENT_LABEL, label.as_str());
    }
    fields.value(ADJUSTMENT_AMOUNT, &adjustment.amount_minor.to_be_bytes());
    if adjustment.included {
        fields.value(ADJUSTMENT_INCLUDED, &[1]);
    }
    fields
}

/// Fields as bytes: each a tag, the length of its value, and the value. No two lists of fields have the same bytes.
#[derive(Default)]
struct Fields {
    bytes: Vec<u8>,
}

impl Fields {
    fn value(&mut self, tag: u8, value: &[u8]) {
        self.bytes.push(tag);
        self.bytes
            .extend_from_slice(&(value.len() as u64).to_be_bytes());
        self.bytes.extend_from_slice(value);
    }

    fn text(&mut self, tag: u8, text: &str) {
        self.value(tag, text.as_bytes());
    }

    fn number(&mut self, tag: u8, number: u64) {
        self.value(tag, &number.to_be_bytes());
    }

    fn container(&mut self, tag: u8, fields: &Self) {
        self.value(tag, &fields.bytes);
    }
}
