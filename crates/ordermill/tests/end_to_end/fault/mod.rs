//! What must survive: real processes under load are killed, stopped, starved and cut off, and a checker decides
//! afterwards, from what the load generator saw and what the server shows, whether anything was lost or doubled.
//!
//! [`load`] writes a [`history`] from outside, [`readback`] reads everything back, [`checker`] compares the two. The
//! broken twins (crate `fault-twins`) prove that the checker sees what it is there to see. `ORDERMILL_LONG=1` makes
//! the runs longer.

mod checker;
mod endpoint;
mod facts;
mod history;
mod load;
pub mod parts;
mod process;
mod proxy;
mod readback;
mod run;
mod watching;

mod broken_twins;
mod clock;
mod equal_requests;
mod failed_sync;
mod full_disk;
mod poison;
mod postgres;
mod power_cut;
mod shards;
mod sigkill;
mod sigterm;
mod stalled_subscribers;
mod tls;
