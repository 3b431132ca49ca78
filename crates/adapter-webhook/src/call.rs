//! One call: the order as a signed POST, the answer read up to a bound.

use std::sync::Arc;
use std::time::Duration;

use application::order_json::write_order;
use application::ports::{Clock, FaultScope, OrderHandler, Outcome};
use async_trait::async_trait;
use domain::{Failure, Order};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, Url, redirect};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};

use crate::answer::Answer;
use crate::retry_after;
use crate::settings::{HttpHandlerSettings, SettingsError};

/// The most that is read of an answer's body.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Idle connections are closed before most servers do, so that few calls meet a closing one.
const IDLE: Duration = Duration::from_secs(20);

/// Does the work of an order by calling the user's endpoint.
pub struct HttpHandler {
    client: Client,
    url: Url,
    signer: Option<Webhook>,
    clock: Arc<dyn Clock>,
}

impl HttpHandler {
    /// A handler with these settings.
    ///
    /// # Errors
    /// Where a setting cannot be used; nothing is called yet.
    pub fn new(
        settings: &HttpHandlerSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        let url = settings.checked_url()?;
        let signer = settings.signer()?;
        let client = Client::builder()
            .user_agent(concat!("ordermill/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .pool_max_idle_per_host(settings.idle_connections)
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(SettingsError::Client)?;
        Ok(Self {
            client,
            url,
            signer,
            clock,
        })
    }

    async fn call(&self, order: &Order) -> Result<Answer, reqwest::Error> {
        let mut body = Vec::new();
        write_order(order, &mut body);
        let headers = self.headers(order, &body);
        let response = self
            .client
            .post(self.url.clone())
            .headers(headers)
            .body(body)
            .send()
            .await?;
        self.read(response).await
    }

    fn headers(&self, order: &Order, body: &[u8]) -> HeaderMap {
        let id = order.id.to_string();
        let seconds = self.clock.now().as_millis() / 1000;
        let timestamp = i64::try_from(seconds).unwrap_or(i64::MAX);
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("accept", HeaderValue::from_static("application/json"));
        headers.insert("ordermill-attempt", HeaderValue::from(order.attempt));
        headers.insert(HEADER_WEBHOOK_TIMESTAMP, HeaderValue::from(timestamp));
        if let Ok(value) = HeaderValue::from_str(&id) {
            headers.insert("idempotency-key", value.clone());
            headers.insert(HEADER_WEBHOOK_ID, value);
        }
        // The body is JSON that was written here, so it is UTF-8 and can be signed.
        if let Some(signer) = &self.signer
            && let Ok(signature) = signer.sign(&id, timestamp, body)
            && let Ok(value) = HeaderValue::from_str(&signature)
        {
            headers.insert(HEADER_WEBHOOK_SIGNATURE, value);
        }
        headers
    }

    async fn read(&self, mut response: Response) -> Result<Answer, reqwest::Error> {
        let status = response.status();
        let retry_after = retry_after::of(response.headers(), self.clock.now());
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase();
        let mut body = Vec::new();
        let mut is_cut = false;
        while let Some(chunk) = response.chunk().await? {
            let room = MAX_BODY_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                // The rest is not read; the connection is given up with it.
                is_cut = true;
                break;
            }
        }
        Ok(Answer {
            status,
            content_type,
            body,
            is_cut,
            retry_after,
        })
    }
}

#[async_trait]
impl OrderHandler for HttpHandler {
    async fn handle(&self, order: &Order) -> Outcome {
        match self.call(order).await {
            Ok(answer) => answer.outcome(order.id),
            Err(error) => unanswered(error),
        }
    }
}

/// Without a whole answer it is not known whether the endpoint has done its work: the next attempt finds out, under
/// the same key.
fn unanswered(error: reqwest::Error) -> Outcome {
    let code = if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "endpoint_unreachable"
    } else {
        "connection_broken"
    };
    // The URL may hold a secret, and the operator knows it anyway.
    let error = error.without_url();
    let mut message = error.to_string();
    let mut next = std::error::Error::source(&error);
    while let Some(source) = next {
        message.push_str(": ");
        message.push_str(&source.to_string());
        next = source.source();
    }
    Outcome::Retry {
        failure: Failure::new(code, &message),
        after: None,
        scope: FaultScope::Endpoint,
    }
}
