//! Which host names and which pages' origins a server accepts: the typed items of `http.allowed_hosts` and
//! `http.cors_origins`.
//!
//! The binary reads them from the configuration, `browser` compares requests with them. Nothing here sees a request.

use std::net::IpAddr;

use axum::http::Uri;

/// What an item of `http.allowed_hosts` must be.
pub const HOST_NAME_EXPECTED: &str =
    "a host name or IP address without scheme and port, such as \"mill.example\"";
/// What an item of `http.cors_origins` must be.
pub const CORS_ORIGIN_EXPECTED: &str = "an origin without a path, such as \"https://shop.example\" or \"http://10.0.0.5:3000\", \
     or one of \"loopback\", \"null\" and \"*\"";

/// A host name, or an IP address without brackets; in lower case and without a dot at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// Reads an item of `http.allowed_hosts`; `None` if it is not [`HOST_NAME_EXPECTED`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bare = bare_host(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Some(Self(address.to_string()));
        }
        let is_label = |label: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            (1..=63).contains(&label.len()) && label.bytes().all(is_allowed)
        };
        let is_name = bare.len() <= 253 && bare.split('.').all(is_label);
        is_name.then(|| Self(bare.to_ascii_lowercase()))
    }

    /// Whether `host`, as a URL or a Host header writes it (without a port), is this one.
    pub(crate) fn is(&self, host: &str) -> bool {
        self.0.eq_ignore_ascii_case(bare_host(host))
    }
}

/// A host without the brackets of an IPv6 address and the dot at the end of a fully qualified name.
pub(crate) fn bare_host(host: &str) -> &str {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// An item of `http.cors_origins`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigin {
    /// `"loopback"`: every origin on this machine, at the addresses of the dialects and on the separate WebSocket port only.
    Loopback,
    /// `"null"`: pages that have no origin, such as files and sandboxed frames, at every address.
    Null,
    /// `"*"`: every page, at every address.
    Any,
    /// The pages of one origin, at every address.
    Page(Origin),
}

impl CorsOrigin {
    /// Reads an item of `http.cors_origins`; `None` if it is not [`CORS_ORIGIN_EXPECTED`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "loopback" => Self::Loopback,
            "null" => Self::Null,
            "*" => Self::Any,
            _ => {
                let page = Origin::parse(text)?;
                HostName::parse(&page.host)?;
                Self::Page(page)
            }
        })
    }
}

/// The origin of a page: scheme and host in lower case, and the port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub(crate) scheme: String,
    /// As URLs write it: an IPv6 address in brackets.
    pub(crate) host: String,
    /// The one of the scheme if the origin names none; `None` if the scheme has none either.
    pub(crate) port: Option<u16>,
}

impl Origin {
    /// Reads `scheme://host[:port]`. `None` for everything else, `null` included.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        let scheme = scheme.to_ascii_lowercase();
        let host = authority.host().to_ascii_lowercase();
        // Anything but an authority behind the scheme, such as a path, is not part of an origin.
        let is_origin = text.len() == scheme.len() + "://".len() + authority.as_str().len();
        if !is_origin || host.is_empty() {
            return None;
        }
        // A user before the host leaves no port behind it.
        let port = match authority.as_str().get(host.len()..)? {
            "" => default_port(&scheme),
            port => Some(port.strip_prefix(':')?.parse().ok()?),
        };
        Some(Self { scheme, host, port })
    }
}

/// The port of a URL without one.
pub(crate) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{CorsOrigin, HostName, Origin};

    #[test]
    fn a_host_is_a_name_or_an_address_without_a_port() {
        for (text, host) in [
            ("mill.example", "mill.example"),
            ("Orders.Example.", "ORDERS.example"),
            ("my_proxy", "my_proxy"),
            ("10.0.0.5", "10.0.0.5"),
            ("::1", "[::1]"),
            ("[2001:DB8:0::1]", "[2001:db8::1]"),
        ] {
            let name = HostName::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert!(name.is(host), "{text} is {host}");
            assert!(!name.is("evil.example"), "{text}");
        }
        for text in [
            "",
            ".",
            "a..b",
            "mill.example:8080",
            "https://mill.example",
            "mill.example/",
            "*.example",
            "a b",
            "é.example",
            "10.0.0.5:80",
            "[::1]:80",
        ] {
            assert_eq!(HostName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        let parsed = |text: &str| {
            let origin = Origin::parse(text)?;
            Some((origin.scheme, origin.host, origin.port))
        };
        for (text, scheme, host, port) in [
            ("https://shop.example", "https", "shop.example", Some(443)),
            (
                "HTTPS://Shop.Example:443",
                "https",
                "shop.example",
                Some(443),
            ),
            ("http://localhost:3000", "http", "localhost", Some(3000)),
            ("http://[::1]:3000", "http", "[::1]", Some(3000)),
            ("chrome-extension://abc", "chrome-extension", "abc", None),
        ] {
            let expected = (scheme.to_owned(), host.to_owned(), port);
            assert_eq!(parsed(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "null",
            "*",
            "shop.example",
            "https://",
            "file://",
            "https://shop.example/",
            "https://shop.example/page",
            "https://shop.example?q",
            "https://user@shop.example",
            "https://shop.example:",
            "https://shop.example:99999",
            "https://shop.example, https://evil.example",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn a_cors_origin_is_an_origin_or_one_of_three_words() {
        assert_eq!(CorsOrigin::parse("loopback"), Some(CorsOrigin::Loopback));
        assert_eq!(CorsOrigin::parse("null"), Some(CorsOrigin::Null));
        assert_eq!(CorsOrigin::parse("*"), Some(CorsOrigin::Any));
        let page = Origin::parse("https://shop.example").map(CorsOrigin::Page);
        assert!(page.is_some());
        assert_eq!(CorsOrigin::parse("https://shop.example"), page);
        for text in ["", "shop.example", "https://*.example", "loopback:80"] {
            assert_eq!(CorsOrigin::parse(text), None, "{text}");
        }
    }
}
