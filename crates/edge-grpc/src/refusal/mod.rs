//! Refusals on their way out: a status with details (google.rpc), or one order's refusal in a stream of results. What
//! the edge refuses by itself is in `reasons`; errors of the use cases are mapped outward in `mapping`, and nowhere
//! else.
//!
//! Methods return a [`Refusal`]. It never shows what a library or a store said: that is its `cause`, which goes to the
//! log alone.

mod mapping;
mod reasons;

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use domain::Fault;
use proto::ordermill::v1 as pb;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::call::Call;

pub(crate) use mapping::{of_command, of_place, of_read, of_read_receipt, of_watch};
pub(crate) use reasons::{is_ours, of_transport};

/// The domain of the reasons.
const DOMAIN: &str = "ordermill";
/// Details travel in metadata, of which many clients take no more than 8 KiB; base64 makes a third more of them.
const MAX_DETAIL_BYTES: usize = 4 * 1024;
/// How many faults the sentence itself names, for clients that do not read details.
const FAULTS_IN_MESSAGE: usize = 3;

/// A refusal on its way to the client. Boxed, so that a success does not carry its size.
#[derive(Debug, Clone)]
pub(crate) struct Refusal(Box<Content>);

#[derive(Debug, Clone)]
struct Content {
    code: Code,
    reason: &'static str,
    message: Cow<'static, str>,
    faults: Vec<Fault>,
    retry: bool,
    cause: Option<String>,
}

impl Refusal {
    fn new(code: Code, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Content {
            code,
            reason,
            message: message.into(),
            faults: Vec::new(),
            retry: false,
            cause: None,
        }))
    }

    fn with_retry(mut self) -> Self {
        self.0.retry = true;
        self
    }

    fn with_cause(mut self, cause: impl ToString) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// With these faults in its details; the message stays.
    fn with_faults(mut self, faults: impl Iterator<Item = Fault>) -> Self {
        self.0.faults.extend(faults);
        self
    }

    /// With one fault more, named first.
    pub(crate) fn and(mut self, fault: Fault) -> Self {
        self.0.faults.insert(0, fault);
        self.0.message = sentence(&self.0.faults).into();
        self
    }

    /// The sentence that the client gets.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// What went wrong, for the log alone.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Whether the server caused it, so that another try may succeed.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(
            self.0.code,
            Code::Unavailable | Code::DeadlineExceeded | Code::Internal
        )
    }

    /// The status that a call ends with. The cause is noted for the log.
    pub(crate) fn into_status(self, call: &Call, retry_after: Duration) -> Status {
        if let Some(cause) = &self.0.cause {
            call.note(cause);
        }
        let mut details = ErrorDetails::new();
        details.set_error_info(self.0.reason, DOMAIN, HashMap::new());
        details.set_request_info(call.request_id().as_str(), "");
        if self.0.retry {
            details.set_retry_info(Some(retry_after));
        }
        let mut message = self.0.message.into_owned();
        if !self.0.faults.is_empty() {
            let found = self.0.faults.len();
            let listed = listed(self.0.faults);
            if listed.len() < found {
                message = format!("{message} ({found} faults, {} listed)", listed.len());
            }
            details.set_bad_request(listed);
        }
        Status::with_error_details(self.0.code, message, details)
    }

    /// As one order's result in a stream.
    pub(crate) fn to_message(&self, retry_after: Duration) -> pb::Refusal {
        let listed = listed(self.0.faults.clone());
        pb::Refusal {
            code: self.0.code as i32,
            reason: self.0.reason.to_owned(),
            message: self.0.message.clone().into_owned(),
            violations: listed
                .into_iter()
                .map(|violation| pb::FieldViolation {
                    field: violation.field,
                    reason: violation.reason,
                    description: violation.description,
                })
                .collect(),
            retry_after: self
                .0
                .retry
                .then(|| prost_types::Duration::try_from(retry_after).unwrap_or_default()),
        }
    }
}

/// As many faults as the details have room for.
fn listed(faults: Vec<Fault>) -> Vec<FieldViolation> {
    let mut bytes = 0;
    faults
        .into_iter()
        .map(|fault| {
            let mut violation =
                FieldViolation::new(field(&fault.pointer), fault.detail.into_owned());
            violation.reason = fault.code.to_ascii_uppercase();
            violation
        })
        .take_while(|violation| {
            bytes +=
                violation.field.len() + violation.description.len() + violation.reason.len() + 8;
            bytes <= MAX_DETAIL_BYTES
        })
        .collect()
}

/// A JSON pointer as a path of protobuf fields: `/lines/0/sku` is `lines[0].sku`, `/metadata/a` is `metadata["a"]`.
fn field(pointer: &str) -> String {
    let mut path = String::with_capacity(pointer.len());
    let mut in_map = false;
    for segment in pointer.split('/').skip(1) {
        if in_map {
            let key = segment.replace("~1", "/").replace("~0", "~");
            path.push_str(&format!("[{key:?}]"));
        } else if !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{segment}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(segment);
            in_map = segment == "metadata";
        }
    }
    path
}

/// A sentence that names the first faults.
fn sentence(faults: &[Fault]) -> String {
    let named: Vec<String> = faults
        .iter()
        .take(FAULTS_IN_MESSAGE)
        .map(|fault| {
            let field = field(&fault.pointer);
            let subject = if field.is_empty() {
                "the order"
            } else {
                &field
            };
            format!("{subject} {}", fault.detail)
        })
        .collect();
    let more = faults.len().saturating_sub(FAULTS_IN_MESSAGE);
    if more == 0 {
        named.join("; ")
    } else {
        format!("{}; and {more} more", named.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use domain::Fault;

    use super::{field, listed, sentence};

    #[test]
    fn pointers_become_paths_of_fields() {
        for (pointer, expected) in [
            ("", ""),
            ("/user_id", "user_id"),
            ("/lines/0/unit_price", "lines[0].unit_price"),
            ("/lines", "lines"),
            ("/metadata/a~1b~0", r#"metadata["a/b~"]"#),
            ("/metadata/0", r#"metadata["0"]"#),
        ] {
            assert_eq!(field(pointer), expected);
        }
    }

    #[test]
    fn floods_of_faults_keep_the_details_small() {
        let faults: Vec<_> = (0..1000)
            .map(|line| {
                Fault::new(
                    format!("/lines/{line}/quantity"),
                    "out_of_range",
                    "is wrong",
                )
            })
            .collect();
        let text = sentence(&faults);
        assert!(
            text.starts_with("lines[0].quantity is wrong; ") && text.ends_with("; and 997 more")
        );
        let listed = listed(faults);
        assert!(listed.len() > 50 && listed.len() < 200, "{}", listed.len());
    }
}
