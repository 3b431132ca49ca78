//! The columns that a JSON pointer of an order speaks of, for reports.

use crate::mapping::{Field, Mapping};

/// The columns of a field as a report names them.
pub fn name_of(mapping: &Mapping, field: Option<&Field>) -> String {
    let columns = field.map(Field::columns).unwrap_or_default();
    let names: Vec<&str> = columns
        .into_iter()
        .map(|column| mapping.column_name(column))
        .collect();
    names.join("|")
}

/// The columns that a pointer speaks of; `adjustments` has the mapping's index of each adjustment of the order.
pub fn column_of(mapping: &Mapping, pointer: &str, adjustments: &[usize]) -> String {
    let columns = match pointer {
        "/lines" => {
            let line = mapping.line.as_ref();
            line.map_or_else(Vec::new, |line| line.columns.clone())
        }
        "/adjustments" => {
            let amounts = mapping.adjustments.iter();
            amounts.flat_map(|own| own.amount.columns()).collect()
        }
        _ => return name_of(mapping, field_of(mapping, pointer, adjustments)),
    };
    let names: Vec<&str> = columns
        .into_iter()
        .map(|column| mapping.column_name(column))
        .collect();
    names.join("|")
}

fn field_of<'m>(mapping: &'m Mapping, pointer: &str, adjustments: &[usize]) -> Option<&'m Field> {
    let order = &mapping.order;
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    match parts.as_slice() {
        ["user_id"] => Some(&order.user_id),
        ["external_id"] => order.external_id.as_ref(),
        ["idempotency_key"] => order.idempotency_key.as_ref(),
        ["source"] => order.source.as_ref(),
        ["currency"] => order.currency.as_ref(),
        ["amount"] => order.amount.as_ref(),
        ["created_at"] => order.created_at.as_ref().map(|time| &time.field),
        ["process_after"] => order.process_after.as_ref().map(|time| &time.field),
        ["metadata"] => order.metadata_json.as_ref(),
        ["metadata", name] => {
            let name = name.replace("~1", "/").replace("~0", "~");
            order.metadata.get(&name).or(order.metadata_json.as_ref())
        }
        ["lines", _, name] => {
            let line = mapping.line.as_ref()?;
            match *name {
                "sku" => line.sku.as_ref(),
                "product_name" => Some(&line.product_name),
                "quantity" => Some(&line.quantity),
                "unit_price" => line.unit_price.as_ref().or(line.total.as_ref()),
                _ => line.total.as_ref().or(line.unit_price.as_ref()),
            }
        }
        ["lines", _] => {
            let line = mapping.line.as_ref()?;
            line.unit_price.as_ref().or(line.total.as_ref())
        }
        ["adjustments", index, name] => {
            let index = *adjustments.get(index.parse::<usize>().ok()?)?;
            let adjustment = mapping.adjustments.get(index)?;
            match (*name, &adjustment.kind, &adjustment.included) {
                ("label", ..) => adjustment.label.as_ref(),
                ("kind", crate::mapping::KindOrigin::Field(field), _) => Some(field),
                ("included", _, crate::mapping::Included::Field(field)) => Some(field),
                _ => Some(&adjustment.amount),
            }
        }
        _ => None,
    }
}
