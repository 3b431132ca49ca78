//! The lines of an order as clients send them.

use domain::order::MAX_LINES;
use domain::{Fault, Given, LineDraft};

use super::fields::{Field, Fields, Scalar, enter, push, unknown_field, wrong_type};
use super::reader::{Kind, Malformed, Reader};

const NAMES: [&str; 4] = ["sku", "product_name", "quantity", "unit_price"];

const SKU: Field = Field::new(0, "/sku");
const PRODUCT_NAME: Field = Field::new(1, "/product_name");
const QUANTITY: Field = Field::new(2, "/quantity");
const UNIT_PRICE: Field = Field::new(3, "/unit_price");

/// Reads the array of lines.
pub(super) fn read_lines<'a>(
    reader: &mut Reader<'a>,
    faults: &mut Vec<Fault>,
) -> Result<Given<Vec<LineDraft<'a>>>, Malformed> {
    if let Some(other) = enter(reader, "/lines", (Kind::Array, "an array"), faults)? {
        return Ok(other);
    }
    let mut lines = Vec::new();
    reader.array(|reader, index| {
        // One more than allowed is kept, so that the domain sees that there are too many.
        if index > MAX_LINES {
            return reader.skip();
        }
        // Pointers are only built where there is a fault.
        let mut here = Vec::new();
        lines.push(read_line(reader, &mut here)?);
        for fault in here {
            push(faults, || Fault {
                pointer: format!("/lines/{index}{}", fault.pointer),
                ..fault
            });
        }
        Ok(())
    })?;
    Ok(Given::Value(lines))
}

fn read_line<'a>(
    reader: &mut Reader<'a>,
    faults: &mut Vec<Fault>,
) -> Result<LineDraft<'a>, Malformed> {
    if reader.peek()? != Kind::Object {
        wrong_type(reader, "", "an object", faults)?;
        // The fields of what is no line are no faults of their own.
        return Ok(LineDraft {
            sku: Given::Faulty,
            product_name: Given::Faulty,
            quantity: Given::Faulty,
            unit_price: Given::Faulty,
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
            "quantity" => draft.quantity = fields.scalar(reader, QUANTITY, Scalar::Number)?,
            "unit_price" => {
                draft.unit_price = fields.scalar(reader, UNIT_PRICE, Scalar::Decimal)?
            }
            _ => fields.stranger(reader, key, |key| {
                unknown_field(key, NAMES.into_iter(), "a field of a line")
            })?,
        }
        Ok(())
    })?;
    Ok(draft)
}
