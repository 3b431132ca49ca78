//! The mutable part of an order, which every change replaces: the column `standing`. Status and version are columns of their
//! own.

use std::sync::Arc;

use domain::{Failure, Order, OrderId, Receipt, Status, Version};

use super::facts::{Facts, timestamp};
use super::{Reader, Unreadable, put_number, put_text};

const HAS_FAILURE: u8 = 1;
const HAS_RESULT: u8 = 2;
const HAS_RECEIPT_KEY: u8 = 4;
/// The receipt key is the one that is derived from the order, so it is not stored.
const HAS_OWN_RECEIPT_KEY: u8 = 8;
const HAS_RETRY_AT: u8 = 16;
const HAS_OPERATOR_COMMANDS: u8 = 32;
const HAS_BUSY_SINCE: u8 = 64;
/// Only set for an order that is not PROCESSED; the work of a PROCESSED order is always done.
const WORK_DONE: u8 = 128;

pub(crate) fn encode(order: &Order, bytes: &mut Vec<u8>) {
    let mut flags = 0;
    for (flag, is_set) in [
        (HAS_FAILURE, order.failure.is_some()),
        (HAS_RESULT, order.result.is_some()),
        (HAS_RETRY_AT, order.retry_at.is_some()),
        (HAS_OPERATOR_COMMANDS, order.operator_commands > 0),
        (HAS_BUSY_SINCE, order.busy_since.is_some()),
        (
            WORK_DONE,
            order.work_done && order.status != Status::Processed,
        ),
    ] {
        if is_set {
            flags |= flag;
        }
    }
    match &order.receipt_key {
        Some(key) if *key == Receipt::key_of(&order.user_id, order.id) => {
            flags |= HAS_OWN_RECEIPT_KEY;
        }
        Some(_) => flags |= HAS_RECEIPT_KEY,
        None => {}
    }
    bytes.push(flags);
    put_number(bytes, u64::from(order.attempt));
    put_number(bytes, order.updated_at.as_millis());
    if order.operator_commands > 0 {
        put_number(bytes, u64::from(order.operator_commands));
    }
    if let Some(retry_at) = order.retry_at {
        put_number(bytes, retry_at.as_millis());
    }
    if let Some(busy_since) = order.busy_since {
        put_number(bytes, busy_since.as_millis());
    }
    if let Some(failure) = &order.failure {
        put_text(bytes, &failure.code);
        put_text(bytes, &failure.message);
    }
    if let Some(result) = &order.result {
        put_text(bytes, result);
    }
    if flags & HAS_RECEIPT_KEY != 0
        && let Some(key) = &order.receipt_key
    {
        put_text(bytes, key);
    }
}

/// Makes an order from the parts of its row.
pub(crate) fn decode(
    id: OrderId,
    status: Status,
    version: Version,
    standing: &[u8],
    facts: Facts,
) -> Result<Order, Unreadable> {
    let mut reader = Reader::new(standing);
    let flags = reader.byte()?;
    let has = |flag: u8| flags & flag != 0;
    let attempt = reader.small()?;
    let updated_at = timestamp(&mut reader)?;
    let operator_commands = if has(HAS_OPERATOR_COMMANDS) {
        reader.small()?
    } else {
        0
    };
    let retry_at = has(HAS_RETRY_AT)
        .then(|| timestamp(&mut reader))
        .transpose()?;
    let busy_since = has(HAS_BUSY_SINCE)
        .then(|| timestamp(&mut reader))
        .transpose()?;
    let failure = has(HAS_FAILURE)
        .then(|| read_failure(&mut reader))
        .transpose()?;
    let result = has(HAS_RESULT)
        .then(|| reader.text().map(Arc::from))
        .transpose()?;
    let receipt_key = if has(HAS_OWN_RECEIPT_KEY) {
        Some(Receipt::key_of(&facts.user_id, id))
    } else {
        has(HAS_RECEIPT_KEY)
            .then(|| reader.text().map(Arc::from))
            .transpose()?
    };
    Ok(Order {
        id,
        external_id: facts.external_id,
        user_id: facts.user_id,
        source: facts.source,
        amount: facts.amount,
        lines: facts.lines,
        adjustments: facts.adjustments,
        metadata: facts.metadata,
        process_after: facts.process_after,
        created_at: facts.created_at,
        receipt: facts.receipt,
        status,
        version,
        attempt,
        operator_commands,
        failure,
        retry_at,
        busy_since,
        work_done: has(WORK_DONE) || status == Status::Processed,
        result,
        receipt_key,
        updated_at,
    })
}

pub(super) fn read_failure(reader: &mut Reader<'_>) -> Result<Failure, Unreadable> {
    Ok(Failure {
        code: Arc::from(reader.text()?),
        message: Arc::from(reader.text()?),
    })
}
