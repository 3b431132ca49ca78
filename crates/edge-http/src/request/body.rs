//! Reading a body whole: bounded in bytes, declared or chunked, and in time.

use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use std::time::Duration;
use tokio::time::Instant;

use super::media::encoding_is_plain;
use crate::problem::Problem;

/// How much of a body is read, and by when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The most bytes.
    pub(crate) bytes: usize,
    /// The last moment.
    pub(crate) until: Instant,
}

/// What is read and thrown away of a body that is too large, so that the client comes to read the answer instead of
/// finding its connection reset.
const THROWN_AWAY_BYTES: usize = 8 * 1024 * 1024;
const THROWN_AWAY_FOR: Duration = Duration::from_secs(1);

/// Reads a body whole.
pub(crate) async fn read_body(
    headers: &HeaderMap,
    mut body: Incoming,
    bounds: Bounds,
) -> Result<Bytes, Problem> {
    if !encoding_is_plain(headers) {
        return Err(Problem::unsupported_encoding());
    }
    let declared = body.size_hint().lower();
    let is_too_large = |length: usize| length > bounds.bytes;
    if usize::try_from(declared).map_or(true, is_too_large) {
        throw_away(&mut body, headers).await;
        return Err(Problem::body_too_large(bounds.bytes));
    }
    match tokio::time::timeout_at(bounds.until, collect(&mut body, bounds.bytes)).await {
        Err(_) => Err(Problem::body_timeout()),
        Ok(Err(Collected::Broken(error))) => Err(Problem::body_broken(error)),
        Ok(Err(Collected::TooLarge)) => {
            throw_away(&mut body, headers).await;
            Err(Problem::body_too_large(bounds.bytes))
        }
        Ok(Ok(bytes)) => Ok(bytes),
    }
}

enum Collected {
    TooLarge,
    Broken(hyper::Error),
}

async fn collect(body: &mut Incoming, limit: usize) -> Result<Bytes, Collected> {
    // Most bodies come in one piece, which is then taken as it is.
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
                rest.extend_from_slice(&std::mem::take(&mut first));
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

async fn throw_away(body: &mut Incoming, headers: &HeaderMap) {
    // A client that waits for "100 Continue" has not sent anything yet and need not.
    if headers.contains_key(axum::http::header::EXPECT) {
        return;
    }
    let reading = async {
        let mut thrown_away = 0;
        while let Some(Ok(frame)) = body.frame().await {
            thrown_away += frame.data_ref().map_or(0, Bytes::len);
            if thrown_away > THROWN_AWAY_BYTES {
                return;
            }
        }
    };
    // A client that is still sending after this sees its connection closed.
    let _ = tokio::time::timeout(THROWN_AWAY_FOR, reading).await;
}
