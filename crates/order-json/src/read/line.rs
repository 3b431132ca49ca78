//! The lines of an order as clients send them.

use domain::order::MAX_LINES;
use domain::{Fault, Given, LineDraft};

use super::fields::{Field, Fields, Scalar, unknown_field, wrong_type};
use super::items::read_items;
use crate::reader::{Malformed, Reader, ValueType};

const NAMES: [&str; 5] = ["sku", "product_name", "quantity", "unit_price", "total"];

const SKU: Field = Field::new(0, "/sku");
const PRODUCT_NAME: Field = Field::new(1, "/product_name");
const QUANTITY: Field = Field::new(2, "/quantity");
const UNIT_PRICE: Field = Field::new(3, "/unit_price");
const TOTAL: Field = Field::new(4, "/total");

/// Reads the array of lines.
pub(super) fn read_lines<'a>(
    reader: &mut Reader<'a>,
    faults: &mut Vec<Fault>,
) -> Result<Given<Vec<LineDraft<'a>>>, Malformed> {
    read_items(reader, "/lines", MAX_LINES, faults, read_line)
}

fn read_line<'a>(
    reader: &mut Reader<'a>,
    faults: &mut Vec<Fault>,
) -> Result<LineDraft<'a>, Malformed> {
    if reader.peek()? != ValueType::Object {
        wrong_type(reader, "", "an object", faults)?;
        // What is not a line has no missing fields.
        return Ok(LineDraft {
            sku: Given::Faulty,
            product_name: Given::Faulty,
            quantity: Given::Faulty,
            unit_price: Given::Faulty,
            total: Given::Faulty,
        });
    }
    let mut draft = LineDraft::default();
    let mut fields = Fields::new(faults);
    reader.object(|reader, key| {
        match &*key {
            "sku" => draft.sku = fields.scalar(reader, SKU, Scalar::Text)?,
            "product_name" => {
                draft.product_name = fields.scalar(reader, PRODUCT_NAME, Scalar::Text)?;
            }
            "quantity" => draft.quantity = fields.scalar(reader, QUANTITY, Scalar::Decimal)?,
            "unit_price" => {
                draft.unit_price = fields.scalar(reader, UNIT_PRICE, Scalar::Decimal)?
            }
            "total" => draft.total = fields.scalar(reader, TOTAL, Scalar::Decimal)?,
            _ => fields.unknown(reader, key, |key| {
                unknown_field(key, NAMES.into_iter(), "a field of a line")
            })?,
        }
        Ok(())
    })?;
    Ok(draft)
}
