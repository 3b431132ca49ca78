//! The immutable part of an order, with the idempotency key and the fingerprint of the command that placed it: the column
//! `facts`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use domain::{
    Adjustment, AdjustmentKind, Currency, ExternalId, Fingerprint, IdempotencyKey, Label, Line,
    Metadata, Money, Order, ProductName, Quantity, ReceiptForm, Sku, Source, Timestamp, UserId,
};

use super::{Reader, Unreadable, put_number, put_optional_text, put_signed, put_text};

const HAS_EXTERNAL_ID: u8 = 1;
const HAS_KEY: u8 = 2;
const HAS_FINGERPRINT: u8 = 4;
const HAS_METADATA: u8 = 8;
const HAS_ADJUSTMENTS: u8 = 16;
const HAS_PROCESS_AFTER: u8 = 32;

/// A flag beside the kind of an adjustment: the prices include it.
const IS_INCLUDED: u8 = 128;

/// The decoded facts of an order.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) user_id: UserId,
    pub(crate) external_id: Option<ExternalId>,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) source: Source,
    pub(crate) amount: Money,
    pub(crate) created_at: Timestamp,
    pub(crate) process_after: Option<Timestamp>,
    pub(crate) receipt: ReceiptForm,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) lines: Arc<[Line]>,
    pub(crate) adjustments: Arc<[Adjustment]>,
}

/// Appends the facts. Returns the range of the user id, including its length.
pub(crate) fn encode(
    order: &Order,
    key: Option<&IdempotencyKey>,
    fingerprint: Option<&Fingerprint>,
    bytes: &mut Vec<u8>,
) -> Range<usize> {
    let mut flags = 0;
    for (flag, is_set) in [
        (HAS_EXTERNAL_ID, order.external_id.is_some()),
        (HAS_KEY, key.is_some()),
        (HAS_FINGERPRINT, fingerprint.is_some()),
        (HAS_METADATA, !order.metadata.pairs().is_empty()),
        (HAS_ADJUSTMENTS, !order.adjustments.is_empty()),
        (HAS_PROCESS_AFTER, order.process_after.is_some()),
    ] {
        if is_set {
            flags |= flag;
        }
    }
    bytes.push(flags);
    bytes.push(order.source.code());
    bytes.push(order.receipt.code());
    bytes.extend_from_slice(order.amount.currency().code().as_bytes());
    put_number(bytes, order.amount.minor());
    put_number(bytes, order.created_at.as_millis());
    if let Some(process_after) = order.process_after {
        put_number(bytes, process_after.as_millis());
    }
    let user = bytes.len();
    put_text(bytes, order.user_id.as_str());
    let user = user..bytes.len();
    if let Some(external_id) = &order.external_id {
        put_text(bytes, external_id.as_str());
    }
    if let Some(key) = key {
        put_text(bytes, key.as_str());
    }
    if let Some(fingerprint) = fingerprint {
        bytes.extend_from_slice(&fingerprint.0);
    }
    if flags & HAS_METADATA != 0 {
        put_number(bytes, order.metadata.pairs().len() as u64);
        for (key, value) in order.metadata.pairs() {
            put_text(bytes, key);
            put_text(bytes, value);
        }
    }
    put_number(bytes, order.lines.len() as u64);
    order.lines.iter().for_each(|line| put_line(bytes, line));
    if flags & HAS_ADJUSTMENTS != 0 {
        put_number(bytes, order.adjustments.len() as u64);
        let adjustments = order.adjustments.iter();
        adjustments.for_each(|adjustment| put_adjustment(bytes, adjustment));
    }
    user
}

fn put_line(bytes: &mut Vec<u8>, line: &Line) {
    put_optional_text(bytes, line.sku.as_ref().map(Sku::as_str));
    put_text(bytes, line.product_name.as_str());
    put_number(bytes, u64::from(line.quantity.thousandths()));
    // The price plus one, or zero if there is none. The total is encoded likewise: zero if it is quantity times price.
    put_number(bytes, line.unit_price_minor.map_or(0, |minor| minor + 1));
    let is_product = exact_total(line) == Some(line.total_minor);
    put_number(bytes, if is_product { 0 } else { line.total_minor + 1 });
}

/// Quantity times unit price, if there is a unit price and the product is exact.
fn exact_total(line: &Line) -> Option<u64> {
    Line::exact_total(line.quantity, line.unit_price_minor?)
}

fn put_adjustment(bytes: &mut Vec<u8>, adjustment: &Adjustment) {
    let included = if adjustment.included { IS_INCLUDED } else { 0 };
    bytes.push(adjustment.kind.code() | included);
    put_optional_text(bytes, adjustment.label.as_ref().map(Label::as_str));
    put_signed(bytes, adjustment.amount_minor);
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Facts, Unreadable> {
    let mut reader = Reader::new(bytes);
    let flags = reader.byte()?;
    let has = |flag: u8| flags & flag != 0;
    let source = Source::from_code(reader.byte()?)
        .ok_or_else(|| Unreadable::because("an unknown source"))?;
    let receipt = ReceiptForm::from_code(reader.byte()?)
        .ok_or_else(|| Unreadable::because("an unknown form of receipt"))?;
    let code = reader.array::<3>()?;
    let currency = std::str::from_utf8(&code)
        .map_err(Unreadable::because)
        .and_then(|code| Currency::parse_any(code).map_err(Unreadable::because))?;
    let amount = Money::new(reader.number()?, currency).map_err(Unreadable::because)?;
    let created_at = timestamp(&mut reader)?;
    let process_after = has(HAS_PROCESS_AFTER)
        .then(|| timestamp(&mut reader))
        .transpose()?;
    let user_id = UserId::new(reader.text()?).map_err(Unreadable::because)?;
    let external_id = has(HAS_EXTERNAL_ID)
        .then(|| ExternalId::new(reader.text()?).map_err(Unreadable::because))
        .transpose()?;
    let key = has(HAS_KEY)
        .then(|| IdempotencyKey::new(reader.text()?).map_err(Unreadable::because))
        .transpose()?;
    let fingerprint = has(HAS_FINGERPRINT)
        .then(|| reader.array::<32>().map(Fingerprint))
        .transpose()?;
    let metadata = if has(HAS_METADATA) {
        read_metadata(&mut reader)?
    } else {
        Metadata::default()
    };
    let lines = read_lines(&mut reader)?;
    let adjustments = if has(HAS_ADJUSTMENTS) {
        read_adjustments(&mut reader)?
    } else {
        Arc::default()
    };
    Ok(Facts {
        user_id,
        external_id,
        key,
        fingerprint,
        source,
        amount,
        created_at,
        process_after,
        receipt,
        metadata: Arc::new(metadata),
        lines,
        adjustments,
    })
}

pub(super) fn timestamp(reader: &mut Reader<'_>) -> Result<Timestamp, Unreadable> {
    Timestamp::from_millis(reader.number()?).map_err(Unreadable::because)
}

fn read_metadata(reader: &mut Reader<'_>) -> Result<Metadata, Unreadable> {
    let count = reader.number()?;
    let mut pairs = BTreeMap::new();
    for _ in 0..count {
        pairs.insert(reader.text()?.to_owned(), reader.text()?.to_owned());
    }
    Metadata::new(pairs).map_err(|_| Unreadable::because("metadata that breaks its rules"))
}

fn read_lines(reader: &mut Reader<'_>) -> Result<Arc<[Line]>, Unreadable> {
    let count = reader.small()? as usize;
    if count > domain::order::MAX_LINES {
        return Err(Unreadable::because("more lines than an order can have"));
    }
    let mut lines = Vec::with_capacity(count);
    for _ in 0..count {
        lines.push(read_line(reader)?);
    }
    Ok(lines.into())
}

fn read_line(reader: &mut Reader<'_>) -> Result<Line, Unreadable> {
    let sku = reader.optional_text()?.map(Sku::new).transpose();
    let sku = sku.map_err(Unreadable::because)?;
    let product_name = ProductName::new(reader.text()?).map_err(Unreadable::because)?;
    let quantity = Quantity::from_thousandths(reader.small()?)
        .ok_or_else(|| Unreadable::because("a quantity that is out of range"))?;
    let unit_price_minor = reader.number()?.checked_sub(1);
    let mut line = Line {
        sku,
        product_name,
        quantity,
        unit_price_minor,
        total_minor: 0,
    };
    line.total_minor = match reader.number()?.checked_sub(1) {
        Some(total) => total,
        None => exact_total(&line).ok_or_else(|| Unreadable::because("a line without a total"))?,
    };
    Ok(line)
}

fn read_adjustments(reader: &mut Reader<'_>) -> Result<Arc<[Adjustment]>, Unreadable> {
    let count = reader.small()? as usize;
    if count > domain::adjustment::MAX_ADJUSTMENTS {
        return Err(Unreadable::because(
            "more adjustments than an order can have",
        ));
    }
    let mut adjustments = Vec::with_capacity(count);
    for _ in 0..count {
        let kind = reader.byte()?;
        let label = reader.optional_text()?.map(Label::new).transpose();
        adjustments.push(Adjustment {
            kind: AdjustmentKind::from_code(kind & !IS_INCLUDED)
                .ok_or_else(|| Unreadable::because("an unknown kind of adjustment"))?,
            label: label.map_err(Unreadable::because)?,
            amount_minor: reader.signed()?,
            included: kind & IS_INCLUDED != 0,
        });
    }
    Ok(adjustments.into())
}
