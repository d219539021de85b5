//! What processes have used, as Linux counts it.

use std::{fs, path::Path, time::Duration};

use crate::database::Cluster;

/// Ticks of the processor's clock in a second: `USER_HZ`, which is 100 on every Linux.
const TICKS: u64 = 100;

/// Processor time of servers and of databases.
pub struct Processor {
    pub servers: Duration,
    pub databases: Duration,
}

impl Processor {
    pub fn now(servers: &[u32], clusters: &[Cluster]) -> Self {
        Self {
            servers: servers.iter().map(|server| time(*server, false)).sum(),
            databases: clusters.iter().map(|cluster| of_database(cluster.postmaster())).sum(),
        }
    }

    pub fn since(&self, before: &Self) -> Self {
        Self {
            servers: self.servers.saturating_sub(before.servers),
            databases: self.databases.saturating_sub(before.databases),
        }
    }
}

/// The time of a database: of its first process, of those that it has started, and of those that have ended.
fn of_database(postmaster: u32) -> Duration {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let started = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let of_it =
        started.filter(|process| fields(*process).get(1).is_some_and(|parent| *parent == u64::from(postmaster)));
    time(postmaster, true) + of_it.map(|process| time(process, false)).sum::<Duration>()
}

/// The numbers of `/proc/PID/stat` behind the name and the state, so that the first two are 0 and the parent's id.
fn fields(process: u32) -> Vec<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let behind = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
    behind.split(' ').map(|field| field.trim().parse().unwrap_or(0)).collect()
}

fn time(process: u32, with_ended: bool) -> Duration {
    let fields = fields(process);
    // utime and stime are the fields 14 and 15 of the whole; 16 and 17 are of children that have ended.
    let wanted = if with_ended { 11..15 } else { 11..13 };
    let ticks: u64 = fields.get(wanted).map_or(0, |times| times.iter().sum());
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// The memory that a process has, in bytes.
pub fn memory(proc: &Path, process: u32) -> u64 {
    let status = fs::read_to_string(proc.join(process.to_string()).join("status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
