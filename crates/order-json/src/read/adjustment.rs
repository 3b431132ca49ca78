//! The adjustments of an order as clients send them: discounts, shipping, taxes, fees, tips, rounding.

use domain::adjustment::MAX_ADJUSTMENTS;
use domain::{AdjustmentDraft, Fault, Given};

use super::fields::{Field, Fields, Scalar, unknown_field, wrong_type};
use super::items::read_items;
use crate::reader::{Malformed, Reader, ValueType};

const NAMES: [&str; 4] = ["kind", "label", "amount", "included"];

const KIND: Field = Field::new(0, "/kind");
const LABEL: Field = Field::new(1, "/label");
const AMOUNT: Field = Field::new(2, "/amount");
const INCLUDED: Field = Field::new(3, "/included");

/// Reads the array of adjustments.
pub(super) fn read_adjustments<'a>(
    reader: &mut Reader<'a>,
    faults: &mut Vec<Fault>,
) -> Result<Given<Vec<AdjustmentDraft<'a>>>, Malformed> {
    read_items(
        reader,
        "/adjustments",
        MAX_ADJUSTMENTS,
        faults,
        read_adjustment,
    )
}

fn read_adjustment<'a>(
    reader: &mut Reader<'a>,
    faults: &mut Vec<Fault>,
) -> Result<AdjustmentDraft<'a>, Malformed> {
    if reader.peek()? != ValueType::Object {
        wrong_type(reader, "", "an object", faults)?;
        // What is not an adjustment has no missing fields.
        return Ok(AdjustmentDraft {
            kind: Given::Faulty,
            label: Given::Faulty,
            amount: Given::Faulty,
            included: Given::Faulty,
        });
    }
    let mut draft = AdjustmentDraft::default();
    let mut fields = Fields::new(faults);
    reader.object(|reader, key| {
        match &*key {
            "kind" => draft.kind = fields.scalar(reader, KIND, Scalar::Text)?,
            "label" => draft.label = fields.scalar(reader, LABEL, Scalar::Text)?,
            "amount" => draft.amount = fields.scalar(reader, AMOUNT, Scalar::Decimal)?,
            "included" => draft.included = fields.boolean(reader, INCLUDED)?,
            _ => fields.unknown(reader, key, |key| {
                unknown_field(key, NAMES.into_iter(), "a field of an adjustment")
            })?,
        }
        Ok(())
    })?;
    Ok(draft)
}
