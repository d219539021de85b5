//! How much memory the store's cache takes where nobody says: a part of what the process may use, which is
//! what the machine has, or less where a control group (a container, a unit of systemd) bounds it.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// The cache is this part of the memory: the rest is for requests, for what the store holds beside its cache,
/// and for the system, which keeps the files of the store in memory, too.
const PART: u64 = 4;

/// The cache is never smaller by itself: less makes every read of a small store one of the disk.
const FLOOR: u64 = 64 << 20;

/// It is never larger by itself: with a million users the store has half a gigabyte beside its cache, and the
/// process is to stay below two.
const CEILING: u64 = 1 << 30;

const MIB: u64 = 1 << 20;

/// The memory that a process may use, in bytes, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// What a control group allows.
    Allowed(u64),
    /// What the machine has.
    Installed(u64),
    /// Nobody says.
    Unknown,
}

/// How much memory the store may use for its cache, in bytes: what is set, or what fits. The log tells.
pub(super) fn cache(set: Option<u64>) -> u64 {
    let memory = Memory::found(Path::new("/proc"), Path::new("/sys/fs/cgroup"));
    let bytes = set.unwrap_or_else(|| memory.cache());
    let of = memory.to_string();
    if set.is_some() {
        tracing::info!(mib = bytes / MIB, of, "the size of the cache is what the setting says");
    } else {
        tracing::info!(mib = bytes / MIB, of, "the size of the cache is a quarter of the memory, from 64 to 1024 MiB");
    }
    bytes
}

impl Memory {
    /// What `proc` and `cgroup`, the file systems of that name, say. The smallest bound counts.
    fn found(proc: &Path, cgroup: &Path) -> Self {
        let installed = installed(&read(proc.join("meminfo")));
        let groups = read(proc.join("self/cgroup"));
        let allowed = groups.lines().filter_map(|line| allowed(line, cgroup)).min();
        match (installed, allowed) {
            (Some(installed), Some(allowed)) if allowed >= installed => Self::Installed(installed),
            (_, Some(allowed)) => Self::Allowed(allowed),
            (Some(installed), None) => Self::Installed(installed),
            (None, None) => Self::Unknown,
        }
    }

    fn cache(self) -> u64 {
        match self {
            Self::Allowed(bytes) | Self::Installed(bytes) => (bytes / PART).clamp(FLOOR, CEILING),
            Self::Unknown => FLOOR,
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(bytes) => write!(f, "{} MiB that the control group allows", bytes / MIB),
            Self::Installed(bytes) => write!(f, "{} MiB that the machine has", bytes / MIB),
            Self::Unknown => f.write_str("an unknown amount of memory"),
        }
    }
}

/// An empty text where there is no such file, as on other systems than Linux.
fn read(path: PathBuf) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn installed(meminfo: &str) -> Option<u64> {
    let kib = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix("kB")?;
    kib.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The smallest bound of the group in a line of `/proc/self/cgroup`, and of those that it lies in. Version 2
/// has lines `0::/path`, version 1 `number:memory:/path`. In a container the path may be that of the host,
/// while the group itself is mounted as the root: so the root is asked, too.
fn allowed(line: &str, cgroup: &Path) -> Option<u64> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    let is_memory = controllers.split(',').any(|name| name == "memory");
    let (root, name) = match controllers {
        "" => (cgroup.to_owned(), "memory.max"),
        _ if is_memory => (cgroup.join("memory"), "memory.limit_in_bytes"),
        _ => return None,
    };
    let group = root.join(path.trim_start_matches('/'));
    let bound = |group: &Path| read(group.join(name)).trim().parse::<u64>().ok();
    group.ancestors().take_while(|group| group.starts_with(&root)).filter_map(bound).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    /// What is found where these files are.
    #[track_caller]
    fn check(files: &[(&str, &str)], expect: Memory) {
        let place = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(Memory::found(&place.path().join("proc"), &place.path().join("cgroup")), expect, "{files:?}");
    }

    #[test]
    fn the_smallest_bound_counts() {
        let machine = ("proc/meminfo", "MemTotal:       16777216 kB\nMemFree:  1 kB\n");
        check(&[], Memory::Unknown);
        check(&[machine], Memory::Installed(16 * GIB));
        // Version 2: of the group, of one that it lies in, of the root of a container; `max` is none.
        let group = ("proc/self/cgroup", "0::/system.slice/scim.service\n");
        check(&[machine, group], Memory::Installed(16 * GIB));
        for (path, bound, expect) in [
            ("cgroup/system.slice/scim.service/memory.max", "1073741824\n", Memory::Allowed(GIB)),
            ("cgroup/system.slice/memory.max", "1073741824\n", Memory::Allowed(GIB)),
            ("cgroup/memory.max", "1073741824\n", Memory::Allowed(GIB)),
            ("cgroup/memory.max", "max\n", Memory::Installed(16 * GIB)),
            ("cgroup/memory.max", "99999999999999\n", Memory::Installed(16 * GIB)),
            ("memory.max", "1\n", Memory::Installed(16 * GIB)),
        ] {
            check(&[machine, group, (path, bound)], expect);
        }
        // Version 1 says no bound by a number that no machine has.
        let groups = ("proc/self/cgroup", "7:cpu,memory:/docker/1\n4:cpuset:/\n0::/\n");
        let none = ("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        check(&[machine, groups, none], Memory::Installed(16 * GIB));
        let bound = ("cgroup/memory/docker/1/memory.limit_in_bytes", "536870912\n");
        check(&[machine, groups, none, bound], Memory::Allowed(GIB / 2));
    }

    #[test]
    fn the_cache_is_a_quarter_within_bounds() {
        for (memory, mib) in [
            (Memory::Unknown, 64),
            (Memory::Allowed(GIB / 8), 64),
            (Memory::Allowed(GIB), 256),
            (Memory::Installed(3 * GIB), 768),
            (Memory::Installed(64 * GIB), 1024),
        ] {
            assert_eq!(memory.cache(), mib * MIB, "{memory}");
        }
    }
}
