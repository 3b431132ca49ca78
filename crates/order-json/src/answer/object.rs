//! The members of an answer's object by their types, with a JSON pointer for what is wrong. `order` and `page` call it; it
//! knows nothing of what a member means.

use std::str::FromStr;

use crate::members::Members;
use crate::reader::{Malformed, Reader, ValueType};

/// An answer is not what a server of ordermill writes. It is permanent: the same answer fails again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}{}{fault}", if .pointer.is_empty() { "" } else { " " })]
pub struct AnswerError {
    /// The JSON pointer of the value; empty for the whole answer.
    pub pointer: String,
    /// What is wrong with it.
    pub fault: AnswerFault,
}

/// What is wrong with a value of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// It is not JSON, or an object in it has a key twice.
    #[error("is not valid: {0}")]
    Malformed(#[from] Malformed),
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It is of another type.
    #[error("must be {0}")]
    WrongType(&'static str),
}

/// An object of an answer.
pub(super) struct Object<'a> {
    pointer: String,
    members: Members<'a>,
}

impl<'a> Object<'a> {
    /// Reads the object at `pointer`.
    pub(super) fn read(text: &'a [u8], pointer: String) -> Result<Self, AnswerError> {
        match Members::read(text) {
            Ok(members) => Ok(Self { pointer, members }),
            Err(malformed) => Err(AnswerError {
                pointer,
                fault: malformed.into(),
            }),
        }
    }

    fn error(&self, name: &str, fault: AnswerFault) -> AnswerError {
        AnswerError {
            pointer: format!("{}/{name}", self.pointer),
            fault,
        }
    }

    /// A value that is neither missing nor null, as it is written.
    fn given(&self, name: &str) -> Option<&'a str> {
        self.members.get(name).filter(|value| *value != "null")
    }

    /// A reader at the beginning of a value, which must be of this type.
    fn reader(
        &self,
        name: &str,
        value: &'a str,
        wanted: ValueType,
    ) -> Result<Reader<'a>, AnswerError> {
        let mut reader = Reader::new(value.as_bytes())
            .map_err(|malformed| self.error(name, malformed.into()))?;
        match reader.peek() {
            Ok(found) if found == wanted => Ok(reader),
            Ok(_) => Err(self.error(name, AnswerFault::WrongType(wanted.name()))),
            Err(malformed) => Err(self.error(name, malformed.into())),
        }
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, AnswerError> {
        value.ok_or_else(|| self.error(name, AnswerFault::Missing))
    }

    /// A string, or none.
    pub(super) fn optional_text(&self, name: &str) -> Result<Option<String>, AnswerError> {
        let Some(value) = self.given(name) else {
            return Ok(None);
        };
        let text = self.reader(name, value, ValueType::Text)?.text();
        let text = text.map_err(|malformed| self.error(name, malformed.into()))?;
        Ok(Some(text.into_owned()))
    }

    /// A string.
    pub(super) fn text(&self, name: &str) -> Result<String, AnswerError> {
        self.required(name, self.optional_text(name)?)
    }

    /// A number with the digits that it is written in, or none.
    pub(super) fn optional_decimal(&self, name: &str) -> Result<Option<&'a str>, AnswerError> {
        match self.given(name) {
            Some(value) => {
                self.reader(name, value, ValueType::Number)?;
                Ok(Some(value))
            }
            None => Ok(None),
        }
    }

    /// A number with the digits that it is written in.
    pub(super) fn decimal(&self, name: &str) -> Result<&'a str, AnswerError> {
        self.required(name, self.optional_decimal(name)?)
    }

    /// A whole number that fits into `N`.
    pub(super) fn whole<N: FromStr>(&self, name: &str) -> Result<N, AnswerError> {
        let digits = self.decimal(name)?;
        let wrong = |_| self.error(name, AnswerFault::WrongType("a whole number"));
        digits.parse().map_err(wrong)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, name: &str) -> Result<bool, AnswerError> {
        let value = self.required(name, self.given(name))?;
        let read = self.reader(name, value, ValueType::Boolean)?.boolean();
        read.map_err(|malformed| self.error(name, malformed.into()))
    }

    /// Any JSON as it is written, or none.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.given(name)
    }

    /// An object, or none.
    pub(super) fn optional_object(&self, name: &str) -> Result<Option<Object<'a>>, AnswerError> {
        let pointer = || format!("{}/{name}", self.pointer);
        let object = self.given(name);
        object
            .map(|text| Object::read(text.as_bytes(), pointer()))
            .transpose()
    }

    /// An object.
    pub(super) fn object(&self, name: &str) -> Result<Object<'a>, AnswerError> {
        self.required(name, self.optional_object(name)?)
    }

    /// The elements of an array, each as it is written.
    pub(super) fn elements(&self, name: &str) -> Result<Vec<&'a str>, AnswerError> {
        let value = self.required(name, self.given(name))?;
        let mut elements = Vec::new();
        self.reader(name, value, ValueType::Array)?
            .array(|reader, _| {
                elements.push(reader.raw()?);
                Ok(())
            })
            .map_err(|malformed| self.error(name, malformed.into()))?;
        Ok(elements)
    }

    /// The objects of an array.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Object<'a>>, AnswerError> {
        let elements = self.elements(name)?.into_iter().enumerate();
        elements
            .map(|(index, text)| {
                let pointer = format!("{}/{name}/{index}", self.pointer);
                Object::read(text.as_bytes(), pointer)
            })
            .collect()
    }

    /// All members, which must be strings.
    pub(super) fn texts<T: FromIterator<(String, String)>>(&self) -> Result<T, AnswerError> {
        let names = self.members.iter().map(|(name, _)| name);
        names
            .map(|name| Ok((name.to_owned(), self.text(name)?)))
            .collect()
    }
}
