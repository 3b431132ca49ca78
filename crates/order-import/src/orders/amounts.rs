//! The numbers of an order out of its cells: decimals by the mapping's signs, rounding on request, lines whose total is
//! the rounded product, adjustments added up by label. What it makes are texts of a draft that the domain checks.

use domain::{AdjustmentKind, Currency, Fault, Line, Quantity};

use super::cells::Found;
use super::group::{Group, LineTexts, RowAdjustment};
use super::plan::{OrderKey, Plan};
use crate::mapping::{AdjustmentFields, Included, KindOrigin, Level, Mapping};
use crate::values::{Number, NumberFault};

/// Reads the numbers of one order.
pub struct Amounts<'m> {
    /// How they are written.
    pub mapping: &'m Mapping,
    /// The order's currency; `None` if it is not known, which is a fault of its own.
    pub currency: Option<Currency>,
    /// How many values were rounded.
    pub rounded: u32,
}

/// A number, or what is to be said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Read {
    /// The cell is blank.
    #[default]
    Missing,
    /// It is no number; the fault is reported.
    Faulty,
    /// It is one.
    Number(Number),
}

impl Read {
    const fn number(&self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Missing | Self::Faulty => None,
        }
    }
}

/// The numbers of a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LineNumbers {
    /// How much of it.
    pub quantity: Read,
    /// For one piece.
    pub unit_price: Read,
    /// For the whole line.
    pub total: Read,
}

/// An adjustment, still unchecked.
#[derive(Debug, PartialEq, Eq)]
pub struct AdjustmentNumbers {
    /// The index of the mapping's adjustment.
    pub index: usize,
    /// The row.
    pub row: u64,
    /// What it is for.
    pub kind: String,
    /// The client's name for it.
    pub label: Option<String>,
    /// How much, signed.
    pub amount: Read,
    /// Whether the prices contain it; `None` if the cell says neither true nor false, which is reported.
    pub included: Option<bool>,
    /// The cell of the amount.
    pub cell: String,
}

impl Amounts<'_> {
    /// An amount of money.
    pub fn money(&mut self, found: Option<&Found>, pointer: &str, faults: &mut Vec<Fault>) -> Read {
        let read = self.exact(found, pointer, faults);
        self.rounded_money(read)
    }

    /// The numbers of a line.
    pub fn line(&mut self, line: &LineTexts, index: usize, faults: &mut Vec<Fault>) -> LineNumbers {
        let at = |name: &str| format!("/lines/{index}/{name}");
        let quantity = self.quantity(line.quantity.as_ref(), &at("quantity"), faults);
        let exact_price = self.exact(line.unit_price.as_ref(), &at("unit_price"), faults);
        let total = self.exact(line.total.as_ref(), &at("total"), faults);
        if !self.mapping.rounds {
            return LineNumbers {
                quantity,
                unit_price: exact_price,
                total,
            };
        }
        self.rounded_line(quantity, exact_price, total)
    }

    /// The adjustments of an order: those of its columns, then those of its rows.
    pub fn adjustments(
        &mut self,
        group: &Group,
        plan: &Plan<'_>,
        faults: &mut Vec<Fault>,
    ) -> Vec<AdjustmentNumbers> {
        let mut all = Vec::new();
        for (index, fields) in self.mapping.adjustments.iter().enumerate() {
            if fields.level == Level::Line {
                continue;
            }
            let Some(slot) = group.slot(plan, OrderKey::AdjustmentAmount(index)) else {
                continue;
            };
            let label = group.slot(plan, OrderKey::AdjustmentLabel(index));
            let pointer = format!("/adjustments/{}/amount", all.len());
            let amount = self.signed(Some(&slot.found), fields, None, &pointer, faults);
            if amount.number().is_some_and(Number::is_zero) {
                continue;
            }
            all.push(AdjustmentNumbers {
                index,
                row: slot.row,
                kind: kind_name(fields, None),
                label: label.map(|label| label.found.trimmed().to_owned()),
                amount,
                included: Some(matches!(fields.included, Included::Fixed(true))),
                cell: slot.found.cell().to_owned(),
            });
        }
        for adjustment in &group.row_adjustments {
            self.push_row_adjustment(adjustment, &mut all, faults);
        }
        // Rows are added up exactly; only the sum is rounded.
        for adjustment in &mut all {
            let amount = std::mem::take(&mut adjustment.amount);
            adjustment.amount = self.rounded_money(amount);
        }
        all
    }

    fn push_row_adjustment(
        &mut self,
        adjustment: &RowAdjustment,
        all: &mut Vec<AdjustmentNumbers>,
        faults: &mut Vec<Fault>,
    ) {
        let fields = &self.mapping.adjustments[adjustment.index];
        let kind = adjustment.kind.as_ref();
        let is_single = matches!(fields.kind, KindOrigin::Field(_));
        let pointer = |index: usize| format!("/adjustments/{index}");
        let amount = self.signed(
            Some(&adjustment.amount),
            fields,
            kind,
            &format!("{}/amount", pointer(all.len())),
            faults,
        );
        if !is_single && amount.number().is_some_and(Number::is_zero) {
            return;
        }
        let label = adjustment.label.as_ref();
        let label = label.map(|label| label.trimmed().to_owned());
        let included = match (&fields.included, &adjustment.included) {
            (Included::Fixed(included), _) => Some(*included),
            (Included::Field(_), None) => Some(false),
            (Included::Field(_), Some(found)) => {
                let said = flag(found.trimmed());
                if said.is_none() {
                    let pointer = format!("{}/included", pointer(all.len()));
                    faults.push(Fault::new(
                        pointer,
                        "wrong_type",
                        "is neither true nor false",
                    ));
                }
                said
            }
        };
        let here = pointer(all.len());
        let same = all.iter_mut().find(|own| {
            !is_single
                && own.index == adjustment.index
                && own.label == label
                && own.included == included
        });
        if let (Some(own), Some(amount)) = (same, amount.number()) {
            let sum = own.amount.number().and_then(|own| own.plus(amount));
            if sum.is_none() {
                let reason = "adds up to more digits than an amount has";
                faults.push(Fault::new(here, "out_of_range", reason));
            }
            own.amount = sum.map_or(Read::Faulty, Read::Number);
            return;
        }
        all.push(AdjustmentNumbers {
            index: adjustment.index,
            row: adjustment.row,
            kind: kind_name(fields, kind),
            label,
            amount,
            included,
            cell: adjustment.amount.cell().to_owned(),
        });
    }

    /// An adjustment's amount with the sign that its kind has.
    fn signed(
        &mut self,
        found: Option<&Found>,
        fields: &AdjustmentFields,
        kind: Option<&Found>,
        pointer: &str,
        faults: &mut Vec<Fault>,
    ) -> Read {
        let read = self.exact(found, pointer, faults);
        let Read::Number(number) = read else {
            return read;
        };
        let number = if fields.is_negated {
            number.negated()
        } else {
            number
        };
        let is_discount = kind_name(fields, kind) == AdjustmentKind::Discount.as_str();
        Read::Number(if is_discount {
            number.magnitude().negated()
        } else {
            number
        })
    }

    fn quantity(&mut self, found: Option<&Found>, pointer: &str, faults: &mut Vec<Fault>) -> Read {
        let Some(found) = found else {
            return Read::Missing;
        };
        let read = match self.mapping.numbers.read(found.trimmed()) {
            Ok((number, marks)) if marks.is_empty() => Ok(number),
            Ok(_) => Err("is an amount of money, and not a quantity".to_owned()),
            Err(fault) => Err(fault.to_string()),
        };
        match read {
            Ok(number) if self.mapping.rounds => {
                Read::Number(self.counted(number, Quantity::SCALE))
            }
            Ok(number) => Read::Number(number),
            Err(reason) => {
                faults.push(Fault::new(pointer, "not_a_number", reason));
                Read::Faulty
            }
        }
    }

    /// An amount with every digit that the cell has.
    fn exact(&self, found: Option<&Found>, pointer: &str, faults: &mut Vec<Fault>) -> Read {
        let Some(found) = found else {
            return Read::Missing;
        };
        let (code, reason) = match self.mapping.numbers.read(found.trimmed()) {
            Ok((number, marks)) => match self.currency {
                Some(currency) if !marks.fit(currency) => (
                    "other_currency",
                    format!(
                        "is an amount of another currency than the order's, which is {currency}"
                    ),
                ),
                _ => return Read::Number(number),
            },
            Err(fault) => (code_of(&fault), fault.to_string()),
        };
        faults.push(Fault::new(pointer, code, reason));
        Read::Faulty
    }

    fn rounded_money(&mut self, read: Read) -> Read {
        match (read, self.currency) {
            (Read::Number(number), Some(currency)) if self.mapping.rounds => {
                Read::Number(self.counted(number, currency.exponent()))
            }
            (read, _) => read,
        }
    }

    /// Rounds to `digits` after the point, and counts it if that changes the value.
    fn counted(&mut self, number: Number, digits: u8) -> Number {
        let rounded = number.rounded(digits);
        self.rounded += u32::from(rounded != number);
        rounded
    }

    /// A line whose values may be rounded: its total is the rounded product of the exact values, and its unit price is
    /// left out if it does not agree with the total any more.
    fn rounded_line(&mut self, quantity: Read, exact_price: Read, total: Read) -> LineNumbers {
        let (Some(currency), Some(pieces)) = (self.currency, quantity.number()) else {
            return LineNumbers {
                quantity,
                unit_price: exact_price,
                total,
            };
        };
        let exponent = currency.exponent();
        let total = self.rounded_money(total);
        let Some(exact) = exact_price.number() else {
            return LineNumbers {
                quantity,
                unit_price: exact_price,
                total,
            };
        };
        let price = self.counted(exact, exponent);
        let product = pieces.times(exact);
        let computed = product.map(|product| product.rounded(exponent));
        let is_exact = product == computed && price == exact;
        let total = match (total, computed) {
            (Read::Missing, _) if is_exact => Read::Missing,
            (Read::Missing, Some(computed)) => {
                // If the unit price itself was rounded, that is the value that counts as rounded.
                self.rounded += u32::from(product != Some(computed) && price == exact);
                Read::Number(computed)
            }
            (given, _) => given,
        };
        // A rounded price may miss the total by more than a price may; if the exact one does too, the domain refuses it.
        let is_left_out = price != exact
            && total.number().is_some_and(|total| {
                !prices_agree(pieces, price, total, exponent) && Some(total) == computed
            });
        LineNumbers {
            quantity,
            unit_price: if is_left_out {
                Read::Missing
            } else {
                Read::Number(price)
            },
            total,
        }
    }
}

fn prices_agree(pieces: Number, price: Number, total: Number, exponent: u8) -> bool {
    let minor = |number: Number| u64::try_from(number.units(exponent)?).ok();
    let thousandths = pieces
        .units(Quantity::SCALE)
        .and_then(|units| Quantity::from_thousandths(u32::try_from(units).ok()?));
    match (thousandths, minor(price), minor(total)) {
        (Some(quantity), Some(price), Some(total)) => Line::prices_agree(quantity, price, total),
        // Out of range: the domain says so.
        _ => true,
    }
}

const fn code_of(fault: &NumberFault) -> &'static str {
    match fault {
        NumberFault::Syntax { .. }
        | NumberFault::UnexpectedSign { .. }
        | NumberFault::BadGroups { .. } => "not_a_number",
        NumberFault::TooLong => "out_of_range",
    }
}

fn kind_name(fields: &AdjustmentFields, found: Option<&Found>) -> String {
    match &fields.kind {
        KindOrigin::Fixed(kind) => kind.as_str().to_owned(),
        KindOrigin::Field(_) => {
            found.map_or_else(String::new, |found| found.trimmed().to_lowercase())
        }
    }
}

fn flag(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}
