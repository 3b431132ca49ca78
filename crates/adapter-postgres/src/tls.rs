//! TLS towards a shard, with the words of libpq: `sslmode=disable | prefer | require | verify-ca | verify-full` and
//! `sslrootcert`. `prefer` and `require` encrypt without looking at the certificate; the `verify` modes check it
//! and the host's name against `sslrootcert`, or else the system's roots. Called by `connect` alone.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What of TLS the driver does not know itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    verify: bool,
    root_certificates: Option<String>,
}

/// Takes the parameters that the driver does not know out of a data source name.
pub(crate) fn split_options(address: &str) -> (String, TlsOptions) {
    let mut options = TlsOptions::default();
    let mut keep = |pair: &str| -> Option<String> {
        match pair.split_once('=') {
            Some(("sslmode", "verify-ca" | "verify-full")) => {
                options.verify = true;
                Some("sslmode=require".to_owned())
            }
            Some(("sslrootcert", path)) => {
                options.root_certificates = Some(path.trim_matches('\'').to_owned());
                None
            }
            _ => Some(pair.to_owned()),
        }
    };
    let rest = if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        match address.split_once('?') {
            None => address.to_owned(),
            Some((base, query)) => {
                let query: Vec<_> = query.split('&').filter_map(&mut keep).collect();
                format!("{base}?{}", query.join("&"))
            }
        }
    } else if ["sslrootcert", "verify-ca", "verify-full"]
        .iter()
        .any(|word| address.contains(word))
    {
        let pairs: Vec<_> = address
            .split_ascii_whitespace()
            .filter_map(&mut keep)
            .collect();
        pairs.join(" ")
    } else {
        address.to_owned()
    };
    (rest, options)
}

/// The connector with these options.
pub(crate) fn connector(options: &TlsOptions) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = if options.verify {
        builder.with_root_certificates(roots(options.root_certificates.as_deref())?)
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate { provider }))
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn roots(path: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = match path {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| format!("sslrootcert {path}: {error}"))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let (taken, _) = roots.add_parsable_certificates(certificates);
    if taken == 0 {
        return Err(
            "sslmode asks for a verified certificate, but there is no root certificate: set sslrootcert".to_owned(),
        );
    }
    Ok(roots)
}

/// Takes any certificate, as libpq's `prefer` and `require` do, and still checks that the server holds its key.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::split_options;

    #[test]
    fn the_words_of_libpq_are_understood_in_both_forms() {
        let (rest, options) =
            split_options("postgres://u:p@h/db?sslmode=verify-full&sslrootcert=/ca.pem&options=x");
        assert_eq!(rest, "postgres://u:p@h/db?sslmode=require&options=x");
        assert!(options.verify && options.root_certificates.as_deref() == Some("/ca.pem"));
        let (rest, options) =
            split_options("host=h sslmode=verify-ca sslrootcert='/ca.pem' dbname=d");
        assert_eq!(rest, "host=h sslmode=require dbname=d");
        assert!(options.verify && options.root_certificates.as_deref() == Some("/ca.pem"));
        let plain = "host=h password='a  b' sslmode=disable";
        assert_eq!(split_options(plain).0, plain);
    }
}
