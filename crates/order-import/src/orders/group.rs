//! One order while its rows come in: the first text of each of its fields, its lines, and what later rows contradict.
//! `check` turns it into an order or into its refusals.

use std::sync::Arc;

use domain::order::MAX_LINES;
use jiff::civil::DateTime;

use super::cells::{Bound, Found};
use super::columns::name_of;
use super::plan::{OrderKey, Plan, PlannedField};
use super::refusal::OrderFaults;
use crate::files::Row;
use crate::mapping::{AdjustmentFields, Included, KindOrigin, Level, Mapping, TimeField};

/// The most bytes of one order's texts.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The most adjustments that rows of one order have before they are added up by label.
const MAX_ROW_ADJUSTMENTS: usize = 10_000;

/// A text and its row.
#[derive(Debug)]
pub struct Slot {
    /// The text.
    pub found: Found,
    /// The row.
    pub row: u64,
}

/// A time that is read only if the order needs it.
#[derive(Debug)]
pub struct TimeSlot {
    /// The text.
    pub slot: Slot,
    /// The text of its zone column.
    pub zone: String,
    /// The cell's date, if a spreadsheet holds it as one.
    pub date: Option<DateTime>,
}

/// The texts of a line.
#[derive(Debug, Default)]
pub struct LineTexts {
    /// The row.
    pub row: u64,
    /// The stock keeping unit.
    pub sku: Option<Found>,
    /// What is sold.
    pub product_name: Option<Found>,
    /// How much of it.
    pub quantity: Option<Found>,
    /// For one piece.
    pub unit_price: Option<Found>,
    /// For the whole line.
    pub total: Option<Found>,
}

/// An adjustment of a row.
#[derive(Debug)]
pub struct RowAdjustment {
    /// The index of the mapping's adjustment.
    pub index: usize,
    /// The row.
    pub row: u64,
    /// How much.
    pub amount: Found,
    /// The client's name for it.
    pub label: Option<Found>,
    /// What it is for, if a column says it.
    pub kind: Option<Found>,
    /// Whether the prices contain it, if a column says it.
    pub included: Option<Found>,
}

/// An order in the making.
#[derive(Debug)]
pub struct Group {
    /// What its rows share; empty if each row is an order.
    pub name: String,
    /// The file.
    pub file: Arc<str>,
    /// Its first row.
    pub first_row: u64,
    /// The texts of the plan's fields.
    pub slots: Vec<Option<Slot>>,
    /// When it was made.
    pub created_at: Option<TimeSlot>,
    /// It is not processed before this time.
    pub process_after: Option<TimeSlot>,
    /// Its lines.
    pub lines: Vec<LineTexts>,
    /// Adjustments of its rows.
    pub row_adjustments: Vec<RowAdjustment>,
    /// What is wrong with it.
    pub faults: OrderFaults,
    readable_rows: usize,
    bytes: usize,
}

impl Group {
    /// An order without rows.
    pub fn new(name: String, file: &Arc<str>, first_row: u64, plan: &Plan<'_>) -> Self {
        Self {
            faults: OrderFaults::new(Arc::clone(file), name.clone()),
            name,
            file: Arc::clone(file),
            first_row,
            slots: plan.fields().iter().map(|_| None).collect(),
            created_at: None,
            process_after: None,
            lines: Vec::new(),
            row_adjustments: Vec::new(),
            readable_rows: 0,
            bytes: 0,
        }
    }

    /// Whether at least one of its rows could be read.
    pub const fn has_readable_rows(&self) -> bool {
        self.readable_rows > 0
    }

    /// Bytes of its texts.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The text of a field.
    pub fn slot(&self, plan: &Plan<'_>, key: OrderKey<'_>) -> Option<&Slot> {
        self.slots.get(plan.index(key)?)?.as_ref()
    }

    /// Refuses the order for a row that cannot be read.
    pub fn push_broken(&mut self, row: u64, code: &str, reason: &str) {
        self.faults.add(row, "", code, reason);
    }

    /// Gives fields that are blank in all rows the text that the mapping has for that.
    pub fn fill_blanks(&mut self, plan: &Plan<'_>, mapping: &Mapping) {
        let row = self.first_row;
        let slot_of = |text: &Option<String>| {
            let text = text.clone().filter(|text| !text.trim().is_empty())?;
            let found = Found::fixed(text);
            Some(Slot { found, row })
        };
        for (planned, slot) in plan.fields().iter().zip(&mut self.slots) {
            if slot.is_none() {
                *slot = slot_of(&planned.field.edits.when_empty);
            }
        }
        for (field, time) in [
            (&mapping.order.created_at, &mut self.created_at),
            (&mapping.order.process_after, &mut self.process_after),
        ] {
            let when_empty = field.as_ref().map(|field| &field.field.edits.when_empty);
            if let (None, Some(text)) = (&time, when_empty) {
                *time = slot_of(text).map(|slot| TimeSlot {
                    slot,
                    zone: String::new(),
                    date: None,
                });
            }
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: &Row, bound: &Bound<'_>, plan: &Plan<'_>) {
        self.readable_rows += 1;
        for cell in &row.undecodable {
            if let Some(column) = bound.column_at(*cell) {
                let reason = "has characters or a value that cannot be read with certainty";
                self.faults.add(row.number, column, "undecodable", reason);
            }
        }
        if self.bytes > MAX_BYTES {
            return;
        }
        for (index, planned) in plan.fields().iter().enumerate() {
            // Most rows only repeat what the first one has.
            if self.slots[index].is_some() && !planned.is_compared {
                continue;
            }
            if let Some(found) = bound.text(planned.field, row) {
                self.merge(index, planned, found, row.number, bound.mapping);
            }
        }
        self.push_times(row, bound);
        self.push_line(row, bound);
        for (index, adjustment) in bound.mapping.adjustments.iter().enumerate() {
            if adjustment.level == Level::Line {
                self.push_row_adjustment(index, adjustment, row, bound);
            }
        }
        if self.bytes > MAX_BYTES {
            let reason = "has rows of more than 16 MiB, which no order has";
            self.faults.add(row.number, "", "too_large", reason);
        }
    }

    fn merge(
        &mut self,
        index: usize,
        planned: &PlannedField<'_>,
        found: Found,
        row: u64,
        mapping: &Mapping,
    ) {
        let Some(first) = &self.slots[index] else {
            self.bytes += found.size();
            self.slots[index] = Some(Slot { found, row });
            return;
        };
        if differs(planned, &first.found, &found, mapping) {
            let reason = format!(
                "is {:?}, but row {} of the same order has {:?}",
                found.cell().trim(),
                first.row,
                first.found.cell().trim()
            );
            let column = name_of(mapping, Some(planned.field));
            self.faults.add(row, column, "contradicts", reason);
        }
    }

    fn push_times(&mut self, row: &Row, bound: &Bound<'_>) {
        let order = &bound.mapping.order;
        for (field, slot) in [
            (&order.created_at, &mut self.created_at),
            (&order.process_after, &mut self.process_after),
        ] {
            if let (Some(field), None) = (field, &slot) {
                *slot = time_slot(field, row, bound);
            }
        }
    }

    fn push_line(&mut self, row: &Row, bound: &Bound<'_>) {
        let Some(fields) = &bound.mapping.line else {
            if self.readable_rows > 1 {
                let field = bound.mapping.grouping().map(|(field, _)| field);
                let reason = "repeats the order's number, but the mapping has no [line]: an order is one row";
                let column = name_of(bound.mapping, field);
                self.faults.add(row.number, column, "repeated", reason);
            }
            return;
        };
        let is_blank = |column: &_| bound.cell(*column, row).is_empty();
        // One line too many is kept, so that the check of the whole order refuses it.
        if fields.columns.iter().all(is_blank) || self.lines.len() > MAX_LINES {
            return;
        }
        let optional = |field: &Option<_>| field.as_ref().and_then(|own| bound.line_text(own, row));
        let line = LineTexts {
            row: row.number,
            sku: optional(&fields.sku),
            product_name: bound.line_text(&fields.product_name, row),
            quantity: bound.line_text(&fields.quantity, row),
            unit_price: optional(&fields.unit_price),
            total: optional(&fields.total),
        };
        let texts = [
            &line.sku,
            &line.product_name,
            &line.quantity,
            &line.unit_price,
            &line.total,
        ];
        self.bytes += size_of::<LineTexts>();
        self.bytes += texts.into_iter().flatten().map(Found::size).sum::<usize>();
        self.lines.push(line);
    }

    fn push_row_adjustment(
        &mut self,
        index: usize,
        fields: &AdjustmentFields,
        row: &Row,
        bound: &Bound<'_>,
    ) {
        let Some(amount) = bound.line_text(&fields.amount, row) else {
            return;
        };
        if self.row_adjustments.len() >= MAX_ROW_ADJUSTMENTS {
            if self.row_adjustments.len() == MAX_ROW_ADJUSTMENTS {
                let reason = "has more than 10,000 rows with adjustments, which no order has";
                self.faults.add(row.number, "", "too_many", reason);
            }
            return;
        }
        let label = fields.label.as_ref();
        let kind = match &fields.kind {
            KindOrigin::Field(field) => bound.line_text(field, row),
            KindOrigin::Fixed(_) => None,
        };
        let included = match &fields.included {
            Included::Field(field) => bound.line_text(field, row),
            Included::Fixed(_) => None,
        };
        let adjustment = RowAdjustment {
            index,
            row: row.number,
            amount,
            label: label.and_then(|label| bound.line_text(label, row)),
            kind,
            included,
        };
        self.bytes += size_of::<RowAdjustment>() + adjustment.amount.size();
        self.bytes += adjustment.label.as_ref().map_or(0, Found::size);
        self.row_adjustments.push(adjustment);
    }
}

/// Whether a later text contradicts the first one.
fn differs(planned: &PlannedField<'_>, first: &Found, later: &Found, mapping: &Mapping) -> bool {
    if first.trimmed() == later.trimmed() {
        return false;
    }
    match planned.key {
        OrderKey::Amount | OrderKey::AdjustmentAmount(_) => {
            let number = |found: &Found| mapping.numbers.read(found.trimmed());
            match (number(first), number(later)) {
                (Ok((first, _)), Ok((later, _))) => first != later,
                _ => true,
            }
        }
        // Other words may still mean the same.
        OrderKey::Status(index) => mapping
            .status
            .get(index)
            .is_some_and(|rule| rule.fate(first.trimmed()) != rule.fate(later.trimmed())),
        _ => true,
    }
}

fn time_slot(field: &TimeField, row: &Row, bound: &Bound<'_>) -> Option<TimeSlot> {
    let found = bound.text(&field.field, row)?;
    let columns = field.field.columns();
    let used = columns
        .iter()
        .find(|column| !bound.cell(**column, row).is_empty());
    let is_template = matches!(field.field.origin, crate::mapping::Origin::Template(_));
    let date = used
        .filter(|_| !is_template)
        .and_then(|column| row.date(bound.index(*column)));
    let zone = field.zone_column.map(|column| bound.cell(column, row));
    Some(TimeSlot {
        slot: Slot {
            found,
            row: row.number,
        },
        zone: zone.map_or_else(String::new, |zone| zone.trim().to_owned()),
        date,
    })
}
