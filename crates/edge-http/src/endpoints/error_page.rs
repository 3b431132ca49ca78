//! `/docs/errors/{code}`: what a problem means and what to do about it; the address that a problem's `type` names.

use axum::extract::Path;
use axum::http::StatusCode;

use crate::answer::{self, Answer};
use crate::openapi::parameters::ProblemCodeParameter;
use crate::openapi::refusals::{REQUEST, refusals};
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::NoQuery;

refusals!(GetErrorPageRefusals: REQUEST, [Code::InvalidQuery, Code::NoSuchRoute]);

/// One section a code, under its name.
const PAGES: &str = include_str!("../../../../docs/errors/README.md");

/// What a problem means and what to do about it
///
/// The address that a problem's `type` names.
#[utoipa::path(
    get,
    path = "/docs/errors/{code}",
    operation_id = "getErrorPage",
    tag = tags::PAGES,
    params(ProblemCodeParameter),
    responses(
        (
            status = 200,
            description = "The code, and what to do about it.",
            headers(("Cache-Control")),
            body = String,
            content_type = "text/plain",
            example = "order_not_found\n404. There is no order with this id, or none that you may see.\n",
        ),
        GetErrorPageRefusals,
    ),
)]
pub(crate) async fn show_error(_: NoQuery, Path(code): Path<String>) -> Result<Answer, Problem> {
    PAGES
        .split("\n## ")
        .skip(1)
        .find(|page| page.lines().next() == Some(code.as_str()))
        .map(|page| answer::text(StatusCode::OK, page))
        .ok_or_else(|| Problem::no_such_route(None))
}
