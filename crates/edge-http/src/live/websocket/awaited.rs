//! What the separate WebSocket port adds for clients of orderSystem: a client that sends the bare id of an order gets one
//! message about it, in that dialect, when the order is over. `connection` calls it for every frame and every delivery.

use std::collections::HashMap;

use application::watch::{Change, Topic};
use bytes::Bytes;
use domain::{OrderId, Status, Trace};

use super::frame;
use crate::dialects::ordersystem;
use crate::problem::Problem;
use crate::state::EdgeState;

/// The orders that a socket waits for, by the names that it gave them.
pub(super) struct Awaited {
    edge: EdgeState,
    trace: Trace,
    names: HashMap<OrderId, Vec<String>>,
}

/// The name in a frame that is not a JSON object: bare or quoted.
pub(super) fn name_in(text: &str) -> Option<&str> {
    let text = text.trim();
    let bare = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    (!bare.is_empty() && !bare.starts_with('{')).then_some(bare)
}

impl Awaited {
    pub(super) fn new(edge: EdgeState, trace: Trace) -> Self {
        Self {
            edge,
            trace,
            names: HashMap::new(),
        }
    }

    /// Waits for the order of this name, and returns the topic to watch; `None` if there is no such order and none can
    /// come. The order of an unknown id may still come.
    pub(super) async fn add(&mut self, name: &str) -> Result<Option<Topic>, Problem> {
        let caller = self.edge.caller(self.trace.clone());
        let found = ordersystem::named(&self.edge, &caller, name).await?;
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

    /// Stops waiting for a topic that the client has subscribed to, or unsubscribed from, itself.
    pub(super) fn forget(&mut self, topic: &Topic) {
        if let Topic::Order(id) = topic {
            self.names.remove(id);
        }
    }

    /// How many orders are waited for.
    pub(super) fn orders(&self) -> usize {
        self.names.len()
    }

    /// How many names they have: an order may be named by its number, and by its id in any spelling.
    pub(super) fn names(&self) -> usize {
        self.names.values().map(Vec::len).sum()
    }

    /// The frames of some changes: for an order that is waited for, one frame once it is over; for any other, the change.
    /// Orders that cannot change any more are added to `over` and no longer waited for. An erased order is one of them;
    /// it was over before, so that there is no frame about it.
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
            if let Some(status) = status.filter(|status| ordersystem::is_over(*status)) {
                for name in names {
                    let mut json = Vec::with_capacity(80);
                    ordersystem::write_over(name, status, &mut json);
                    frame::put_text(&json, &mut out);
                }
            }
            if status.is_none_or(Status::is_final) {
                self.names.remove(&id);
                over.push(Topic::Order(id));
            }
        }
        Bytes::from(out)
    }
}
