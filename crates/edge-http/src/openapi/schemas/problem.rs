//! The form of every refusal.

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::value::{RequestName, one_of};
use crate::problem::Code;

/// A refusal (RFC 9457). Decide by `code`; show `detail` and `errors` to people.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Problem {
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
    code: ProblemCode,
    /// Every fault of the request, up to 1,000; empty where the request has none of its own.
    #[schema(max_items = 1000)]
    errors: Vec<Fault>,
    /// The name under which the log tells more; also in `X-Request-Id`.
    #[schema(required)]
    request_id: Option<RequestName>,
}

/// One fault, with where it is: in the body, the query or a header.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Fault {
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

/// The stable word for programs.
pub(in crate::openapi) struct ProblemCode;

impl PartialSchema for ProblemCode {
    fn schema() -> RefOr<Schema> {
        let words = Code::ALL.iter().map(|code| code.as_str());
        Schema::from(one_of(words).description(Some("The stable word for programs."))).into()
    }
}

impl ToSchema for ProblemCode {}

/// What a problem of one status says beyond the form: the status, and which codes come with it at an address.
pub(in crate::openapi) fn of_codes(codes: &[Code]) -> ObjectBuilder {
    let status = codes.first().map(|code| code.status().as_u16());
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property(
            "status",
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .enum_values(Some(status)),
        )
        .property("code", one_of(codes.iter().map(|code| code.as_str())))
}
