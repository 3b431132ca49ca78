//! An order as a whole: what was ordered, and how far it has got.

use domain::order::{MAX_OPERATOR_COMMANDS, MAX_RESULT_BYTES};
use domain::{Failure, Order, ReceiptForm};
use proto::ordermill::internal::v1;

use super::decode_error::DecodeError;
use super::facts::Facts;
use super::form::{WireForm, given, maybe, optional, required};

impl WireForm for Order {
    type Message = v1::Order;

    fn encode(&self) -> v1::Order {
        v1::Order {
            id: self.id.encode(),
            facts: Some(Facts::of_order(self).encode()),
            created_at_ms: Some(self.created_at.encode()),
            receipt: Some(self.receipt.encode()),
            status: self.status.encode(),
            version: self.version.encode(),
            attempt: Some(self.attempt),
            operator_commands: Some(self.operator_commands),
            failure: maybe(self.failure.as_ref()),
            retry_at_ms: maybe(self.retry_at.as_ref()),
            busy_since_ms: maybe(self.busy_since.as_ref()),
            work_done: Some(self.work_done),
            result: maybe(self.result.as_ref()),
            receipt_key: maybe(self.receipt_key.as_ref()),
            updated_at_ms: Some(self.updated_at.encode()),
        }
    }

    fn decode(message: v1::Order) -> Result<Self, DecodeError> {
        let facts: Facts = required("facts", message.facts)?;
        let order = Self {
            id: given("id", message.id)?,
            external_id: facts.external_id,
            user_id: facts.user_id,
            source: facts.source,
            amount: facts.amount,
            lines: facts.lines,
            adjustments: facts.adjustments,
            metadata: facts.metadata,
            process_after: facts.process_after,
            created_at: required("created_at_ms", message.created_at_ms)?,
            receipt: required("receipt", message.receipt)?,
            status: given("status", message.status)?,
            version: given("version", message.version)?,
            attempt: required("attempt", message.attempt)?,
            operator_commands: required("operator_commands", message.operator_commands)?,
            failure: optional("failure", message.failure)?,
            retry_at: optional("retry_at_ms", message.retry_at_ms)?,
            busy_since: optional("busy_since_ms", message.busy_since_ms)?,
            work_done: required("work_done", message.work_done)?,
            result: optional("result", message.result)?,
            receipt_key: optional("receipt_key", message.receipt_key)?,
            updated_at: required("updated_at_ms", message.updated_at_ms)?,
        };
        if order.operator_commands > MAX_OPERATOR_COMMANDS {
            let reason = format!("is more than {MAX_OPERATOR_COMMANDS}");
            return Err(DecodeError::refused(reason).within("operator_commands"));
        }
        let result_bytes = order.result.as_ref().map_or(0, |result| result.len());
        if result_bytes > MAX_RESULT_BYTES {
            let reason = format!("is longer than {MAX_RESULT_BYTES} bytes");
            return Err(DecodeError::refused(reason).within("result"));
        }
        Ok(order)
    }
}

impl WireForm for ReceiptForm {
    type Message = v1::ReceiptForm;

    fn encode(&self) -> v1::ReceiptForm {
        v1::ReceiptForm {
            template: self.template.encode(),
            location: self.location.encode(),
        }
    }

    fn decode(message: v1::ReceiptForm) -> Result<Self, DecodeError> {
        Ok(Self {
            template: given("template", message.template)?,
            location: given("location", message.location)?,
        })
    }
}

impl WireForm for Failure {
    type Message = v1::Failure;

    fn encode(&self) -> v1::Failure {
        v1::Failure {
            code: Some(self.code.encode()),
            message: Some(self.message.encode()),
        }
    }

    fn decode(message: v1::Failure) -> Result<Self, DecodeError> {
        let code: String = required("code", message.code)?;
        let text: String = required("message", message.message)?;
        let failure = Self::new(&code, &text);
        if *failure.message == *text {
            Ok(failure)
        } else {
            let reason = format!(
                "has more than {} characters, or control characters",
                Self::MAX_MESSAGE_CHARS
            );
            Err(DecodeError::refused(reason).within("message"))
        }
    }
}
