//! Room for connections beside the store: each takes a file descriptor, and a commit that finds none left
//! fails.

/// Descriptors that connections leave alone: for the store's files, the logs, commands of administrators,
/// and files that are read again.
const RESERVE: u64 = 192;

/// Raises the process's limit of descriptors as far as it may, and gives how many of `wanted` connections
/// fit below it. `store` connections to a database are kept free, too.
pub(super) fn room(wanted: usize, store: usize) -> usize {
    let Some(limit) = raised() else { return wanted };
    let reserve = RESERVE + store as u64;
    let room = usize::try_from(connections(limit, reserve)).unwrap_or(usize::MAX);
    if room < wanted {
        tracing::warn!(
            max_connections = room,
            wanted,
            limit,
            "the limit of file descriptors leaves room for fewer connections than max_connections: raise it (LimitNOFILE in the systemd unit, ulimit -n)"
        );
    }
    wanted.min(room)
}

/// Below a very low limit half of it is kept free.
fn connections(limit: u64, reserve: u64) -> u64 {
    limit.saturating_sub(reserve).max(limit / 2).max(1)
}

/// The limit after it was raised; `None` when there is none.
#[cfg(unix)]
fn raised() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let before = getrlimit(Resource::Nofile);
    let Rlimit { current, maximum } = before;
    let raised = Rlimit { current: maximum, maximum };
    if current != maximum {
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => return maximum,
            Err(error) => tracing::warn!(%error, "the limit of file descriptors stays as it was"),
        }
    }
    current
}

#[cfg(not(unix))]
fn raised() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_keeps_its_share() {
        for (limit, connections_left) in [(0, 1), (256, 128), (1024, 832), (1 << 20, (1 << 20) - 192)] {
            assert_eq!(connections(limit, RESERVE), connections_left, "{limit}");
        }
    }
}
