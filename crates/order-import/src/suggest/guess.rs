//! Which column is what, by its name and by whether its cells can be that: an amount has digits. A column has one
//! meaning. The writer asks it; values and formats are looked at elsewhere.

use super::names::{Meaning, meanings};
use super::probe::Sample;
use super::role::Role;

/// The columns of a file by what they are guessed to hold, as indexes into the heading.
#[derive(Debug, Default)]
pub struct Guess {
    /// One column per role, by [`Role`].
    chosen: Vec<(Role, usize)>,
    /// Columns for users, the better ones first.
    pub users: Vec<usize>,
    /// Columns with a known name whose role another column has.
    pub rivals: Vec<(Role, usize)>,
    /// Columns without a known name.
    pub unknown: Vec<usize>,
}

/// Roles in the order in which they choose: a name with two meanings goes to the first role that lacks a better column.
const ROLES: [Role; 21] = [
    Role::OrderNumber,
    Role::Currency,
    Role::Date,
    Role::TimeOfDay,
    Role::TimeZone,
    Role::CancelledAt,
    Role::Status,
    Role::Product,
    Role::Sku,
    Role::Quantity,
    Role::UnitPrice,
    Role::LineTotal,
    Role::OrderTotal,
    Role::Discount,
    Role::DiscountLabel,
    Role::Shipping,
    Role::Tax,
    Role::Tip,
    Role::Fee,
    Role::Note,
    Role::Country,
];

impl Guess {
    /// Guesses for all columns of a file.
    pub fn of(sample: &Sample) -> Self {
        let meanings: Vec<Vec<Meaning>> =
            sample.columns.iter().map(|name| meanings(name)).collect();
        let mut guess = Self::default();
        for role in ROLES {
            let mut candidates = candidates(sample, &meanings, role);
            candidates.retain(|(_, column)| !guess.is_taken(*column));
            if let Some((_, best)) = candidates.first() {
                guess.chosen.push((role, *best));
            }
        }
        let mut users = candidates(sample, &meanings, Role::User);
        users.retain(|(_, column)| !guess.is_taken(*column));
        guess.users = users.iter().map(|(_, column)| *column).collect();
        let untaken = |column: &usize| !guess.is_taken(*column) && !guess.users.contains(column);
        let rest: Vec<usize> = (0..sample.columns.len()).filter(untaken).collect();
        for column in rest {
            match meanings[column].first() {
                Some(meaning) => guess.rivals.push((meaning.role, column)),
                None => guess.unknown.push(column),
            }
        }
        guess
    }

    /// The column of a role.
    pub fn column(&self, role: Role) -> Option<usize> {
        let found = self.chosen.iter().find(|(own, _)| *own == role);
        found.map(|(_, column)| *column)
    }

    /// Gives the column of one role to another, which has none.
    pub fn change(&mut self, from: Role, to: Role) {
        for (role, _) in &mut self.chosen {
            if *role == from {
                *role = to;
            }
        }
    }

    /// Columns that hold numbers.
    pub fn numbers(&self) -> impl Iterator<Item = usize> {
        let numbers = self.chosen.iter().filter(|(role, _)| is_number(*role));
        numbers.map(|(_, column)| *column)
    }

    /// Columns that hold amounts of money.
    pub fn amounts(&self) -> impl Iterator<Item = usize> {
        let amounts = self
            .chosen
            .iter()
            .filter(|(role, _)| is_number(*role) && *role != Role::Quantity);
        amounts.map(|(_, column)| *column)
    }

    fn is_taken(&self, column: usize) -> bool {
        self.chosen.iter().any(|(_, taken)| *taken == column)
    }
}

const fn is_number(role: Role) -> bool {
    matches!(
        role,
        Role::OrderTotal
            | Role::Quantity
            | Role::UnitPrice
            | Role::LineTotal
            | Role::Discount
            | Role::Shipping
            | Role::Tax
            | Role::Tip
            | Role::Fee
    )
}

/// The columns that may have a role, the better ones first: those with cells before blank ones, then by name.
fn candidates(
    sample: &Sample,
    meanings: &[Vec<Meaning>],
    role: Role,
) -> Vec<((bool, usize), usize)> {
    let columns = meanings.iter().enumerate().filter_map(|(column, own)| {
        let meaning = own.iter().find(|meaning| meaning.role == role)?;
        let cells = || sample.rows.iter().map(move |row| row[column].trim());
        let is_blank = cells().all(str::is_empty);
        let has_digits = cells().any(|cell| cell.bytes().any(|byte| byte.is_ascii_digit()));
        let fits = is_blank || !is_number(role) || has_digits;
        // Two columns of one name cannot be told apart by a mapping.
        let is_unique = sample
            .columns
            .iter()
            .filter(|name| **name == sample.columns[column])
            .count()
            == 1;
        (fits && is_unique).then_some(((is_blank, meaning.rank), column))
    });
    let mut columns: Vec<_> = columns.collect();
    columns.sort_unstable();
    columns
}
