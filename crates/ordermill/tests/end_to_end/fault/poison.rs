//! An order that kills the process that works on it ends in the dead letters; all others go on.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::checker::Expectations;
use super::facts::{Dice, Facts};
use super::history::Outcome;
use super::load::http_client;
use super::process::{Binary, Defect, StoreAt};
use super::run::Run;

/// The user whose orders kill the twin's handler.
const POISON: &str = "poison";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_kills_the_process_ends_in_the_dead_letters_while_others_go_on() {
    let mut run = Run::begin().await;
    let mut setup = run.setup(
        Binary::Twin(Defect::AbortsOnPoison),
        StoreAt::Sqlite(run.data_folder()),
    );
    setup.max_attempts = 4;
    let mut server = setup.start().await;
    run.targets.set(&[server.address]);
    let load = run.load(4);
    load.acknowledge(50, Duration::from_secs(30)).await;

    let mut facts = Facts::draw("poison".to_owned(), &mut Dice::new(44));
    POISON.clone_into(&mut facts.user_id);
    let key = Some("key-poison".to_owned());
    let mut expectations = Expectations::default();
    expectations.dead.insert(facts.marker.clone());
    // As a supervisor would: start it again, however often it dies. The order may kill it before its own answer has
    // left; its key then finds out.
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut deaths = 0;
    let mut answer = None;
    loop {
        assert!(
            Instant::now() < deadline,
            "still alive after {deaths} deaths of the process"
        );
        if answer.is_none() {
            let asked = run.ask(&http_client(), facts.clone(), key.clone()).await;
            match asked {
                Outcome::Ok(accepted) => answer = Some(accepted),
                Outcome::Refused { .. } => {
                    panic!("a poison order is a valid one: it has to be accepted")
                }
                Outcome::Unknown(_) => {}
            }
        }
        if server.has_ended().is_some() {
            deaths += 1;
            run.fired("the handler aborted the process");
            server = setup.start().await;
            run.targets.set(&[server.address]);
        }
        if let Some(answer) = &answer
            && run.reader().stands(&answer.order_id).await.as_deref() == Some("FAILED")
        {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let answer = answer.expect("the loop ends with the order in the dead letters");
    assert_eq!(deaths, 4, "each crash is an attempt, and there are 4");
    load.acknowledge(100, Duration::from_secs(30)).await;

    let verdict = run.judge(load, &expectations).await;
    let kept = &verdict.readback.kept[&answer.order_id];
    let failure = kept
        .order
        .failure
        .as_ref()
        .map(|failure| failure.code.as_str());
    assert_eq!(failure, Some("lease_lost"));
    verdict.assert_kept();
}
