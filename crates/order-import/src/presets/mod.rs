//! Mapping files of known shops, in the binary: found by name for `import --preset`, or by the heading of a file. The
//! command line and `suggest` call it. A preset is a mapping like any other and adds no rule: to change one, a user prints
//! it and imports with the changed copy.

use std::collections::BTreeSet;

use order_json::nearest_name;

use crate::files::{FileError, FileLayout, Format, Input, Limits, OrderFile, beginning};
use crate::{ImportError, Mapping};

/// A mapping file of a known shop.
#[derive(Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name on the command line.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub title: &'static str,
    /// The mapping file, with comments.
    pub text: &'static str,
}

/// Our own export; also chosen by its heading.
const ORDERMILL: Preset = Preset {
    name: "ordermill",
    title: "the CSV file of `ordermill export`; chosen by its heading",
    text: include_str!("ordermill.toml"),
};

static PRESETS: [Preset; 8] = [
    Preset {
        name: "amazon-orders",
        title: "Amazon's All Orders report",
        text: include_str!("amazon_orders.toml"),
    },
    Preset {
        name: "ebay",
        title: "eBay's transaction report",
        text: include_str!("ebay.toml"),
    },
    Preset {
        name: "etsy",
        title: "Etsy's order items",
        text: include_str!("etsy.toml"),
    },
    Preset {
        name: "online-retail",
        title: "the data set Online Retail, of which examples/online-retail is a part",
        text: include_str!("../../../../examples/online-retail.toml"),
    },
    ORDERMILL,
    Preset {
        name: "shopify",
        title: "Shopify's export of orders",
        text: include_str!("shopify.toml"),
    },
    Preset {
        name: "tiendanube",
        title: "Tiendanube's list of sales",
        text: include_str!("tiendanube.toml"),
    },
    Preset {
        name: "woocommerce",
        title: "an order export of WooCommerce",
        text: include_str!("woocommerce.toml"),
    },
];

/// Columns that together are in the heading of our own export and of no other file.
const OWN_HEADING: [&str; 7] = [
    "order_id",
    "user_id",
    "status",
    "currency",
    "amount",
    "row",
    "adjustment_kind",
];

/// All presets, by name.
#[must_use]
pub const fn all() -> &'static [Preset] {
    &PRESETS
}

/// The preset with this name, in any case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS
        .iter()
        .find(|preset| preset.name.eq_ignore_ascii_case(name))
}

/// The name of a preset that a mistyped one is close to.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    nearest_name(name, PRESETS.iter().map(|preset| preset.name))
}

/// The preset to use for a file with this heading if none was named: that of our own export, whose statuses must not be
/// lost. An export with chosen columns only has it too; the columns that it lacks are then named as missing.
#[must_use]
pub fn of_heading<S: AsRef<str>>(columns: &[S]) -> Option<&'static Preset> {
    let columns: BTreeSet<&str> = columns
        .iter()
        .map(|column| column.as_ref().trim())
        .collect();
    let is_own = OWN_HEADING.iter().all(|own| columns.contains(own));
    is_own.then(|| find(ORDERMILL.name)).flatten()
}

/// The preset whose columns are all in this heading; the one with the most columns, if there are several.
#[must_use]
pub fn of_columns<S: AsRef<str>>(columns: &[S]) -> Option<&'static Preset> {
    let columns: BTreeSet<&str> = columns
        .iter()
        .map(|column| column.as_ref().trim())
        .collect();
    let fitting = PRESETS.iter().filter_map(|preset| {
        let mapping = Mapping::parse(preset.text).ok()?;
        let named = mapping.columns();
        let fits = named.iter().all(|name| columns.contains(name.as_str()));
        fits.then_some((named.len(), preset))
    });
    fitting
        .max_by_key(|(count, _)| *count)
        .map(|(_, preset)| preset)
}

/// The preset for files that came without a mapping: that of our own export, or `None` for NDJSON, whose lines are whole
/// orders. The first file that can be looked at without using it up decides; a pipe counts as NDJSON.
///
/// # Errors
/// If that file cannot be read, or has columns that are not those of our own export.
pub fn of_files(files: &[Input]) -> Result<Option<&'static Preset>, ImportError> {
    for input in files.iter().filter(|input| input.is_plain_file()) {
        let name = input.name();
        let bytes = beginning(input).map_err(|source| FileError::Read {
            file: name.clone(),
            row: 0,
            source,
        })?;
        let file = OrderFile::from_bytes(&name, bytes, &FileLayout::default(), &Limits::default())?;
        if file.format() == Format::Ndjson {
            return Ok(None);
        }
        let columns = file.columns()?;
        if columns.is_empty() {
            continue;
        }
        return match of_heading(&columns) {
            Some(preset) => Ok(Some(preset)),
            None => Err(ImportError::UnknownColumns {
                file: name,
                preset: of_columns(&columns).map(|preset| preset.name),
            }),
        };
    }
    Ok(None)
}
