//! An endpoint for the `http` handler that answers every order as the test last said, and the orders of customers whose names
//! begin with "bad" in a way of their own. It counts calls and keeps nothing else; `fault::endpoint` tells effects from
//! calls. It ends with the tests' process.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Status line and body of an answer.
pub type Answer = (&'static str, &'static str);

/// It takes the order.
pub const DONE: Answer = ("200 OK", "{}");

/// What becomes of the orders of customers whose names begin with "bad".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// This answer.
    Answer(Answer),
    /// The connection is closed without an answer.
    Drop,
    /// No answer, for as long as the caller waits.
    Hang,
}

struct Standing {
    answer: Mutex<Answer>,
    bad: Option<Bad>,
    calls: AtomicUsize,
}

/// The endpoint.
pub struct Endpoint {
    /// Where it listens.
    pub url: String,
    standing: Arc<Standing>,
}

impl Endpoint {
    /// Begins to listen.
    pub fn answering(answer: Answer) -> Self {
        Self::start(answer, None)
    }

    /// Begins to listen; takes the orders of all customers but the bad ones.
    pub fn failing(bad: Bad) -> Self {
        Self::start(DONE, Some(bad))
    }

    fn start(answer: Answer, bad: Option<Bad>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/work", listener.local_addr().unwrap());
        let standing = Arc::new(Standing {
            answer: Mutex::new(answer),
            bad,
            calls: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&standing);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                // A thread each: a connection may be opened on which nothing is said for long.
                std::thread::spawn(move || answer_once(stream.unwrap(), &shared));
            }
        });
        Self { url, standing }
    }

    /// From now on it answers so.
    pub fn answers(&self, answer: Answer) {
        *self.standing.answer.lock().unwrap() = answer;
    }

    /// How many orders came so far, however they were answered.
    pub fn calls(&self) -> usize {
        self.standing.calls.load(Ordering::SeqCst)
    }

    /// The settings of a server whose work is here.
    pub fn settings(&self) -> [String; 4] {
        let url = format!("handler.url={}", self.url);
        ["--set", "handler.kind=http", "--set", &url].map(str::to_owned)
    }
}

fn answer_once(mut stream: TcpStream, standing: &Standing) {
    // One small order comes in one or two pieces, its body last.
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.ends_with(b"}") {
        match stream.read(&mut piece) {
            // The worker hung up: its server was killed, or stopped waiting.
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&piece[..count]),
        }
    }
    standing.calls.fetch_add(1, Ordering::SeqCst);
    let is_bad = String::from_utf8_lossy(&request).contains(r#""user_id":"bad"#);
    let (status, body) = match standing.bad.filter(|_| is_bad) {
        None => *standing.answer.lock().unwrap(),
        Some(Bad::Answer(answer)) => answer,
        Some(Bad::Drop) => return,
        Some(Bad::Hang) => {
            // Ends when the caller hangs up.
            let _ = stream.read(&mut piece);
            return;
        }
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes());
}
