//! The contents of a file compared with a model, and the number and size of its runs.

use std::collections::{BTreeMap, BTreeSet};

use domain::OrderId;
use proptest::prelude::*;

use super::{fixture, found, id, key, listed, segment};
use crate::index::compaction::{Compaction, STEP};
use crate::index::hashes::UserHash;
use crate::index::reader::ALL;
use crate::index::runs::{Kind, Run};

/// One of this many orders has a unique key.
const KEYED: u64 = 3;

/// A step between two comparisons.
#[derive(Debug, Clone, Copy)]
enum Step {
    Add(u64),
    Compact(usize, Compaction),
    OpenAgain,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_u64..900).prop_map(Step::Add),
        3 => (1_usize..6).prop_map(|times| Step::Compact(times, Compaction::UnderLoad)),
        1 => (1_usize..6).prop_map(|times| Step::Compact(times, Compaction::AtRest)),
        1 => Just(Step::OpenAgain),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// After any sequence of flushes, compaction steps and crashes, the lists and unique keys are those of the model.
    #[test]
    fn lists_and_unique_keys_are_those_of_a_sorted_model(
        steps in prop::collection::vec(step(), 1..40),
        users in 1_i64..6,
        cut in (any::<u64>(), any::<u64>()),
        at_most in 1_usize..50,
    ) {
        let mut made = fixture();
        let mut reader = made.reader();
        let mut model: BTreeMap<i64, BTreeSet<OrderId>> = BTreeMap::new();
        let mut next = 0;
        for step in steps {
            match step {
                Step::Add(count) => {
                    let segment = segment(next, count, users, KEYED);
                    next += count;
                    made.file.add(&segment).unwrap();
                    for (user, id) in segment.by_user() {
                        model.entry(user.0).or_default().insert(id);
                    }
                }
                Step::Compact(times, compaction) => {
                    for _ in 0..times {
                        made.file.compact(compaction).unwrap();
                    }
                }
                Step::OpenAgain => made.open_again(),
            }
            let (a, b) = (id(cut.0 % (next + 1)), id(cut.1 % (next + 1)));
            let (from, to) = (a.min(b), a.max(b));
            let version = made.version();
            for user in -users..=users {
                let of_user = model.entry(user).or_default();
                let all = listed(&mut reader, version, UserHash(user), ALL, usize::MAX).unwrap();
                prop_assert!(all.iter().eq(of_user.iter().rev()));
                let range = (from.as_bytes().as_slice(), to.as_bytes().as_slice());
                let some = listed(&mut reader, version, UserHash(user), range, at_most).unwrap();
                let expected = of_user.range(from..to).rev().take(at_most);
                prop_assert!(some.iter().eq(expected));
            }
        }
        for number in 0..next + 2 {
            let expected = (number < next && number % 3 == 0).then(|| id(number));
            let found = found(&mut reader, made.version(), key(number));
            prop_assert_eq!(found.unwrap(), expected);
        }
        made.compact_all(Compaction::AtRest);
        let mut keys = 0;
        let mut cursors = made.file.unique_keys();
        while let Some(found) = made.file.next_unique_keys(&mut cursors).unwrap() {
            keys += found.len() as u64;
        }
        prop_assert_eq!(keys, next.div_ceil(3));
    }
}

#[test]
fn a_lookup_in_progress_sees_its_runs_while_they_are_merged_and_removed() {
    let mut made = fixture();
    for batch in 0..4 {
        made.file
            .add(&segment(batch * 2_000, 2_000, 1, KEYED))
            .unwrap();
    }
    let (mut reader, version) = (made.reader(), made.version());
    let (mut found, mut last) = (0, None);
    let visit = |id| {
        if found == 10 {
            made.compact_all(Compaction::UnderLoad);
        }
        found += 1;
        assert!(last.is_none_or(|last| id < last));
        last = Some(id);
        Ok(true)
    };
    reader.of_user(version, UserHash(0), ALL, visit).unwrap();
    assert_eq!(found, 8_000);
    assert_eq!(
        made.file.manifest.runs.len(),
        2,
        "one of lists and one of unique keys"
    );
}

/// After many flushes there are few runs, and no blocks of merged runs are left.
#[test]
fn runs_are_few_and_their_blocks_are_full() {
    let mut made = fixture();
    for batch in 0..100 {
        made.file
            .add(&segment(batch * 700, 700, 50, KEYED))
            .unwrap();
        made.file.compact(Compaction::UnderLoad).unwrap();
    }
    made.compact_all(Compaction::UnderLoad);
    // At most three of each tier and kind. 70,000 orders have two or three tiers.
    assert!(
        made.file.manifest.runs.len() <= 18,
        "{} runs",
        made.file.manifest.runs.len()
    );
    assert_eq!(
        made.runs_with_blocks(),
        made.file.manifest.runs.len() as u64
    );
    assert_eq!(made.count("blocks"), made.count("block_index"));
    let full = 70_000_u64.div_ceil(336) + 70_000_u64.div_ceil(3).div_ceil(252);
    let runs = made.runs_with_blocks();
    let blocks = made.count("blocks");
    assert!(blocks <= full + runs, "{blocks} blocks, {full} full ones");
    made.compact_all(Compaction::AtRest);
    for kind in [Kind::Lists, Kind::UniqueKeys] {
        let of_kind = made
            .file
            .manifest
            .runs
            .iter()
            .filter(|run| run.kind == kind);
        let mut sizes: Vec<_> = of_kind.map(Run::entries).collect();
        sizes.sort_unstable();
        assert!(sizes.is_sorted_by(|a, b| 4 * a <= *b), "{sizes:?}");
    }
    assert_eq!(made.count("blocks"), made.count("block_index"));
}

#[test]
fn the_blocks_of_an_unfinished_merge_are_removed() {
    let mut made = fixture();
    for batch in 0..4 {
        made.file
            .add(&segment(batch * 10_000, 10_000, 50, KEYED))
            .unwrap();
    }
    let before = made.count("blocks");
    made.file.compact(Compaction::UnderLoad).unwrap();
    assert_eq!(
        made.count("blocks"),
        before + STEP as u64,
        "the merge has begun"
    );
    made.open_again();
    assert_eq!(made.file.garbage.len(), 1);
    made.compact_all(Compaction::UnderLoad);
    assert_eq!(made.file.manifest.runs.len(), 2);
    assert_eq!(made.count("blocks"), made.count("block_index"));
    assert!(made.count("blocks") <= before, "no block is left over");
}
