//! The conformance suite detects each defect of a store that is broken on purpose.

mod opened;

use std::sync::Arc;

use opened::Folders;
use port_conformance::broken::{Fault, assert_suite_catches};

port_conformance::broken_order_store_suite!(Folders);

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_catches_a_delay_by_the_wall_clock() {
    assert_suite_catches(Arc::new(Folders), Fault::DelayByWallClock).await;
}
