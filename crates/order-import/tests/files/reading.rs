//! Reads a whole file for a test.

use order_import::files::{FileError, FileLayout, Limits, OrderFile, Row};

/// A file in memory.
pub fn open(bytes: impl Into<Vec<u8>>, layout: &FileLayout) -> OrderFile {
    OrderFile::from_bytes("orders", bytes.into(), layout, &Limits::default()).unwrap()
}

/// Why a file in memory cannot be opened.
pub fn refusal(bytes: impl Into<Vec<u8>>, layout: &FileLayout, limits: &Limits) -> FileError {
    match OrderFile::from_bytes("orders", bytes.into(), layout, limits) {
        Ok(_) => panic!("was opened"),
        Err(error) => error,
    }
}

/// The columns and all rows.
pub fn read(file: &OrderFile, names: &[&str]) -> (Vec<String>, Vec<Row>) {
    let mut rows = file.rows(names).unwrap().expect("has a heading");
    let columns = rows.columns().to_vec();
    let mut all = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        all.push(row);
    }
    (columns, all)
}

/// Every row as its cells; each must be whole.
pub fn cells(file: &OrderFile) -> Vec<Vec<String>> {
    let (columns, rows) = read(file, &[]);
    let mut all = vec![columns];
    for row in rows {
        assert_eq!(
            (row.broken, row.undecodable),
            (None, vec![]),
            "row {}",
            row.number
        );
        all.push(row.cells);
    }
    all
}

/// Text cells for a comparison.
pub fn texts(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}
