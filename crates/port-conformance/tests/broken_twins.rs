//! The suite finds out every broken twin of a healthy store, each for its own reason.

use std::sync::Arc;

use port_conformance::broken::{Fault, assert_suite_catches};
use port_conformance::in_memory::InMemory;

port_conformance::broken_order_store_suite!(InMemory);

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_catches_a_time_turned_into_a_delay() {
    assert_suite_catches(Arc::new(InMemory), Fault::TimeAsDelay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_catches_a_delay_by_the_wall_clock() {
    assert_suite_catches(Arc::new(InMemory), Fault::DelayByWallClock).await;
}
