//! Reads a whole body: bounded in bytes (declared or chunked), in time, and in the memory that all bodies share.
//! Endpoints call it; it never looks at what a body says.

use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use edge_listener::Reservation;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use std::ops::Deref;
use std::time::Duration;
use tokio::time::Instant;

use super::media::check_encoding;
use crate::problem::Problem;
use crate::state::EdgeState;

/// What some editors and spreadsheets write before UTF-8 text. RFC 8259, section 8.1 lets a parser ignore it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A body that was read, and its reservation in the memory of all bodies, released when it is dropped. It derefs to
/// the text without a byte order mark.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Bytes,
    _reservation: Reservation,
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let bytes = self.as_sent();
        bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
    }
}

impl Body {
    /// Every byte: a dialect refuses a byte order mark, as its system did.
    pub(crate) fn as_sent(&self) -> &[u8] {
        &self.bytes
    }
}

/// The most that is read and discarded of a body that is too large, so that the client reads the answer instead of
/// getting a connection reset.
const DRAINED_BYTES: usize = 8 * 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads the whole body of a request that began at `began`; at most `limit` bytes.
pub(crate) async fn read_body(
    edge: &EdgeState,
    headers: &HeaderMap,
    body: &mut Incoming,
    began: Instant,
    limit: usize,
) -> Result<Body, Problem> {
    let declared = body.size_hint().lower();
    if usize::try_from(declared).map_or(true, |declared| declared > limit) {
        drain(body, headers).await;
        return Err(Problem::body_too_large(limit));
    }
    if let Err(problem) = check_encoding(headers) {
        drain(body, headers).await;
        return Err(problem);
    }
    let until = began + edge.settings.body_timeout;
    let mut reservation = edge.bodies.empty_reservation();
    let reading = collect(body, limit, &mut reservation);
    match tokio::time::timeout_at(until, reading).await {
        Err(_) => Err(Problem::body_timeout()),
        Ok(Err(Collected::Broken(error))) => Err(Problem::body_broken(error)),
        Ok(Err(Collected::TooLarge)) => {
            drain(body, headers).await;
            Err(Problem::body_too_large(limit))
        }
        Ok(Err(Collected::BudgetUsedUp)) => {
            drain(body, headers).await;
            Err(Problem::memory_used_up())
        }
        Ok(Ok(bytes)) => Ok(Body {
            bytes,
            _reservation: reservation,
        }),
    }
}

enum Collected {
    TooLarge,
    BudgetUsedUp,
    Broken(hyper::Error),
}

async fn collect(
    body: &mut Incoming,
    limit: usize,
    reservation: &mut Reservation,
) -> Result<Bytes, Collected> {
    // Most bodies come in one piece, which is used without a copy.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Collected::Broken)?.into_data() else {
            continue;
        };
        if first.len() + rest.len() + data.len() > limit {
            return Err(Collected::TooLarge);
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
            if body.is_end_stream() {
                return Ok(first);
            }
        } else {
            if rest.is_empty() {
                if !reservation.reserve(first.len()) {
                    return Err(Collected::BudgetUsedUp);
                }
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            if !reservation.reserve(data.len()) {
                return Err(Collected::BudgetUsedUp);
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

async fn drain(body: &mut Incoming, headers: &HeaderMap) {
    // A client that waits for "100 Continue" has not sent anything yet and need not.
    if headers.contains_key(axum::http::header::EXPECT) {
        return;
    }
    let reading = async {
        let mut drained = 0;
        while let Some(Ok(frame)) = body.frame().await {
            drained += frame.data_ref().map_or(0, Bytes::len);
            if drained > DRAINED_BYTES {
                return;
            }
        }
    };
    // A client that is still sending after this sees its connection closed.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, reading).await;
}
