//! The trait of everything that has a wire form, and how messages read their fields with it.

use std::sync::Arc;

use super::decode_error::DecodeError;

/// Has a message, or a part of one, that stands for its values: `decode(encode(value))` is `value`.
pub trait WireForm: Sized {
    /// The message.
    type Message;

    /// The message that stands for this value.
    fn encode(&self) -> Self::Message;

    /// The value that a message stands for.
    ///
    /// # Errors
    /// If the message stands for no value.
    fn decode(message: Self::Message) -> Result<Self, DecodeError>;
}

/// Shared values are written as if they were not.
impl<T: WireForm> WireForm for Arc<T> {
    type Message = T::Message;

    fn encode(&self) -> Self::Message {
        (**self).encode()
    }

    fn decode(message: Self::Message) -> Result<Self, DecodeError> {
        T::decode(message).map(Self::new)
    }
}

/// The value of a field that is always set.
pub(super) fn required<T: WireForm>(
    field: &str,
    message: Option<T::Message>,
) -> Result<T, DecodeError> {
    let message = message.ok_or_else(|| DecodeError::missing(field))?;
    given(field, message)
}

/// The value of a field that may be absent.
pub(super) fn optional<T: WireForm>(
    field: &str,
    message: Option<T::Message>,
) -> Result<Option<T>, DecodeError> {
    message.map(|message| given(field, message)).transpose()
}

/// The value of a field without presence, whose zero is refused.
pub(super) fn given<T: WireForm>(field: &str, message: T::Message) -> Result<T, DecodeError> {
    T::decode(message).map_err(|error| error.within(field))
}

/// The values of a repeated field.
pub(super) fn each<T: WireForm>(
    field: &str,
    messages: Vec<T::Message>,
) -> Result<Vec<T>, DecodeError> {
    let messages = messages.into_iter().enumerate();
    let values = messages.map(|(index, message)| {
        T::decode(message).map_err(|error| error.within(&format!("[{index}]")).within(field))
    });
    values.collect()
}

/// The message of a field that may be absent.
pub(super) fn maybe<T: WireForm>(value: Option<&T>) -> Option<T::Message> {
    value.map(T::encode)
}

/// The messages of a repeated field.
pub(super) fn all<T: WireForm>(values: &[T]) -> Vec<T::Message> {
    values.iter().map(T::encode).collect()
}
