//! Reads every row of a file, twice as the importer does, and prints how fast and in how much memory:
//! `cargo run --release -p order-import --example read_rows -- FILE [ENCODING]`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use order_import::files::{FileError, FileLayout, Input, Limits, OrderFile, encoding_for};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: read_rows FILE [ENCODING]");
        return ExitCode::from(2);
    };
    let encoding = match arguments
        .next()
        .map(|label| encoding_for(&label))
        .transpose()
    {
        Ok(encoding) => encoding,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let layout = FileLayout {
        encoding,
        ..FileLayout::default()
    };
    match read(&Input::new(Path::new(&path)), &layout) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn read(input: &Input, layout: &FileLayout) -> Result<(), FileError> {
    let begun = seconds();
    let file = OrderFile::open(input, layout, &Limits::default())?;
    println!(
        "opened in {:.2} s: {} bytes, {}",
        seconds() - begun,
        file.size(),
        file.format().name()
    );
    for _ in 0..2 {
        let begun = seconds();
        let (mut rows, mut cells, mut broken) = (0_u64, 0_usize, 0_u64);
        if let Some(mut reader) = file.rows::<&str>(&[])? {
            while let Some(row) = reader.next()? {
                rows += 1;
                cells += row.cells.len();
                broken += u64::from(row.broken.is_some());
            }
        }
        let took = seconds() - begun;
        println!(
            "{rows} rows ({cells} cells, {broken} rows broken) in {took:.2} s: {:.0} rows/s, {:.0} MB/s",
            rows as f64 / took,
            file.size() as f64 / 1e6 / took
        );
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM: unknown");
    println!("{peak}");
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example has no clock port; only differences are used"
)]
fn seconds() -> f64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}
