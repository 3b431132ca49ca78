//! What reads answer: orders, pages, events, receipts.

use std::sync::Arc;

use application::ports::OrderPage;
use application::{FoundReceipt, NamedOrder, OrderEvents};
use domain::Order;
use proto::ordermill::internal::v1;
use proto::ordermill::internal::v1::{found_events, found_order, found_receipt, named_order};

use super::decode_error::DecodeError;
use super::form::{WireForm, all, each, given, maybe, optional, required};

impl WireForm for Option<Arc<Order>> {
    type Message = v1::FoundOrder;

    fn encode(&self) -> v1::FoundOrder {
        use found_order::Found;
        let found = match self {
            Some(order) => Found::Order(order.encode()),
            None => Found::Nothing(()),
        };
        v1::FoundOrder { found: Some(found) }
    }

    fn decode(message: v1::FoundOrder) -> Result<Self, DecodeError> {
        use found_order::Found;
        match message.found {
            None => Err(DecodeError::missing("found")),
            Some(Found::Order(order)) => given("order", order).map(Some),
            Some(Found::Nothing(())) => Ok(None),
        }
    }
}

impl WireForm for NamedOrder {
    type Message = v1::NamedOrder;

    fn encode(&self) -> v1::NamedOrder {
        use named_order::Meaning;
        let meaning = match self {
            Self::Unknown => Meaning::Unknown(()),
            Self::Order(order) => Meaning::Order(order.encode()),
            Self::Several => Meaning::Several(()),
        };
        v1::NamedOrder {
            meaning: Some(meaning),
        }
    }

    fn decode(message: v1::NamedOrder) -> Result<Self, DecodeError> {
        use named_order::Meaning;
        match message.meaning {
            None => Err(DecodeError::missing("meaning")),
            Some(Meaning::Unknown(())) => Ok(Self::Unknown),
            Some(Meaning::Order(order)) => given("order", order).map(Self::Order),
            Some(Meaning::Several(())) => Ok(Self::Several),
        }
    }
}

impl WireForm for OrderPage {
    type Message = v1::OrderPage;

    fn encode(&self) -> v1::OrderPage {
        v1::OrderPage {
            orders: all(&self.orders),
            next_before: maybe(self.next_before.as_ref()),
        }
    }

    fn decode(message: v1::OrderPage) -> Result<Self, DecodeError> {
        Ok(Self {
            orders: each("orders", message.orders)?,
            next_before: optional("next_before", message.next_before)?,
        })
    }
}

impl WireForm for OrderEvents {
    type Message = v1::OrderEvents;

    fn encode(&self) -> v1::OrderEvents {
        v1::OrderEvents {
            order: Some(self.order.encode()),
            events: all(&self.events),
        }
    }

    fn decode(message: v1::OrderEvents) -> Result<Self, DecodeError> {
        Ok(Self {
            order: required("order", message.order)?,
            events: each("events", message.events)?,
        })
    }
}

impl WireForm for Option<OrderEvents> {
    type Message = v1::FoundEvents;

    fn encode(&self) -> v1::FoundEvents {
        use found_events::Found;
        let found = match self {
            Some(events) => Found::Events(events.encode()),
            None => Found::Nothing(()),
        };
        v1::FoundEvents { found: Some(found) }
    }

    fn decode(message: v1::FoundEvents) -> Result<Self, DecodeError> {
        use found_events::Found;
        match message.found {
            None => Err(DecodeError::missing("found")),
            Some(Found::Events(events)) => given("events", events).map(Some),
            Some(Found::Nothing(())) => Ok(None),
        }
    }
}

impl WireForm for FoundReceipt {
    type Message = v1::FoundReceipt;

    fn encode(&self) -> v1::FoundReceipt {
        use found_receipt::Found;
        let found = match self {
            Self::UnknownOrder => Found::UnknownOrder(()),
            Self::NotYet { status } => Found::NotYet(status.encode()),
            Self::Text(text) => Found::Text(text.clone()),
        };
        v1::FoundReceipt { found: Some(found) }
    }

    fn decode(message: v1::FoundReceipt) -> Result<Self, DecodeError> {
        use found_receipt::Found;
        match message.found {
            None => Err(DecodeError::missing("found")),
            Some(Found::UnknownOrder(())) => Ok(Self::UnknownOrder),
            Some(Found::NotYet(status)) => Ok(Self::NotYet {
                status: given("not_yet", status)?,
            }),
            Some(Found::Text(text)) => Ok(Self::Text(text)),
        }
    }
}
