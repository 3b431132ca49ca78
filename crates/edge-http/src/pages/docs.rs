//! `/docs`: a page that shows the OpenAPI document, and what it is made of. `endpoints` calls it.
//!
//! The files lie compressed within the binary and are sent as they lie: an idle server maps none of it, and a request
//! costs no work. What the large ones are is in docs-page/MANIFEST.json, with their hashes.

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use super::{entity_tag, has_already, write_policy};
use crate::answer::Answer;
use crate::problem::Problem;

/// One file of the page.
struct File {
    content_type: &'static str,
    bytes: &'static [u8],
    is_compressed: bool,
}

macro_rules! file {
    ($name:literal, $content_type:literal, $is_compressed:literal) => {
        File {
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../docs-page/", $name)),
            is_compressed: $is_compressed,
        }
    };
}

/// The page itself.
pub(crate) fn page(headers: &HeaderMap) -> Result<Answer, Problem> {
    const PAGE: File = file!("index.html", "text/html; charset=utf-8", false);
    send(headers, &PAGE)
}

/// What the page is made of, by its name below `/docs/`.
pub(crate) fn file(headers: &HeaderMap, name: &str) -> Result<Answer, Problem> {
    let file = match name {
        "page.js" => file!("page.js", "text/javascript; charset=utf-8", false),
        "page.css" => file!("page.css", "text/css; charset=utf-8", false),
        "swagger-ui-bundle.js" => {
            file!(
                "swagger-ui-bundle.js.gz",
                "text/javascript; charset=utf-8",
                true
            )
        }
        "swagger-ui.css" => file!("swagger-ui.css.gz", "text/css; charset=utf-8", true),
        "THIRD_PARTY.txt" => file!("THIRD_PARTY.txt", "text/plain; charset=utf-8", false),
        _ => return Err(Problem::no_such_route(None)),
    };
    send(headers, &file)
}

fn send(headers: &HeaderMap, file: &File) -> Result<Answer, Problem> {
    if file.is_compressed && !takes_gzip(headers) {
        return Err(Problem::not_acceptable("content compressed with gzip"));
    }
    let tag = entity_tag(&Sha256::digest(file.bytes).into());
    let is_known = has_already(headers, &tag);
    let mut response = Response::new(Body::from(if is_known { &[] } else { file.bytes }));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    write_policy(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    if file.is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    let tag = HeaderValue::try_from(tag).expect("hexadecimal digits in quotes are visible ASCII");
    headers.insert(ETAG, tag);
    Ok(response)
}

/// Whether the client reads gzip (RFC 9110, section 12.5.3): one that says nothing takes anything.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(ACCEPT_ENCODING).iter().peekable();
    let mut of_any = given.peek().is_none();
    let codings = given
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    for coding in codings {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is_wanted = !parts.any(|parameter| {
            let quality = parameter.strip_prefix("q=");
            quality
                .is_some_and(|quality| quality.parse::<f32>().is_ok_and(|quality| quality <= 0.0))
        });
        if name.eq_ignore_ascii_case("gzip") {
            return is_wanted;
        }
        of_any |= name == "*" && is_wanted;
    }
    of_any
}
