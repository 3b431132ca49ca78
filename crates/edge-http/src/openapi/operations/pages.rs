//! What a browser shows, and this document.

use serde_json::{Value, json};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Content, ContentBuilder};

use crate::openapi::content::text;
use crate::openapi::operation::{Description, Group};
use crate::problem::Code;

/// What a file of a page is served with.
const OF_FILES: [&str; 5] = [
    "Cache-Control",
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "ETag",
    "Referrer-Policy",
];

/// The start page is one of two.
const OF_START: [&str; 6] = [
    "Cache-Control",
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "ETag",
    "Referrer-Policy",
    "Vary",
];

pub(super) fn start() -> Description {
    Description::get(Group::Pages, "getStart", "The dashboard, or what is here")
        .says("A page for a browser, which asks for `text/html`; a text for everything else.")
        .takes("If-None-Match")
        .answers_one_of(
            200,
            "The page, or the text.",
            &[
                ("text/html", text("<!doctype html>...\n")),
                ("text/plain", text("ordermill takes orders, ...\n")),
            ],
            &OF_START,
        )
        .answers(304, "The page has not changed.", None, &OF_START, &[])
        .refuses(&[Code::InvalidQuery])
}

pub(super) fn file() -> Description {
    Description::stream(Group::Pages, "getDashboardFile", "A file of the dashboard")
        .takes("file_path")
        .takes("If-None-Match")
        .answers_one_of(
            200,
            "The file.",
            &[
                ("text/javascript", text("export {};\n")),
                ("text/css", text("body {}\n")),
                ("text/html", text("<!doctype html>...\n")),
                ("text/plain", text("Third-party notices\n")),
                ("image/svg+xml", text("<svg/>\n")),
                ("application/json", json_of(SchemaType::AnyValue, json!({}))),
            ],
            &OF_FILES,
        )
        .answers(304, "The file has not changed.", None, &OF_FILES, &[])
        .refuses(&[Code::InvalidQuery, Code::NoSuchRoute, Code::Overloaded])
}

pub(super) fn docs() -> Description {
    let page = Some(("text/html", text("<!doctype html>...\n")));
    Description::stream(Group::Pages, "getDocs", "This document as a page")
        .takes("If-None-Match")
        .answers(200, "The page.", page, &OF_FILES, &[])
        .answers(304, "The page has not changed.", None, &OF_FILES, &[])
        .refuses(&[Code::InvalidQuery, Code::Overloaded])
}

pub(super) fn docs_file() -> Description {
    let headers: Vec<&'static str> = OF_FILES
        .into_iter()
        .chain(["Content-Encoding", "Vary"])
        .collect();
    Description::get(
        Group::Pages,
        "getDocsFile",
        "What the page at /docs is made of",
    )
    .says("The large files are compressed with gzip; a client that does not take that is refused.")
    .takes("file_name")
    .takes("If-None-Match")
    .answers_one_of(
        200,
        "The file.",
        &[
            ("text/javascript", text("\"use strict\";\n")),
            ("text/css", text("body {}\n")),
            ("text/plain", text("Third-party notices\n")),
        ],
        &headers,
    )
    .answers(304, "The file has not changed.", None, &headers, &[])
    .refuses(&[Code::InvalidQuery, Code::NoSuchRoute])
}

pub(super) fn error() -> Description {
    let example =
        "order_not_found\n404. There is no order with this id, or none that you may see.\n";
    Description::get(
        Group::Pages,
        "getErrorPage",
        "What a problem means and what to do about it",
    )
    .says("The address that a problem's `type` names.")
    .takes("problem_code")
    .answers(
        200,
        "The code, and what to do about it.",
        Some(("text/plain", text(example))),
        &["Cache-Control"],
        &[],
    )
    .refuses(&[Code::InvalidQuery, Code::NoSuchRoute])
}

pub(super) fn document() -> Description {
    let content = json_of(Type::Object.into(), json!({"openapi": "3.1.0"}));
    Description::get(Group::Pages, "getDocument", "This document, OpenAPI 3.1")
        .answers(
            200,
            "The document.",
            Some(("application/json", content)),
            &["Cache-Control"],
            &[],
        )
        .refuses(&[Code::InvalidQuery])
}

/// JSON of which no more is said.
fn json_of(kind: SchemaType, example: Value) -> Content {
    ContentBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(kind)))
        .example(Some(example))
        .build()
}
