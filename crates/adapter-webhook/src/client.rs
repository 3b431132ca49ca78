//! The HTTP client of the handler: time-outs, the pool of idle connections, TLS with the operator's authorities and client
//! certificate, and the way through a proxy. Built once, from the settings; the files are read then and not again.

use std::path::Path;
use std::time::Duration;

use outbound_http::Route;
use reqwest::{Certificate, Client, ClientBuilder, Identity, redirect};

use crate::reuse;
use crate::settings::{ClientCertificate, HttpHandlerSettings, SettingsError};

/// Idle connections are closed before most servers close them: Node does after 5 s, most others later.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// A client of the one endpoint that `route` leads to.
///
/// # Errors
/// Each file that cannot be used, or that no client can be built.
pub(crate) fn build(
    settings: &HttpHandlerSettings,
    route: &Route,
) -> Result<Client, Vec<SettingsError>> {
    let (mut errors, mut authorities, mut identity) = (Vec::new(), Vec::new(), None);
    if let Some(file) = &settings.ca_file {
        match read_authorities(file) {
            Ok(read) => authorities = read,
            Err(error) => errors.push(error),
        }
    }
    if let Some(files) = &settings.client_certificate {
        match read_identity(files) {
            Ok(read) => identity = Some(read),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    build_with(settings, route, authorities, identity).map_err(|error| vec![error])
}

fn build_with(
    settings: &HttpHandlerSettings,
    route: &Route,
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
) -> Result<Client, SettingsError> {
    let trusting = || base(settings, route).tls_certs_merge(authorities.clone());
    // Without the client certificate first: an error is then the authorities', and the next one the certificate's.
    let client = trusting()
        .build()
        .map_err(|error| match &settings.ca_file {
            Some(file) => SettingsError::CaFile(format!(
                "names {}, which holds a certificate that cannot be used: {}",
                file.display(),
                last_cause(&error)
            )),
            None => SettingsError::Client(error),
        })?;
    let (Some(identity), Some(files)) = (identity, &settings.client_certificate) else {
        return Ok(client);
    };
    trusting().identity(identity).build().map_err(|error| {
        SettingsError::ClientKey(format!(
            "names {}, which cannot be used with {}: {}",
            files.key_file.display(),
            files.certificate_file.display(),
            last_cause(&error)
        ))
    })
}

fn base(settings: &HttpHandlerSettings, route: &Route) -> ClientBuilder {
    let client = Client::builder()
        .user_agent(concat!("ordermill/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(settings.connect_timeout)
        .pool_max_idle_per_host(settings.idle_connections)
        .pool_idle_timeout(IDLE_TIMEOUT);
    route.apply(reuse::noticing_connections(client))
}

fn read_authorities(file: &Path) -> Result<Vec<Certificate>, SettingsError> {
    let pem = std::fs::read(file)
        .map_err(|error| SettingsError::CaFile(format!("names {}: {error}", file.display())))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(authorities) if !authorities.is_empty() => Ok(authorities),
        Ok(_) | Err(_) => Err(SettingsError::CaFile(format!(
            "names {}, which holds no certificate (PEM)",
            file.display()
        ))),
    }
}

fn read_identity(files: &ClientCertificate) -> Result<Identity, SettingsError> {
    let certificate_file = files.certificate_file.display();
    let mut pem = std::fs::read(&files.certificate_file).map_err(|error| {
        SettingsError::ClientCertificate(format!("names {certificate_file}: {error}"))
    })?;
    if !Certificate::from_pem_bundle(&pem).is_ok_and(|found| !found.is_empty()) {
        return Err(SettingsError::ClientCertificate(format!(
            "names {certificate_file}, which holds no certificate (PEM)"
        )));
    }
    let key_file = files.key_file.display();
    let key = std::fs::read(&files.key_file)
        .map_err(|error| SettingsError::ClientKey(format!("names {key_file}: {error}")))?;
    pem.push(b'\n');
    pem.extend_from_slice(&key);
    Identity::from_pem(&pem).map_err(|_| {
        SettingsError::ClientKey(format!(
            "names {key_file}, which holds no private key (PEM, not encrypted)"
        ))
    })
}

fn last_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), last_cause)
}
