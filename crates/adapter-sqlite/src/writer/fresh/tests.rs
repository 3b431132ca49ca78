//! The window by itself: what is taken, put back and passed over.

use domain::{OrderId, Timestamp, UserId};

use super::{FreshWindow, FreshWork};

const NOW_MS: u64 = 1_700_000_000_000;

fn work(user: &str, seq: u64) -> FreshWork {
    let now = Timestamp::from_millis(NOW_MS + seq).unwrap();
    let id = OrderId::new(now, &UserId::new(user).unwrap(), seq);
    FreshWork {
        seq,
        id,
        order: None,
    }
}

fn seq(work: Option<FreshWork>) -> Option<u64> {
    work.map(|work| work.seq)
}

#[test]
fn work_is_found_by_its_bucket_and_by_its_age() {
    let mut window = FreshWindow::new(3);
    let (a, b, later) = (work("alice", 1), work("bob", 2), work("alice", 3));
    for work in [&a, &b, &later] {
        assert!(window.has_room(0));
        window.add(work.clone());
    }
    assert!(!window.has_room(0), "three is the limit");
    assert_eq!(window.first(), Some((1, a.id)));
    let (of_alice, of_bob) = (a.id.bucket(), b.id.bucket());
    assert_eq!(window.next_bucket(None), Some(of_alice.min(of_bob)));
    assert_eq!(window.next_bucket(Some(of_alice.max(of_bob))), None);
    assert_eq!(window.first_due_of(of_alice), Some(a.due()));
    assert_eq!(seq(window.take_first_of(of_alice)), Some(1));
    assert_eq!(window.first_due_of(of_alice), Some(later.due()));
    assert_eq!(window.first(), Some((2, b.id)));
    assert_eq!(window.up_to(2, 9), [b.id]);
    window.trim();
    assert_eq!(seq(window.take_first_of(of_alice)), Some(3));
    assert_eq!(seq(window.take_first_of(of_alice)), None);
    assert_eq!(window.len(), 1);
    assert_eq!(window.next_bucket(None), Some(of_bob));
}

#[test]
fn work_is_taken_out_of_the_middle() {
    let mut window = FreshWindow::new(9);
    let works: Vec<_> = (1..=5).map(|seq| work("alice", seq)).collect();
    for work in &works {
        window.add(work.clone());
    }
    let bucket = works[0].id.bucket();
    assert_eq!(seq(window.take_out(works[2].id)), Some(3));
    assert_eq!(seq(window.take_out(works[0].id)), Some(1));
    assert_eq!(seq(window.take_out(works[0].id)), None, "once");
    window.trim();
    assert_eq!(seq(window.take_first_of(bucket)), Some(2));
    assert_eq!(seq(window.take_first_of(bucket)), Some(4));
    window.trim();
    assert_eq!(seq(window.take_out(works[4].id)), Some(5));
    assert_eq!((window.len(), window.first()), (0, None));
    assert_eq!(seq(window.take_first_of(bucket)), None);
    assert_eq!(window.next_bucket(None), None);
    window.add(work("alice", 6));
    assert_eq!(seq(window.take_first_of(bucket)), Some(6));
}

#[test]
fn work_is_found_although_the_clock_was_set_back() {
    let mut window = FreshWindow::new(9);
    let (later, earlier) = (work("alice", 900), work("alice", 1));
    let earlier = FreshWork {
        seq: 901,
        ..earlier
    };
    window.add(later.clone());
    window.add(earlier.clone());
    assert_eq!(seq(window.take_out(earlier.id)), Some(901));
    assert_eq!(seq(window.take_out(later.id)), Some(900));
}

#[test]
fn seqs_go_on_past_every_boundary() {
    let mut window = FreshWindow::new(9);
    let boundary = u64::from(u32::MAX);
    for seq in boundary - 1..=boundary + 2 {
        window.add(FreshWork {
            seq,
            ..work("alice", seq + 9 - boundary)
        });
    }
    let bucket = work("alice", 1).id.bucket();
    for expected in boundary - 1..=boundary + 2 {
        assert_eq!(window.first().map(|(seq, _)| seq), Some(expected));
        assert_eq!(seq(window.take_first_of(bucket)), Some(expected));
        window.trim();
    }
    assert!(window.first().is_none());
}

#[test]
fn work_that_is_put_back_has_its_turn_as_before() {
    let mut window = FreshWindow::new(9);
    let works: Vec<_> = ["alice", "bob", "alice", "alice"]
        .into_iter()
        .zip(1..)
        .map(|(user, seq)| work(user, seq))
        .collect();
    for work in &works {
        window.add(work.clone());
    }
    let bucket = works[0].id.bucket();
    let mut taken = Vec::new();
    taken.extend(window.take_out(works[2].id));
    taken.extend(window.take_first_of(bucket));
    taken.extend(window.take_first_of(bucket));
    assert_eq!((taken.len(), window.len()), (3, 1));
    window.put_back(taken.into_iter());
    assert_eq!(window.len(), 4);
    for expected in [1, 3, 4] {
        assert_eq!(seq(window.take_first_of(bucket)), Some(expected));
    }
    assert_eq!(window.first(), Some((2, works[1].id)));
}
