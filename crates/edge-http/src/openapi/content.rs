//! What a body holds, as the document says it.

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, ContentBuilder, Ref};

/// Content of a type, which the document describes once.
pub(crate) fn content<T: ToSchema>(examples: &[(&str, Value)]) -> Content {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name())));
    content
        .examples_from_iter(
            examples
                .iter()
                .map(|(name, value)| (*name, ExampleBuilder::new().value(Some(value.clone())))),
        )
        .build()
}

/// Content that is a text.
pub(super) fn text(example: &str) -> Content {
    ContentBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some(json!(example)))
        .build()
}
