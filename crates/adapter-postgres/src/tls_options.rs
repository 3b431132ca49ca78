//! The TLS parameters of a data source name that the driver does not know, under libpq's names: `sslrootcert`, `sslcert`, `sslkey`
//! and the modes of `sslmode` that verify. `connect` takes them out before the driver reads the rest; `tls` builds the
//! connector from them. No file is read here.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// How much of the server's certificate is verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Verification {
    /// Nothing: the connection is only encrypted.
    #[default]
    None,
    /// That a trusted authority signed it (`verify-ca`).
    Authority,
    /// That, and that it is for the host (`verify-full`).
    AuthorityAndHost,
}

/// The TLS parameters. `None` for what the name does not give.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    mode: Option<Verification>,
    /// A file of certificates (PEM), or `system`.
    pub(crate) root_certificates: Option<String>,
    /// The file of the client's certificate, with its intermediate ones (PEM).
    pub(crate) client_certificate: Option<String>,
    /// The file of its private key (PEM).
    pub(crate) client_key: Option<String>,
}

impl TlsOptions {
    /// With root certificates `require` verifies the authority, as libpq's does.
    pub(crate) const fn verification(&self) -> Verification {
        match (self.mode, &self.root_certificates) {
            (Some(mode), _) => mode,
            (None, Some(_)) => Verification::Authority,
            (None, None) => Verification::None,
        }
    }

    /// Keeps a parameter that the driver does not know; the driver gets what is returned instead.
    fn take(&mut self, key: &str, value: &str) -> Taken {
        let value = value.to_owned();
        match (key, value.as_str()) {
            ("sslmode", "verify-ca") => self.mode = Some(Verification::Authority),
            ("sslmode", "verify-full") => self.mode = Some(Verification::AuthorityAndHost),
            ("sslrootcert", _) => {
                self.root_certificates = Some(value);
                return Taken::Nothing;
            }
            ("sslcert", _) => {
                self.client_certificate = Some(value);
                return Taken::Nothing;
            }
            ("sslkey", _) => {
                self.client_key = Some(value);
                return Taken::Nothing;
            }
            _ => return Taken::AsItIs,
        }
        Taken::Require
    }
}

/// What the driver gets for a parameter.
enum Taken {
    AsItIs,
    /// `sslmode=require`
    Require,
    Nothing,
}

/// Takes the parameters that the driver does not know out of a data source name. What cannot be read is left for the driver,
/// which says what is wrong with it.
pub(crate) fn split_options(address: &str) -> (String, TlsOptions) {
    let mut options = TlsOptions::default();
    let rest = if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        split_url(address, &mut options)
    } else {
        split_pairs(address, &mut options)
    };
    (rest, options)
}

fn split_url(address: &str, options: &mut TlsOptions) -> String {
    let Some((base, query)) = address.split_once('?') else {
        return address.to_owned();
    };
    let mut rest = Vec::new();
    for parameter in query.split('&') {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = percent_decode_str(value).decode_utf8_lossy();
        match options.take(key, &value) {
            Taken::AsItIs => rest.push(parameter),
            Taken::Require => rest.push("sslmode=require"),
            Taken::Nothing => {}
        }
    }
    format!("{base}?{}", rest.join("&"))
}

fn split_pairs(address: &str, options: &mut TlsOptions) -> String {
    let mut rest = Vec::new();
    let mut unread = address.trim_start();
    while !unread.is_empty() {
        let Some(pair) = Pair::read(unread) else {
            rest.push(unread);
            break;
        };
        match options.take(pair.key, &pair.value) {
            Taken::AsItIs => rest.push(pair.text),
            Taken::Require => rest.push("sslmode=require"),
            Taken::Nothing => {}
        }
        unread = unread[pair.text.len()..].trim_start();
    }
    rest.join(" ")
}

/// `key = value`, in which the value may be quoted.
struct Pair<'a> {
    /// As it is written.
    text: &'a str,
    key: &'a str,
    value: Cow<'a, str>,
}

impl<'a> Pair<'a> {
    /// The pair that `text` begins with; `None` if it begins with none.
    fn read(text: &'a str) -> Option<Self> {
        let (key, after) = text.split_once('=')?;
        let value = after.trim_start();
        let is_quoted = value.starts_with('\'');
        let begin = usize::from(is_quoted);
        let mut is_escaped = false;
        let end = value[begin..].find(|c: char| {
            let ends = !is_escaped
                && if is_quoted {
                    c == '\''
                } else {
                    c.is_ascii_whitespace()
                };
            is_escaped = !is_escaped && c == '\\';
            ends
        });
        let end = match end {
            Some(end) => begin + end,
            // A quote that is never closed.
            None if is_quoted => return None,
            None => value.len(),
        };
        let bytes = text.len() - value.len() + end + begin;
        Some(Self {
            text: &text[..bytes],
            key: key.trim_end(),
            value: unescaped(&value[begin..end]),
        })
    }
}

/// Without the backslashes that escape what follows them.
fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::{Verification, split_options};

    fn verification(parameters: &str) -> Verification {
        let (_, options) = split_options(&format!("postgres://h/db?{parameters}"));
        options.verification()
    }

    #[test]
    fn parameters_of_libpq_are_taken_out_of_both_forms() {
        for (address, expected) in [
            (
                "postgres://u:p@h/db?sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/a%20b.pem&sslkey=/k&options=x",
                "postgres://u:p@h/db?sslmode=require&options=x",
            ),
            (
                "host=h sslmode = verify-full sslrootcert='/ca.pem' sslcert='/a b.pem' sslkey=/k dbname=d",
                "host=h sslmode=require dbname=d",
            ),
        ] {
            let (rest, options) = split_options(address);
            assert_eq!(rest, expected);
            assert_eq!(options.verification(), Verification::AuthorityAndHost);
            assert_eq!(options.root_certificates.as_deref(), Some("/ca.pem"));
            assert_eq!(options.client_certificate.as_deref(), Some("/a b.pem"));
            assert_eq!(options.client_key.as_deref(), Some("/k"));
        }
    }

    #[test]
    fn everything_else_is_left_as_it_is_written() {
        for address in [
            r"host=h password='a  b\' sslkey=x' sslmode=disable",
            r"password=a\ b host=h",
            "host=h password='never closed sslkey=/k",
            "postgres://u:sslkey@h/db",
            "no pairs",
            "",
        ] {
            assert_eq!(split_options(address).0, address);
        }
        let (rest, options) = split_options(r"password='a  b' sslkey='/it\'s \\ one'");
        assert_eq!(rest, "password='a  b'");
        assert_eq!(options.client_key.as_deref(), Some(r"/it's \ one"));
    }

    #[test]
    fn a_root_certificate_makes_every_mode_verify_the_authority() {
        assert_eq!(verification("sslmode=require"), Verification::None);
        assert_eq!(verification("sslmode=prefer"), Verification::None);
        for mode in ["sslmode=require&", "sslmode=prefer&", ""] {
            let with_root = format!("{mode}sslrootcert=/ca.pem");
            assert_eq!(verification(&with_root), Verification::Authority);
        }
        assert_eq!(verification("sslmode=verify-ca"), Verification::Authority);
    }
}
