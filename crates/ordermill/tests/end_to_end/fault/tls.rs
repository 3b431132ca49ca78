//! TLS to the outside: to PostgreSQL and to the handler's endpoint, against certificates of a made-up authority that
//! the operator names.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::checker::Expectations;
use super::endpoint::Endpoint;
use super::facts::{Dice, Facts};
use super::history::Outcome;
use super::load::http_client;
use super::parts::{Certificates, Postgres};
use super::process::{Binary, StoreAt};
use super::run::Run;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_go_to_postgresql_over_a_verified_connection_and_over_no_other() {
    let postgres = Postgres::start().await;
    let authority = postgres.encrypt().await;
    let another = Certificates::make().await;
    let mut run = Run::begin().await;
    let at = |options: String| StoreAt::Postgres(vec![format!("{}?{options}", postgres.dsn)]);
    let verified = |authority: &Path| {
        at(format!(
            "sslmode=verify-full&sslrootcert={}",
            authority.display()
        ))
    };

    let mut setup = run.setup(Binary::Shipped, at("sslmode=disable".to_owned()));
    setup.more.push("store.start_timeout=2s".to_owned());
    let refused = setup
        .try_start()
        .await
        .expect_err("the server takes TLS alone");
    assert!(refused.contains("no encryption"), "{refused}");
    setup.store = verified(&another.file("ca.pem"));
    let refused = setup
        .try_start()
        .await
        .expect_err("nobody that it trusts signed it");
    assert!(refused.contains("certificate"), "{refused}");
    setup.store = verified(Path::new("/nowhere/ca.pem"));
    let refused = setup.try_start().await.expect_err("there is no such file");
    assert!(refused.contains("/nowhere/ca.pem"), "{refused}");

    setup.store = verified(&authority);
    let mut server = setup.start().await;
    run.targets.set(&[server.address]);
    let load = run.load(14);
    load.acknowledge(100, Duration::from_secs(60)).await;
    postgres.restart("fast").await;
    run.fired("PostgreSQL restarted");
    load.acknowledge(100, Duration::from_secs(60)).await;
    assert!(server.has_ended().is_none());
    run.judge(load, &Expectations::default())
        .await
        .assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_called_over_tls_where_its_certificate_is_trusted_and_not_otherwise() {
    let certificates = Certificates::make().await;
    let mut run = Run::begin().await;
    run.endpoint = Endpoint::start_with_tls(&certificates).await;
    let data = run.data_folder();
    let mut setup = run.setup(Binary::Shipped, StoreAt::Sqlite(data));

    // Not trusted: the order waits, and nothing of it is sent.
    let server = setup.start().await;
    run.targets.set(&[server.address]);
    let mut dice = Dice::new(15);
    let facts = Facts::draw("tls".to_owned(), &mut dice);
    let key = Some("key-tls".to_owned());
    let Outcome::Ok(answer) = run.ask(&http_client(), facts, key).await else {
        panic!("the process takes orders");
    };
    let reader = run.reader();
    let deadline = Instant::now() + Duration::from_secs(20);
    let failure = loop {
        let kept = reader.kept(&answer.order_id).await.expect("it was taken");
        if let Some(failure) = kept.order.failure {
            break failure.code;
        }
        assert!(Instant::now() < deadline, "no call was tried");
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(failure, "endpoint_unreachable");
    assert_eq!(run.endpoint.calls(), 0);
    server.kill().await;
    run.fired("SIGKILL");

    setup.environment = vec![("SSL_CERT_FILE", certificates.file("ca.pem").into())];
    let server = setup.start().await;
    run.targets.set(&[server.address]);
    let load = run.load(15);
    load.acknowledge(50, Duration::from_secs(30)).await;
    let verdict = run.judge(load, &Expectations::default()).await;
    verdict.assert_kept();
    drop(server);
}
