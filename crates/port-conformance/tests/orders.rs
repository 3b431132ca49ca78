//! The suite of the port `Orders` on the use cases of this process.

use port_conformance::orders::Direct;

port_conformance::orders_suite!(Direct);
