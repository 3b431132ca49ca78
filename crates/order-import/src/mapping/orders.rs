//! The sections `[order]`, `[line]` and `[[adjustment]]`: which field of an order is read from what.

use std::collections::BTreeMap;

use domain::AdjustmentKind;

use super::columns::ColumnRef;
use super::document::Section;
use super::field::{Field, FieldReader};
use super::time_field::{TimeField, time_field};
use crate::values::Number;

/// Fields of an order.
#[derive(Debug)]
pub struct OrderFields {
    /// Rows that share it are one order, if the order has neither of the next two.
    pub group_by: Option<Field>,
    /// The shop's number of the order.
    pub external_id: Option<Field>,
    /// The key under which the order is sent.
    pub idempotency_key: Option<Field>,
    /// Who ordered.
    pub user_id: Field,
    /// Where the order came in; `import` by default.
    pub source: Option<Field>,
    /// ISO 4217.
    pub currency: Option<Field>,
    /// What was charged.
    pub amount: Option<Field>,
    /// How far `amount` may be from the sum of lines and adjustments.
    pub amount_tolerance: Option<Number>,
    /// When the order was made; history needs it.
    pub created_at: Option<TimeField>,
    /// A new order is not processed before this time.
    pub process_after: Option<TimeField>,
    /// Notes by name.
    pub metadata: BTreeMap<String, Field>,
    /// Notes as one JSON object.
    pub metadata_json: Option<Field>,
}

/// Fields of a line.
#[derive(Debug)]
pub struct LineFields {
    /// The stock keeping unit.
    pub sku: Option<Field>,
    /// What is sold.
    pub product_name: Field,
    /// How much of it.
    pub quantity: Field,
    /// For one piece.
    pub unit_price: Option<Field>,
    /// For the whole line.
    pub total: Option<Field>,
    /// All columns of the line: a row in which all of them are blank adds no line.
    pub columns: Vec<ColumnRef>,
}

/// Where an adjustment comes from.
#[derive(Debug)]
pub struct AdjustmentFields {
    /// What it is for.
    pub kind: KindOrigin,
    /// Whether rows are added up, or the order has one value.
    pub level: Level,
    /// How much.
    pub amount: Field,
    /// The client's name for it.
    pub label: Option<Field>,
    /// Whether the prices contain it.
    pub included: Included,
    /// Whether the file has the amount with the other sign.
    pub is_negated: bool,
}

/// Where an adjustment's kind comes from.
#[derive(Debug)]
pub enum KindOrigin {
    /// The same for every order.
    Fixed(AdjustmentKind),
    /// A field: each row with an amount is an adjustment of its own.
    Field(Field),
}

/// Whose column an adjustment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The order's: the first value that is not blank.
    Order,
    /// Each row's: values are added up by label.
    Line,
}

/// Whether the prices contain a tax.
#[derive(Debug)]
pub enum Included {
    /// The same for every order.
    Fixed(bool),
    /// A field that says true or false.
    Field(Field),
}

/// The keys of `[order]`.
pub const ORDER_KEYS: [&str; 12] = [
    "group_by",
    "external_id",
    "idempotency_key",
    "user_id",
    "source",
    "currency",
    "amount",
    "amount_tolerance",
    "created_at",
    "process_after",
    "metadata",
    "metadata_json",
];
/// The keys of `[line]`.
pub const LINE_KEYS: [&str; 5] = ["sku", "product_name", "quantity", "unit_price", "total"];
/// The keys of an `[[adjustment]]`.
pub const ADJUSTMENT_KEYS: [&str; 6] = ["kind", "level", "amount", "label", "included", "negate"];

/// Reads `[order]`.
pub fn order_fields(section: &Section<'_>, reader: &mut FieldReader<'_, '_>) -> OrderFields {
    section.refuse_unknown(&ORDER_KEYS, reader.faults);
    let fields = OrderFields {
        group_by: reader.field(section, "group_by"),
        external_id: reader.field(section, "external_id"),
        idempotency_key: reader.field(section, "idempotency_key"),
        user_id: reader.required(section, "user_id"),
        source: reader.field(section, "source"),
        currency: reader.field(section, "currency"),
        amount: reader.field(section, "amount"),
        amount_tolerance: tolerance(section, reader),
        created_at: time_field(section, "created_at", reader),
        process_after: time_field(section, "process_after", reader),
        metadata: metadata(section, reader),
        metadata_json: reader.field(section, "metadata_json"),
    };
    if fields.amount_tolerance.is_some() && !section.has("amount") {
        let message = "needs order.amount, which it compares with the sum";
        reader
            .faults
            .add_at_key(section, "amount_tolerance", message);
    }
    fields
}

/// Reads `[line]`.
pub fn line_fields(section: &Section<'_>, reader: &mut FieldReader<'_, '_>) -> LineFields {
    section.refuse_unknown(&LINE_KEYS, reader.faults);
    let sku = reader.field(section, "sku");
    let product_name = reader.required(section, "product_name");
    let quantity = reader.required(section, "quantity");
    let unit_price = reader.field(section, "unit_price");
    let total = reader.field(section, "total");
    if !section.has("unit_price") && !section.has("total") {
        let message = format!("{} needs unit_price or total", section.name());
        reader.faults.add(section.span(), message);
    }
    let all = [&sku, &unit_price, &total];
    let mut columns: Vec<ColumnRef> = [&product_name, &quantity]
        .into_iter()
        .chain(all.into_iter().flatten())
        .flat_map(Field::columns)
        .collect();
    columns.sort_unstable();
    columns.dedup();
    LineFields {
        sku,
        product_name,
        quantity,
        unit_price,
        total,
        columns,
    }
}

/// Reads one `[[adjustment]]`; nothing if its kind is missing or unknown, which is a fault.
pub fn adjustment_fields(
    section: &Section<'_>,
    reader: &mut FieldReader<'_, '_>,
) -> Option<AdjustmentFields> {
    section.refuse_unknown(&ADJUSTMENT_KEYS, reader.faults);
    let kind = kind(section, reader);
    let level = level(section, reader);
    let fields = AdjustmentFields {
        level: match kind {
            Some(KindOrigin::Field(_)) => Level::Line,
            _ => level.unwrap_or(Level::Order),
        },
        amount: reader.required(section, "amount"),
        label: reader.field(section, "label"),
        included: included(section, reader),
        is_negated: section.flag("negate", reader.faults).unwrap_or(false),
        kind: kind?,
    };
    if matches!(fields.kind, KindOrigin::Field(_)) && level == Some(Level::Order) {
        let message = "must be \"line\" if kind is read from a column";
        reader.faults.add_at_key(section, "level", message);
    }
    if let (KindOrigin::Fixed(kind), Included::Fixed(true)) = (&fields.kind, &fields.included)
        && *kind != AdjustmentKind::Tax
    {
        let message = "is for kind = \"tax\" alone: a tax that the prices contain already";
        reader.faults.add_at_key(section, "included", message);
    }
    Some(fields)
}

fn kind(section: &Section<'_>, reader: &mut FieldReader<'_, '_>) -> Option<KindOrigin> {
    let value = section.value("kind");
    if value.is_some_and(|value| value.get_ref().is_table()) {
        return reader.field(section, "kind").map(KindOrigin::Field);
    }
    let name = section.text("kind", reader.faults);
    let kind = name.and_then(|name| AdjustmentKind::from_name(name.value));
    if kind.is_none() {
        let known = AdjustmentKind::ALL.map(AdjustmentKind::as_str).join(", ");
        let message =
            format!("must be one of {known}, or a table with the column that has one of them");
        reader.faults.add_at_key(section, "kind", &message);
    }
    kind.map(KindOrigin::Fixed)
}

fn level(section: &Section<'_>, reader: &mut FieldReader<'_, '_>) -> Option<Level> {
    match section.text("level", reader.faults)?.value {
        "order" => Some(Level::Order),
        "line" => Some(Level::Line),
        _ => {
            let message = "must be \"order\" or \"line\"";
            reader.faults.add_at_key(section, "level", message);
            None
        }
    }
}

fn included(section: &Section<'_>, reader: &mut FieldReader<'_, '_>) -> Included {
    let value = section.value("included");
    if value.is_some_and(|value| value.get_ref().is_table()) {
        let field = reader.field(section, "included");
        return field.map_or(Included::Fixed(false), Included::Field);
    }
    Included::Fixed(section.flag("included", reader.faults).unwrap_or(false))
}

fn metadata(section: &Section<'_>, reader: &mut FieldReader<'_, '_>) -> BTreeMap<String, Field> {
    let mut metadata = BTreeMap::new();
    let Some(table) = section.section("metadata", reader.faults) else {
        return metadata;
    };
    for (name, value) in table.entries() {
        if let Some(field) = reader.field_of(&table.path(name.value), value) {
            metadata.insert(name.value.to_owned(), field);
        }
    }
    metadata
}

fn tolerance(section: &Section<'_>, reader: &mut FieldReader<'_, '_>) -> Option<Number> {
    let text = section.text("amount_tolerance", reader.faults)?;
    let number = Number::plain(text.value).filter(|number| !number.is_negative());
    if number.is_none() {
        let message = "must be a decimal in quotes, such as \"0.05\"";
        reader
            .faults
            .add_at_key(section, "amount_tolerance", message);
    }
    number
}
