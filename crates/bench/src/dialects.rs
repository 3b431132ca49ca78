//! Each dialect's POST against the same order sent to `/v1`, in turn, on fresh stores.

use std::io::Write as _;
use std::sync::Arc;

use super::closed_loop::{self, MakeRequest};
use super::error::Result;
use super::intake::{middle, percentiles, ratio};
use super::server::Server;
use super::{Bench, orders};

const CONNECTIONS: usize = 64;

/// One order in two forms.
struct Pair {
    dialect: &'static str,
    /// Path, status of the answer, and body: ours, and the dialect's.
    ours: Form,
    theirs: Form,
}

type Form = (&'static str, u16, fn(u64) -> String);

const PAIRS: [Pair; 3] = [
    Pair {
        dialect: "orderflow",
        ours: ("/v1/orders", 201, |number| {
            let (user, quantity) = (orders::user(number), number % 9 + 1);
            format!(
                r#"{{"user_id":"{user}","lines":[{{"product_name":"Mechanical Keyboard","quantity":{quantity},"unit_price":149.99}}]}}"#
            )
        }),
        theirs: ("/api/orders", 201, |number| {
            let (user, quantity) = (orders::user(number), number % 9 + 1);
            format!(
                r#"{{"user_id":"{user}","product_name":"Mechanical Keyboard","quantity":{quantity},"price":149.99}}"#
            )
        }),
    },
    Pair {
        dialect: "orderSystem",
        ours: ("/v1/orders", 201, amount),
        theirs: ("/orders", 201, amount),
    },
    Pair {
        dialect: "Order System",
        ours: ("/v1/orders", 201, |number| named("external_id", number)),
        theirs: ("/orders", 202, |number| named("order_id", number)),
    },
];

fn amount(number: u64) -> String {
    let user = orders::user(number);
    format!(r#"{{"user_id":"{user}","amount":19.98}}"#)
}

fn named(name: &str, number: u64) -> String {
    let user = orders::user(number);
    format!(
        r#"{{"{name}":"X-{user}-{number}","user_id":"{user}","amount":19.98,"currency":"USD","source":"web","metadata":{{"note":"x"}}}}"#
    )
}

/// Requests of one form; numbers of different loads never meet, because each load has a `run` of its own.
fn requests((path, _, body): Form, run: u64) -> MakeRequest {
    Arc::new(move |number, request| {
        let body = body(number + (run << 40));
        let written = write!(
            request,
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        written.expect("writing into a Vec never fails");
    })
}

/// Measures all pairs.
pub(super) async fn measure(bench: &mut Bench) -> Result<()> {
    for pair in PAIRS {
        let our_server = Server::start(&bench.fresh_store(false)).await?;
        let their_server = Server::start(&bench.fresh_store(false)).await?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for run in 0..bench.arguments.rounds {
            for (server, form, loads) in [
                (&our_server, pair.ours, &mut ours),
                (&their_server, pair.theirs, &mut theirs),
            ] {
                let requests = requests(form, run);
                let span = bench.span();
                let load = closed_loop::run(&server.address, CONNECTIONS, span, form.1, requests);
                loads.push(load.await?);
            }
        }
        our_server.stop().await?;
        their_server.stop().await?;
        let (our_rate, their_rate) = (middle(&ours), middle(&theirs));
        let name = |what: &str| format!("{what}, {CONNECTIONS} connections");
        let dialect = pair.dialect;
        bench.add(
            name(&format!("/v1 with the order of {dialect}")),
            our_rate,
            "orders/s",
            None,
            percentiles(&ours),
        );
        bench.add(
            name(&format!("POST of {dialect} against it")),
            their_rate,
            "orders/s",
            Some(ratio(&theirs, &ours)),
            percentiles(&theirs),
        );
    }
    Ok(())
}
