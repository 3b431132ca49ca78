//! Who is admitted, who gives a connection up, and when connections end. The clock is advanced by hand.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Version;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Admission, Connections, Limits, Slot};
use crate::connection::Timeouts;
use crate::requests::RequestInFlight;
use crate::ticks::Ticks;

const HEAVY: &str = "192.0.2.1";
const LIGHT: &str = "192.0.2.2";
const IDLE_TICKS: u32 = 100;
const WRITE_TICKS: u32 = 10;

/// A registry, and the slots that were handed out. A connection that is asked to end gives its slot back when
/// [`Clients::serve`] is called.
struct Clients {
    connections: Arc<Connections>,
    open: Vec<(IpAddr, Slot)>,
}

impl Clients {
    fn of(max_connections: usize, trusted: &[&str]) -> Self {
        let limits = Limits {
            max_connections,
            trusted_proxies: trusted.iter().map(|net| net.parse().unwrap()).collect(),
            timeouts: Timeouts {
                idle: IDLE_TICKS,
                write: WRITE_TICKS,
            },
        };
        let token = CancellationToken::new;
        Self {
            connections: Arc::new(Connections::new(
                limits,
                Arc::new(Ticks::new()),
                token(),
                token(),
            )),
            open: Vec::new(),
        }
    }

    /// Whether a new connection is admitted; it is idle.
    fn connect(&mut self, address: &str) -> bool {
        let address: IpAddr = address.parse().unwrap();
        match self.connections.try_admit(SocketAddr::new(address, 1)) {
            Admission::Admitted(slot) => {
                self.open.push((address, slot));
                true
            }
            Admission::Refused | Admission::Full => false,
        }
    }

    /// Connects `count` times and lets the connections settle.
    fn fill(&mut self, address: &str, count: usize) {
        for _ in 0..count {
            assert!(self.connect(address));
        }
        self.ticks(2);
    }

    fn ticks(&mut self, count: u32) {
        for _ in 0..count {
            self.connections.sweep();
        }
    }

    /// Ends what was asked to end; the places in the order of opening.
    fn serve(&mut self) -> Vec<usize> {
        let mut ended = Vec::new();
        let mut place = 0;
        self.open.retain(|(_, slot)| {
            let ends = slot.connection().is_closing();
            if ends {
                ended.push(place);
            }
            place += 1;
            !ends
        });
        ended
    }

    fn count(&self, address: &str) -> usize {
        let address: IpAddr = address.parse().unwrap();
        self.open.iter().filter(|(of, _)| *of == address).count()
    }

    fn request(&self, place: usize) -> RequestInFlight {
        self.open[place]
            .1
            .connection()
            .begin_request(Version::HTTP_11)
    }
}

#[test]
fn below_four_fifths_no_client_gives_a_connection_up() {
    let mut clients = Clients::of(100, &[]);
    clients.fill(HEAVY, 80);
    assert_eq!(clients.serve(), []);
    assert!(clients.connect(HEAVY));
    assert_eq!(clients.serve(), [0]);
}

#[test]
fn the_client_that_holds_most_gives_up_what_was_idle_for_longest() {
    let mut clients = Clients::of(100, &[]);
    clients.fill(LIGHT, 10);
    clients.fill(HEAVY, 70);
    // The first three of the heavy client were used since then, the fourth is in use.
    for place in [10, 11, 12] {
        drop(clients.request(place));
    }
    let busy = clients.request(13);
    clients.ticks(2);
    for _ in 0..25 {
        assert!(clients.connect(LIGHT));
        assert_eq!(clients.serve(), [14], "the next one of the heavy client");
    }
    assert_eq!((clients.count(HEAVY), clients.count(LIGHT)), (45, 35));
    drop(busy);
}

#[test]
fn a_client_that_opens_without_end_locks_no_other_out() {
    let mut clients = Clients::of(200, &[]);
    for _ in 0..300 {
        clients.connect(HEAVY);
        clients.serve();
    }
    assert_eq!(clients.count(HEAVY), 190);
    for _ in 0..10 {
        assert!(clients.connect(LIGHT));
    }
    clients.ticks(2);
    // Now the heavy client's are settled: each new one costs it one.
    for _ in 0..300 {
        clients.connect(HEAVY);
        clients.serve();
        assert!(clients.count(HEAVY) <= 190);
    }
    clients.ticks(2);
    for _ in 0..50 {
        if !clients.connect(LIGHT) {
            // No place was left, so one was asked for, and is free now.
            clients.serve();
            assert!(clients.connect(LIGHT));
        }
    }
    assert_eq!(clients.count(LIGHT), 60);
}

#[test]
fn requests_in_flight_are_never_ended_and_the_last_places_are_kept_for_others() {
    let mut clients = Clients::of(100, &[]);
    let mut busy = Vec::new();
    for place in 0..95 {
        assert!(clients.connect(HEAVY));
        busy.push(clients.request(place));
    }
    clients.ticks(3);
    assert!(!clients.connect(HEAVY));
    for _ in 0..5 {
        assert!(clients.connect(LIGHT));
    }
    assert!(!clients.connect(LIGHT), "all places are taken");
    assert_eq!(clients.serve(), []);
    // Once a request has ended, its connection is idle and makes room.
    busy.remove(40);
    clients.ticks(2);
    assert!(!clients.connect(LIGHT));
    assert_eq!(clients.serve(), [40]);
    assert!(clients.connect(LIGHT));
}

#[test]
fn at_the_limit_the_next_client_gives_one_up_if_it_holds_more_than_the_new_one() {
    let mut clients = Clients::of(10, &[]);
    clients.fill(HEAVY, 6);
    let busy: Vec<_> = (0..6).map(|place| clients.request(place)).collect();
    clients.fill(LIGHT, 4);
    assert!(!clients.connect(HEAVY));
    assert_eq!(
        clients.serve(),
        [],
        "a heavier client takes nothing from a lighter one"
    );
    assert!(!clients.connect("192.0.2.3"));
    assert_eq!(clients.serve(), [6]);
    assert!(clients.connect("192.0.2.3"));
    drop(busy);
}

#[test]
fn a_trusted_proxy_may_hold_any_share() {
    let mut clients = Clients::of(100, &["192.0.2.0/31", "2001:db8::/32"]);
    clients.fill(HEAVY, 60);
    clients.fill("2001:db8::1", 20);
    clients.fill(LIGHT, 3);
    for _ in 0..17 {
        assert!(clients.connect("::ffff:192.0.2.1"));
    }
    let ended = clients.serve();
    assert!(
        ended.iter().all(|place| (80..83).contains(place)),
        "{ended:?}"
    );
    assert_eq!(clients.count(HEAVY), 60);
}

#[tokio::test(start_paused = true)]
async fn a_connection_past_the_limit_waits_until_another_one_ends() {
    let mut clients = Clients::of(1, &[]);
    clients.fill(HEAVY, 1);
    let busy = clients.request(0);
    let connections = Arc::clone(&clients.connections);
    let peer = SocketAddr::new(LIGHT.parse().unwrap(), 1);
    let mut admitted = Box::pin(connections.admit(peer));
    let wait = Duration::from_secs(1);
    assert!(timeout(wait, admitted.as_mut()).await.is_err());
    drop(busy);
    clients.open.clear();
    assert!(timeout(wait, admitted).await.unwrap().is_some());
}

#[test]
fn an_idle_connection_ends_after_its_timeout_and_one_with_requests_does_not() {
    let mut clients = Clients::of(10, &[]);
    clients.fill(HEAVY, 2);
    let busy = clients.request(1);
    clients.ticks(IDLE_TICKS - 3);
    assert_eq!(clients.serve(), []);
    clients.ticks(1);
    assert_eq!(clients.serve(), [0]);
    clients.ticks(2 * IDLE_TICKS);
    assert_eq!(clients.serve(), []);
    drop(busy);
    clients.ticks(IDLE_TICKS);
    assert_eq!(clients.serve(), [0]);
}

#[test]
fn one_that_does_not_end_when_it_is_asked_to_is_cut() {
    let mut clients = Clients::of(10, &[]);
    clients.fill(HEAVY, 1);
    let connection = Arc::clone(clients.open[0].1.connection());
    clients.connections.close_all();
    let busy = clients.request(0);
    clients.ticks(10);
    assert!(!connection.is_cut(), "its request is in flight");
    drop(busy);
    clients.ticks(1);
    assert!(connection.is_cut());
}

#[test]
fn a_client_that_takes_nothing_is_cut_and_one_that_takes_a_little_is_not() {
    let mut clients = Clients::of(10, &[]);
    clients.fill(HEAVY, 2);
    let [slow, stalled] = [0, 1].map(|place| Arc::clone(clients.open[place].1.connection()));
    let requests = [clients.request(0), clients.request(1)];
    for _ in 0..4 {
        slow.note_blocked_write();
        stalled.note_blocked_write();
        clients.ticks(WRITE_TICKS - 1);
        slow.note_write();
    }
    assert!(stalled.is_cut() && stalled.is_stalled());
    assert!(!slow.is_cut());
    drop(requests);
}
