//! The index is damaged or replaced while the store is open.

use std::fs;
use std::path::{Path, PathBuf};

use port_conformance::captured_logs::KeptLog;
use tracing::Level;

use super::{PAGE, Random, USERS, Used, lines_of, log_of, overwrite, pages};

/// Damages the index in use; the arguments are its file and an older copy of it. It fails if the store has removed the file.
type Damage = fn(&Path, &Path, &mut Random) -> std::io::Result<()>;

const DAMAGES: [(&str, Damage); 6] = [
    ("zeroed pages", |index, _, random| {
        for file in [index, &log_of(index)] {
            for _ in 0..pages(file)? / 2 {
                overwrite(file, random.below(pages(file)?) * PAGE, &[0; PAGE])?;
            }
        }
        Ok(())
    }),
    ("changed bytes", |index, _, random| {
        for file in [index, &log_of(index)] {
            for _ in 0..pages(file)? * 2 {
                let position = random.below(pages(file)? * PAGE);
                overwrite(file, position, &[random.below(256) as u8])?;
            }
        }
        Ok(())
    }),
    ("an older copy in its place", |index, older, _| {
        fs::copy(older, index).map(drop)
    }),
    ("an older copy instead of it", |index, older, _| {
        let copy = index.with_extension("copy");
        fs::copy(older, &copy)?;
        fs::rename(copy, index)
    }),
    ("an empty file", |index, _, _| fs::write(index, [])),
    ("no file", |index, _, _| fs::remove_file(index)),
];

/// The index file of the last generation.
fn last_index(folder: &Path) -> Option<PathBuf> {
    let generations = (1..100).map(|generation| folder.join(format!("index-{generation}.db")));
    generations.rev().find(|path| path.exists())
}

/// The index is damaged repeatedly while it is in use. The cache of SQLite hides some damage, and merges rewrite entries, so keys
/// are sent continuously and the file is read again.
#[tokio::test(flavor = "multi_thread")]
async fn used_keys_make_no_second_orders_while_the_index_in_use_is_damaged() {
    let mut template = Used::keys(300).await;
    let older = template.copy();
    template.add(300).await;
    let log = KeptLog::of_all_threads(Level::WARN);
    let mut random = Random(3);
    let mut noticed = 0;
    for (what, damage) in DAMAGES {
        let mut used = template.copy();
        let folder = used.folder.path().to_owned();
        let running = used.open();
        for round in 0..6 {
            if (1..5).contains(&round)
                && let Some(index) = last_index(&folder)
            {
                // The store may have removed it meanwhile.
                let _ = damage(&index, &older.index(), &mut random);
            }
            running.place_new(&mut used.orders, what).await;
            let some: Vec<_> = (0..100).map(|_| random.below(used.orders.len())).collect();
            running.send_again(&used.orders, &some, what).await;
        }
        running.replays(&used.orders, 1, what).await;
        for user in 0..USERS {
            running.list(&used.orders, user, what).await;
        }
        running.close().await;
        let lines = lines_of(&log, &used);
        let of_files: Vec<_> = lines
            .iter()
            .filter(|line| line.contains("is damaged and is rebuilt"))
            .filter_map(|line| line.split("index-").nth(1)?.split(".db").next())
            .collect();
        let mut files = of_files.clone();
        files.dedup();
        assert_eq!(
            of_files, files,
            "{what}: damage is logged once for each file"
        );
        noticed += usize::from(!files.is_empty());
        used.check(3, 0, what).await;
    }
    // Where a copy takes the place of the file, what matters may be in memory and in the write-ahead log.
    assert!(noticed >= 3, "{noticed} of {}", DAMAGES.len());
}
