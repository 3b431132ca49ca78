//! The window alone: adding, removing and putting back unclaimed orders.

use domain::{OrderId, Timestamp, UserId};

use super::{UnclaimedOrder, UnclaimedWindow};

const NOW_MS: u64 = 1_700_000_000_000;

fn order(user: &str, seq: u64) -> UnclaimedOrder {
    let now = Timestamp::from_millis(NOW_MS + seq).unwrap();
    let id = OrderId::new(now, &UserId::new(user).unwrap(), seq);
    UnclaimedOrder {
        seq,
        id,
        order: None,
    }
}

fn seq(order: Option<UnclaimedOrder>) -> Option<u64> {
    order.map(|order| order.seq)
}

#[test]
fn the_oldest_order_is_found_by_bucket_and_overall() {
    let mut window = UnclaimedWindow::new(3);
    let (a, b, later) = (order("alice", 1), order("bob", 2), order("alice", 3));
    for order in [&a, &b, &later] {
        assert!(window.has_space_after(0));
        window.add(order.clone());
    }
    assert!(!window.has_space_after(0), "three is the limit");
    assert_eq!(window.first(), Some((1, a.id)));
    let (of_alice, of_bob) = (a.id.bucket(), b.id.bucket());
    assert_eq!(window.next_bucket(None), Some(of_alice.min(of_bob)));
    assert_eq!(window.next_bucket(Some(of_alice.max(of_bob))), None);
    assert_eq!(window.first_due_of(of_alice), Some(a.due()));
    assert_eq!(seq(window.remove_first_of(of_alice)), Some(1));
    assert_eq!(window.first_due_of(of_alice), Some(later.due()));
    assert_eq!(window.first(), Some((2, b.id)));
    assert_eq!(window.up_to(2, 9), [b.id]);
    window.trim();
    assert_eq!(seq(window.remove_first_of(of_alice)), Some(3));
    assert_eq!(seq(window.remove_first_of(of_alice)), None);
    assert_eq!(window.len(), 1);
    assert_eq!(window.next_bucket(None), Some(of_bob));
}

#[test]
fn orders_are_removed_from_the_middle() {
    let mut window = UnclaimedWindow::new(9);
    let orders: Vec<_> = (1..=5).map(|seq| order("alice", seq)).collect();
    for order in &orders {
        window.add(order.clone());
    }
    let bucket = orders[0].id.bucket();
    assert_eq!(seq(window.remove(orders[2].id)), Some(3));
    assert_eq!(seq(window.remove(orders[0].id)), Some(1));
    assert_eq!(
        seq(window.remove(orders[0].id)),
        None,
        "it was removed before"
    );
    window.trim();
    assert_eq!(seq(window.remove_first_of(bucket)), Some(2));
    assert_eq!(seq(window.remove_first_of(bucket)), Some(4));
    window.trim();
    assert_eq!(seq(window.remove(orders[4].id)), Some(5));
    assert_eq!((window.len(), window.first()), (0, None));
    assert_eq!(seq(window.remove_first_of(bucket)), None);
    assert_eq!(window.next_bucket(None), None);
    window.add(order("alice", 6));
    assert_eq!(seq(window.remove_first_of(bucket)), Some(6));
}

#[test]
fn orders_are_removed_although_the_clock_was_set_back() {
    let mut window = UnclaimedWindow::new(9);
    let (later, earlier) = (order("alice", 900), order("alice", 1));
    let earlier = UnclaimedOrder {
        seq: 901,
        ..earlier
    };
    window.add(later.clone());
    window.add(earlier.clone());
    assert_eq!(seq(window.remove(earlier.id)), Some(901));
    assert_eq!(seq(window.remove(later.id)), Some(900));
}

#[test]
fn sequence_numbers_continue_past_32_bits() {
    let mut window = UnclaimedWindow::new(9);
    let boundary = u64::from(u32::MAX);
    for seq in boundary - 1..=boundary + 2 {
        window.add(UnclaimedOrder {
            seq,
            ..order("alice", seq + 9 - boundary)
        });
    }
    let bucket = order("alice", 1).id.bucket();
    for expected in boundary - 1..=boundary + 2 {
        assert_eq!(window.first().map(|(seq, _)| seq), Some(expected));
        assert_eq!(seq(window.remove_first_of(bucket)), Some(expected));
        window.trim();
    }
    assert!(window.first().is_none());
}

#[test]
fn orders_that_are_put_back_have_their_previous_position() {
    let mut window = UnclaimedWindow::new(9);
    let orders: Vec<_> = ["alice", "bob", "alice", "alice"]
        .into_iter()
        .zip(1..)
        .map(|(user, seq)| order(user, seq))
        .collect();
    for order in &orders {
        window.add(order.clone());
    }
    let bucket = orders[0].id.bucket();
    let mut removed = Vec::new();
    removed.extend(window.remove(orders[2].id));
    removed.extend(window.remove_first_of(bucket));
    removed.extend(window.remove_first_of(bucket));
    assert_eq!((removed.len(), window.len()), (3, 1));
    window.put_back(removed.into_iter());
    assert_eq!(window.len(), 4);
    for expected in [1, 3, 4] {
        assert_eq!(seq(window.remove_first_of(bucket)), Some(expected));
    }
    assert_eq!(window.first(), Some((2, orders[1].id)));
}
