//! An order's texts and numbers before the domain has checked them: the draft, and the row and cell of each of its parts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{AdjustmentDraft, Currency, Fault, Given, LineDraft, OrderDraft, Source, Timestamp};

use super::amounts::{AdjustmentNumbers, LineNumbers, Read};
use super::cells::Found;
use super::group::Group;
use super::plan::{OrderKey, Plan};
use super::ready::OrderRows;

/// An order's parts before the domain has checked them.
pub struct Parts<'g> {
    /// The fields of an order.
    pub plan: &'g Plan<'g>,
    /// Its texts.
    pub group: &'g Group,
    /// The code of its currency; `None` if there is none, which is reported.
    pub code: Option<String>,
    /// Its currency, if the code is known.
    pub currency: Option<Currency>,
    /// What was charged.
    pub amount: Read,
    /// How many values were rounded.
    pub rounded: u32,
    /// The numbers of its lines.
    pub lines: Vec<LineNumbers>,
    /// Its adjustments.
    pub adjustments: Vec<AdjustmentNumbers>,
    /// Its notes.
    pub metadata: BTreeMap<String, String>,
    /// It is not processed before this time.
    pub process_after: Given<Timestamp>,
}

impl Parts<'_> {
    /// The draft without its amount.
    pub fn draft(&self) -> OrderDraft<'static> {
        let text = |key| given(text_of(self.group, self.plan, key));
        let source = text_of(self.group, self.plan, OrderKey::Source);
        let lines = self.group.lines.iter().zip(&self.lines);
        let lines: Vec<_> = lines
            .map(|(texts, numbers)| LineDraft {
                sku: given(texts.sku.as_ref().map(trimmed)),
                product_name: given(texts.product_name.as_ref().map(|found| found.text.clone())),
                quantity: decimal(&numbers.quantity),
                unit_price: decimal(&numbers.unit_price),
                total: decimal(&numbers.total),
            })
            .collect();
        let adjustments = self.adjustments.iter().map(|numbers| AdjustmentDraft {
            kind: given(Some(numbers.kind.clone()).filter(|kind| !kind.is_empty())),
            label: given(numbers.label.clone()),
            amount: decimal(&numbers.amount),
            included: numbers.included.map_or(Given::Faulty, Given::Value),
        });
        let adjustments: Vec<_> = adjustments.collect();
        OrderDraft {
            user_id: text(OrderKey::UserId),
            external_id: text(OrderKey::ExternalId),
            source: given(source.or_else(|| Some(Source::Import.as_str().to_owned()))),
            currency: match &self.code {
                Some(code) => Given::Value(Cow::Owned(code.clone())),
                None => Given::Faulty,
            },
            amount: Given::Missing,
            lines: if lines.is_empty() {
                Given::Missing
            } else {
                Given::Value(lines)
            },
            adjustments: Given::Value(adjustments),
            metadata: Given::Value(self.metadata.clone()),
            process_after: match &self.process_after {
                Given::Missing => Given::Missing,
                Given::Faulty => Given::Faulty,
                Given::Value(at) => Given::Value(Cow::Owned(at.to_string())),
            },
        }
    }

    /// Where its parts come from.
    pub fn rows(&self) -> OrderRows {
        let adjustments = self.adjustments.iter();
        OrderRows {
            file: Arc::clone(&self.group.file),
            first: self.group.first_row,
            lines: self.group.lines.iter().map(|line| line.row).collect(),
            adjustments: adjustments.map(|own| (own.row, own.index)).collect(),
        }
    }

    /// The cell that each fault speaks of, as the file has it, if it is short enough to help.
    pub fn cells_of(&self, faults: &[Fault]) -> Vec<Option<String>> {
        faults
            .iter()
            .map(|fault| {
                let cell = self.cell_at(&fault.pointer)?.trim().to_owned();
                let is_short = !cell.is_empty() && cell.chars().count() <= 40;
                is_short.then_some(cell)
            })
            .collect()
    }

    fn cell_at(&self, pointer: &str) -> Option<&str> {
        let slot = |key| {
            let slot = self.group.slot(self.plan, key);
            slot.map(|slot| slot.found.cell())
        };
        let parts: Vec<&str> = pointer.split('/').skip(1).collect();
        match parts.as_slice() {
            ["lines", index, name] => {
                let line = self.group.lines.get(index.parse::<usize>().ok()?)?;
                let found = match *name {
                    "sku" => &line.sku,
                    "product_name" => &line.product_name,
                    "quantity" => &line.quantity,
                    "unit_price" => &line.unit_price,
                    _ => &line.total,
                };
                found.as_ref().map(Found::cell)
            }
            ["adjustments", index, "amount"] => {
                let adjustment = self.adjustments.get(index.parse::<usize>().ok()?)?;
                Some(&adjustment.cell)
            }
            ["user_id"] => slot(OrderKey::UserId),
            ["external_id"] => slot(OrderKey::ExternalId),
            ["idempotency_key"] => slot(OrderKey::IdempotencyKey),
            ["amount"] => slot(OrderKey::Amount),
            ["currency"] => slot(OrderKey::Currency),
            ["source"] => slot(OrderKey::Source),
            ["created_at"] => self
                .group
                .created_at
                .as_ref()
                .map(|time| time.slot.found.cell()),
            ["process_after"] => {
                let time = self.group.process_after.as_ref();
                time.map(|time| time.slot.found.cell())
            }
            _ => None,
        }
    }
}

/// The text of an order's field.
pub fn text_of(group: &Group, plan: &Plan<'_>, key: OrderKey<'_>) -> Option<String> {
    let slot = group.slot(plan, key);
    slot.map(|slot| slot.found.trimmed().to_owned())
}

fn trimmed(found: &Found) -> String {
    found.trimmed().to_owned()
}

fn given(text: Option<String>) -> Given<Cow<'static, str>> {
    text.map_or(Given::Missing, |text| Given::Value(Cow::Owned(text)))
}

/// The number as a draft has it.
pub fn decimal(read: &Read) -> Given<Cow<'static, str>> {
    match read {
        Read::Missing => Given::Missing,
        Read::Faulty => Given::Faulty,
        Read::Number(number) => Given::Value(Cow::Owned(number.to_string())),
    }
}
