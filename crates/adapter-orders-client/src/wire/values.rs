//! Numbers, texts, ids, times and enumerations: the values that are one field.

use std::sync::Arc;
use std::time::Duration;

use application::Scope;
use domain::{
    Actor, AdjustmentKind, EventType, ExternalId, HistoryStatus, IdempotencyKey, Label,
    OrderCommand, OrderId, ProductName, Quantity, Reason, ReceiptLocation, ReceiptTemplate,
    RequestId, Seq, ShardId, Sku, Source, Status, Timestamp, Transition, UserId, Version,
};
use proto::ordermill::internal::v1;

use super::decode_error::DecodeError;
use super::form::WireForm;

/// Values that are their own wire form.
macro_rules! plain_values {
    ($($value:ty),*) => {
        $(impl WireForm for $value {
            type Message = Self;

            fn encode(&self) -> Self {
                self.clone()
            }

            fn decode(message: Self) -> Result<Self, DecodeError> {
                Ok(message)
            }
        })*
    };
}

plain_values!(bool, u32, u64, i64, String);

/// Texts with rules of their own.
macro_rules! bounded_texts {
    ($($text:ty),*) => {
        $(impl WireForm for $text {
            type Message = String;

            fn encode(&self) -> String {
                self.as_str().to_owned()
            }

            fn decode(message: String) -> Result<Self, DecodeError> {
                Self::new(&message).map_err(DecodeError::refused)
            }
        })*
    };
}

bounded_texts!(
    UserId,
    ExternalId,
    ProductName,
    Sku,
    Label,
    Actor,
    Reason,
    IdempotencyKey,
    RequestId
);

/// Enumerations: each variant with the one that stands for it. The numbers are those of the .proto files.
macro_rules! enumerations {
    ($($value:ident { $($variant:ident),* $(,)? })*) => {
        $(impl WireForm for $value {
            type Message = i32;

            fn encode(&self) -> i32 {
                let message = match self {
                    $(Self::$variant => v1::$value::$variant,)*
                };
                i32::from(message)
            }

            fn decode(message: i32) -> Result<Self, DecodeError> {
                match v1::$value::try_from(message) {
                    $(Ok(v1::$value::$variant) => Ok(Self::$variant),)*
                    Ok(v1::$value::Unspecified) | Err(_) => {
                        Err(DecodeError::unknown_value(message))
                    }
                }
            }
        })*
    };
}

enumerations! {
    Scope { OrdersRead, OrdersWrite, OrdersOperate, Webhooks, Metrics, Admin }
    Source { Web, Pos, Mobile, Api, Import }
    Status { Pending, Processing, Retrying, Processed, Failed, OnHold, Cancelled }
    Transition { Claim, Complete, Retry, Fail, Cancel, Hold, Release, Replay, Discard }
    OrderCommand { Cancel, Hold, Release, Replay, Discard }
    HistoryStatus { Processed, Cancelled }
    AdjustmentKind { Discount, Shipping, Tax, Fee, Tip, Rounding, Other }
    ReceiptTemplate { Standard, Orderflow }
    ReceiptLocation { Rendered, Stored }
    EventType {
        Created, Processing, Retrying, Processed, Failed, Held, Released, Cancelled, Replayed, Erased,
    }
}

impl WireForm for Arc<str> {
    type Message = String;

    fn encode(&self) -> String {
        self.to_string()
    }

    fn decode(message: String) -> Result<Self, DecodeError> {
        Ok(Self::from(message))
    }
}

/// A count or a bound.
impl WireForm for usize {
    type Message = u64;

    fn encode(&self) -> u64 {
        u64::try_from(*self).unwrap_or(u64::MAX)
    }

    fn decode(message: u64) -> Result<Self, DecodeError> {
        Self::try_from(message)
            .map_err(|_| DecodeError::refused("is more than this machine can count"))
    }
}

impl WireForm for OrderId {
    type Message = Vec<u8>;

    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn decode(message: Vec<u8>) -> Result<Self, DecodeError> {
        let bytes = message.try_into();
        bytes
            .map(Self::from_bytes)
            .map_err(|_| DecodeError::refused("is not the 16 bytes of a UUID"))
    }
}

impl WireForm for Version {
    type Message = u32;

    fn encode(&self) -> u32 {
        self.get()
    }

    fn decode(message: u32) -> Result<Self, DecodeError> {
        Self::from_number(message).ok_or_else(|| DecodeError::refused("is 0, which is no version"))
    }
}

impl WireForm for ShardId {
    type Message = u32;

    fn encode(&self) -> u32 {
        u32::from(self.0)
    }

    fn decode(message: u32) -> Result<Self, DecodeError> {
        let number = u16::try_from(message);
        number
            .map(Self)
            .map_err(|_| DecodeError::refused("is more than 65535"))
    }
}

impl WireForm for Seq {
    type Message = u64;

    fn encode(&self) -> u64 {
        self.0
    }

    fn decode(message: u64) -> Result<Self, DecodeError> {
        Ok(Self(message))
    }
}

impl WireForm for Quantity {
    type Message = u32;

    fn encode(&self) -> u32 {
        self.thousandths()
    }

    fn decode(message: u32) -> Result<Self, DecodeError> {
        let quantity = Self::from_thousandths(message);
        quantity.ok_or_else(|| DecodeError::refused("is not from 1 to 1,000,000,000 thousandths"))
    }
}

impl WireForm for Timestamp {
    type Message = u64;

    fn encode(&self) -> u64 {
        self.as_millis()
    }

    fn decode(message: u64) -> Result<Self, DecodeError> {
        Self::from_millis(message).map_err(DecodeError::refused)
    }
}

/// Durations past 2^63 seconds become that many.
impl WireForm for Duration {
    type Message = prost_types::Duration;

    fn encode(&self) -> prost_types::Duration {
        let longest = prost_types::Duration {
            seconds: i64::MAX,
            nanos: 0,
        };
        prost_types::Duration::try_from(*self).unwrap_or(longest)
    }

    fn decode(message: prost_types::Duration) -> Result<Self, DecodeError> {
        Self::try_from(message).map_err(DecodeError::refused)
    }
}
