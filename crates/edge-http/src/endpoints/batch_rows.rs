//! The rows of a batch, found without reading them: each is then read on its own, so that one faulty row is one
//! refused row.

use order_json::{Malformed, MalformedReason, Reader, ValueType};

/// The texts of the elements of a JSON array, at most `limit`; `None` if there are more.
pub(crate) fn array_rows(bytes: &[u8], limit: usize) -> Result<Option<Vec<&[u8]>>, Malformed> {
    let mut reader = Reader::new(bytes)?;
    if reader.peek()? != ValueType::Array {
        return Err(reader.malformed(MalformedReason::Expected(
            "A batch is a JSON array of orders, or NDJSON with Content-Type application/x-ndjson; expected [",
        )));
    }
    let mut rows = Vec::new();
    let mut too_many = false;
    reader.array(|reader, index| {
        let row = reader.raw()?;
        too_many = index >= limit;
        if !too_many {
            rows.push(row.as_bytes());
        }
        Ok(())
    })?;
    reader.finish()?;
    Ok((!too_many).then_some(rows))
}

/// The lines that are not blank, at most `limit`; `None` if there are more.
pub(crate) fn line_rows(bytes: &[u8], limit: usize) -> Option<Vec<&[u8]>> {
    let mut rows = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if rows.len() == limit {
            return None;
        }
        rows.push(line);
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::{array_rows, line_rows};

    #[test]
    fn rows_are_found_in_either_form_and_counted() {
        let rows = array_rows(b" [ {\"a\":1} ,\n 2, [3] ] ", 3)
            .unwrap()
            .unwrap();
        assert_eq!(rows, [&b"{\"a\":1}"[..], b"2", b"[3]"]);
        assert_eq!(array_rows(b"[1,2,3,4]", 3).unwrap(), None);
        assert!(array_rows(b"[1,2", 3).is_err());
        assert!(array_rows(b"{}", 3).is_err());
        assert_eq!(line_rows(b"1\r\n\n {2 \n", 2).unwrap(), [&b"1"[..], b"{2"]);
        assert_eq!(line_rows(b"1\n2\n3", 2), None);
    }
}
