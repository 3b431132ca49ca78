//! The mapping file: which column is what. Strict, so that a mistyped name is an error and not a missing field.
//! Checked whole before the first row is read.

use std::collections::BTreeMap;
use std::path::Path;

use domain::Currency;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::local_time::TimeField;
use crate::config::ConfigError;
use crate::nearest::suggestion;

/// A mapping file, checked.
#[derive(Debug)]
pub struct Mapping {
    /// For orders whose currency column is missing or blank.
    pub currency: Option<Currency>,
    /// Between the cells of a CSV file.
    pub delimiter: u8,
    /// Whether decimals are written with a comma.
    pub has_decimal_comma: bool,
    /// What belongs to an order.
    pub order: OrderFields,
    /// What belongs to a line; `None` where orders are amounts alone.
    pub line: Option<LineFields>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingFile {
    currency: Option<String>,
    delimiter: Option<String>,
    decimal: Option<String>,
    order: OrderFields,
    line: Option<LineFields>,
}

/// Fields of an order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderFields {
    /// Rows that share it and follow each other are one order; without it, each row is one.
    pub external_id: Option<Field>,
    /// Makes the import repeatable where there is no external id, and says which rows are one order.
    pub idempotency_key: Option<Field>,
    /// Whose it is.
    pub user_id: Field,
    /// Where it came in; `import` where it is missing.
    pub source: Option<Field>,
    /// ISO 4217.
    pub currency: Option<Field>,
    /// The amount; required without lines.
    pub amount: Option<Field>,
    /// When it was made; for `--as processed`.
    pub created_at: Option<TimeField>,
    /// Notes, by name.
    #[serde(default)]
    pub metadata: BTreeMap<String, Field>,
}

impl OrderFields {
    /// What an order is known by, if anything, with its JSON pointer.
    pub fn name(&self) -> Option<(&Field, &'static str)> {
        let key = || Some((self.idempotency_key.as_ref()?, "/idempotency_key"));
        let external_id = self.external_id.as_ref();
        external_id
            .map(|field| (field, "/external_id"))
            .or_else(key)
    }
}

/// Fields of a line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineFields {
    /// The stock keeping unit.
    pub sku: Option<Field>,
    /// What is sold.
    pub product_name: Field,
    /// How many.
    pub quantity: Field,
    /// For one piece.
    pub unit_price: Field,
}

/// Where one field's text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The same in every row.
    Value(String),
    /// The first of these columns that is not blank.
    Columns {
        /// Tried in this order.
        columns: Vec<String>,
        /// Cut off where a text begins so.
        strip_prefix: Option<String>,
        /// Cut off where a text ends so.
        strip_suffix: Option<String>,
        /// Stands in where all are blank.
        when_empty: Option<String>,
    },
}

impl Field {
    fn of(columns: Vec<String>) -> Self {
        Self::Columns {
            columns,
            strip_prefix: None,
            strip_suffix: None,
            when_empty: None,
        }
    }

    /// The columns, none for a fixed value.
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Value(_) => &[],
            Self::Columns { columns, .. } => columns,
        }
    }

    /// How a report calls the field.
    pub fn column_name(&self) -> String {
        self.columns().join("|")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldTable {
    column: Option<String>,
    columns: Option<Vec<String>>,
    value: Option<String>,
    strip_prefix: Option<String>,
    strip_suffix: Option<String>,
    when_empty: Option<String>,
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a column's name, a list of names, or a table with column, columns or value")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Field, E> {
        Ok(Field::of(vec![name.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Field, A::Error> {
        let mut columns = Vec::new();
        while let Some(name) = names.next_element()? {
            columns.push(name);
        }
        if columns.is_empty() {
            return Err(de::Error::custom("an empty list names no column"));
        }
        Ok(Field::of(columns))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field, A::Error> {
        let table = FieldTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
        let columns = match (table.column, table.columns, table.value) {
            (Some(column), None, None) => vec![column],
            (None, Some(columns), None) if !columns.is_empty() => columns,
            (None, None, Some(value)) => {
                if table.strip_prefix.is_some()
                    || table.strip_suffix.is_some()
                    || table.when_empty.is_some()
                {
                    return Err(de::Error::custom("value stands alone"));
                }
                return Ok(Field::Value(value));
            }
            _ => {
                return Err(de::Error::custom(
                    "needs exactly one of column, columns and value",
                ));
            }
        };
        Ok(Field::Columns {
            columns,
            strip_prefix: table.strip_prefix,
            strip_suffix: table.strip_suffix,
            when_empty: table.when_empty,
        })
    }
}

impl Mapping {
    /// Reads and checks a mapping file.
    ///
    /// # Errors
    /// Where the file cannot be read or something in it is wrong; the message names file, line and key.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let refuse = |fault: String| ConfigError {
            faults: vec![fault],
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            refuse(format!(
                "cannot read the mapping file {}: {error}",
                path.display()
            ))
        })?;
        Self::parse(&text).map_err(|fault| refuse(format!("{}{fault}", path.display())))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file: MappingFile = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            });
            format!(":{line}: {}", with_suggestion(error.message()))
        })?;
        let currency = file
            .currency
            .map(|code| Currency::parse(&code).map_err(|error| format!(": currency {error}")))
            .transpose()?;
        if currency.is_none() && file.order.currency.is_none() {
            return Err(
                ": needs currency = \"...\" at the top, or order.currency with a column".to_owned(),
            );
        }
        if file.line.is_none() && file.order.amount.is_none() {
            return Err(": needs a [line] section, or order.amount".to_owned());
        }
        if let Some(created_at) = &file.order.created_at {
            created_at
                .check()
                .map_err(|fault| format!(": order.created_at {fault}"))?;
        }
        Ok(Self {
            currency,
            delimiter: delimiter(file.delimiter.as_deref())?,
            has_decimal_comma: match file.decimal.as_deref() {
                None | Some(".") => false,
                Some(",") => true,
                Some(_) => return Err(": decimal must be \".\" or \",\"".to_owned()),
            },
            order: file.order,
            line: file.line,
        })
    }

    /// Every column that is named, once.
    pub fn columns(&self) -> Vec<String> {
        let order = &self.order;
        let mut fields: Vec<&Field> = vec![&order.user_id];
        let optional = [
            &order.external_id,
            &order.idempotency_key,
            &order.source,
            &order.currency,
            &order.amount,
        ];
        fields.extend(optional.into_iter().flatten());
        fields.extend(order.metadata.values());
        if let Some(line) = &self.line {
            fields.extend([&line.product_name, &line.quantity, &line.unit_price]);
            fields.extend(&line.sku);
        }
        let mut columns: Vec<String> = fields
            .into_iter()
            .flat_map(Field::columns)
            .cloned()
            .collect();
        columns.extend(order.created_at.as_ref().map(|field| field.column.clone()));
        columns.sort();
        columns.dedup();
        columns
    }
}

fn delimiter(text: Option<&str>) -> Result<u8, String> {
    match text.map(str::as_bytes) {
        None => Ok(b','),
        Some([byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
        Some(_) => {
            Err(": delimiter must be one ASCII character, such as \";\" or \"\\t\"".to_owned())
        }
    }
}

/// `unknown field `x`, expected one of `y`, `z`` gets the nearest known name.
fn with_suggestion(message: &str) -> String {
    let message = message.replace('\n', " ");
    let mut names = message.split('`').skip(1).step_by(2);
    match (message.starts_with("unknown field"), names.next()) {
        (true, Some(wrong)) => {
            let hint = suggestion(wrong, names);
            format!("{message}{hint}")
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, Mapping};

    const GOOD: &str = "currency = \"GBP\"\n[order]\nexternal_id = \"No\"\nuser_id = { column = \"C\", when_empty = \"guest\" }\n\
        [line]\nproduct_name = [\"D\", \"S\"]\nquantity = \"Q\"\nunit_price = \"P\"\n";

    #[test]
    fn the_bundled_mapping_is_good() {
        let text = include_str!("../../../../../examples/online-retail.toml");
        let mapping = Mapping::parse(text).unwrap();
        assert_eq!(
            mapping.order.source,
            Some(Field::Value("import".to_owned()))
        );
        assert_eq!(mapping.columns().len(), 8);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_the_nearest_name() {
        assert!(Mapping::parse(GOOD).is_ok());
        for (from, to, part) in [
            ("unit_price", "unit_prise", "did you mean unit_price?"),
            ("column =", "colunm =", ":4: unknown field `colunm`"),
            ("when_empty", "when_emtpy", "did you mean when_empty?"),
            (
                "currency = \"GBP\"",
                "curency = \"GBP\"",
                "did you mean currency?",
            ),
            ("\"GBP\"", "\"GPB\"", "currency is not an ISO 4217"),
            ("currency = \"GBP\"", "", "needs currency"),
            ("user_id =", "usr_id =", "did you mean user_id?"),
            ("quantity = \"Q\"", "quantity = 5", ":7: "),
            (
                "quantity = \"Q\"",
                "quantity = { column = \"Q\", value = \"1\" }",
                "exactly one of",
            ),
            (
                "[order]",
                "delimiter = \";;\"\n[order]",
                "delimiter must be",
            ),
        ] {
            let error = Mapping::parse(&GOOD.replace(from, to)).unwrap_err();
            assert!(error.contains(part), "{part} is not in {error}");
        }
    }
}
