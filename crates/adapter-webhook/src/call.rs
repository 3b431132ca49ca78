//! One call: the order as a signed POST, the answer read up to a bound.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Clock, FaultScope, OrderHandler, Outcome};
use async_trait::async_trait;
use domain::{Failure, Order};
use order_json::write_order;
use outbound_http::Route;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Response, Url};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};

use crate::answer::Answer;
use crate::failure_code::FailureCode;
use crate::settings::{HttpHandlerSettings, SettingsError};
use crate::signer::Signer;
use crate::{client, headers, message, retry_after, reuse};

/// The most that is read of an answer's body.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Does the work of an order by calling the user's endpoint.
pub struct HttpHandler {
    client: Client,
    url: Url,
    route: Route,
    signer: Option<Signer>,
    headers: HeaderMap,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl HttpHandler {
    /// A handler with these settings. Reads the files that they name; calls nothing.
    ///
    /// # Errors
    /// Every setting that cannot be used.
    pub fn new(
        settings: &HttpHandlerSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Vec<SettingsError>> {
        let mut errors = Vec::new();
        let route = settings.checked_url().and_then(|url| {
            let route = settings.proxies.route(&url).map_err(SettingsError::Proxy)?;
            Ok((url, route))
        });
        let destination = kept(route, &mut errors);
        let signer = kept(Signer::new(&settings.secrets), &mut errors);
        let headers = headers::read(&settings.headers).map_err(SettingsError::Headers);
        let headers = kept(headers, &mut errors);
        let route = destination.as_ref().map(|(_, route)| route.clone());
        let client = match client::build(settings, &route.unwrap_or_default()) {
            Ok(client) => Some(client),
            Err(more) => {
                errors.extend(more);
                None
            }
        };
        match (client, destination, signer, headers) {
            (Some(client), Some((url, route)), Some(signer), Some(headers)) => Ok(Self {
                client,
                url,
                route,
                signer,
                headers,
                timeout: settings.timeout,
                clock,
            }),
            _ => Err(errors),
        }
    }

    /// Scheme, host and port of the URL: the rest may hold a secret.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// How the endpoint is reached, as the end of a sentence: nothing if directly.
    #[must_use]
    pub const fn route(&self) -> &Route {
        &self.route
    }

    async fn call(&self, order: &Order) -> Result<Answer, reqwest::Error> {
        let mut body = Vec::new();
        write_order(order, &mut body);
        let headers = self.headers(order, &body);
        let call = self.client.post(self.url.clone());
        let request = call.headers(headers).body(body).build()?;
        let response = reuse::execute(&self.client, request, self.timeout).await?;
        self.read(response).await
    }

    fn headers(&self, order: &Order, body: &[u8]) -> HeaderMap {
        let id = order.id.to_string();
        let seconds = self.clock.now().as_millis() / 1000;
        let timestamp = i64::try_from(seconds).unwrap_or(i64::MAX);
        let json = HeaderValue::from_static("application/json");
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, json.clone());
        headers.insert(ACCEPT, json);
        headers.insert("ordermill-attempt", HeaderValue::from(order.attempt));
        headers.insert(HEADER_WEBHOOK_TIMESTAMP, HeaderValue::from(timestamp));
        let mut insert = |name, text: &str| {
            // Ids and signatures are visible ASCII.
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        insert("idempotency-key", &id);
        insert(HEADER_WEBHOOK_ID, &id);
        // The body is JSON that was written here, so it is UTF-8 and can be signed.
        if let Some(signer) = &self.signer
            && let Ok(signature) = signer.sign(&id, timestamp, body)
        {
            insert(HEADER_WEBHOOK_SIGNATURE, &signature);
        }
        headers
    }

    async fn read(&self, mut response: Response) -> Result<Answer, reqwest::Error> {
        let text = |name| {
            let value: Option<&HeaderValue> = response.headers().get(name);
            value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let status = response.status();
        let location = text(LOCATION);
        let content_type = text(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        let retry_after = retry_after::of(response.headers(), self.clock.now());
        let mut body = Vec::new();
        let mut is_cut = false;
        while let Some(chunk) = response.chunk().await? {
            let room = MAX_BODY_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                // The rest is not read, and the connection is closed.
                is_cut = true;
                break;
            }
        }
        Ok(Answer {
            status,
            content_type,
            location,
            retry_after,
            body,
            is_cut,
        })
    }

    /// Without a whole answer it is not known whether the endpoint has processed the order: the next attempt finds out,
    /// under the same key.
    fn unanswered(&self, error: reqwest::Error) -> Outcome {
        let (code, about) = if error.is_connect() {
            (FailureCode::EndpointUnreachable, "no connection")
        } else if error.is_timeout() {
            (FailureCode::Timeout, "no whole answer in time")
        } else {
            (FailureCode::ConnectionBroken, "no whole answer")
        };
        let message = format!("{about}{}: {}", self.route, message::of_error(error));
        Outcome::Retry {
            failure: Failure::new(code.as_str(), &message),
            after: None,
            scope: FaultScope::Endpoint,
        }
    }
}

/// A part of the handler, or its error among the others.
fn kept<T>(part: Result<T, SettingsError>, errors: &mut Vec<SettingsError>) -> Option<T> {
    part.map_err(|error| errors.push(error)).ok()
}

#[async_trait]
impl OrderHandler for HttpHandler {
    async fn handle(&self, order: &Order) -> Outcome {
        match self.call(order).await {
            Ok(answer) => answer.outcome(order.id, &self.route.to_string()),
            Err(error) => self.unanswered(error),
        }
    }
}
