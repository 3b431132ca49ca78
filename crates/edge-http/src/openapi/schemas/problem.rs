//! The form of every refusal.

use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::value::RequestName;
use crate::problem::Code;

/// A refusal (RFC 9457), the same form at every address; the description of a response names its codes. Decide by
/// `code`; show `detail` and `errors` to people.
#[derive(ToSchema)]
pub(crate) struct Problem {
    /// Where the code is explained, with what to do about it: `/docs/errors/{code}`.
    #[schema(format = "uri-reference")]
    r#type: String,
    /// The same for every problem of this code.
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong here, and what would be right.
    detail: String,
    /// The path that was asked for.
    instance: String,
    #[schema(schema_with = code)]
    code: String,
    /// Every fault of the request, up to 1,000; empty where the request has none of its own.
    #[schema(max_items = 1000)]
    errors: Vec<Fault>,
    /// The name under which the log tells more; also in `X-Request-Id`.
    #[schema(required)]
    request_id: Option<RequestName>,
}

/// One fault, with where it is: in the body, the query or a header.
#[derive(ToSchema)]
pub(crate) struct Fault {
    /// A JSON pointer into the body.
    #[schema(required = false)]
    pointer: String,
    /// The name of a query parameter.
    #[schema(required = false)]
    parameter: String,
    /// The name of a header.
    #[schema(required = false)]
    header: String,
    /// A stable word for programs, such as `required` or `too_precise`.
    code: String,
    /// What would be right.
    detail: String,
}

/// The codes, as the description of a text: a client must not fail at a code that a later version adds.
fn code() -> Object {
    let words: Vec<String> = Code::ALL
        .iter()
        .map(|code| format!("`{}` ({})", code.as_str(), code.status().as_u16()))
        .collect();
    let description = format!(
        "The stable word for programs, with its status: {}. A later version may add codes.",
        words.join(", ")
    );
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[a-z_]+$"))
        .description(Some(description))
        .build()
}
