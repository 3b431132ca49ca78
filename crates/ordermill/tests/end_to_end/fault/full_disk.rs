//! A full disk under SQLite: no acknowledgement that is not durable, reads go on, and it recovers by itself.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::checker::Expectations;
use super::facts::{Dice, Facts};
use super::history::Outcome;
use super::load::http_client;
use super::parts::LoopDisk;
use super::process::{Binary, StoreAt};
use super::run::Run;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_orders_keeps_answering_reads_and_recovers_when_there_is_room() {
    let disk = LoopDisk::create(48).await;
    let mut run = Run::begin().await;
    let mut server = run
        .setup(Binary::Shipped, StoreAt::Sqlite(disk.mount.join("data")))
        .start()
        .await;
    run.targets.set(&[server.address]);
    let load = run.load(3);
    load.acknowledge(200, Duration::from_secs(30)).await;
    let client = http_client();
    let ready = Standing::of(&client, &server.address.to_string()).await;
    assert_eq!((ready.readyz, ready.health), (200, 200), "{ready:?}");

    let filler = disk.mount.join("filler");
    fill(&filler);
    run.fired("disk full");
    let refused = refusal_of_a_full_disk(&mut run, &filler).await;
    assert!(
        refused.contains("503") && refused.contains("Retry-After Some"),
        "{refused}"
    );
    assert!(refused.contains("store_full"), "{refused}");
    for _ in 0..5 {
        let full = Standing::of(&client, &server.address.to_string()).await;
        assert_eq!((full.readyz, full.health), (503, 503), "{full:?}");
        assert!(full.words.contains("store_full"), "{full:?}");
        sleep(Duration::from_millis(500)).await;
    }

    // Reads go on while the disk is full.
    let stats = client
        .get(format!("http://{}/v1/stats", server.address))
        .send()
        .await;
    assert_eq!(stats.expect("an answer").status(), 200);
    let list = client
        .get(format!("http://{}/v1/orders?limit=5", server.address))
        .send()
        .await;
    assert_eq!(list.expect("an answer").status(), 200);
    assert!(
        server.has_ended().is_none(),
        "a full disk ended the process: {}",
        server.last_words()
    );

    std::fs::remove_file(&filler).expect("the filler can be removed");
    run.fired("room again");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let ready = Standing::of(&client, &server.address.to_string()).await;
        if (ready.readyz, ready.health) == (200, 200) {
            break;
        }
        assert!(Instant::now() < deadline, "not ready again: {ready:?}");
        sleep(Duration::from_millis(100)).await;
    }
    load.acknowledge(100, Duration::from_secs(20)).await;
    assert!(
        server.has_ended().is_none(),
        "it did not recover by itself: {}",
        server.last_words()
    );

    run.judge(load, &Expectations::default())
        .await
        .assert_kept();
}

/// How the server stands by its own words.
#[derive(Debug)]
struct Standing {
    readyz: u16,
    health: u16,
    words: String,
}

impl Standing {
    async fn of(client: &reqwest::Client, address: &str) -> Self {
        let readyz = client.get(format!("http://{address}/readyz")).send().await;
        let health = client.get(format!("http://{address}/health")).send().await;
        let (readyz, health) = (readyz.expect("an answer"), health.expect("an answer"));
        Self {
            readyz: readyz.status().as_u16(),
            health: health.status().as_u16(),
            words: health.text().await.expect("a whole answer"),
        }
    }
}

/// Takes the last free byte.
fn fill(filler: &Path) {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(filler)
        .expect("the disk can be written to");
    for size in [1 << 20, 1 << 16, 1 << 12, 1] {
        let block = vec![0xA5; size];
        while file
            .write_all(&block)
            .and_then(|()| file.sync_data())
            .is_ok()
        {}
    }
}

/// The store may still have room in files that it owns: the load goes on until it has used that up.
async fn refusal_of_a_full_disk(run: &mut Run, filler: &Path) -> String {
    let client = http_client();
    let mut dice = Dice::new(33);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut in_a_row = 0;
    loop {
        assert!(Instant::now() < deadline, "a full disk was never noticed");
        // A checkpoint may give room back: take it away again.
        fill(filler);
        let facts = Facts::draw(format!("full-{}", dice.roll()), &mut dice);
        let key = format!("key-{}", facts.marker);
        match run.ask(&client, facts, Some(key)).await {
            Outcome::Unknown(reason) if reason.starts_with("503") => {
                in_a_row += 1;
                if in_a_row == 5 {
                    return reason;
                }
            }
            Outcome::Ok(_) | Outcome::Refused { .. } | Outcome::Unknown(_) => in_a_row = 0,
        }
        sleep(Duration::from_millis(100)).await;
    }
}
