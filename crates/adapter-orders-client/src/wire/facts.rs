//! What was ordered: the same message within a command and within an order. What it decodes to keeps every rule that
//! [`PlaceOrder::check`] has for what was ordered.

use std::sync::Arc;

use domain::adjustment::MAX_ADJUSTMENTS;
use domain::order::MAX_LINES;
use domain::{
    Adjustment, AdjustmentKind, Currency, ExternalId, Line, Metadata, Money, Order, PlaceOrder,
    Source, Timestamp, UserId,
};
use proto::ordermill::internal::v1;

use super::decode_error::DecodeError;
use super::form::{WireForm, all, each, given, maybe, optional, required};

/// What commands and orders have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) user_id: UserId,
    pub(super) external_id: Option<ExternalId>,
    pub(super) source: Source,
    pub(super) amount: Money,
    pub(super) lines: Arc<[Line]>,
    pub(super) adjustments: Arc<[Adjustment]>,
    pub(super) metadata: Arc<Metadata>,
    pub(super) process_after: Option<Timestamp>,
}

impl Facts {
    pub(super) fn of_order(order: &Order) -> Self {
        Self {
            user_id: order.user_id.clone(),
            external_id: order.external_id.clone(),
            source: order.source,
            amount: order.amount,
            lines: Arc::clone(&order.lines),
            adjustments: Arc::clone(&order.adjustments),
            metadata: Arc::clone(&order.metadata),
            process_after: order.process_after,
        }
    }

    pub(super) fn of_command(command: &PlaceOrder) -> Self {
        Self {
            user_id: command.user_id.clone(),
            external_id: command.external_id.clone(),
            source: command.source,
            amount: command.amount,
            lines: Arc::clone(&command.lines),
            adjustments: Arc::clone(&command.adjustments),
            metadata: Arc::clone(&command.metadata),
            process_after: command.process_after,
        }
    }

    /// An amount beside lines is their sum.
    fn check_sum(&self) -> Result<(), DecodeError> {
        let sum = domain::place::sum_minor(&self.lines, &self.adjustments);
        if self.lines.is_empty() || sum == i128::from(self.amount.minor()) {
            return Ok(());
        }
        let reason = "is not the sum of the lines and adjustments";
        Err(DecodeError::refused(reason).within("amount"))
    }
}

impl WireForm for Facts {
    type Message = v1::OrderFacts;

    fn encode(&self) -> v1::OrderFacts {
        v1::OrderFacts {
            user_id: self.user_id.encode(),
            external_id: maybe(self.external_id.as_ref()),
            source: self.source.encode(),
            amount: Some(self.amount.encode()),
            lines: all(&self.lines),
            adjustments: all(&self.adjustments),
            metadata: self.metadata.pairs().clone(),
            process_after_ms: maybe(self.process_after.as_ref()),
        }
    }

    fn decode(message: v1::OrderFacts) -> Result<Self, DecodeError> {
        at_most("lines", message.lines.len(), MAX_LINES)?;
        at_most("adjustments", message.adjustments.len(), MAX_ADJUSTMENTS)?;
        let facts = Self {
            user_id: given("user_id", message.user_id)?,
            external_id: optional("external_id", message.external_id)?,
            source: given("source", message.source)?,
            amount: required("amount", message.amount)?,
            lines: each("lines", message.lines)?.into(),
            adjustments: each("adjustments", message.adjustments)?.into(),
            metadata: Arc::new(Metadata::new(message.metadata).map_err(|faults| {
                let reasons: Vec<String> =
                    faults.iter().map(|(_, error)| error.to_string()).collect();
                DecodeError::refused(reasons.join("; ")).within("metadata")
            })?),
            process_after: optional("process_after_ms", message.process_after_ms)?,
        };
        facts.check_sum()?;
        Ok(facts)
    }
}

fn at_most(field: &str, count: usize, bound: usize) -> Result<(), DecodeError> {
    if count > bound {
        return Err(DecodeError::refused(format!("holds more than {bound}")).within(field));
    }
    Ok(())
}

impl WireForm for Money {
    type Message = v1::Money;

    fn encode(&self) -> v1::Money {
        v1::Money {
            minor: Some(self.minor()),
            currency: self.currency().code().to_owned(),
        }
    }

    fn decode(message: v1::Money) -> Result<Self, DecodeError> {
        let currency = Currency::parse_any(&message.currency)
            .map_err(|error| DecodeError::refused(error).within("currency"))?;
        let minor = required("minor", message.minor)?;
        Self::new(minor, currency).map_err(|error| DecodeError::refused(error).within("minor"))
    }
}

impl WireForm for Line {
    type Message = v1::Line;

    fn encode(&self) -> v1::Line {
        v1::Line {
            sku: maybe(self.sku.as_ref()),
            product_name: self.product_name.encode(),
            quantity_thousandths: self.quantity.encode(),
            unit_price_minor: self.unit_price_minor,
            total_minor: Some(self.total_minor),
        }
    }

    fn decode(message: v1::Line) -> Result<Self, DecodeError> {
        let line = Self {
            sku: optional("sku", message.sku)?,
            product_name: given("product_name", message.product_name)?,
            quantity: given("quantity_thousandths", message.quantity_thousandths)?,
            unit_price_minor: message.unit_price_minor,
            total_minor: required("total_minor", message.total_minor)?,
        };
        amount_within_bounds("total_minor", line.total_minor)?;
        if let Some(unit_price) = line.unit_price_minor {
            amount_within_bounds("unit_price_minor", unit_price)?;
            if !Self::prices_agree(line.quantity, unit_price, line.total_minor) {
                let reason = "is not the unit price times the quantity";
                return Err(DecodeError::refused(reason).within("total_minor"));
            }
        }
        Ok(line)
    }
}

fn amount_within_bounds(field: &str, magnitude: u64) -> Result<(), DecodeError> {
    if magnitude > Money::MAX_MINOR {
        let reason = format!("is more than {} minor units", Money::MAX_MINOR);
        return Err(DecodeError::refused(reason).within(field));
    }
    Ok(())
}

impl WireForm for Adjustment {
    type Message = v1::Adjustment;

    fn encode(&self) -> v1::Adjustment {
        v1::Adjustment {
            kind: self.kind.encode(),
            label: maybe(self.label.as_ref()),
            amount_minor: Some(self.amount_minor),
            included: Some(self.included),
        }
    }

    fn decode(message: v1::Adjustment) -> Result<Self, DecodeError> {
        let adjustment = Self {
            kind: given("kind", message.kind)?,
            label: optional("label", message.label)?,
            amount_minor: required("amount_minor", message.amount_minor)?,
            included: required("included", message.included)?,
        };
        amount_within_bounds("amount_minor", adjustment.amount_minor.unsigned_abs())?;
        if let Some(fault) = adjustment.kind.sign_fault(adjustment.amount_minor) {
            return Err(DecodeError::refused(fault).within("amount_minor"));
        }
        if adjustment.included && adjustment.kind != AdjustmentKind::Tax {
            return Err(DecodeError::refused("is for taxes only").within("included"));
        }
        Ok(adjustment)
    }
}

impl WireForm for PlaceOrder {
    type Message = v1::PlaceOrder;

    fn encode(&self) -> v1::PlaceOrder {
        v1::PlaceOrder {
            facts: Some(Facts::of_command(self).encode()),
            receipt_template: self.receipt_template.encode(),
        }
    }

    fn decode(message: v1::PlaceOrder) -> Result<Self, DecodeError> {
        let facts: Facts = required("facts", message.facts)?;
        Ok(Self {
            user_id: facts.user_id,
            external_id: facts.external_id,
            source: facts.source,
            amount: facts.amount,
            lines: facts.lines,
            adjustments: facts.adjustments,
            metadata: facts.metadata,
            process_after: facts.process_after,
            receipt_template: given("receipt_template", message.receipt_template)?,
        })
    }
}
