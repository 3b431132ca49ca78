//! Endpoints behind TLS: certificates of an authority of the operator's own, and endpoints that ask for a client
//! certificate. The certificates are made by scripts/parts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use adapter_webhook::{ClientCertificate, HttpHandler, HttpHandlerSettings};
use application::ports::{OrderHandler as _, Outcome};
use application::system::SystemClock;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::servers::{message, order, read_request, settings, with};

struct Certificates(TempDir);

impl Certificates {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = std::env::var_os("ORDERMILL_TEST_PARTS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/parts"),
            PathBuf::from,
        );
        let made = Command::new(script)
            .arg("certificates")
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.file(name)).unwrap()
    }

    fn client(&self) -> ClientCertificate {
        ClientCertificate {
            certificate_file: self.file("client.pem"),
            key_file: self.file("client.key"),
        }
    }
}

/// A server that answers every request over TLS with the number of certificates that the client showed.
async fn serve_tls(
    certificates: &Certificates,
    asks_for_certificate: bool,
) -> (String, JoinSet<()>) {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = if asks_for_certificate {
        let mut authorities = RootCertStore::empty();
        authorities.add(certificates.read("ca.pem")).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
        config.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(certificates.file("server.key")).unwrap();
    let config = config
        .with_single_cert(vec![certificates.read("server.pem")], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/",
        listener.local_addr().unwrap().port()
    );
    let mut server = JoinSet::new();
    server.spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            // A client that does not trust us ends the handshake.
            let Ok(mut stream) = acceptor.accept(tcp).await else {
                continue;
            };
            let shown = stream.get_ref().1.peer_certificates().map_or(0, <[_]>::len);
            if read_request(&mut stream).await.is_some() {
                let body = format!("[{shown}]");
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    (url, server)
}

fn done(result: &str) -> Outcome {
    Outcome::Done {
        result: Some(Arc::from(result)),
    }
}

#[tokio::test]
async fn an_endpoint_is_trusted_by_the_operators_own_authority_and_by_no_other() {
    let certificates = Certificates::make();
    let (url, _server) = serve_tls(&certificates, false).await;
    let stranger = with(&settings(url.clone())).handle(&order()).await;
    let refused = message(stranger);
    assert!(refused.contains("certificate"), "{refused}");
    let trusting = HttpHandlerSettings {
        ca_file: Some(certificates.file("ca.pem")),
        ..settings(url)
    };
    assert_eq!(with(&trusting).handle(&order()).await, done("[0]"));
    let other = Certificates::make();
    let wrong = HttpHandlerSettings {
        ca_file: Some(other.file("ca.pem")),
        ..trusting
    };
    let refused = message(with(&wrong).handle(&order()).await);
    assert!(refused.contains("certificate"), "{refused}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_an_endpoint_that_asks_for_one() {
    let certificates = Certificates::make();
    let (url, _server) = serve_tls(&certificates, true).await;
    let without = HttpHandlerSettings {
        ca_file: Some(certificates.file("ca.pem")),
        ..settings(url)
    };
    assert!(matches!(
        with(&without).handle(&order()).await,
        Outcome::Retry { .. }
    ));
    let with_certificate = HttpHandlerSettings {
        client_certificate: Some(certificates.client()),
        ..without
    };
    assert_eq!(with(&with_certificate).handle(&order()).await, done("[1]"));
}

#[test]
fn a_key_that_is_not_the_certificates_is_refused_by_the_name_of_its_file() {
    let certificates = Certificates::make();
    for (certificate_file, key_file, named) in [
        ("client.pem", "server.key", "server.key"),
        ("client.pem", "ca.pem", "ca.pem"),
        ("client.pem", "missing.key", "missing.key"),
        ("client.key", "client.key", "client.key"),
    ] {
        let settings = HttpHandlerSettings {
            ca_file: Some(certificates.file("ca.pem")),
            client_certificate: Some(ClientCertificate {
                certificate_file: certificates.file(certificate_file),
                key_file: certificates.file(key_file),
            }),
            ..settings("https://example.com".to_owned())
        };
        let made = HttpHandler::new(&settings, Arc::new(SystemClock::new()));
        let errors = made.err().unwrap_or_default();
        assert_eq!(errors.len(), 1, "{certificate_file} {key_file}");
        let error = errors[0].to_string();
        assert!(error.contains(named), "{error}");
    }
}
