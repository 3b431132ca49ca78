//! Numbers as files write them: decimal and thousands signs, currency signs and codes, and rounding on request. `mapping`
//! reads its own decimals with it, `orders` the cells. It knows nothing of columns and orders, and uses no float.

mod currency_marks;
mod number;
mod number_format;

#[cfg(test)]
mod properties;

pub use number::Number;
pub use number_format::{NumberFault, NumberFormat};
