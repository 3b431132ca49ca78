//! TLS towards a shard, as libpq does it: encrypted only, or with a verified authority, or with a verified host as well, and with
//! a client certificate if one is given. Called by `connect` alone.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::tls_options::{TlsOptions, Verification};

/// `sslrootcert` that stands for the system's authorities.
const SYSTEM: &str = "system";

/// The connector with these options. Reads the files that they name; the error names the parameter.
pub(crate) fn connector(options: &TlsOptions) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let verification = options.verification();
    let root_certificates = options.root_certificates.as_deref();
    if root_certificates == Some(SYSTEM) && verification != Verification::AuthorityAndHost {
        return Err(
            "sslrootcert=system needs sslmode=verify-full: authorities of the system sign for any host"
                .to_owned(),
        );
    }
    let builder = if verification == Verification::AuthorityAndHost {
        builder.with_root_certificates(roots(root_certificates)?)
    } else {
        let roots = (verification == Verification::Authority)
            .then(|| roots(root_certificates))
            .transpose()?;
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyHost { provider, roots }))
    };
    let config = match (&options.client_certificate, &options.client_key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(_), None) => return Err("sslcert needs sslkey".to_owned()),
        (None, Some(_)) => return Err("sslkey needs sslcert".to_owned()),
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(client_certificate(certificate)?, client_key(key)?)
            .map_err(|error| format!("sslcert {certificate} with sslkey {key}: {error}"))?,
    };
    Ok(MakeRustlsConnect::new(config))
}

fn roots(path: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = match path {
        Some(path) if path != SYSTEM => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| format!("sslrootcert {path}: {error}"))?,
        _ => rustls_native_certs::load_native_certs().certs,
    };
    let (taken, _) = roots.add_parsable_certificates(certificates);
    if taken == 0 {
        return Err(
            "sslmode asks for a verified certificate, but there is no root certificate: set sslrootcert".to_owned(),
        );
    }
    Ok(roots)
}

fn client_certificate(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| format!("sslcert {path}: {error}"))?;
    if certificates.is_empty() {
        return Err(format!(
            "sslcert {path}: there is no certificate (PEM) in it"
        ));
    }
    Ok(certificates)
}

fn client_key(path: &str) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            format!("sslkey {path}: there is no private key (PEM, not encrypted) in it")
        }
        error => format!("sslkey {path}: {error}"),
    })
}

/// Takes a certificate for any host: one that an authority of `roots` signed (libpq's `verify-ca`), or, without `roots`, any one
/// (libpq's `prefer` and `require`). It always checks that the server holds the key of the certificate.
#[derive(Debug)]
struct AnyHost {
    provider: Arc<CryptoProvider>,
    roots: Option<RootCertStore>,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?;
        }
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
