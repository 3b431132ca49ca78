//! The settings of the `http` handler, checked before anything is called.

use std::fmt;
use std::time::Duration;

use reqwest::Url;

/// Where orders are sent, how they are signed, and how long to wait.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpHandlerSettings {
    /// An absolute `http` or `https` URL.
    pub url: String,
    /// A Standard Webhooks secret, `whsec_` and 24 to 64 bytes in base64; without one, calls are not signed.
    pub secret: Option<String>,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest whole call, from the connection to the last byte of the answer.
    pub timeout: Duration,
    /// How many idle connections are kept for the next calls.
    pub idle_connections: usize,
}

impl Default for HttpHandlerSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            secret: None,
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(15),
            idle_connections: 64,
        }
    }
}

impl fmt::Debug for HttpHandlerSettings {
    /// Without the secret, and without what a URL may hold of one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHandlerSettings")
            .field("is_signed", &self.secret.is_some())
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A setting cannot be used. The variant names the setting, the text what it must be; it never shows the secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No absolute http or https URL.
    #[error("must be an absolute http or https URL, such as https://example.com/orders")]
    Url,
    /// No Standard Webhooks secret.
    #[error("must be whsec_ followed by 24 to 64 bytes in base64")]
    Secret,
    /// The HTTP client cannot be built (no usable TLS).
    #[error("needs an HTTP client, which cannot be built: {0}")]
    Client(#[source] reqwest::Error),
}

const SECRET_PREFIX: &str = "whsec_";

impl HttpHandlerSettings {
    pub(crate) fn checked_url(&self) -> Result<Url, SettingsError> {
        let url = Url::parse(&self.url).map_err(|_| SettingsError::Url)?;
        if matches!(url.scheme(), "http" | "https") && url.has_host() {
            Ok(url)
        } else {
            Err(SettingsError::Url)
        }
    }

    pub(crate) fn signer(&self) -> Result<Option<standardwebhooks::Webhook>, SettingsError> {
        let Some(secret) = &self.secret else {
            return Ok(None);
        };
        let key = secret
            .strip_prefix(SECRET_PREFIX)
            .ok_or(SettingsError::Secret)?;
        // 24 to 64 bytes are 32 to 88 characters of base64.
        if !(32..=88).contains(&key.len()) {
            return Err(SettingsError::Secret);
        }
        standardwebhooks::Webhook::new(secret)
            .map(Some)
            .map_err(|_| SettingsError::Secret)
    }
}

#[cfg(test)]
mod tests {
    use super::HttpHandlerSettings;

    fn with(url: &str, secret: Option<&str>) -> HttpHandlerSettings {
        HttpHandlerSettings {
            url: url.to_owned(),
            secret: secret.map(str::to_owned),
            ..HttpHandlerSettings::default()
        }
    }

    #[test]
    fn only_absolute_http_urls_are_taken() {
        for url in [
            "",
            "/orders",
            "example.com/orders",
            "ftp://example.com",
            "http://",
            "mailto:a@example.com",
        ] {
            assert!(with(url, None).checked_url().is_err(), "{url:?}");
        }
        assert!(
            with("https://example.com/orders?x=1", None)
                .checked_url()
                .is_ok()
        );
    }

    #[test]
    fn a_secret_is_checked_and_never_shown() {
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert!(with("", Some(good)).signer().is_ok());
        for secret in [
            "",
            "whsec_",
            "whsec_short",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_!!KQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            let Err(error) = with("", Some(secret)).signer() else {
                panic!("{secret:?} was taken");
            };
            assert!(!error.to_string().contains("KQ9r"), "{error}");
        }
        assert!(!format!("{:?}", with("http://user:pass@host", Some(good))).contains("MfKQ"));
        assert!(!format!("{:?}", with("http://user:pass@host", Some(good))).contains("pass"));
    }
}
