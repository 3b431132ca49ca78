//! The description of one operation, built step by step: what it takes, answers and refuses.
//!
//! The files of `operations` make them, `mod` puts them into the document; `refusals` makes responses of what is refused.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::link::Link;
use utoipa::openapi::path::{Operation, OperationBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{Content, HttpMethod, Ref, Required, ResponseBuilder};

use super::content::content;
use super::headers::reference;
use super::refusals::{self, BODY, REQUEST};
use crate::dialects::ErrorFormat;
use crate::problem::Code;

/// The heading of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Orders,
    Live,
    DeadLetters,
    Standing,
    Dialects,
    Pages,
}

impl Group {
    pub(super) const ALL: [(Self, &'static str); 6] = [
        (Self::Orders, "Place orders, read them, change them."),
        (
            Self::Live,
            "Every status change as it happens, over server-sent events or a WebSocket. Streams resume: a client that \
             comes back with its last cursor misses nothing.",
        ),
        (
            Self::DeadLetters,
            "Orders whose attempts are used up, or that the handler refused for good. A dead letter's id is its \
             order's.",
        ),
        (
            Self::Standing,
            "How many orders have each status, and the server's health.",
        ),
        (
            Self::Dialects,
            "Addresses of three other order systems, for clients that cannot be changed. The rules of `/v1` do not hold \
             here: JSON keys match without regard to case, unknown fields are passed over, no Content-Type is needed, \
             and refusals have the dialect's own form.",
        ),
        (Self::Pages, "What a browser shows."),
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Orders => "Orders",
            Self::Live => "Live",
            Self::DeadLetters => "Dead letters",
            Self::Standing => "Standing",
            Self::Dialects => "Dialects",
            Self::Pages => "Pages",
        }
    }
}

/// An operation as far as it is described.
pub(super) struct Description {
    pub(super) method: HttpMethod,
    error_format: ErrorFormat,
    operation: OperationBuilder,
    refusals: Vec<Code>,
    /// What is answered under a status that refusals have, too.
    beside_refusals: Vec<(u16, Content)>,
}

impl Description {
    /// A read.
    pub(super) fn get(group: Group, id: &str, summary: &str) -> Self {
        Self::new(HttpMethod::Get, group, ErrorFormat::Problem, id, summary).refuses(&REQUEST)
    }

    /// A change.
    pub(super) fn post(group: Group, id: &str, summary: &str) -> Self {
        Self::new(HttpMethod::Post, group, ErrorFormat::Problem, id, summary).refuses(&REQUEST)
    }

    /// A stream, which does not count among the requests under way.
    pub(super) fn stream(group: Group, id: &str, summary: &str) -> Self {
        Self::new(HttpMethod::Get, group, ErrorFormat::Problem, id, summary)
    }

    /// An address where refusals sound otherwise.
    pub(super) fn of_dialect(
        method: HttpMethod,
        group: Group,
        error_format: ErrorFormat,
        id: &str,
        summary: &str,
    ) -> Self {
        Self::new(method, group, error_format, id, summary).refuses(&[Code::Overloaded])
    }

    fn new(
        method: HttpMethod,
        group: Group,
        error_format: ErrorFormat,
        id: &str,
        summary: &str,
    ) -> Self {
        let operation = OperationBuilder::new()
            .tag(group.name())
            .operation_id(Some(id))
            .summary(Some(summary));
        Self {
            method,
            error_format,
            operation,
            refusals: Vec::new(),
            beside_refusals: Vec::new(),
        }
        .takes("X-Request-Id")
        .takes("traceparent")
    }

    /// More than its summary.
    pub(super) fn says(mut self, text: &str) -> Self {
        self.operation = self.operation.description(Some(text));
        self
    }

    /// Takes a parameter of the document's.
    pub(super) fn takes(mut self, name: &str) -> Self {
        let location = format!("#/components/parameters/{name}");
        self.operation = self.operation.parameter_ref(Ref::new(location));
        self
    }

    /// Takes an order's id in its path.
    pub(super) fn takes_id(self) -> Self {
        self.takes("order_id")
            .refuses(&[Code::InvalidId, Code::OrderNotFound])
    }

    /// Takes a body of JSON, and refuses what is none.
    pub(super) fn reads<T: ToSchema>(self, required: Required, examples: &[(&str, Value)]) -> Self {
        self.takes_body::<T>(required, examples).refuses(&BODY)
    }

    /// Takes a body of JSON.
    pub(super) fn takes_body<T: ToSchema>(
        self,
        required: Required,
        examples: &[(&str, Value)],
    ) -> Self {
        let content = content::<T>(examples);
        self.reads_one_of(required, [("application/json", content)])
    }

    /// Takes a body in one of several forms.
    pub(super) fn reads_one_of<const N: usize>(
        mut self,
        required: Required,
        forms: [(&str, Content); N],
    ) -> Self {
        let body = forms.into_iter().fold(
            RequestBodyBuilder::new().required(Some(required)),
            |body, (media, content)| body.content(media, content),
        );
        self.operation = self.operation.request_body(Some(body.build()));
        self
    }

    /// Answers so, with these headers of the document's.
    pub(super) fn answers(
        self,
        status: u16,
        what: &str,
        media_and_content: Option<(&str, Content)>,
        headers: &[&'static str],
        links: &[(&str, Link)],
    ) -> Self {
        let contents = media_and_content.as_slice();
        self.response(status, what, contents, headers, links)
    }

    /// Answers with one of several forms.
    pub(super) fn answers_one_of(
        self,
        status: u16,
        what: &str,
        contents: &[(&str, Content)],
        headers: &[&'static str],
    ) -> Self {
        self.response(status, what, contents, headers, &[])
    }

    fn response(
        mut self,
        status: u16,
        what: &str,
        contents: &[(&str, Content)],
        headers: &[&'static str],
        links: &[(&str, Link)],
    ) -> Self {
        let response = ResponseBuilder::new().description(what);
        let mut response = contents
            .iter()
            .fold(response, |response, (media, content)| {
                response.content(*media, content.clone())
            });
        let everywhere = super::headers::everywhere(self.error_format);
        for name in everywhere.chain(headers.iter().copied()) {
            response = response.header_ref(name, reference(name));
        }
        for (name, link) in links {
            response = response.link(*name, link.clone());
        }
        self.operation = self
            .operation
            .response(status.to_string(), response.build());
        self
    }

    /// Answers with JSON.
    pub(super) fn answers_json<T: ToSchema>(
        self,
        status: u16,
        what: &str,
        headers: &[&'static str],
        example: Value,
    ) -> Self {
        let content = content::<T>(&[("example", example)]);
        let headers: Vec<&'static str> = headers.iter().copied().chain(["Cache-Control"]).collect();
        self.answers(
            status,
            what,
            Some(("application/json", content)),
            &headers,
            &[],
        )
    }

    /// Answers with JSON under a status that refusals have, too.
    pub(super) fn answers_beside_refusals<T: ToSchema>(
        mut self,
        status: u16,
        example: Value,
    ) -> Self {
        let content = content::<T>(&[("example", example)]);
        self.beside_refusals.push((status, content));
        self
    }

    /// Refuses with a problem of these codes.
    pub(super) fn refuses(mut self, codes: &[Code]) -> Self {
        self.refusals.extend(codes);
        self
    }

    /// The whole description: every refusal is an answer, under its status.
    pub(super) fn finish(self) -> Operation {
        let mut responses = refusals::of(self.error_format, self.refusals);
        for (status, answer) in self.beside_refusals {
            refusals::answers_beside(&mut responses, status, answer);
        }
        responses
            .into_iter()
            .fold(self.operation, |operation, (status, response)| {
                operation.response(status, response)
            })
            .build()
    }
}
