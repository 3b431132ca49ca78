//! Dead letters as an operator looks after them, by the command line and over HTTP: listed, counted by their reasons,
//! shown, worked on again and given up. The same on the embedded store and on two shards of PostgreSQL.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use serde_json::{Value, json};

use crate::endpoint::{Answer, DONE, Endpoint};
use crate::fault::parts::Postgres;
use crate::operator::lines;
use crate::server::{Server, http_client, ordermill, wait_until};

/// Of the first shard by its letter, and of the second.
const USERS: [&str; 2] = ["alice", "nora"];

const PROCESSING: Answer = ("409 Conflict", "{}");
const REFUSES: Answer = ("422 Unprocessable Content", r#"{"message":"out of stock"}"#);

/// A server that sends its orders to the endpoint once, with these settings beside.
fn server_of(endpoint: &Endpoint, more: &[String]) -> Server {
    let mut command = ordermill();
    command.args(["serve", "--http-addr", "127.0.0.1:0", "--ws-addr", ""]);
    command.args(endpoint.settings());
    command.args(["--set", "worker.max_attempts=1"]);
    for set in more {
        command.args(["--set", set]);
    }
    Server::start_as(&mut command)
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = http_client()
        .get(format!("{}/v1/{path}", server.url))
        .send()
        .await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

async fn post(server: &Server, path: &str, body: &Value) -> Value {
    let request = http_client()
        .post(format!("{}/v1/{path}", server.url))
        .header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

fn id_of(order: &Value) -> String {
    order["id"].as_str().unwrap().to_owned()
}

fn list(server: &Server, more: &[&str]) -> Vec<Value> {
    lines(&server.ok(&[&["dead-letters", "list", "--json"], more].concat()))
}

fn status_of(server: &Server, id: &str) -> String {
    let order: Value = serde_json::from_str(&server.ok(&["get", id, "--json"])).unwrap();
    order["status"].as_str().unwrap().to_owned()
}

fn wait_for(server: &Server, ids: &[String], status: &str) {
    for id in ids {
        wait_until(status, || status_of(server, id) == status);
    }
}

/// The reasons with their counts, in their order.
fn reasons(answer: &Value) -> Vec<(&str, u64)> {
    let reasons = answer["data"].as_array().unwrap().iter();
    reasons
        .map(|reason| {
            (
                reason["code"].as_str().unwrap(),
                reason["count"].as_u64().unwrap(),
            )
        })
        .collect()
}

/// The ids of all dead letters, over HTTP, one a page.
async fn one_by_one(server: &Server) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    for _ in 0..100 {
        let page = get(server, &format!("dead-letters?limit=1{cursor}")).await;
        ids.extend(page["data"].as_array().unwrap().iter().map(id_of));
        let Some(next) = page["next_cursor"].as_str() else {
            return ids;
        };
        cursor = format!("&cursor={next}");
    }
    panic!("the list never ends: {ids:?}");
}

/// One order of each user that the endpoint has not done with yet, then three of each that it refused: all dead letters.
fn make_dead_letters(server: &Server, endpoint: &Endpoint) -> [Vec<String>; 2] {
    endpoint.answers(PROCESSING);
    let processing: Vec<String> = USERS.iter().map(|user| server.place(user)).collect();
    wait_for(server, &processing, "FAILED");
    endpoint.answers(REFUSES);
    let refused = USERS.map(|user| (0..3).map(|_| server.place(user)).collect::<Vec<_>>());
    wait_for(server, &refused.concat(), "FAILED");
    refused
}

async fn look_after_dead_letters(server: &Server, endpoint: &Endpoint) {
    let [of_alice, of_nora] = make_dead_letters(server, endpoint);
    assert_eq!(list(server, &[]).len(), 8);
    let of_code = ["--code", "handler_rejected", "--user", "alice"];
    assert_eq!(list(server, &of_code).len(), 3);
    assert_eq!(list(server, &["--code", "still_processing"]).len(), 2);
    assert_eq!(list(server, &["--user", "bob"]).len(), 0);
    let paged = one_by_one(server).await;
    let mut newest_first = paged.clone();
    newest_first.sort_unstable_by(|one, other| other.cmp(one));
    newest_first.dedup();
    assert_eq!((paged.len(), &paged), (8, &newest_first));
    let shown = server.ok(&["dead-letters", "show", &of_alice[0]]);
    assert!(
        shown.contains("out of stock") && shown.contains(&of_alice[0]),
        "{shown}"
    );

    let found = get(server, "dead-letters/reasons").await;
    assert_eq!(
        reasons(&found),
        [("handler_rejected", 6), ("still_processing", 2)]
    );
    assert_eq!(
        (&found["counted"], &found["has_more"]),
        (&json!(8), &json!(false))
    );
    let newest = &get(server, "dead-letters?code=still_processing").await["data"];
    let newest = newest.as_array().unwrap().iter();
    let newest = newest.map(|order| order["updated_at"].as_str()).max();
    assert_eq!(Some(found["data"][1]["newest_at"].as_str()), newest);
    let found = get(server, "dead-letters/reasons?user_id=nora").await;
    assert_eq!(
        reasons(&found),
        [("handler_rejected", 3), ("still_processing", 1)]
    );

    let told = server.ok(&["dead-letters", "reasons", "--user", "nora", "--json"]);
    assert_eq!(lines(&told), *found["data"].as_array().unwrap());
    let table = server.ok(&["dead-letters", "reasons"]);
    assert!(
        table.contains("COUNT") && table.contains("out of stock"),
        "{table}"
    );

    let filter = json!({"code": "still_processing", "user_id": "nora"});
    let given_up = post(server, "dead-letters/discard", &filter).await;
    assert_eq!(given_up, json!({"discarded": 1, "has_more": false}));
    let rest = [
        "dead-letters",
        "discard",
        "--all",
        "--code",
        "still_processing",
    ];
    assert_eq!(server.ok(&rest), "1 discarded\n");
    server.ok(&["dead-letters", "discard", &of_alice[0]]);
    assert_eq!(status_of(server, &of_alice[0]), "CANCELLED");
    let again = server.run(&["dead-letters", "discard", &of_alice[0]]);
    assert_eq!(again.status.code(), Some(1), "it is none any more");

    endpoint.answers(DONE);
    server.ok(&["dead-letters", "replay", &of_nora[0]]);
    wait_for(server, &of_nora[..1], "PROCESSED");
    let filter = json!({"user_id": "nora", "code": "handler_rejected"});
    let replayed = post(server, "dead-letters/replay", &filter).await;
    assert_eq!(replayed, json!({"replayed": 2, "has_more": false}));
    wait_for(server, &of_nora, "PROCESSED");
    assert_eq!(list(server, &[]).len(), 2, "nobody else's were replayed");
    let replayed = server.ok(&["dead-letters", "replay", "--all", "--user", "alice"]);
    assert_eq!(replayed, "2 replayed\n");
    wait_for(server, &of_alice[1..], "PROCESSED");

    assert_eq!(list(server, &[]).len(), 0);
    let none = json!({"data": [], "counted": 0, "has_more": false});
    assert_eq!(get(server, "dead-letters/reasons").await, none);
    let stats = get(server, "stats").await;
    let counts = ["accepted", "processed", "cancelled", "failed"].map(|name| stats[name].as_u64());
    assert_eq!(counts, [Some(8), Some(5), Some(3), Some(0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_looked_after_on_the_embedded_store() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::answering(PROCESSING);
    let at = format!("store.data_dir={}", folder.path().display());
    look_after_dead_letters(&server_of(&endpoint, &[at]), &endpoint).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_looked_after_on_two_shards_of_postgresql() {
    let (first, second) = tokio::join!(Postgres::start(), Postgres::start());
    let endpoint = Endpoint::answering(PROCESSING);
    let at = [
        "store.kind=postgres".to_owned(),
        format!("store.shards={:?}", [&first.dsn, &second.dsn]),
        "store.map=letter".to_owned(),
    ];
    look_after_dead_letters(&server_of(&endpoint, &at), &endpoint).await;
}
