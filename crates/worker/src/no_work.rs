//! The handler `none`: there is nothing to do for an order beyond its receipt. The default of a fresh installation.

use application::ports::{OrderHandler, Outcome};
use async_trait::async_trait;
use domain::Order;

/// Every order is done at once, without a result.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWork;

#[async_trait]
impl OrderHandler for NoWork {
    async fn handle(&self, _order: &Order) -> Outcome {
        Outcome::Done { result: None }
    }
}
