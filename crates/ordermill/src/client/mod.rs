//! The HTTP client of every command that talks to a running server: one place for addresses, time-outs and problems.
//! It retries nothing by itself; commands that may retry say so.

mod problem;

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use outbound_http::{Proxies, Route};
use reqwest::{Method, StatusCode, Url, header};

pub use problem::{ApiError, Fault, Problem};

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for an answer: longer than any server's own deadline.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Which server, the same flag for every command.
#[derive(Debug, Clone, clap::Args)]
pub struct ServerFlags {
    /// The server
    #[arg(
        long,
        value_name = "URL",
        env = "ORDERMILL_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub url: Url,
}

/// A server's HTTP interface.
#[derive(Debug, Clone)]
pub struct Server {
    base: Url,
    route: Route,
    http: reqwest::Client,
}

/// An answer with its body read.
#[derive(Debug, Clone)]
pub struct Answer {
    /// 2xx.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
}

impl Server {
    /// A client of the server that the flags name.
    ///
    /// # Errors
    /// If the URL cannot be one of a server.
    pub fn new(flags: &ServerFlags) -> anyhow::Result<Self> {
        if !matches!(flags.url.scheme(), "http" | "https") {
            anyhow::bail!(
                "{} is not a server's URL; it must begin with http:// or https://",
                flags.url
            );
        }
        let route = Proxies::from_environment()
            .route(&flags.url)
            .with_context(|| format!("cannot reach {}", flags.url))?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("ordermill/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        let http = route
            .apply(http)
            .build()
            .context("cannot set up the HTTP client")?;
        Ok(Self {
            base: flags.url.clone(),
            route,
            http,
        })
    }

    /// The URL of a path, with query parameters; parts of the path are escaped.
    pub fn url(&self, path: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Reads.
    ///
    /// # Errors
    /// If the server cannot be reached or answers anything but 2xx.
    pub async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Answer, ApiError> {
        let request = self.http.request(Method::GET, self.url(path, query));
        self.answer(request.header(header::ACCEPT, "application/json"))
            .await
    }

    /// Sends a JSON body.
    ///
    /// # Errors
    /// As [`Server::get`].
    pub async fn post(
        &self,
        path: &[&str],
        body: String,
        key: Option<&str>,
    ) -> Result<Answer, ApiError> {
        let mut request = self
            .http
            .request(Method::POST, self.url(path, &[]))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.answer(request).await
    }

    /// Sends a batch of orders as NDJSON.
    ///
    /// # Errors
    /// As [`Server::get`].
    pub async fn post_batch(
        &self,
        ndjson: Bytes,
        query: &[(&str, String)],
    ) -> Result<Answer, ApiError> {
        let request = self
            .http
            .request(Method::POST, self.url(&["v1", "orders", "batch"], query))
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .body(ndjson);
        self.answer(request).await
    }

    /// Opens a stream of server-sent events. Reading it has no time-out.
    ///
    /// # Errors
    /// As [`Server::get`].
    pub async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        last_event_id: Option<&str>,
    ) -> Result<reqwest::Response, ApiError> {
        let mut request = self
            .http
            .request(Method::GET, self.url(path, query))
            .header(header::ACCEPT, "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = tokio::time::timeout(ANSWER_TIMEOUT, request.send())
            .await
            .map_err(|_| ApiError::no_answer(&self.base, &self.route, ANSWER_TIMEOUT))?
            .map_err(|error| ApiError::unreachable(&self.base, &self.route, error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(response).await)
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Answer, ApiError> {
        let response = request
            .timeout(ANSWER_TIMEOUT)
            .send()
            .await
            .map_err(|error| ApiError::unreachable(&self.base, &self.route, error))?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let status = response.status();
        let body = response
            .bytes()
            .await
            .map_err(|error| ApiError::unreachable(&self.base, &self.route, error))?;
        Ok(Answer { status, body })
    }

    async fn refusal(&self, response: reqwest::Response) -> ApiError {
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        match tokio::time::timeout(ANSWER_TIMEOUT, response.bytes()).await {
            Ok(Ok(body)) => {
                ApiError::Refused(Problem::read(status, retry_after, &body, &self.route))
            }
            Ok(Err(error)) => ApiError::unreachable(&self.base, &self.route, error),
            Err(_) => ApiError::no_answer(&self.base, &self.route, ANSWER_TIMEOUT),
        }
    }
}
