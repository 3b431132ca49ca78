//! Is the machine idle? Ratios do not survive a busy one, so the benchmark looks before it measures, and says how much of
//! it others took meanwhile.

use std::time::Duration;

use serde::Serialize;

use super::error::{BenchError, Doing as _, Result};

/// The share of all cores that was busy over one second, 0 to 1, read from the kernel's own accounting.
pub(super) async fn busy_share() -> Result<f64> {
    let before = Usage::now()?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = Usage::now()?;
    Ok(share(after.busy - before.busy, after.all - before.all))
}

/// Refuses a machine on which others take part of the cores; `busy` is what [`busy_share`] measured.
///
/// # Errors
/// If more than a tenth of all cores is busy; the message names the flag that measures nevertheless.
pub(super) fn check_idle(busy: f64) -> Result<()> {
    if busy <= 0.1 {
        return Ok(());
    }
    Err(BenchError::MachineIsBusy {
        percent: busy * 100.0,
    })
}

/// Processor time since the machine was started, by who had it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    all: u64,
    busy: u64,
    /// Of other machines on the same processors.
    stolen: u64,
    /// Of this process and of the servers it has started and ended.
    own: u64,
}

/// Shares of the machine, 0 to 1, that were not the benchmark's.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Disturbance {
    /// Other processes, and the kernel's work for nobody in particular.
    pub(super) others: f64,
    /// Other machines, as far as the hypervisor tells.
    pub(super) stolen: f64,
}

impl Usage {
    /// How it is now. Servers that still run count as others.
    pub(super) fn now() -> Result<Self> {
        let stat = std::fs::read_to_string("/proc/stat")
            .doing(|| "reading /proc/stat (the benchmark runs on Linux)".to_owned())?;
        let fields = numbers(stat.lines().next().unwrap_or_default(), 1);
        let all: u64 = fields.iter().take(8).sum();
        // idle, iowait and steal are the fourth, fifth and eighth field (proc(5)).
        let idle: u64 = fields.iter().skip(3).take(2).sum();
        let stolen = fields.get(7).copied().unwrap_or(0);
        let own = std::fs::read_to_string("/proc/self/stat")
            .doing(|| "reading /proc/self/stat".to_owned())?;
        Ok(Self {
            all,
            busy: all - idle - stolen,
            stolen,
            own: ticks_of(&own),
        })
    }

    /// What others took since `before`.
    pub(super) fn disturbance_since(self, before: Self) -> Disturbance {
        let all = self.all - before.all;
        let others = (self.busy - before.busy).saturating_sub(self.own - before.own);
        Disturbance {
            others: share(others, all),
            stolen: share(self.stolen - before.stolen, all),
        }
    }
}

/// Processor time of a process and of its children that have ended, from its `/proc/PID/stat` (proc(5)).
fn ticks_of(stat: &str) -> u64 {
    // The name is the second field and may hold anything; utime, stime, cutime and cstime are fields 14 to 17.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    numbers(after_name, 11).iter().take(4).sum()
}

fn numbers(fields: &str, skip: usize) -> Vec<u64> {
    let fields = fields.split_ascii_whitespace().skip(skip);
    fields.map(|field| field.parse().unwrap_or(0)).collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "ticks of a benchmark are small numbers"
)]
fn share(part: u64, of: u64) -> f64 {
    part as f64 / of.max(1) as f64
}

/// Resident memory of a process, in bytes.
pub(super) fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .ok_or_else(|| BenchError::unexpected("no VmRSS in /proc/PID/status"))?;
    let kib: u64 = line
        .split_ascii_whitespace()
        .nth(1)
        .ok_or_else(|| BenchError::unexpected("VmRSS has no number"))?
        .parse()?;
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::{check_idle, ticks_of};

    #[test]
    fn a_busy_machine_is_not_measured_unless_that_is_said() {
        check_idle(0.0).unwrap();
        check_idle(0.1).unwrap();
        let refused = check_idle(0.25).unwrap_err().to_string();
        assert!(
            refused.contains("25% of its cores are busy") && refused.contains("--busy-machine"),
            "{refused}"
        );
    }

    #[test]
    fn the_time_of_a_process_is_its_own_and_that_of_its_children() {
        let stat = "4711 (order) mill) S 3 4 5 6 7 8 9 10 11 12 1000 200 30 4 20 0 9 0";
        assert_eq!(ticks_of(stat), 1_234);
    }
}
