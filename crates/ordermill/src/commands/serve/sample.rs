//! The bundled sample of real orders, read as `import` reads files. For `serve --demo`; orders with faulty rows are left
//! out.

use order_import::files::{Limits, OrderFile};
use order_import::{Fate, Item, MappedFiles, Mapping, Progress, RunKeys};

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
/// If the bundled files do not fit the bundled mapping.
pub fn sample() -> anyhow::Result<Vec<SampleOrder>> {
    let mapping = Mapping::parse(MAPPING)
        .map_err(|faults| anyhow::anyhow!("the bundled mapping is wrong: {faults:?}"))?;
    let open = |(name, bytes): (&str, &'static [u8])| {
        OrderFile::from_bytes(name, bytes, &mapping.layout, &Limits::default())
    };
    let files: Result<Vec<OrderFile>, _> = DAYS.into_iter().map(open).collect();
    let files = MappedFiles::of_open(&mapping, files?)?;
    let progress = Progress::default();
    let mut numbers = files.first_pass(&progress)?;
    let mut orders = Vec::new();
    files.read(
        &mut numbers,
        RunKeys::of(0),
        Fate::Pending,
        &progress,
        &mut |item| {
            if let Item::Order(order) = item {
                orders.push(SampleOrder {
                    external_id: order.number,
                    json: order.json,
                });
            }
            true
        },
    )?;
    Ok(orders)
}
