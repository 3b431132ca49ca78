//! The orders of a sample: which rows belong together, whether an adjustment belongs to rows, and whether the guessed
//! columns add up to the order's total. The writer asks it, and puts the answer into a comment.

use std::collections::HashMap;

use super::guess::Guess;
use super::probe::Sample;
use super::role::Role;
use super::values::Values;
use crate::values::Number;

/// Roles of adjustments.
const ADJUSTMENTS: [Role; 5] = [
    Role::Discount,
    Role::Shipping,
    Role::Tax,
    Role::Tip,
    Role::Fee,
];

/// The rows of a sample, by order.
pub struct Orders<'s> {
    sample: &'s Sample,
    orders: Vec<Vec<usize>>,
    /// Whether an order's number comes again after another order.
    pub are_apart: bool,
    /// Whether rows lack the order's number.
    pub has_unnumbered_rows: bool,
}

/// How the columns of a sample add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Check {
    /// Whether the price column holds the total of a line.
    pub price_is_total: bool,
    /// Whether the prices contain the tax.
    pub tax_is_included: bool,
    /// Orders whose sum is their total.
    pub agree: usize,
    /// Orders that have a total.
    pub checked: usize,
}

impl<'s> Orders<'s> {
    /// Groups rows by the order's number; without a number each row is an order.
    pub fn of(sample: &'s Sample, guess: &Guess) -> Self {
        let mut grouped = Self {
            sample,
            orders: Vec::new(),
            are_apart: false,
            has_unnumbered_rows: false,
        };
        let Some(number) = guess.column(Role::OrderNumber) else {
            grouped.orders = (0..sample.rows.len()).map(|row| vec![row]).collect();
            return grouped;
        };
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (index, row) in sample.rows.iter().enumerate() {
            let name = row[number].trim();
            if name.is_empty() {
                grouped.has_unnumbered_rows = true;
                continue;
            }
            match seen.get(name) {
                Some(order) => {
                    grouped.are_apart |= order + 1 < seen.len();
                    grouped.orders[*order].push(index);
                }
                None => {
                    seen.insert(name, seen.len());
                    grouped.orders.push(vec![index]);
                }
            }
        }
        grouped
    }

    /// Whether a column's cells differ within an order: it then belongs to the rows, and is summed.
    pub fn is_by_line(&self, column: usize, values: &Values) -> bool {
        self.orders.iter().any(|order| {
            let mut numbers = order
                .iter()
                .filter_map(|row| values.number(&self.sample.rows[*row][column]));
            let first = numbers.next();
            numbers.any(|number| Some(number) != first)
        })
    }

    /// Finds the reading of the columns under which the most orders add up to their total; the one that the names
    /// suggest wins a tie.
    pub fn check(&self, guess: &Guess, values: &Values) -> Check {
        let price = (guess.column(Role::UnitPrice), guess.column(Role::LineTotal));
        let prices: &[bool] = match price {
            (Some(_), None) => &[false, true],
            _ => &[false],
        };
        let taxes: &[bool] = match guess.column(Role::Tax) {
            Some(_) => &[false, true],
            None => &[false],
        };
        let by_line: Vec<usize> = ADJUSTMENTS
            .iter()
            .filter_map(|role| guess.column(*role))
            .filter(|column| self.is_by_line(*column, values))
            .collect();
        let count = |price_is_total, tax_is_included| {
            self.count(guess, values, &by_line, price_is_total, tax_is_included)
        };
        let mut best = count(false, false);
        for price_is_total in prices {
            for tax_is_included in taxes {
                let check = count(*price_is_total, *tax_is_included);
                if check.agree > best.agree {
                    best = check;
                }
            }
        }
        best
    }

    fn count(
        &self,
        guess: &Guess,
        values: &Values,
        by_line: &[usize],
        price_is_total: bool,
        tax_is_included: bool,
    ) -> Check {
        let mut check = Check {
            price_is_total,
            tax_is_included,
            ..Check::default()
        };
        for order in &self.orders {
            let order = Order {
                sample: self.sample,
                rows: order,
                guess,
                values,
            };
            let Some(total) = order.first(Role::OrderTotal) else {
                continue;
            };
            check.checked += 1;
            let sum = order.sum(price_is_total, tax_is_included, by_line);
            check.agree += usize::from(sum == Some(total));
        }
        check
    }
}

/// One order of the sample.
struct Order<'o> {
    sample: &'o Sample,
    rows: &'o [usize],
    guess: &'o Guess,
    values: &'o Values,
}

impl Order<'_> {
    fn cell(&self, role: Role, row: usize) -> Option<Number> {
        let column = self.guess.column(role)?;
        self.values.number(&self.sample.rows[row][column])
    }

    fn first(&self, role: Role) -> Option<Number> {
        self.rows.iter().find_map(|row| self.cell(role, *row))
    }

    /// Lines and adjustments; `None` if a line has no price, or a number is too large.
    fn sum(
        &self,
        price_is_total: bool,
        tax_is_included: bool,
        by_line: &[usize],
    ) -> Option<Number> {
        let mut sum = Number::ZERO;
        for row in self.rows {
            let total = self.cell(Role::LineTotal, *row);
            let price = self.cell(Role::UnitPrice, *row);
            let quantity = self.cell(Role::Quantity, *row);
            let line = match (total, price, quantity) {
                (Some(total), _, _) => total,
                (None, Some(price), _) if price_is_total => price,
                (None, Some(price), quantity) => match quantity {
                    Some(quantity) => price.times(quantity)?,
                    None => price,
                },
                (None, None, None) => continue,
                (None, None, Some(_)) => return None,
            };
            sum = sum.plus(line)?;
        }
        for role in ADJUSTMENTS {
            if role == Role::Tax && tax_is_included {
                continue;
            }
            let Some(column) = self.guess.column(role) else {
                continue;
            };
            let amount = if by_line.contains(&column) {
                let mut amounts = self.rows.iter().filter_map(|row| self.cell(role, *row));
                amounts.try_fold(Number::ZERO, Number::plus)?
            } else {
                self.first(role).unwrap_or(Number::ZERO)
            };
            sum = sum.plus(match role {
                Role::Discount => amount.magnitude().negated(),
                _ => amount,
            })?;
        }
        Some(sum)
    }
}
