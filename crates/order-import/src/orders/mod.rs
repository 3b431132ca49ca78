//! Rows into orders. A mapping is bound to the columns of a file (`cells`), rows that belong together grow an order
//! (`group`, `assemble`), and its end is the domain's check (`check`, `amounts`, `difference`). Orders whose rows are apart
//! are known from a first pass (`order_numbers`). Nothing here opens a file.

mod amounts;
mod assemble;
mod cells;
mod check;
mod columns;
mod difference;
mod group;
mod order_numbers;
mod parts;
mod plan;
mod ready;
mod refusal;
mod stop;

pub use assemble::{Assembler, RunKeys, Shared};
pub use cells::{Bound, Misfit};
pub use check::{Checker, Outcome};
pub use columns::column_of;
pub use order_numbers::{FirstPass, NumberHasher, OrderNumbers};
pub use plan::Plan;
pub use ready::{OrderRows, Ready};
pub use refusal::{Place, Refusal, Refused};
pub use stop::Stop;
