//! The settings of the `http` handler. They have no defaults here: the configuration is their one source.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use outbound_http::{Proxies, ProxyError};
use reqwest::Url;

pub use crate::headers::HeaderError;

/// The most secrets at a time.
pub(crate) const MAX_SECRETS: usize = 4;

/// Where orders are sent, how calls are signed and secured, and how long to wait.
#[derive(Clone)]
pub struct HttpHandlerSettings {
    /// An absolute `http` or `https` URL.
    pub url: String,
    /// Standard Webhooks secrets: `whsec_` and 24 to 64 bytes in base64. Each signs every call; without any, calls are
    /// not signed.
    pub secrets: Vec<String>,
    /// The operator's own headers, each `Name: value`.
    pub headers: Vec<String>,
    /// Certificates (PEM) of authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// What the handler shows to an endpoint that asks for a certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// The longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// The longest whole call, from the connection to the last byte of the answer.
    pub timeout: Duration,
    /// How many idle connections are kept for the next calls.
    pub idle_connections: usize,
    /// The proxies of the environment.
    pub proxies: Proxies,
}

/// A client certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, followed by its intermediate ones if there are any (PEM).
    pub certificate_file: PathBuf,
    /// Its private key (PEM, not encrypted).
    pub key_file: PathBuf,
}

impl fmt::Debug for HttpHandlerSettings {
    /// Without secrets, header values, and what a URL may hold of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHandlerSettings")
            .field("secrets", &self.secrets.len())
            .field("headers", &self.headers.len())
            .field("ca_file", &self.ca_file)
            .field("client_certificate", &self.client_certificate)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A setting cannot be used. The variant names the setting, the text what it must be; it never shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not an absolute http or https URL.
    #[error("must be an absolute http or https URL, such as https://example.com/orders")]
    Url,
    /// The URL would be called through something that is not a proxy.
    #[error("would be called through a proxy, but {0}")]
    Proxy(#[source] ProxyError),
    /// Not a Standard Webhooks secret.
    #[error("must be whsec_ followed by 24 to 64 bytes in base64, or a list of such secrets")]
    Secret,
    /// More secrets than a rotation needs.
    #[error("must be at most {MAX_SECRETS} secrets")]
    SecretCount,
    /// Headers that cannot be sent.
    #[error(transparent)]
    Headers(HeaderError),
    /// The file of authorities.
    #[error("{0}")]
    CaFile(String),
    /// The client certificate.
    #[error("{0}")]
    ClientCertificate(String),
    /// The key of the client certificate.
    #[error("{0}")]
    ClientKey(String),
    /// The HTTP client cannot be built (no usable TLS).
    #[error("needs an HTTP client, which cannot be built: {0}")]
    Client(#[source] reqwest::Error),
}

impl HttpHandlerSettings {
    pub(crate) fn checked_url(&self) -> Result<Url, SettingsError> {
        Url::parse(&self.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or(SettingsError::Url)
    }
}
