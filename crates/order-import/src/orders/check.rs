//! The end of an order's rows: what becomes of it, its times and amounts, the domain's check, and the comparison of the
//! amount with the sum. The result is an order to send, its refusals, or nothing because the mapping leaves it out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::{
    CheckRules, Currency, Fault, Given, History, HistoryStatus, IdempotencyKey, OrderDraft,
    PlaceOrder, Timestamp,
};
use order_json::batch_row;

use super::amounts::{Amounts, LineNumbers, Read};
use super::columns::column_of;
use super::difference::{Difference, rounding_adjustment};
use super::group::{Group, TimeSlot};
use super::parts::{Parts, decimal, text_of};
use super::plan::{OrderKey, Plan};
use super::ready::{OrderRows, Ready};
use super::refusal::{OrderFaults, Refused};
use crate::mapping::{Fate, Mapping, TimeField};
use crate::time::TimeReader;

/// What became of an order's rows.
#[derive(Debug)]
pub enum Outcome {
    /// An order to send.
    Ready(Box<Ready>),
    /// It has faults.
    Refused(Refused),
    /// The mapping leaves it out.
    Skipped,
}

/// Checks the orders of one mapping.
pub struct Checker<'m> {
    mapping: &'m Mapping,
    /// What becomes of orders that no `[status]` speaks of.
    default_fate: Fate,
    created_at: Option<TimeReader<'m>>,
    process_after: Option<TimeReader<'m>>,
}

impl<'m> Checker<'m> {
    /// A checker; `default_fate` is for mappings without `[status]`.
    pub fn new(mapping: &'m Mapping, default_fate: Fate) -> Self {
        let reader = |field: &'m Option<TimeField>| {
            let field = field.as_ref();
            field.map(|field| TimeReader::new(&field.rules))
        };
        Self {
            mapping,
            default_fate,
            created_at: reader(&mapping.order.created_at),
            process_after: reader(&mapping.order.process_after),
        }
    }

    /// The outcome of a group; `run_key` is its key if it has no name of its own.
    pub fn finish(&mut self, mut group: Group, plan: &Plan<'m>, run_key: String) -> Outcome {
        if !group.has_readable_rows() {
            return self.refused(group, plan);
        }
        let mut faults = Vec::new();
        group.fill_blanks(plan, self.mapping);
        let fate = self.fate(&mut group, plan);
        if fate == Some(Fate::Skip) && group.faults.is_empty() {
            return Outcome::Skipped;
        }
        let history = self.history(fate, &group, &mut faults);
        let process_after = match &group.process_after {
            Some(slot) => self.process_after(slot, &mut faults),
            None => Given::Missing,
        };
        if group.name.is_empty()
            && let Some((_, pointer)) = self.mapping.grouping()
        {
            // Without it a second run would take the order again.
            faults.push(Fault::new(pointer, "required", "is blank"));
        }
        let key = self.key(&group, plan, run_key, &mut faults);
        let metadata = self.metadata(&group, plan, &mut faults);
        let parts = self.parts(&group, plan, (metadata, process_after), &mut faults);
        let is_history = matches!(fate, Some(Fate::Processed | Fate::Cancelled));
        let checked = self.check(&parts, is_history, &mut faults);
        let (origin, rounded) = (parts.rows(), parts.rounded);
        self.report(
            &faults,
            &parts.cells_of(&faults),
            &origin,
            &mut group.faults,
        );
        match checked {
            Some((order, difference)) if group.faults.is_empty() => {
                let json = batch_row(&order, key.as_deref(), history.as_ref());
                Outcome::Ready(Box::new(Ready {
                    json,
                    key,
                    history,
                    is_repeatable: !group.name.is_empty(),
                    number: number_of(&group, plan),
                    origin,
                    rounded,
                    difference,
                    order,
                }))
            }
            _ => self.refused(group, plan),
        }
    }

    fn parts<'g>(
        &self,
        group: &'g Group,
        plan: &'g Plan<'m>,
        (metadata, process_after): (BTreeMap<String, String>, Given<Timestamp>),
        faults: &mut Vec<Fault>,
    ) -> Parts<'g> {
        let code = self.currency(group, plan, faults);
        let currency = code
            .as_deref()
            .and_then(|code| Currency::parse_any(code).ok());
        let mut amounts = Amounts {
            mapping: self.mapping,
            currency,
            rounded: 0,
        };
        let lines = group.lines.iter().enumerate();
        let lines: Vec<LineNumbers> = lines
            .map(|(index, line)| amounts.line(line, index, faults))
            .collect();
        let adjustments = amounts.adjustments(group, plan, faults);
        let amount = group.slot(plan, OrderKey::Amount);
        let amount = amounts.money(amount.map(|slot| &slot.found), "/amount", faults);
        Parts {
            plan,
            group,
            code,
            currency,
            lines,
            adjustments,
            amount,
            metadata,
            process_after,
            rounded: amounts.rounded,
        }
    }

    /// Adds faults of the order's parts to those of its rows, each with its cell.
    fn report(
        &self,
        faults: &[Fault],
        cells: &[Option<String>],
        origin: &OrderRows,
        out: &mut OrderFaults,
    ) {
        for (fault, cell) in faults.iter().zip(cells) {
            // A fault of the whole order is one of its amount: it has neither lines nor an amount.
            let pointer = if fault.pointer.is_empty() {
                "/amount"
            } else {
                &fault.pointer
            };
            let column = column_of(self.mapping, pointer, &origin.adjustment_indexes());
            let reason = match cell {
                Some(cell) => format!("{cell:?} {}", fault.detail),
                None => fault.detail.to_string(),
            };
            out.add(origin.row_of(pointer), column, &fault.code, reason);
        }
    }

    fn refused(&self, mut group: Group, plan: &Plan<'_>) -> Outcome {
        group.faults.rename(&number_of(&group, plan));
        Outcome::Refused(Refused {
            refusals: group.faults.finish(),
            is_counted: false,
        })
    }

    /// What becomes of the order; a fault if `[status]` does not say.
    fn fate(&self, group: &mut Group, plan: &Plan<'_>) -> Option<Fate> {
        if self.mapping.status.is_empty() {
            return Some(self.default_fate);
        }
        let mut unknown = None;
        for (index, rule) in self.mapping.status.iter().enumerate() {
            let slot = group.slot(plan, OrderKey::Status(index));
            let text = slot.map_or("", |slot| slot.found.trimmed());
            match rule.fate(text) {
                Ok(Some(fate)) => return Some(fate),
                Ok(None) => {}
                Err(()) => {
                    unknown = slot.map(|slot| (index, slot.row, slot.found.cell().to_owned()));
                    break;
                }
            }
        }
        let last = self.mapping.status.len() - 1;
        let (index, row, reason) = match unknown {
            Some((index, row, cell)) => {
                let reason = format!(
                    "{cell:?} is not in the map of [status]; add it there, or set otherwise"
                );
                (index, row, reason)
            }
            None => {
                let reason = "is blank; set when_empty in [status]".to_owned();
                (last, group.first_row, reason)
            }
        };
        let rule = self.mapping.status.get(index);
        let column = super::columns::name_of(self.mapping, rule.map(|rule| &rule.field));
        group.faults.add(row, column, "unknown_status", reason);
        None
    }

    fn history(
        &mut self,
        fate: Option<Fate>,
        group: &Group,
        faults: &mut Vec<Fault>,
    ) -> Option<History> {
        let status = match fate? {
            Fate::Processed => HistoryStatus::Processed,
            Fate::Cancelled => HistoryStatus::Cancelled,
            Fate::Pending | Fate::Skip => return None,
        };
        let read = match (&mut self.created_at, &group.created_at) {
            (Some(reader), Some(slot)) => read_time(reader, slot),
            _ => Err("is blank: history needs the time when the order was made".to_owned()),
        };
        match read {
            Ok(created_at) => Some(History { status, created_at }),
            Err(reason) => {
                faults.push(Fault::new("/created_at", "not_a_time", reason));
                None
            }
        }
    }

    fn process_after(&mut self, slot: &TimeSlot, faults: &mut Vec<Fault>) -> Given<Timestamp> {
        let Some(reader) = &mut self.process_after else {
            return Given::Missing;
        };
        match read_time(reader, slot) {
            Ok(at) => Given::Value(at),
            Err(reason) => {
                faults.push(Fault::new("/process_after", "not_a_time", reason));
                Given::Faulty
            }
        }
    }

    /// The key that the order is sent with, if it needs one.
    fn key(
        &self,
        group: &Group,
        plan: &Plan<'_>,
        run_key: String,
        faults: &mut Vec<Fault>,
    ) -> Option<String> {
        let Some(own) = group.slot(plan, OrderKey::IdempotencyKey) else {
            let has_name = self.mapping.grouping().is_some() && group.has_external_id(plan);
            return (!has_name).then_some(run_key);
        };
        let own = own.found.trimmed();
        if let Err(error) = IdempotencyKey::new(own) {
            let pointer = "/idempotency_key";
            faults.push(Fault::new(pointer, error.code(), error.to_string()));
        }
        Some(own.to_owned())
    }

    fn currency(&self, group: &Group, plan: &Plan<'_>, faults: &mut Vec<Fault>) -> Option<String> {
        let own = text_of(group, plan, OrderKey::Currency);
        let code = own.or_else(|| self.mapping.currency.map(|own| own.code().to_owned()));
        if code.is_none() {
            let reason = "is blank, and the mapping has no currency of its own";
            faults.push(Fault::new("/currency", "required", reason));
        }
        code
    }

    fn metadata(
        &self,
        group: &Group,
        plan: &Plan<'_>,
        faults: &mut Vec<Fault>,
    ) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        if let Some(slot) = group.slot(plan, OrderKey::MetadataJson) {
            match serde_json::from_str(slot.found.trimmed()) {
                Ok(own) => pairs = own,
                Err(error) => {
                    let reason = format!("is not a JSON object of texts: {error}");
                    faults.push(Fault::new("/metadata", "bad_json", reason));
                }
            }
        }
        for planned in plan.fields() {
            let OrderKey::Metadata(name) = planned.key else {
                continue;
            };
            if let Some(slot) = group.slot(plan, planned.key) {
                pairs.insert(name.to_owned(), slot.found.text.clone());
            }
        }
        pairs
    }

    /// The domain's check, and the comparison of the amount with the sum of lines and adjustments.
    fn check(
        &self,
        parts: &Parts<'_>,
        is_history: bool,
        faults: &mut Vec<Fault>,
    ) -> Option<(PlaceOrder, Option<i64>)> {
        let rules = CheckRules {
            default_currency: parts.currency.unwrap_or(Currency::USD),
            accepts_withdrawn_currencies: is_history,
        };
        let is_compared = !parts.lines.is_empty();
        let given = match &parts.amount {
            Read::Number(number) if is_compared => Some(*number),
            _ => None,
        };
        let draft = |amount: Given<Cow<'static, str>>| OrderDraft {
            amount,
            ..parts.draft()
        };
        let first = draft(if is_compared {
            Given::Missing
        } else {
            decimal(&parts.amount)
        });
        let order = PlaceOrder::check(first, rules, faults)?;
        let Some(given) = given else {
            return Some((order, None));
        };
        let tolerance = self.mapping.order.amount_tolerance;
        match Difference::of(given, &order, tolerance) {
            Difference::None => Some((order, None)),
            Difference::Tolerated(minor) => {
                let mut second = draft(Given::Missing);
                if let Given::Value(adjustments) = &mut second.adjustments {
                    adjustments.push(rounding_adjustment(minor, order.amount.currency()));
                }
                Some((PlaceOrder::check(second, rules, faults)?, Some(minor)))
            }
            Difference::Refused { code, reason } => {
                faults.push(Fault::new("/amount", code, reason));
                None
            }
        }
    }
}

impl Group {
    fn has_external_id(&self, plan: &Plan<'_>) -> bool {
        self.slot(plan, OrderKey::ExternalId).is_some()
    }
}

/// How a report calls the order.
fn number_of(group: &Group, plan: &Plan<'_>) -> String {
    let keys = [OrderKey::ExternalId, OrderKey::IdempotencyKey];
    let own = keys.into_iter().find_map(|key| group.slot(plan, key));
    own.map_or_else(
        || group.name.clone(),
        |slot| slot.found.trimmed().to_owned(),
    )
}

fn read_time(reader: &mut TimeReader<'_>, slot: &TimeSlot) -> Result<Timestamp, String> {
    reader.read(slot.slot.found.trimmed(), slot.date, &slot.zone)
}
