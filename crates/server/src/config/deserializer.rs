//! Reads raw TOML values as types, by serde. A deserializer of our own, because an error of this one names the setting, says
//! what its value must be, and never repeats the value, which may be a secret. Called by the layers; knows no setting by name.

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use toml::Value;
use toml::map::IntoIter;

/// What is wrong with one setting.
#[derive(Debug, thiserror::Error)]
#[error("{name} {reason}")]
pub struct Fault {
    /// `section.key`.
    pub name: String,
    /// What its value must be; the sentence begins with the name.
    pub reason: String,
}

impl Fault {
    fn at(name: &str, reason: &str) -> Self {
        Self {
            name: name.to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn below(mut self, key: &str) -> Self {
        self.name = if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{key}.{}", self.name)
        };
        self
    }
}

impl serde::de::Error for Fault {
    fn custom<T: std::fmt::Display>(reason: T) -> Self {
        Self {
            name: String::new(),
            reason: reason.to_string(),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!(
            "must be {}, not {}",
            wanted(expected),
            kind(&found)
        ))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("must be {}", wanted(expected)))
    }

    fn unknown_variant(_: &str, names: &'static [&'static str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        Self::custom(format_args!("must be {}", names.join(" or ")))
    }

    fn unknown_field(name: &str, _: &'static [&'static str]) -> Self {
        Self::at(name, "is a default that no section has")
    }

    fn missing_field(name: &'static str) -> Self {
        Self::at(name, "has no default")
    }
}

/// What a type expects, in words for people.
fn wanted(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    match expected.as_str() {
        "u32" | "usize" => "a whole number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "path string" => "text in quotes".to_owned(),
        "a sequence" => "a list of texts".to_owned(),
        _ => expected,
    }
}

/// What a value is, in words for people.
const fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Str(_) => "text",
        Unexpected::Signed(_) | Unexpected::Unsigned(_) => "a whole number",
        Unexpected::Float(_) => "a number with a point",
        Unexpected::Bool(_) => "true or false",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a section",
        _ => "a date",
    }
}

/// A raw value that is to become a type.
pub struct Raw(pub Value);

impl<'de> Deserializer<'de> for Raw {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            Value::Integer(number) => visitor.visit_i64(number),
            Value::Float(number) => visitor.visit_f64(number),
            Value::Boolean(flag) => visitor.visit_bool(flag),
            Value::Datetime(_) => Err(Fault::invalid_type(Unexpected::Other("date"), &visitor)),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter())),
            Value::Table(entries) => visitor.visit_map(Entries {
                rest: entries.into_iter(),
                value: None,
            }),
        }
    }

    /// A whole number: no setting is below zero or above what 32 bits hold.
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Integer(number) => match u32::try_from(number) {
                Ok(number) => visitor.visit_u32(number),
                Err(_) => {
                    let reason = format_args!("must be from 0 to {}", u32::MAX);
                    Err(Fault::custom(reason))
                }
            },
            other => Self(other).deserialize_any(visitor),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_u64(visitor)
    }

    /// An empty text is "not set"; everything else must be a good value.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.as_str() {
            Some("") => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// One of a few names.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(text) => visitor.visit_enum(text.into_deserializer()),
            _ => Err(Fault::unknown_variant("", names)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// The items of a list.
struct Items(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let item = self.0.next().map(|item| seed.deserialize(Raw(item)));
        item.transpose().map_err(|fault| Fault {
            reason: format!("holds an item that {}", fault.reason),
            ..fault
        })
    }
}

/// The keys of a section, or the sections; a fault gets the name of its key.
struct Entries {
    rest: IntoIter<String, Value>,
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.value = self.rest.next();
        match &self.value {
            Some((key, _)) => seed.deserialize(key.as_str().into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, value) = self
            .value
            .take()
            .expect("serde asks for a value after its key");
        seed.deserialize(Raw(value))
            .map_err(|fault| fault.below(&key))
    }
}
