//! The refusals of an operation as responses of the document: one for each status, with its codes in its description.
//!
//! An operation lists its codes, in groups ([`BODY`], [`STORE`]) and one by one, with the macro [`refusals!`]; what any
//! request may be refused for is added here, so that no description can forget it. Every refusal of ours has the one
//! schema `Problem`: the codes are in the description, in a form that programs can read ([`codes_sentence`]), because a
//! schema for each refusal would make a client generator write hundreds of types. This module renders no refusal: that is
//! `problem` and the dialects' error formats.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::content::{content, text};
use super::schemas::dialect::OrderflowError;
use super::schemas::problem::Problem;
use super::{examples, headers};
use crate::error_format::ErrorFormat;
use crate::problem::Code;

/// The responses of an operation, by status, as `utoipa::IntoResponses` returns them.
pub(crate) type Responses = BTreeMap<String, RefOr<Response>>;

/// What any request may be refused for, at every address. [`of`] adds it.
const ANYWHERE: [Code; 5] = [
    Code::HeadersTooLarge,
    Code::Internal,
    Code::InvalidHeader,
    Code::Misdirected,
    Code::UriTooLong,
];
/// What a request that is answered at once, and not with a stream, may be refused for.
pub(crate) const REQUEST: [Code; 2] = [Code::NotAcceptable, Code::Overloaded];
/// What waiting for the store may end with.
pub(crate) const STORE: [Code; 5] = [
    Code::DeadlinePassed,
    Code::OutcomeUnknown,
    Code::Overloaded,
    Code::StoreFull,
    Code::StoreUnavailable,
];
/// What a request with a JSON body may be refused for: such requests change something, which foreign pages may not.
pub(crate) const BODY: [Code; 7] = [
    Code::BodyBroken,
    Code::BodyTimeout,
    Code::BodyTooLarge,
    Code::ForeignOrigin,
    Code::MalformedJson,
    Code::UnsupportedEncoding,
    Code::ValidationFailed,
];

/// Declares a type for the refusals of one operation, to be named in `#[utoipa::path(responses(...))]`.
///
/// ```ignore
/// refusals!(PlaceOrderRefusals: REQUEST, BODY, STORE, [Code::ExternalIdTaken, Code::InvalidQuery]);
/// // In a dialect, whose refusals have a form of their own:
/// refusals!(ListApiOrdersRefusals in ErrorFormat::Orderflow => STORE, [Code::Overloaded]);
/// ```
///
/// Each group is an array of `Code`. In `responses(...)` the type comes after the answers; a status that an answer and a
/// refusal share needs [`answers_beside`].
macro_rules! refusals {
    ($(#[$meta:meta])* $name:ident: $($group:expr),+ $(,)?) => {
        $crate::openapi::refusals::refusals!(
            $(#[$meta])* $name in $crate::error_format::ErrorFormat::Problem => $($group),+
        );
    };
    ($(#[$meta:meta])* $name:ident in $format:expr => $($group:expr),+ $(,)?) => {
        $(#[$meta])*
        enum $name {}

        impl ::utoipa::IntoResponses for $name {
            fn responses() -> $crate::openapi::refusals::Responses {
                let groups: &[&[$crate::problem::Code]] = &[$(&$group),+];
                $crate::openapi::refusals::of($format, groups.iter().copied().flatten().copied())
            }
        }
    };
}
pub(crate) use refusals;

/// One response for each status that these codes have, and those that every address has.
pub(crate) fn of(error_format: ErrorFormat, codes: impl IntoIterator<Item = Code>) -> Responses {
    let mut codes: Vec<Code> = codes.into_iter().chain(ANYWHERE).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        let status = code.status().as_u16();
        by_status.entry(status).or_default().push(code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), refusal(error_format, &codes).into()))
        .collect()
}

/// Adds an answer with JSON under a status that refusals have, too: `/health` answers 503 with its health.
pub(crate) fn answers_beside(responses: &mut Responses, status: u16, answer: Content) {
    if let Some(RefOr::T(response)) = responses.get_mut(&status.to_string()) {
        let media = "application/json".to_owned();
        response.content.insert(media, RefOr::T(answer));
        let name = "Cache-Control";
        let header = RefOr::Ref(headers::reference(name));
        response.headers.insert(name.to_owned(), header);
    }
}

/// The end of a description that names the codes: "`code`: `a`, `b`.". Clients and tests read them from it.
fn codes_sentence(codes: &[Code]) -> String {
    let words: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`", code.as_str()))
        .collect();
    format!("`code`: {}.", words.join(", "))
}

/// The response of one status, for one of these codes, in the form of the address.
fn refusal(error_format: ErrorFormat, codes: &[Code]) -> Response {
    let titles: Vec<&str> = codes
        .iter()
        .map(|code| match code.title() {
            "" => "Refused in the dialect's words",
            title => title,
        })
        .collect();
    let titles = titles.join("; ");
    let is_not_found = codes.contains(&Code::OrderNotFound);
    let is_ours = error_format == ErrorFormat::Problem;
    // A dialect's refusal carries no code.
    let description = if is_ours {
        format!("{titles}. {}", codes_sentence(codes))
    } else {
        format!("{titles}.")
    };
    let (media, content) = match error_format {
        ErrorFormat::Problem | ErrorFormat::UnknownRoute => {
            ("application/problem+json", of_problem(codes))
        }
        ErrorFormat::Orderflow if !is_not_found => {
            let example = json!({"error": "invalid request body"});
            (
                "application/json",
                content::<OrderflowError>(&[("refusal", example)]),
            )
        }
        ErrorFormat::Orderflow | ErrorFormat::PlainText => {
            ("text/plain", text("invalid request body\n"))
        }
    };
    let response = ResponseBuilder::new()
        .description(description)
        .content(media, content);
    headers::everywhere(error_format)
        .chain(headers::of_refusal(codes))
        .chain((!is_ours).then_some("Cache-Control"))
        .fold(response, |response, name| {
            response.header_ref(name, headers::reference(name))
        })
        .build()
}

/// A problem, with an example for each of these codes.
fn of_problem(codes: &[Code]) -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(Problem::name())))
        .examples_from_iter(codes.iter().map(|code| {
            let example = ExampleBuilder::new().summary(code.title());
            (code.as_str(), example.value(Some(examples::problem(*code))))
        }))
        .build()
}

#[cfg(test)]
mod tests {
    use utoipa::IntoResponses;
    use utoipa::openapi::{RefOr, Response};

    use super::{BODY, ErrorFormat, Responses, STORE, answers_beside, content};
    use crate::openapi::schemas::standing::Health;
    use crate::problem::Code;

    refusals!(Refusals: BODY, STORE, [Code::ExternalIdTaken, Code::Contended, Code::Contended]);
    refusals!(RefusalsOfOrderflow in ErrorFormat::Orderflow => [Code::DialectRefused]);

    fn response<'r>(responses: &'r Responses, status: &str) -> &'r Response {
        match responses.get(status) {
            Some(RefOr::T(response)) => response,
            _ => panic!("no response {status}"),
        }
    }

    #[test]
    fn a_status_has_one_response_whose_description_names_each_code_once() {
        let responses = Refusals::responses();
        let conflict = response(&responses, "409");
        assert_eq!(
            conflict.description,
            "The order keeps changing; The external_id is taken. `code`: `contended`, `external_id_taken`."
        );
        assert!(conflict.content.contains_key("application/problem+json"));
        assert!(conflict.headers.contains_key("Retry-After"));
        // What every request may be refused for.
        let misdirected = response(&responses, "421");
        assert!(misdirected.description.ends_with("`code`: `misdirected`."));
        assert!(!misdirected.headers.contains_key("Retry-After"));
    }

    #[test]
    fn a_refusal_of_a_dialect_has_the_form_of_the_dialect_and_no_code() {
        let responses = RefusalsOfOrderflow::responses();
        let refused = response(&responses, "400");
        assert_eq!(
            refused.description,
            "Refused in the dialect's words; A header was refused."
        );
        assert!(refused.content.contains_key("application/json"));
        assert!(refused.headers.contains_key("Access-Control-Allow-Origin"));
    }

    #[test]
    fn an_answer_beside_a_refusal_keeps_the_refusal() {
        let mut responses = Refusals::responses();
        answers_beside(&mut responses, 503, content::<Health>(&[]));
        let unavailable = response(&responses, "503");
        assert!(unavailable.content.contains_key("application/json"));
        assert!(unavailable.content.contains_key("application/problem+json"));
    }
}
