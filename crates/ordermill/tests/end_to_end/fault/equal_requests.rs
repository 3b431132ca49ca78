//! 200 equal requests with one key make one order: 200 identical answers, 199 of them marked as replayed; on one
//! process, across two, and across a kill.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::checker::Expectations;
use super::facts::{Dice, Facts};
use super::history::{Operation, Outcome, Request};
use super::load::{Targets, http_client, place};
use super::parts::Postgres;
use super::process::{Binary, StoreAt};
use super::run::Run;

const EQUAL: u64 = 200;

/// All requests of one key, on their way.
struct Volley {
    key: String,
    facts: Facts,
    senders: JoinSet<Vec<Request>>,
}

impl Volley {
    /// Sends 200 at once; each is repeated until it has its answer.
    fn fire(run: &Run, number: u64) -> Self {
        let facts = Facts::draw(format!("equal-{number}"), &mut Dice::new(500 + number));
        let key = format!("key-equal-{number}");
        let client = http_client();
        let body: Arc<str> = Arc::from(facts.body());
        let mut senders = JoinSet::new();
        for turn in 0..EQUAL {
            let (client, key, body) = (client.clone(), key.clone(), Arc::clone(&body));
            let targets = run.targets.clone();
            let began = Instant::now() - run.elapsed();
            senders.spawn(until_answered(client, targets, turn, key, body, began));
        }
        Self {
            key,
            facts,
            senders,
        }
    }

    /// Waits for all of them.
    async fn land(mut self) -> Operation {
        let mut requests = Vec::new();
        while let Some(sent) = self.senders.join_next().await {
            requests.append(&mut sent.expect("a sender does not panic"));
        }
        Operation {
            key: Some(self.key),
            facts: self.facts,
            fault: None,
            requests,
            cancel: None,
        }
    }
}

async fn until_answered(
    client: reqwest::Client,
    targets: Targets,
    turn: u64,
    key: String,
    body: Arc<str>,
    began: Instant,
) -> Vec<Request> {
    let mut requests = Vec::new();
    for repeated in 0..100 {
        let sent = Instant::now();
        let target: SocketAddr = targets.pick(turn + repeated);
        let outcome = place(&client, target, Some(&key), &body).await;
        let is_open = matches!(outcome, Outcome::Unknown(_));
        requests.push(Request {
            sent: sent - began,
            took: sent.elapsed(),
            outcome,
        });
        if !is_open {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    requests
}

/// 200 answers, all 201, byte for byte the same, and `first_answers` of them not marked as replayed.
fn assert_equal(operation: &Operation, first_answers: std::ops::RangeInclusive<usize>) {
    let answers: Vec<_> = operation.answers().collect();
    assert_eq!(answers.len(), 200, "{operation:?}");
    for answer in &answers {
        assert_eq!(answer.status, 201);
        assert_eq!(answer.body, answers[0].body);
        assert_eq!(
            (&answer.etag, &answer.location),
            (&answers[0].etag, &answers[0].location)
        );
    }
    let first = answers.iter().filter(|answer| !answer.replayed).count();
    assert!(
        first_answers.contains(&first),
        "{first} answers were not marked as replayed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_requests_to_one_process_make_one_order() {
    let mut run = Run::begin().await;
    let server = run
        .setup(Binary::Shipped, StoreAt::Sqlite(run.data_folder()))
        .start()
        .await;
    run.targets.set(&[server.address]);
    for number in 0..5 {
        let operation = Volley::fire(&run, number).land().await;
        assert_equal(&operation, 1..=1);
        run.record(operation);
    }
    run.fired("5 x 200 equal requests at once");
    run.judge_recorded(&Expectations::default())
        .await
        .assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_requests_to_two_processes_make_one_order() {
    let postgres = Postgres::start().await;
    let mut run = Run::begin().await;
    let setup = run.setup(
        Binary::Shipped,
        StoreAt::Postgres(vec![postgres.dsn.clone()]),
    );
    let (one, two) = (setup.start().await, setup.start().await);
    run.targets.set(&[one.address, two.address]);
    for number in 10..15 {
        let operation = Volley::fire(&run, number).land().await;
        assert_equal(&operation, 1..=1);
        run.record(operation);
    }
    run.fired("5 x 200 equal requests at once, to two processes");
    run.judge_recorded(&Expectations::default())
        .await
        .assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_requests_across_a_kill_make_one_order() {
    let mut run = Run::begin().await;
    let setup = run.setup(Binary::Shipped, StoreAt::Sqlite(run.data_folder()));
    let mut server = setup.start().await;
    let mut met = 0;
    for number in 20..30 {
        run.targets.set(&[server.address]);
        let volley = Volley::fire(&run, number);
        // Between nothing was committed yet and everything was answered.
        sleep(Duration::from_millis(5 + 5 * (number - 20))).await;
        server.kill().await;
        run.fired("SIGKILL among 200 equal requests");
        server = setup.start().await;
        run.targets.set(&[server.address]);
        let operation = volley.land().await;
        // The one answer that is not marked may have died with the process.
        assert_equal(&operation, 0..=1);
        met += usize::from(operation.has_unknown());
        run.record(operation);
    }
    assert!(met > 0, "no kill met a request: nothing was tested");
    run.judge_recorded(&Expectations::default())
        .await
        .assert_kept();
}
