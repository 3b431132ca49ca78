//! What is fixed about the receipt of an order when the order is created: its template and its location. An order holds
//! it, stores keep it as a number, and `receipt` renders by it.

/// How a receipt looks. A template is never changed: a new look is a new variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReceiptTemplate {
    /// ordermill's own, first version.
    #[default]
    Standard,
    /// As orderflow writes it, for orders that came in over its interface.
    Orderflow,
}

/// Where a receipt is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReceiptLocation {
    /// Nowhere: it is rendered from the order when it is read.
    #[default]
    Rendered,
    /// In the receipt store, written before the order becomes PROCESSED.
    Stored,
}

/// What is fixed about an order's receipt when the order is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ReceiptForm {
    /// How it looks.
    pub template: ReceiptTemplate,
    /// Where it is kept.
    pub location: ReceiptLocation,
}

impl ReceiptForm {
    /// A number that never changes, for stores.
    #[must_use]
    pub const fn code(self) -> u8 {
        let template = match self.template {
            ReceiptTemplate::Standard => 0,
            ReceiptTemplate::Orderflow => 2,
        };
        let location = match self.location {
            ReceiptLocation::Rendered => 0,
            ReceiptLocation::Stored => 1,
        };
        template | location
    }

    /// Finds a form by its [`ReceiptForm::code`].
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        let template = match code >> 1 {
            0 => ReceiptTemplate::Standard,
            1 => ReceiptTemplate::Orderflow,
            _ => return None,
        };
        let location = if code & 1 == 0 {
            ReceiptLocation::Rendered
        } else {
            ReceiptLocation::Stored
        };
        Some(Self { template, location })
    }
}
