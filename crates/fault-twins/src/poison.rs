//! A handler that kills its process at certain orders, as a faulty native library would.

use std::sync::Arc;

use application::ports::{OrderHandler, Outcome};
use async_trait::async_trait;
use domain::Order;

/// The user whose orders are poison.
const POISON: &str = "poison";

/// Aborts at poison, passes everything else on.
pub struct AbortingHandler(pub Arc<dyn OrderHandler>);

#[async_trait]
impl OrderHandler for AbortingHandler {
    async fn handle(&self, order: &Order) -> Outcome {
        if order.user_id.as_str() == POISON {
            std::process::abort();
        }
        self.0.handle(order).await
    }
}
