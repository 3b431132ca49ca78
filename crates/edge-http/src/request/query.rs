//! Query parameters: each known, each at most once, each of its type; all faults at once.

use std::borrow::Cow;

use application::ListCursor;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::{ExternalId, Fault, Source, Status, Timestamp, UserId};
use order_json::unknown_among;
use percent_encoding::percent_decode_str;

use crate::problem::Problem;

/// For the addresses that take no query: refuses any.
pub(crate) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_some() {
            Query::read(parts.uri.query(), &[]).finish()?;
        }
        Ok(Self)
    }
}

/// The parameters of one request, and what is wrong with them so far.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pairs: Vec<(&'static str, Cow<'a, str>)>,
    faults: Vec<Fault>,
}

impl<'a> Query<'a> {
    /// Reads a query that may hold the parameters `known`.
    pub(crate) fn read(query: Option<&'a str>, known: &[&'static str]) -> Self {
        let mut pairs: Vec<(&'static str, Cow<'a, str>)> = Vec::new();
        let mut faults = Vec::new();
        let given = query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty());
        for pair in given {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = decoded(name);
            let name = decoded.as_deref().unwrap_or("\u{fffd}");
            let Some(known_name) = known.iter().find(|known| **known == name) else {
                let shown: String = name.chars().take(100).collect();
                let detail =
                    unknown_among(name, known.iter().copied(), "a parameter of this address");
                faults.push(Fault::new(shown, "unknown_parameter", detail));
                continue;
            };
            if pairs.iter().any(|(name, _)| name == known_name) {
                faults.push(Fault::new(*known_name, "duplicate", "comes twice"));
                continue;
            }
            match self::decoded(value) {
                Some(value) => pairs.push((known_name, value)),
                None => faults.push(Fault::new(
                    *known_name,
                    "invalid",
                    "is not percent-encoded UTF-8",
                )),
            }
        }
        Self { pairs, faults }
    }

    /// A parameter's text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| &**value)
    }

    /// What every given parameter says, for binding a cursor to it. In the order of `names`.
    pub(crate) fn conditions<'q>(
        &'q self,
        names: &'q [&'static str],
    ) -> impl Iterator<Item = (&'q str, &'q str)> {
        names
            .iter()
            .filter_map(|name| self.text(name).map(|value| (*name, value)))
    }

    /// Notes a fault of a parameter.
    pub(crate) fn fault(
        &mut self,
        name: &'static str,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) {
        self.faults.push(Fault::new(name, code, detail));
    }

    /// A parameter read by `parse`, which says what is wrong where it cannot.
    fn parsed<T>(
        &mut self,
        name: &'static str,
        code: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Cow<'static, str>>,
    ) -> Option<T> {
        match parse(self.text(name)?) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.fault(name, code, detail);
                None
            }
        }
    }

    pub(crate) fn user_id(&mut self) -> Option<UserId> {
        self.parsed("user_id", "invalid", |text| {
            UserId::new(text).map_err(|error| error.to_string().into())
        })
    }

    pub(crate) fn external_id(&mut self) -> Option<ExternalId> {
        self.parsed("external_id", "invalid", |text| {
            ExternalId::new(text).map_err(|error| error.to_string().into())
        })
    }

    pub(crate) fn status(&mut self) -> Option<Status> {
        self.parsed("status", "unknown_value", |text| {
            Status::from_name(text).ok_or_else(|| {
                let names = Status::ALL.map(Status::as_str).join(", ");
                format!("must be one of {names}").into()
            })
        })
    }

    pub(crate) fn source(&mut self) -> Option<Source> {
        self.parsed("source", "unknown_value", |text| {
            Source::from_name(text).ok_or_else(|| {
                let names = Source::ALL.map(Source::as_str).join(", ");
                format!("must be one of {names}").into()
            })
        })
    }

    pub(crate) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        self.parsed(name, "invalid", |text| {
            // An offset's bare plus sign means a space in a query, and is meant as a plus sign here.
            Timestamp::parse(&text.replace(' ', "+")).map_err(|error| error.to_string().into())
        })
    }

    /// A text of 1 to 255 characters.
    pub(crate) fn short_text(&mut self, name: &'static str) -> Option<String> {
        self.parsed(name, "invalid", |text| {
            if text.is_empty() || text.chars().count() > 255 {
                Err("must have 1 to 255 characters".into())
            } else {
                Ok(text.to_owned())
            }
        })
    }

    /// How many a page may hold.
    pub(crate) fn limit(&mut self) -> usize {
        const DEFAULT: usize = 50;
        self.parsed("limit", "out_of_range", |text| {
            let is_number = text.bytes().all(|b| b.is_ascii_digit());
            match text.parse() {
                Ok(limit @ 1..=1000) if is_number => Ok(limit),
                _ => Err("must be a whole number from 1 to 1000".into()),
            }
        })
        .unwrap_or(DEFAULT)
    }

    /// Where the page before this one ended; a cursor of another list is a fault.
    pub(crate) fn cursor<const N: usize>(&mut self, cursor: &ListCursor) -> Option<[u8; N]> {
        self.parsed("cursor", "invalid", |text| {
            cursor.read(text).ok_or_else(|| {
                "is not a cursor of this list: take next_cursor as it was given, with the same filter"
                    .into()
            })
        })
    }

    /// The end of the reading: a problem where anything was wrong.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid_query(self.faults))
        }
    }
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8().ok()?.into_owned();
        return Some(Cow::Owned(decoded));
    }
    percent_decode_str(text).decode_utf8().ok()
}
