//! What the separate WebSocket port adds for clients of orderSystem: an order that is named by its bare id is told
//! once, in that dialect, when it is over. `connection` asks it of every frame and every delivery.

use std::collections::HashMap;

use application::watch::{Change, Topic};
use bytes::Bytes;
use domain::OrderId;

use super::frame;
use crate::dialects::ordersystem;
use crate::problem::Problem;
use crate::state::EdgeState;

/// The orders that a socket waits for, by the names that it gave them.
pub(super) struct Awaited {
    edge: EdgeState,
    names: HashMap<OrderId, Vec<String>>,
}

/// The name in a frame that is no JSON object: bare or quoted.
pub(super) fn name_in(text: &str) -> Option<&str> {
    let text = text.trim();
    let bare = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    (!bare.is_empty() && !bare.starts_with('{')).then_some(bare)
}

impl Awaited {
    pub(super) fn new(edge: EdgeState) -> Self {
        Self {
            edge,
            names: HashMap::new(),
        }
    }

    /// Waits for the order of this name, and returns what is to be watched; `None` where there is no such order and
    /// none can come. An id that is not known may yet come.
    pub(super) async fn add(&mut self, name: &str) -> Result<Option<Topic>, Problem> {
        let deadline = self.edge.deadline();
        let found = ordersystem::named(&self.edge, name, deadline).await?;
        let id = found.map(|order| order.id);
        let Some(id) = id.or_else(|| OrderId::parse(name).ok()) else {
            return Ok(None);
        };
        let names = self.names.entry(id).or_default();
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        Ok(Some(Topic::Order(id)))
    }

    /// The topic is the client's own business from now on.
    pub(super) fn forget(&mut self, topic: &Topic) {
        if let Topic::Order(id) = topic {
            self.names.remove(id);
        }
    }

    /// How many orders are waited for.
    pub(super) fn orders(&self) -> usize {
        self.names.len()
    }

    /// By how many names: an order has its number, and its id in any spelling.
    pub(super) fn names(&self) -> usize {
        self.names.values().map(Vec::len).sum()
    }

    /// The frames of some changes: of an order that is waited for, the one that says that it is over; of any other,
    /// the change. Orders of which nothing more can come are added to `over` and waited for no longer.
    pub(super) fn frames(
        &mut self,
        changes: &[std::sync::Arc<Change>],
        over: &mut Vec<Topic>,
    ) -> Bytes {
        let mut out = Vec::new();
        for change in changes {
            let (id, status) = (change.event().order_id, change.event().status());
            let Some(names) = self.names.get(&id) else {
                frame::put_text(change.text(), &mut out);
                continue;
            };
            if ordersystem::is_over(status) {
                for name in names {
                    let mut json = Vec::with_capacity(80);
                    ordersystem::write_over(name, status, &mut json);
                    frame::put_text(&json, &mut out);
                }
            }
            if status.is_final() {
                self.names.remove(&id);
                over.push(Topic::Order(id));
            }
        }
        Bytes::from(out)
    }
}
