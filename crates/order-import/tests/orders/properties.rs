//! Properties of grouping, against an oracle that counts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::run::{import, try_import};

const MAPPING: &str = "currency = \"USD\"\n[order]\nexternal_id = \"no\"\nuser_id = { value = \"u\" }\n[line]\nproduct_name = \"no\"\n\
    quantity = { value = \"1\" }\ntotal = \"total\"\n";

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    /// A line that the domain refuses.
    Faulty,
    /// A row that cannot be read, and whose number is certain.
    Broken,
    /// A row that cannot be read, and whose number is not known.
    Unknown,
}

fn rows(kinds: &'static [Kind]) -> impl Strategy<Value = Vec<(char, Kind)>> {
    let number = prop::char::range('a', 'e');
    prop::collection::vec((number, prop::sample::select(kinds)), 0..14)
}

fn text(rows: &[(char, Kind)]) -> String {
    let row = |(number, kind): &(char, Kind)| match kind {
        Kind::Good => format!("{number},1.00\n"),
        Kind::Faulty => format!("{number},x\n"),
        Kind::Broken => format!("{number},1.00,surplus\n"),
        Kind::Unknown => format!("\"{number}\"x,1.00\n"),
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!("no,total\n{}", rows.concat())
}

/// All rows of each number, and whether each is good.
fn by_number(rows: &[(char, Kind)]) -> BTreeMap<String, (usize, bool)> {
    let mut all: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    for (number, kind) in rows.iter().filter(|(_, kind)| *kind != Kind::Unknown) {
        let own = all.entry(number.to_string()).or_insert((0, true));
        own.0 += 1;
        own.1 &= *kind == Kind::Good;
    }
    all
}

fn runs(rows: &[(char, Kind)], number: &str) -> usize {
    let known: Vec<char> = rows
        .iter()
        .filter(|(_, kind)| *kind != Kind::Unknown)
        .map(|(number, _)| *number)
        .collect();
    let runs = known.chunk_by(|left, right| left == right);
    runs.filter(|run| run[0].to_string() == number).count()
}

proptest! {
    #[test]
    fn an_order_is_taken_with_all_its_rows_or_not_at_all(
        rows in rows(&[Kind::Good, Kind::Good, Kind::Good, Kind::Faulty, Kind::Broken, Kind::Unknown]),
    ) {
        let outcome = import(MAPPING, &[&text(&rows)]);
        let all = by_number(&rows);
        let mut taken = BTreeMap::new();
        for ready in &outcome.orders {
            let (count, is_good) = all[&ready.number];
            prop_assert!(is_good, "{} has a bad row", ready.number);
            prop_assert_eq!(ready.order.lines.len(), count);
            prop_assert_eq!(runs(&rows, &ready.number), 1);
            prop_assert!(taken.insert(ready.number.clone(), ()).is_none());
        }
        // Without unreadable rows nothing else is refused.
        if rows.iter().all(|(_, kind)| *kind != Kind::Unknown) {
            for (number, (_, is_good)) in &all {
                let expected = *is_good && runs(&rows, number) == 1;
                prop_assert_eq!(taken.contains_key(number), expected, "{}", number);
            }
            prop_assert_eq!(outcome.refused_count + taken.len(), all.len());
        }
    }

    #[test]
    fn rows_from_anywhere_give_the_orders_of_the_sorted_file(
        rows in rows(&[Kind::Good, Kind::Good, Kind::Good, Kind::Faulty, Kind::Broken]),
    ) {
        let mapping = format!("rows = \"anywhere\"\n{MAPPING}");
        let outcome = try_import(&mapping, &[&text(&rows)]).unwrap();
        let all = by_number(&rows);
        let good = all.values().filter(|(_, is_good)| *is_good).count();
        prop_assert_eq!(outcome.orders.len(), good);
        prop_assert_eq!(outcome.refused_count, all.len() - good);
        for ready in &outcome.orders {
            prop_assert_eq!(ready.order.lines.len(), all[&ready.number].0);
        }
    }

    #[test]
    fn an_order_in_several_files_is_never_taken_in_parts(
        first in rows(&[Kind::Good]),
        second in rows(&[Kind::Good]),
    ) {
        let outcome = import(MAPPING, &[&text(&first), &text(&second)]);
        let (one, two) = (by_number(&first), by_number(&second));
        for ready in &outcome.orders {
            let counts: Vec<usize> = [&one, &two].iter().filter_map(|file| file.get(&ready.number)).map(|own| own.0).collect();
            prop_assert!(counts.iter().all(|count| *count == ready.order.lines.len()), "{}", ready.number);
        }
    }
}
