//! Reading what messages have in common, and the conditions of lists: all faults of a message at once, with pointers as
//! the domain makes them. New orders are read in `read_order`.

use std::borrow::Cow;

use application::ports::ListFilter;
use domain::{
    AdjustmentKind, ExternalId, Fault, OrderId, Reason, Source, Status, Timestamp, UserId,
};
use proto::ordermill::v1 as pb;

use crate::refusal::Refusal;

/// What is wrong with a message so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn push(
        &mut self,
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) {
        self.0.push(Fault::new(pointer, code, detail));
    }

    /// The end of a reading that made `value`, which is only missing where there are faults.
    pub(crate) fn all_good<T>(self, value: Option<T>) -> Result<T, Refusal> {
        match value {
            Some(value) => self.finish().map(|()| value),
            None => Err(Refusal::invalid(self.0)),
        }
    }

    /// The end of the reading.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal::invalid(self.0))
        }
    }
}

/// The numbers of the enums are those that stores keep: a test compares them.
pub(super) fn known_source(number: i32) -> Option<Source> {
    Source::from_code(u8::try_from(number).ok()?)
}

pub(super) fn known_adjustment_kind(number: i32) -> Option<AdjustmentKind> {
    AdjustmentKind::from_code(u8::try_from(number).ok()?)
}

fn known_status(number: i32) -> Option<Status> {
    Status::from_code(u8::try_from(number).ok()?)
}

/// An order's id.
pub(crate) fn read_order_id(text: &str, faults: &mut Faults) -> Option<OrderId> {
    if text.is_empty() {
        faults.push("/order_id", "required", "is required");
        return None;
    }
    OrderId::parse(text)
        .map_err(|error| faults.push("/order_id", "invalid", error.to_string()))
        .ok()
}

/// Why a person changes an order, if they say so.
pub(crate) fn read_reason(given: Option<&str>, faults: &mut Faults) -> Option<Reason> {
    Reason::new(given?)
        .map_err(|error| faults.push("/reason", error.code(), error.to_string()))
        .ok()
}

/// A status that must be given.
pub(crate) fn read_status(number: i32, faults: &mut Faults) -> Option<Status> {
    let status = known_status(number);
    if status.is_none() {
        let (code, detail) = if number == pb::Status::Unspecified as i32 {
            ("required", "is required")
        } else {
            ("unknown_value", "is no status that this server knows")
        };
        faults.push("/status", code, detail);
    }
    status
}

/// What a list shows.
pub(crate) fn read_filter(message: &pb::ListOrdersRequest, faults: &mut Faults) -> ListFilter {
    let user_id = message.user_id.as_deref().and_then(|text| {
        UserId::new(text)
            .map_err(|error| faults.push("/user_id", error.code(), error.to_string()))
            .ok()
    });
    let external_id = message.external_id.as_deref().and_then(|text| {
        ExternalId::new(text)
            .map_err(|error| faults.push("/external_id", error.code(), error.to_string()))
            .ok()
    });
    let status = if message.status == pb::Status::Unspecified as i32 {
        None
    } else {
        read_status(message.status, faults)
    };
    let source = known_source(message.source);
    if source.is_none() && message.source != pb::Source::Unspecified as i32 {
        faults.push(
            "/source",
            "unknown_value",
            "is no source that this server knows",
        );
    }
    let text_prefix = message.text_prefix.clone();
    if text_prefix
        .as_deref()
        .is_some_and(|text| text.is_empty() || text.chars().count() > 255)
    {
        faults.push("/text_prefix", "invalid", "must have 1 to 255 characters");
    }
    let created_from = time(message.created_from.as_ref(), "/created_from", faults);
    let created_to = time(message.created_to.as_ref(), "/created_to", faults);
    if created_from > created_to && created_to.is_some() {
        faults.push(
            "/created_from",
            "out_of_range",
            "must not be after created_to",
        );
    }
    ListFilter {
        user_id,
        external_id,
        status,
        source,
        created_from,
        created_to,
        text_prefix,
        failure_code: None,
    }
}

fn time(
    given: Option<&prost_types::Timestamp>,
    pointer: &str,
    faults: &mut Faults,
) -> Option<Timestamp> {
    let read = timestamp(given?);
    if read.is_none() {
        faults.push(pointer, "invalid", NOT_A_TIME);
    }
    read
}

/// What is said about a time that cannot be read.
pub(super) const NOT_A_TIME: &str = "is not a time between 1970 and 9999-12-30";

/// A time as the domain has it; digits past the millisecond are cut off.
pub(super) fn timestamp(given: &prost_types::Timestamp) -> Option<Timestamp> {
    let nanos = u64::try_from(given.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000);
    let ms = u64::try_from(given.seconds)
        .ok()
        .and_then(|seconds| seconds.checked_mul(1000)?.checked_add(nanos? / 1_000_000));
    ms.and_then(|ms| Timestamp::from_millis(ms).ok())
}

#[cfg(test)]
mod tests {
    use domain::{AdjustmentKind, Source, Status, Wait};
    use proto::ordermill::v1 as pb;

    use super::{known_adjustment_kind, known_source, known_status};

    #[test]
    fn the_numbers_and_names_of_enums_are_the_domain_s() {
        for kind in AdjustmentKind::ALL {
            let name = format!("ADJUSTMENT_KIND_{}", kind.as_str().to_uppercase());
            let named = pb::AdjustmentKind::from_str_name(&name).unwrap();
            assert_eq!(known_adjustment_kind(named as i32), Some(kind));
        }
        for wait in Wait::ALL {
            let name = format!("WAIT_{}", wait.as_str().to_uppercase());
            let named = pb::Wait::from_str_name(&name).unwrap();
            assert_eq!(crate::messages::write::wait(wait), named);
        }
        for status in Status::ALL {
            let named = pb::Status::from_str_name(&format!("STATUS_{}", status.as_str())).unwrap();
            assert_eq!(known_status(named as i32), Some(status));
        }
        for source in Source::ALL {
            let name = format!("SOURCE_{}", source.as_str().to_uppercase());
            let named = pb::Source::from_str_name(&name).unwrap();
            assert_eq!(known_source(named as i32), Some(source));
        }
        for unknown in [-1, 0, 8, 256, i32::MAX] {
            assert_eq!((known_status(unknown), known_source(unknown)), (None, None));
        }
    }
}
