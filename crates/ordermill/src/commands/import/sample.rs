//! The bundled sample of real orders, read as `import` reads files. For `serve --demo`; orders with faulty rows are left
//! out.

use std::io::Cursor;
use std::sync::Arc;

use super::assemble::{Assembler, Item, RunKeys};
use super::fields::Bound;
use super::mapping::Mapping;
use super::rows::Rows;

const MAPPING: &str = include_str!("../../../../../examples/online-retail.toml");
const DAYS: [(&str, &[u8]); 2] = [
    (
        "2010-12-01.csv",
        include_bytes!("../../../../../examples/online-retail/2010-12-01.csv"),
    ),
    (
        "2010-12-02.csv",
        include_bytes!("../../../../../examples/online-retail/2010-12-02.csv"),
    ),
];

/// An order of the sample.
#[derive(Debug, Clone)]
pub struct SampleOrder {
    /// The shop's number for it.
    pub external_id: String,
    /// What to POST.
    pub json: String,
}

/// All good orders, in the order of the days.
///
/// # Errors
/// Where the bundled files do not fit the bundled mapping.
pub fn sample() -> anyhow::Result<Vec<SampleOrder>> {
    let mapping = Mapping::parse(MAPPING).map_err(anyhow::Error::msg)?;
    let names = mapping.columns();
    let mut assembler = Assembler::new(None, RunKeys::of(0));
    let mut items = Vec::new();
    for (name, bytes) in DAYS {
        let file: Arc<str> = Arc::from(name);
        let bytes = Box::new(Cursor::new(bytes));
        let Some(mut rows) = Rows::begin(bytes, None, mapping.delimiter, &names)? else {
            continue;
        };
        let columns = rows.columns().to_vec();
        let bound = Bound::new(&mapping, &names, &columns).map_err(anyhow::Error::msg)?;
        while let Some(row) = rows.next()? {
            assembler.push(&file, &row, &bound, &mut items);
        }
    }
    assembler.finish(&Bound::of_mapping(&mapping), &mut items);
    let orders = items.into_iter().filter_map(|item| match item {
        Item::Ready(order) => Some(SampleOrder {
            external_id: order.external_id,
            json: order.json,
        }),
        Item::Refused(_) => None,
    });
    Ok(orders.collect())
}
