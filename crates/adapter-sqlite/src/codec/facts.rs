//! What was asked for: the part of an order that never changes, with the key and fingerprint of its making.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use domain::{
    Currency, ExternalId, Fingerprint, IdempotencyKey, Line, Metadata, Money, Order, ProductName,
    Sku, Source, Timestamp, UserId,
};

use super::{Reader, Unreadable, put_number, put_text};

const HAS_EXTERNAL_ID: u8 = 1;
const HAS_KEY: u8 = 2;
const HAS_FINGERPRINT: u8 = 4;
const HAS_METADATA: u8 = 8;

/// The facts of an order as they were read.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) user_id: UserId,
    pub(crate) external_id: Option<ExternalId>,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) source: Source,
    pub(crate) amount: Money,
    pub(crate) created_at: Timestamp,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) lines: Arc<[Line]>,
}

/// Appends the facts; returns where the user's name is, with its length before it.
pub(crate) fn encode(
    order: &Order,
    key: Option<&IdempotencyKey>,
    fingerprint: Option<&Fingerprint>,
    bytes: &mut Vec<u8>,
) -> Range<usize> {
    let mut flags = 0;
    for (flag, is_there) in [
        (HAS_EXTERNAL_ID, order.external_id.is_some()),
        (HAS_KEY, key.is_some()),
        (HAS_FINGERPRINT, fingerprint.is_some()),
        (HAS_METADATA, !order.metadata.pairs().is_empty()),
    ] {
        if is_there {
            flags |= flag;
        }
    }
    bytes.push(flags);
    bytes.push(order.source.code());
    bytes.extend_from_slice(order.amount.currency().code().as_bytes());
    put_number(bytes, order.amount.minor());
    put_number(bytes, order.created_at.as_millis());
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
    for line in order.lines.iter() {
        // The SKU's length plus one, or zero where there is none.
        match &line.sku {
            None => bytes.push(0),
            Some(sku) => {
                put_number(bytes, sku.as_str().len() as u64 + 1);
                bytes.extend_from_slice(sku.as_str().as_bytes());
            }
        }
        put_text(bytes, line.product_name.as_str());
        put_number(bytes, u64::from(line.quantity));
        put_number(bytes, line.unit_price_minor);
    }
    user
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Facts, Unreadable> {
    let mut reader = Reader::new(bytes);
    let flags = reader.byte()?;
    let has = |flag: u8| flags & flag != 0;
    let source = Source::from_code(reader.byte()?)
        .ok_or_else(|| Unreadable::because("an unknown source"))?;
    let code = reader.array::<3>()?;
    let currency = std::str::from_utf8(&code)
        .map_err(Unreadable::because)
        .and_then(|code| Currency::parse(code).map_err(Unreadable::because))?;
    let amount = Money::new(reader.number()?, currency).map_err(Unreadable::because)?;
    let created_at = timestamp(&mut reader)?;
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
    Ok(Facts {
        user_id,
        external_id,
        key,
        fingerprint,
        source,
        amount,
        created_at,
        metadata: Arc::new(metadata),
        lines,
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
        let sku = match usize::try_from(reader.number()?).map_err(Unreadable::because)? {
            0 => None,
            length => {
                let text = std::str::from_utf8(reader.bytes(length - 1)?);
                let text = text.map_err(Unreadable::because)?;
                Some(Sku::new(text).map_err(Unreadable::because)?)
            }
        };
        lines.push(Line {
            sku,
            product_name: ProductName::new(reader.text()?).map_err(Unreadable::because)?,
            quantity: reader.small()?,
            unit_price_minor: reader.number()?,
        });
    }
    Ok(lines.into())
}
