//! Removing the blocks of runs that are not visible: those of merged runs, and of merges that a crash interrupted.

use rusqlite::{Connection, OptionalExtension, params};

use crate::index::damage::damaged;

/// Removes up to `blocks` blocks of a run that is not visible; returns `true` once none is left.
pub(crate) fn collect_garbage(
    connection: &Connection,
    run: i64,
    blocks: usize,
) -> rusqlite::Result<bool> {
    let found: Vec<(Vec<u8>, i64)> = connection
        .prepare_cached(
            "SELECT first, block FROM block_index WHERE run = ?1 ORDER BY first LIMIT ?2",
        )?
        .query_map(params![run, blocks.cast_signed()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut remove_block = connection.prepare_cached("DELETE FROM blocks WHERE block = ?1")?;
    let mut remove_from_index =
        connection.prepare_cached("DELETE FROM block_index WHERE run = ?1 AND first = ?2")?;
    for (first, block) in &found {
        // A row that can be read but not removed would be found again forever.
        if remove_block.execute([block])? + remove_from_index.execute(params![run, first])? != 2 {
            return Err(damaged("a block cannot be removed"));
        }
    }
    Ok(found.len() < blocks)
}

/// The numbers of all runs that have blocks, visible or not, ascending.
pub(crate) fn with_blocks(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    let mut numbers = Vec::new();
    let mut next =
        connection.prepare("SELECT run FROM block_index WHERE run > ?1 ORDER BY run LIMIT 1")?;
    let mut last = -1;
    while let Some(number) = next.query_row([last], |row| row.get(0)).optional()? {
        if number <= last {
            return Err(damaged("the block index is out of order"));
        }
        numbers.push(number);
        last = number;
    }
    Ok(numbers)
}
