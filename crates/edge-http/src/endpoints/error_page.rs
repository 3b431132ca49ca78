//! `/docs/errors/{code}`: what a problem means and what to do about it; the address that a problem's `type` names.

use axum::http::StatusCode;

use super::no_query;
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::RequestContext;

/// One section a code, under its name.
const PAGES: &str = include_str!("../../../../docs/errors/README.md");

pub(crate) fn show(context: &RequestContext<'_>, code: &str) -> Result<Answer, Problem> {
    no_query(context)?;
    PAGES
        .split("\n## ")
        .skip(1)
        .find(|page| page.lines().next() == Some(code))
        .map(|page| answer::text(StatusCode::OK, page))
        .ok_or_else(|| Problem::no_such_route(None))
}
