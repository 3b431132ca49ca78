//! The port `Orders` through its wire form: every call and every answer is written to bytes and read back, and the suite of the
//! port must not notice. It must notice every field that is lost on the way.

mod carrier;
mod lost_fields;

use carrier::LoopBack;

port_conformance::orders_suite!(LoopBack::exact());
