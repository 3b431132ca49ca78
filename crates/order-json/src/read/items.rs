//! Arrays of objects: the lines and the adjustments of an order. Each fault gets the index of its object in its pointer.
//!
//! `line` and `adjustment` call it; it knows nothing of what an object holds.

use domain::{Fault, Given};

use super::fields::{enter, push};
use crate::reader::{Malformed, Reader, ValueType};

/// Reads the array at `pointer`. One object more than `max` is kept, so that the domain sees that there are too many;
/// the rest is only checked for its grammar. `read` gets a list of faults whose pointers begin at the object.
pub(super) fn read_items<'a, T>(
    reader: &mut Reader<'a>,
    pointer: &str,
    max: usize,
    faults: &mut Vec<Fault>,
    read: impl Fn(&mut Reader<'a>, &mut Vec<Fault>) -> Result<T, Malformed>,
) -> Result<Given<Vec<T>>, Malformed> {
    if let Some(other) = enter(reader, pointer, (ValueType::Array, "an array"), faults)? {
        return Ok(other);
    }
    let mut items = Vec::new();
    reader.array(|reader, index| {
        if index > max {
            return reader.skip();
        }
        // Pointers are built only if there is a fault.
        let mut here = Vec::new();
        items.push(read(reader, &mut here)?);
        for fault in here {
            push(faults, || Fault {
                pointer: format!("{pointer}/{index}{}", fault.pointer),
                ..fault
            });
        }
        Ok(())
    })?;
    Ok(Given::Value(items))
}
