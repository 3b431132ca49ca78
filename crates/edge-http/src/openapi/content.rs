//! What a body holds, as the document says it.

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Content, ContentBuilder, Ref};

use super::examples;
use super::schemas::problem::{self, Problem};
use crate::problem::Code;

/// A problem of one of these codes.
pub(super) fn of_problem(codes: &[Code]) -> Content {
    let schema = AllOfBuilder::new()
        .item(Ref::from_schema_name(Problem::name()))
        .item(problem::of_codes(codes));
    ContentBuilder::new()
        .schema(Some(schema))
        .examples_from_iter(codes.iter().map(|code| {
            let example = ExampleBuilder::new().summary(code.title());
            (code.as_str(), example.value(Some(examples::problem(*code))))
        }))
        .build()
}

/// Content of one kind or the other.
pub(super) fn either(one: Content, other: Content) -> Content {
    let schemas = [one.schema, other.schema].into_iter().flatten();
    let schema = schemas.fold(OneOfBuilder::new(), OneOfBuilder::item);
    ContentBuilder::new()
        .schema(Some(schema))
        .examples_from_iter(one.examples.into_iter().chain(other.examples))
        .build()
}

/// Content of a type, which the document describes once.
pub(super) fn content<T: ToSchema>(examples: &[(&str, Value)]) -> Content {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name())));
    content
        .examples_from_iter(
            examples
                .iter()
                .map(|(name, value)| (*name, ExampleBuilder::new().value(Some(value.clone())))),
        )
        .build()
}

/// Content of a type that is no JSON.
pub(super) fn content_as_text<T: ToSchema>(example: &str) -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(T::name())))
        .example(Some(json!(example)))
        .build()
}

/// Content that is a text.
pub(super) fn text(example: &str) -> Content {
    ContentBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some(json!(example)))
        .build()
}
