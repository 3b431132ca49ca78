//! Receipts, and the first answer: made of facts of the creation alone.

use std::collections::HashSet;
use std::sync::Arc;

use domain::{OrderId, Receipt, UserId};
use proptest::prelude::*;

use crate::made::{any_command, at, decide, plain_order};

proptest! {
    #[test]
    fn receipt_keys_are_injective_and_stay_in_their_folder(
        users in prop::collection::hash_set(r"[%./\\2EFef~ \u{e9}a]{1,6}|\PC{1,12}", 2..12),
    ) {
        let id = OrderId::new(at(1), &UserId::new("x").unwrap(), 1);
        let users: Vec<UserId> = users.iter().filter_map(|user| UserId::new(user).ok()).collect();
        let keys: HashSet<Arc<str>> = users.iter().map(|user| Receipt::key_of(user, id)).collect();
        prop_assert_eq!(keys.len(), users.len(), "no two users share a key");
        for key in keys {
            let segments: Vec<&str> = key.split(['/', '\\']).collect();
            prop_assert_eq!(segments.len(), 3, "{}", &key);
            prop_assert_eq!(segments[0], "receipts");
            prop_assert!(!segments[1].is_empty() && segments[1].bytes().any(|b| b != b'.'), "{}", &key);
            prop_assert_eq!(segments[2], &format!("{id}.txt"));
            prop_assert!(!key.chars().any(char::is_control), "{:?}", &key);
        }
    }

    #[test]
    fn a_receipt_is_made_of_facts_of_the_creation_alone(
        commands in prop::collection::vec((any_command(), 0_u64..2_000_000), 0..20),
    ) {
        let placed = plain_order().order;
        let mut order = Arc::clone(&placed);
        for (command, now_ms) in commands {
            if let Some(decision) = decide(&order, command, at(now_ms)) {
                order = decision.order;
            }
        }
        prop_assert_eq!(Receipt::of(&order), Receipt::of(&placed));
        prop_assert_eq!(order.as_created(), (*placed).clone(), "the first answer can be given again");
    }
}
