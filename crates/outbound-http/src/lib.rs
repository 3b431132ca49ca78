//! The proxy rule of every HTTP client of this program: which proxy of the environment a URL is reached through.
//!
//! The handler's client, the command line's client and the tests' clients use it. `HTTP_PROXY`, `HTTPS_PROXY`,
//! `ALL_PROXY` and `NO_PROXY` (or their names in lower case) are honoured as curl does, and never apply to loopback.
//! It opens no connection, and it never shows a proxy's password.

use std::fmt;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, Url};
use url_host::is_loopback;

mod url_host;

/// What a proxy's URL may begin with.
const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

/// A variable of the environment that is set: its name as it was found, and its text.
#[derive(Clone, PartialEq, Eq)]
struct Variable {
    name: &'static str,
    text: String,
}

/// The proxy variables of an environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<Variable>,
    https: Option<Variable>,
    all: Option<Variable>,
    no_proxy: String,
}

impl fmt::Debug for Proxies {
    /// The names alone: the texts may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = [&self.http, &self.https, &self.all];
        f.debug_list()
            .entries(set.into_iter().flatten().map(|variable| variable.name))
            .finish()
    }
}

/// A variable that applies to a URL does not name a proxy. Never shows its text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{variable} is not the URL of a proxy, such as http://proxy.example:3128: change it, or name the host in NO_PROXY"
)]
pub struct ProxyError {
    /// The variable's name.
    pub variable: &'static str,
}

impl Proxies {
    /// The variables of this process.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The variables that `lookup` finds by name.
    #[must_use]
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Self {
        // In a CGI program HTTP_PROXY is the request header Proxy, so it must not be believed.
        if lookup("REQUEST_METHOD").is_some() {
            return Self::default();
        }
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                let text = lookup(name)?;
                Some(Variable { name, text })
            })
        };
        Self {
            http: first(["HTTP_PROXY", "http_proxy"]),
            https: first(["HTTPS_PROXY", "https_proxy"]),
            all: first(["ALL_PROXY", "all_proxy"]),
            no_proxy: first(["NO_PROXY", "no_proxy"])
                .map(|variable| variable.text)
                .unwrap_or_default(),
        }
    }

    /// How `url` is reached.
    ///
    /// # Errors
    /// If the variable that applies to `url` is not the URL of a proxy.
    pub fn route(&self, url: &Url) -> Result<Route, ProxyError> {
        let of_scheme = match url.scheme() {
            "https" => &self.https,
            _ => &self.http,
        };
        let is_set = |variable: &&Variable| !variable.text.trim().is_empty();
        let variable = of_scheme.as_ref().filter(is_set);
        let Some(variable) = variable.or(self.all.as_ref().filter(is_set)) else {
            return Ok(Route::default());
        };
        if is_loopback(url) || self.is_excluded(url) {
            return Ok(Route::default());
        }
        let refused = || ProxyError {
            variable: variable.name,
        };
        let address = proxy_url(variable.text.trim()).ok_or_else(refused)?;
        Ok(Route {
            proxy: Some(Arc::new(Via {
                name: name_of(&address),
                variable: variable.name,
                proxy: reqwest::Proxy::all(address).map_err(|_| refused())?,
            })),
        })
    }

    /// Whether `NO_PROXY` names the URL's host.
    fn is_excluded(&self, url: &Url) -> bool {
        // The matcher answers what it would do with any proxy.
        let matcher = Matcher::builder()
            .all("http://proxy.invalid")
            .no(self.no_proxy.as_str())
            .build();
        url.as_str()
            .parse::<http::Uri>()
            .is_ok_and(|uri| matcher.intercept(&uri).is_none())
    }
}

/// How one URL is reached: directly, or through a proxy.
#[derive(Debug, Clone, Default)]
pub struct Route {
    proxy: Option<Arc<Via>>,
}

#[derive(Debug, Clone)]
struct Via {
    name: String,
    variable: &'static str,
    proxy: reqwest::Proxy,
}

impl Route {
    /// A client that takes this route, whatever it calls. It is for one destination: the client must not follow
    /// redirects to others.
    pub fn apply(&self, client: ClientBuilder) -> ClientBuilder {
        // Without this, reqwest reads the environment by its own rule.
        let client = client.no_proxy();
        match &self.proxy {
            Some(via) => client.proxy(via.proxy.clone()),
            None => client,
        }
    }

    /// Whether there is a proxy on the way.
    #[must_use]
    pub const fn has_proxy(&self) -> bool {
        self.proxy.is_some()
    }
}

impl fmt::Display for Route {
    /// The end of a message about a call that took this route: nothing if it is direct, else ` (through the proxy
    /// http://proxy.example:3128, set by HTTP_PROXY)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.proxy {
            Some(via) => write!(
                f,
                " (through the proxy {}, set by {})",
                via.name, via.variable
            ),
            None => Ok(()),
        }
    }
}

/// A variable's text as a URL; `http://` is what is meant if it has no scheme.
fn proxy_url(text: &str) -> Option<Url> {
    let url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("http://{text}"))
    };
    url.ok()
        .filter(|url| SCHEMES.contains(&url.scheme()) && url.has_host())
}

/// A proxy's scheme, host and port.
fn name_of(proxy: &Url) -> String {
    let host = proxy.host_str().unwrap_or_default();
    match proxy.port() {
        Some(port) => format!("{}://{host}:{port}", proxy.scheme()),
        None => format!("{}://{host}", proxy.scheme()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Proxies, Url};

    fn with(variables: &[(&'static str, &str)]) -> Proxies {
        let variables: Vec<(&str, String)> = variables
            .iter()
            .map(|(name, text)| (*name, (*text).to_owned()))
            .collect();
        Proxies::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, text)| text.clone())
        })
    }

    fn route(proxies: &Proxies, url: &str) -> String {
        proxies
            .route(&Url::parse(url).unwrap())
            .unwrap()
            .to_string()
    }

    #[test]
    fn the_scheme_of_the_url_chooses_the_variable_and_all_proxy_is_for_the_rest() {
        let both = with(&[("HTTP_PROXY", "http://a:1"), ("https_proxy", "b:2")]);
        let through_a = " (through the proxy http://a:1, set by HTTP_PROXY)";
        assert_eq!(route(&both, "http://example.com/"), through_a);
        let through_b = " (through the proxy http://b:2, set by https_proxy)";
        assert_eq!(route(&both, "https://example.com/"), through_b);
        let all = with(&[("ALL_PROXY", "socks5://c:3"), ("HTTP_PROXY", "")]);
        let through_c = " (through the proxy socks5://c:3, set by ALL_PROXY)";
        assert_eq!(route(&all, "http://example.com/"), through_c);
        assert_eq!(route(&all, "https://example.com/"), through_c);
        assert_eq!(route(&with(&[]), "http://example.com/"), "");
    }

    #[test]
    fn loopback_is_never_reached_through_a_proxy_not_even_one_that_cannot_be_used() {
        for text in ["http://proxy.example:3128", "no proxy at all"] {
            let proxies = with(&[
                ("HTTP_PROXY", text),
                ("HTTPS_PROXY", text),
                ("ALL_PROXY", text),
            ]);
            for url in [
                "http://127.0.0.1:8080/",
                "https://127.255.3.4/",
                "http://127.1/",
                "http://[::1]:8080/",
                "http://[::ffff:127.0.0.1]/",
                "http://localhost:8080/",
                "https://LOCALHOST/",
                "http://localhost./",
                "http://shop.localhost/",
            ] {
                assert_eq!(route(&proxies, url), "", "{url}");
            }
            for url in [
                "http://128.0.0.1/",
                "http://localhost.example/",
                "http://mylocalhost/",
            ] {
                let route = proxies.route(&Url::parse(url).unwrap());
                assert!(route.is_err() || route.unwrap().has_proxy(), "{url}");
            }
        }
    }

    #[test]
    fn hosts_in_no_proxy_are_reached_directly() {
        let set = |list| with(&[("HTTP_PROXY", "http://a:1"), ("NO_PROXY", list)]);
        let some = set("internal.example, 10.0.0.0/8");
        for url in [
            "http://internal.example/",
            "http://x.internal.example/",
            "http://10.1.2.3:80/",
        ] {
            assert_eq!(route(&some, url), "", "{url}");
        }
        assert_ne!(route(&some, "http://notinternal.example/"), "");
        assert_ne!(route(&some, "http://11.1.2.3/"), "");
        assert_eq!(route(&set("*"), "http://example.com/"), "");
    }

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let proxies = with(&[("HTTP_PROXY", "http://user:s3cret@proxy.example:3128/path")]);
        let named = " (through the proxy http://proxy.example:3128, set by HTTP_PROXY)";
        assert_eq!(route(&proxies, "http://example.com/"), named);
        assert_eq!(format!("{proxies:?}"), r#"["HTTP_PROXY"]"#);
    }

    #[test]
    fn a_text_that_names_no_proxy_is_refused_by_the_name_of_its_variable() {
        for text in [
            "http://",
            "ftp://s3cret",
            "http://s3cret:port",
            "s3cret s3cret",
        ] {
            let proxies = with(&[("all_proxy", text)]);
            let url = Url::parse("http://example.com/").unwrap();
            let error = proxies.route(&url).unwrap_err();
            assert_eq!(error.variable, "all_proxy", "{text}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_cgi_program_has_no_proxies() {
        let proxies = with(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://a:1")]);
        assert_eq!(route(&proxies, "http://example.com/"), "");
    }
}
