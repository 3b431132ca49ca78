//! Where bytes come from: plain files, pipes, gzip, files that change while they are read, and bounds.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use order_import::files::{FileError, FileLayout, Input, Limits, OrderFile};

use crate::reading::{cells, open, read, refusal, texts};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn open_path(path: &Path, limits: &Limits) -> Result<OrderFile, FileError> {
    OrderFile::open(&Input::new(path), &FileLayout::default(), limits)
}

fn written(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("orders.csv");
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn gzip_is_unpacked_whatever_its_name_is_member_by_member() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("orders.csv");
    fs::write(&path, [gzip(b"a,b\n1,"), gzip(b"2\n3,4\n")].concat()).unwrap();
    let file = open_path(&path, &Limits::default()).unwrap();
    let expected = [texts(&["a", "b"]), texts(&["1", "2"]), texts(&["3", "4"])];
    assert_eq!(cells(&file), expected);
    assert_eq!(cells(&file), expected);
    assert_eq!(file.size(), 12);
    assert_eq!(
        cells(&open(
            gzip(
                &"\u{feff}é\n1\n"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<u8>>()
            ),
            &FileLayout::default()
        ))[0],
        texts(&["é"])
    );
}

#[test]
fn damaged_gzip_is_refused_before_any_row() {
    let mut bytes = gzip("a,b\n1,2\n".repeat(1000).as_bytes());
    bytes.truncate(bytes.len() - 9);
    let error = refusal(bytes, &FileLayout::default(), &Limits::default());
    assert!(matches!(error, FileError::BadGzip { .. }), "{error}");
    let twice = refusal(
        gzip(&gzip(b"a,b\n")),
        &FileLayout::default(),
        &Limits::default(),
    );
    assert_eq!(
        twice.to_string(),
        "orders is a gzip file within a gzip file; unpack it first"
    );
}

#[test]
fn what_is_unpacked_is_bounded_by_a_setting() {
    let limits = Limits {
        max_spool_bytes: 1_000_000,
        ..Limits::default()
    };
    let bomb = gzip(&vec![b'x'; 1_000_001]);
    let message = "orders holds more than 1000000 bytes unpacked; set max_spool_bytes higher, or split the file";
    assert_eq!(
        refusal(bomb, &FileLayout::default(), &limits).to_string(),
        message
    );
    assert!(
        OrderFile::from_bytes(
            "orders",
            gzip(&vec![b'x'; 1_000_000]),
            &FileLayout::default(),
            &limits
        )
        .is_ok()
    );
}

#[test]
fn a_pipe_is_read_as_often_as_a_file() {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("plain", b"a,b\n1,2\n".to_vec()),
        ("gzip", gzip(b"a,b\n1,2\n")),
    ] {
        let path = directory.path().join(name);
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let writer = std::thread::spawn({
            let path = path.clone();
            move || fs::write(path, bytes).unwrap()
        });
        let file = open_path(&path, &Limits::default()).unwrap();
        writer.join().unwrap();
        for _ in 0..2 {
            assert_eq!(cells(&file), [texts(&["a", "b"]), texts(&["1", "2"])]);
        }
    }
}

#[test]
fn a_missing_file_and_a_directory_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.csv");
    let message = open_path(&missing, &Limits::default())
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with(&format!("cannot open {}: ", missing.display())),
        "{message}"
    );
    let message = open_path(directory.path(), &Limits::default())
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(message.contains("is a directory"), "{message}");
    assert_eq!(Input::new(Path::new("-")).name().as_ref(), "standard input");
}

#[test]
fn a_row_that_a_growing_file_cuts_off_is_broken_and_the_rows_before_it_are_whole() {
    let directory = tempfile::tempdir().unwrap();
    for (begun, rest) in [
        ("a,b\n1,2\n3,12", "5.00\n5,6\n"),
        ("{\"a\":1}\n{\"a\":12", "5}\n"),
    ] {
        let path = written(directory.path(), begun);
        let file = open_path(&path, &Limits::default()).unwrap();
        let mut rows = file.rows(&["a"]).unwrap().unwrap();
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(rest.as_bytes())
            .unwrap();
        let mut last = None;
        let mut broken = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            last = Some(row.number);
            broken.extend(row.broken.map(|broken| (row.number, broken.code)));
        }
        assert_eq!(broken, [(last.unwrap(), "file_changed")], "{begun:?}");
        // The next pass reads the same rows.
        assert_eq!(read(&file, &["a"]).1.last().unwrap().number, last.unwrap());
    }
}

#[test]
fn a_file_that_grows_after_a_whole_row_ends_in_a_row_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), "a,b\n1,2\n");
    let file = open_path(&path, &Limits::default()).unwrap();
    OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"3,4\n")
        .unwrap();
    let (_, rows) = read(&file, &[]);
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].number, &rows[0].broken), (2, &None));
    let broken = rows[1].broken.as_ref().unwrap();
    assert_eq!((rows[1].number, broken.code), (3, "file_changed"));
    assert!(
        broken
            .reason
            .contains("import it again once it is complete")
    );
}

#[test]
fn a_file_that_is_cut_off_while_it_is_read_ends_in_a_broken_row() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(
        directory.path(),
        &format!("a,b\n{}", "1,200\n".repeat(100_000)),
    );
    let file = open_path(&path, &Limits::default()).unwrap();
    let mut rows = file.rows::<&str>(&[]).unwrap().unwrap();
    rows.next().unwrap().unwrap();
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(300_001)
        .unwrap();
    let mut faults = Vec::new();
    let mut count = 1;
    while let Some(row) = rows.next().unwrap() {
        count += 1;
        faults.extend(row.broken.map(|broken| broken.code));
    }
    assert_eq!((count, faults), (50_000, vec!["file_changed"]));
    assert!(matches!(
        file.rows::<&str>(&[]),
        Err(FileError::Changed { .. })
    ));
}

#[test]
fn a_file_that_was_replaced_is_read_as_it_was_opened_and_one_that_was_overwritten_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), "a,b\n1,2\n");
    let file = open_path(&path, &Limits::default()).unwrap();
    let other = directory.path().join("other.csv");
    fs::write(&other, "a,b\n9,9\n").unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(cells(&file)[1], texts(&["1", "2"]));

    let file = open_path(&path, &Limits::default()).unwrap();
    // A file system may keep times no finer than a timer tick.
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(&path, "a,b\n8,8\n").unwrap();
    let message = file.rows::<&str>(&[]).map(|_| ()).unwrap_err().to_string();
    assert!(
        message.ends_with("was changed after it was opened; import it again once it is complete"),
        "{message}"
    );
}

#[test]
fn a_file_without_a_line_end_that_stays_as_it_is_has_no_broken_row() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), "a,b\n1,2");
    assert_eq!(
        cells(&open_path(&path, &Limits::default()).unwrap()),
        [texts(&["a", "b"]), texts(&["1", "2"])]
    );
}
