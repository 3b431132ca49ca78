//! TLS towards the real server: what each mode verifies, and client certificates. The certificates are made when a test runs.

use std::path::Path;
use std::time::Duration;

use adapter_postgres::{ConnectError, PostgresOptions, migrate};

use crate::own_server::{OwnServer, try_parts};
use crate::server::options;

/// The options of a server at this address, with these parameters of the data source name.
fn with(address: &str, parameters: &str) -> PostgresOptions {
    let joint = if address.contains('?') { '&' } else { '?' };
    let mut options = options(&[format!("{address}{joint}{parameters}")]);
    options.connect_timeout = Duration::from_secs(10);
    options.start_timeout = Duration::from_secs(1);
    options
}

/// Why no connection comes about.
async fn refusal(address: &str, parameters: &str) -> String {
    let migrated = migrate(&with(address, parameters)).await;
    let error = migrated.expect_err("the connection is refused");
    assert!(matches!(error, ConnectError::Unavailable { .. }), "{error}");
    error.to_string()
}

async fn connects(address: &str, parameters: &str) {
    let migrated = migrate(&with(address, parameters)).await;
    migrated.unwrap_or_else(|error| panic!("{parameters}: {error}"));
}

fn text(path: &Path) -> String {
    path.to_str()
        .expect("the folder's name is a text")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_verifies_what_libpq_verifies() {
    let server = OwnServer::start();
    let trusted = server.parts("encrypt", None);
    let others = text(&server.folder().join("others"));
    try_parts(&["certificates", &others]).expect("certificates can be made");
    let foreign = format!("{others}/ca.pem");
    let at = server.address();
    // Another name for the same server, for which its certificate is not.
    let (before, after) = at.split_once("127.0.0.1").expect("a server on loopback");
    let named = format!("{before}db.example{after}");
    let named_at = format!(
        "{named}{}hostaddr=127.0.0.1",
        if named.contains('?') { '&' } else { '?' }
    );

    connects(at, "sslmode=require").await;
    for mode in [
        "sslmode=require",
        "sslmode=prefer",
        "sslmode=verify-ca",
        "sslmode=verify-full",
    ] {
        connects(at, &format!("{mode}&sslrootcert={trusted}")).await;
        let refused = refusal(at, &format!("{mode}&sslrootcert={foreign}")).await;
        assert!(
            refused.contains("invalid peer certificate"),
            "{mode}: {refused}"
        );
    }
    for mode in ["sslmode=require", "sslmode=verify-ca"] {
        connects(&named_at, &format!("{mode}&sslrootcert={trusted}")).await;
    }
    let refused = refusal(
        &named_at,
        &format!("sslmode=verify-full&sslrootcert={trusted}"),
    )
    .await;
    assert!(refused.contains("db.example"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_for_a_client_certificate_gets_it() {
    let server = OwnServer::start();
    let authority = server.parts("encrypt", Some("clients"));
    let file = |name: &str| text(&server.folder().join("tls").join(name));
    let others = text(&server.folder().join("others"));
    try_parts(&["certificates", &others]).expect("certificates can be made");
    let at = server.address();
    let verified = format!("sslmode=verify-full&sslrootcert={authority}");

    let refused = refusal(at, &verified).await;
    assert!(refused.contains("client certificate"), "{refused}");
    let own = format!(
        "sslcert={}&sslkey={}",
        file("client.pem"),
        file("client.key")
    );
    connects(at, &format!("{verified}&{own}")).await;
    connects(at, &format!("sslmode=require&{own}")).await;
    let foreign = format!("sslcert={others}/client.pem&sslkey={others}/client.key");
    refusal(at, &format!("{verified}&{foreign}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_are_faults_of_the_settings() {
    let folder = std::env::temp_dir().join(format!("tls-{}", std::process::id()));
    let [own, other] = ["own", "other"].map(|name| text(&folder.join(name)));
    for certificates in [&own, &other] {
        try_parts(&["certificates", certificates]).expect("certificates can be made");
    }
    let client = format!("sslcert={own}/client.pem");
    for (parameters, named) in [
        (format!("sslrootcert={own}/nowhere"), "sslrootcert"),
        (format!("sslrootcert={own}/client.key"), "sslrootcert"),
        (
            "sslmode=require&sslrootcert=system".to_owned(),
            "sslmode=verify-full",
        ),
        (client.clone(), "sslcert needs sslkey"),
        (format!("sslkey={own}/client.key"), "sslkey needs sslcert"),
        (format!("{client}&sslkey={own}/nowhere"), "sslkey"),
        (
            format!("{client}&sslkey={own}/client.pem"),
            "no private key",
        ),
        (format!("{client}&sslkey={other}/client.key"), "sslkey"),
        (
            format!("sslcert={own}/client.key&sslkey={own}/client.key"),
            "sslcert",
        ),
    ] {
        let faults = with("postgres://u:s3cret@h/db", &parameters).faults();
        let [ConnectError::InvalidAddress { reason, .. }] = &faults[..] else {
            panic!("{parameters}: {faults:?}");
        };
        assert!(
            reason.contains(named) && !reason.contains("s3cret"),
            "{reason}"
        );
    }
    let good = format!("{client}&sslkey={own}/client.key&sslrootcert={own}/ca.pem");
    assert!(with("postgres://u@h/db", &good).faults().is_empty());
    let _ = std::fs::remove_dir_all(folder);
}
