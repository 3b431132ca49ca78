//! Is the machine idle? Ratios do not survive a busy one, so the benchmark looks before it measures, and says so.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// The share of all cores that was busy over one second, 0 to 1, read from the kernel's own accounting.
pub(super) async fn busy_share() -> Result<f64> {
    let (busy_before, all_before) = ticks()?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (busy_after, all_after) = ticks()?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "ticks of a second are small numbers"
    )]
    let share = (busy_after - busy_before) as f64 / (all_after - all_before).max(1) as f64;
    Ok(share)
}

fn ticks() -> Result<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/stat")
        .context("reading /proc/stat (the benchmark runs on Linux)")?;
    let line = stat.lines().next().unwrap_or_default();
    let fields: Vec<u64> = line
        .split_ascii_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let all: u64 = fields.iter().take(8).sum();
    // idle and iowait are the fourth and fifth field (proc(5)).
    let idle: u64 = fields.iter().skip(3).take(2).sum();
    Ok((all - idle, all))
}

/// Resident memory of a process, in bytes.
pub(super) fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .context("no VmRSS in /proc/PID/status")?;
    let kib: u64 = line
        .split_ascii_whitespace()
        .nth(1)
        .context("VmRSS has no number")?
        .parse()?;
    Ok(kib * 1024)
}
