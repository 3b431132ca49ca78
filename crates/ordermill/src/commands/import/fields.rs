//! The mapping bound to the columns of one file: takes the texts of a row's fields out of its cells. Pure; judges
//! nothing, except whether the columns are there at all.

use std::collections::BTreeMap;

use super::mapping::{Field, Mapping};
use crate::nearest::suggestion;

/// A mapping whose columns are found in one file.
pub struct Bound<'m> {
    /// The mapping itself, for the names of columns.
    pub mapping: &'m Mapping,
    indexes: BTreeMap<&'m str, usize>,
}

/// The texts of an order, as its first row says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderTexts {
    /// Visible ASCII, or nothing.
    pub idempotency_key: String,
    /// Whose it is.
    pub user_id: String,
    /// Where it came in.
    pub source: String,
    /// ISO 4217, or nothing.
    pub currency: String,
    /// A decimal, or nothing.
    pub amount: String,
    /// As the file writes it.
    pub created_at: String,
    /// Notes that are not blank.
    pub metadata: BTreeMap<String, String>,
}

/// The texts of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineTexts {
    /// May be blank.
    pub sku: String,
    /// What is sold.
    pub product_name: String,
    /// A whole number.
    pub quantity: String,
    /// A decimal.
    pub unit_price: String,
}

impl<'m> Bound<'m> {
    /// Finds every column that the mapping names.
    ///
    /// # Errors
    /// A sentence that follows the file's name.
    pub fn new(
        mapping: &'m Mapping,
        names: &'m [String],
        columns: &[String],
    ) -> Result<Self, String> {
        let mut indexes = BTreeMap::new();
        for name in names {
            let mut found = columns
                .iter()
                .enumerate()
                .filter(|(_, column)| *column == name);
            let Some((index, _)) = found.next() else {
                let hint = suggestion(name, columns.iter().map(String::as_str));
                return Err(format!(
                    "has no column {name:?}{hint}; it has {}",
                    columns.join(", ")
                ));
            };
            if found.next().is_some() {
                return Err(format!("has the column {name:?} twice"));
            }
            indexes.insert(name.as_str(), index);
        }
        Ok(Self { mapping, indexes })
    }

    /// The mapping alone, to end an order after its file: it has no cells to read any more.
    pub const fn of_mapping(mapping: &'m Mapping) -> Self {
        Self {
            mapping,
            indexes: BTreeMap::new(),
        }
    }

    /// What the order is known by in a good row; nothing where it is known by nothing.
    pub fn name(&self, cells: &[String]) -> String {
        let name = self.mapping.order.name();
        name.map(|(field, _)| self.trimmed(field, cells))
            .unwrap_or_default()
    }

    /// What the order is known by in a broken row, and whether it is certain: its columns are among the first
    /// `trusted_cells`.
    pub fn broken_name(&self, cells: &[String], trusted_cells: usize) -> (Option<String>, bool) {
        let Some((field, _)) = self.mapping.order.name() else {
            return (None, false);
        };
        let is_trusted = field
            .columns()
            .iter()
            .all(|column| self.indexes[column.as_str()] < trusted_cells.min(cells.len()));
        let text = self.trimmed(field, cells);
        let is_there = !text.is_empty();
        (is_there.then_some(text), is_trusted && is_there)
    }

    /// The texts of an order.
    pub fn order(&self, cells: &[String]) -> OrderTexts {
        let fields = &self.mapping.order;
        let optional = |field: &Option<Field>| {
            field
                .as_ref()
                .map(|field| self.trimmed(field, cells))
                .unwrap_or_default()
        };
        let source = match &fields.source {
            Some(field) => self.trimmed(field, cells),
            None => domain::Source::Import.as_str().to_owned(),
        };
        let created_at = fields
            .created_at
            .as_ref()
            .and_then(|field| self.cell(&field.column, cells))
            .map(|text| text.trim().to_owned());
        let metadata = fields
            .metadata
            .iter()
            .map(|(name, field)| (name.clone(), self.text(field, cells).into_owned()))
            .filter(|(_, value)| !value.trim().is_empty());
        OrderTexts {
            idempotency_key: optional(&fields.idempotency_key),
            user_id: self.trimmed(&fields.user_id, cells),
            source,
            currency: optional(&fields.currency),
            amount: self.decimal(optional(&fields.amount)),
            created_at: created_at.unwrap_or_default(),
            metadata: metadata.collect(),
        }
    }

    /// The texts of a line; `None` where the mapping has no lines.
    pub fn line(&self, cells: &[String]) -> Option<LineTexts> {
        let fields = self.mapping.line.as_ref()?;
        let sku = fields.sku.as_ref().map(|field| self.trimmed(field, cells));
        Some(LineTexts {
            sku: sku.unwrap_or_default(),
            product_name: self.text(&fields.product_name, cells).into_owned(),
            quantity: self.decimal(self.trimmed(&fields.quantity, cells)),
            unit_price: self.decimal(self.trimmed(&fields.unit_price, cells)),
        })
    }

    /// The name of a column that the mapping uses, by its place in the file.
    pub fn name_of(&self, index: usize) -> Option<&str> {
        self.indexes
            .iter()
            .find(|(_, at)| **at == index)
            .map(|(name, _)| *name)
    }

    fn cell<'c>(&self, column: &str, cells: &'c [String]) -> Option<&'c str> {
        cells.get(self.indexes[column]).map(String::as_str)
    }

    /// The field's text as it stands: the first column that is not blank.
    fn text<'c>(&'c self, field: &'c Field, cells: &'c [String]) -> std::borrow::Cow<'c, str> {
        match field {
            Field::Value(value) => value.as_str().into(),
            Field::Columns {
                columns,
                strip_prefix,
                strip_suffix,
                when_empty,
            } => {
                let found = columns
                    .iter()
                    .filter_map(|column| self.cell(column, cells))
                    .find(|text| !text.trim().is_empty());
                let Some(mut text) = found else {
                    return when_empty.as_deref().unwrap_or_default().into();
                };
                if strip_prefix.is_some() || strip_suffix.is_some() {
                    text = text.trim();
                }
                if let Some(prefix) = strip_prefix {
                    text = text.strip_prefix(prefix.as_str()).unwrap_or(text);
                }
                if let Some(suffix) = strip_suffix {
                    text = text.strip_suffix(suffix.as_str()).unwrap_or(text);
                }
                text.into()
            }
        }
    }

    fn trimmed(&self, field: &Field, cells: &[String]) -> String {
        self.text(field, cells).trim().to_owned()
    }

    /// A decimal with a comma gets its point; one with both stays, and is refused as no number.
    fn decimal(&self, text: String) -> String {
        if self.mapping.has_decimal_comma && !text.contains('.') {
            text.replacen(',', ".", 1)
        } else if self.mapping.has_decimal_comma {
            text.replace('.', "'")
        } else {
            text
        }
    }
}

/// The column that a fault's JSON Pointer speaks of, for the report.
pub fn column_of(mapping: &Mapping, pointer: &str) -> String {
    let order = &mapping.order;
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    let of = |field: Option<&Field>| field.map(Field::column_name).unwrap_or_default();
    match parts.as_slice() {
        ["user_id"] => of(Some(&order.user_id)),
        ["external_id"] => of(order.external_id.as_ref()),
        ["idempotency_key"] => of(order.idempotency_key.as_ref()),
        ["source"] => of(order.source.as_ref()),
        ["currency"] => of(order.currency.as_ref()),
        ["amount"] => of(order.amount.as_ref()),
        ["created_at"] => order
            .created_at
            .as_ref()
            .map(|field| field.column.clone())
            .unwrap_or_default(),
        ["metadata", name] => of(order
            .metadata
            .get(&name.replace("~1", "/").replace("~0", "~"))),
        ["lines", _, name] => {
            let line = mapping.line.as_ref();
            of(line.and_then(|line| match *name {
                "sku" => line.sku.as_ref(),
                "product_name" => Some(&line.product_name),
                "quantity" => Some(&line.quantity),
                "unit_price" => Some(&line.unit_price),
                _ => None,
            }))
        }
        _ => String::new(),
    }
}
