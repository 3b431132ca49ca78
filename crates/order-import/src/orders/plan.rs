//! The fields of an order as a flat list, so that rows are merged into an order in one loop.

use crate::mapping::{Field, Level, Mapping};

/// Which text of an order a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKey<'m> {
    /// The shop's number.
    ExternalId,
    /// The key it is sent with.
    IdempotencyKey,
    /// Who ordered.
    UserId,
    /// Where it came in.
    Source,
    /// ISO 4217.
    Currency,
    /// What was charged.
    Amount,
    /// Notes as one JSON object.
    MetadataJson,
    /// A note.
    Metadata(&'m str),
    /// The amount of the mapping's adjustment with this index.
    AdjustmentAmount(usize),
    /// Its label.
    AdjustmentLabel(usize),
    /// The text of the mapping's status rule with this index.
    Status(usize),
}

/// A field of an order.
#[derive(Debug)]
pub struct PlannedField<'m> {
    /// Which text it is.
    pub key: OrderKey<'m>,
    /// What it is read from.
    pub field: &'m Field,
    /// Whether a later row must not have another text.
    pub is_compared: bool,
}

/// All fields of an order.
#[derive(Debug)]
pub struct Plan<'m> {
    fields: Vec<PlannedField<'m>>,
}

impl<'m> Plan<'m> {
    /// The plan of a mapping.
    pub fn new(mapping: &'m Mapping) -> Self {
        let order = &mapping.order;
        let mut fields = Vec::new();
        let mut add = |key, field: Option<&'m Field>, is_compared| {
            fields.extend(field.map(|field| PlannedField {
                key,
                field,
                is_compared,
            }));
        };
        add(OrderKey::ExternalId, order.external_id.as_ref(), true);
        add(
            OrderKey::IdempotencyKey,
            order.idempotency_key.as_ref(),
            true,
        );
        add(OrderKey::UserId, Some(&order.user_id), true);
        add(OrderKey::Source, order.source.as_ref(), false);
        add(OrderKey::Currency, order.currency.as_ref(), true);
        add(OrderKey::Amount, order.amount.as_ref(), true);
        add(OrderKey::MetadataJson, order.metadata_json.as_ref(), false);
        for (name, field) in &order.metadata {
            add(OrderKey::Metadata(name), Some(field), false);
        }
        let order_level = |(_, adjustment): &(usize, &crate::mapping::AdjustmentFields)| {
            adjustment.level == Level::Order
        };
        for (index, adjustment) in mapping.adjustments.iter().enumerate().filter(order_level) {
            let amount = OrderKey::AdjustmentAmount(index);
            add(amount, Some(&adjustment.amount), true);
            let label = OrderKey::AdjustmentLabel(index);
            add(label, adjustment.label.as_ref(), false);
        }
        for (index, rule) in mapping.status.iter().enumerate() {
            add(OrderKey::Status(index), Some(&rule.field), true);
        }
        Self { fields }
    }

    /// All fields.
    pub fn fields(&self) -> &[PlannedField<'m>] {
        &self.fields
    }

    /// The index of a field.
    pub fn index(&self, key: OrderKey<'_>) -> Option<usize> {
        self.fields.iter().position(|field| field.key == key)
    }
}
