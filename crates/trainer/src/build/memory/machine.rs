//! The memory of this machine, as far as this process may have it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that this process can have in addition to those that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// At the very most: with nothing else running, and all of the swap.
    pub most: u64,
    /// Now.
    pub free: u64,
}

/// Where the system does not tell: more than any machine that trains on its processor.
const UNKNOWN: u64 = 1 << 42;

/// What [`allow`] has set.
static ALLOWED: AtomicU64 = AtomicU64::new(UNKNOWN);

/// Lets this process have no more than so many bytes, whatever the machine has: a training that
/// needs more is refused before it begins, and features of frozen stages go to a file sooner.
pub fn allow(bytes: u64) {
    ALLOWED.store(bytes, Ordering::Relaxed);
}

impl Machine {
    /// The least of what memory, control groups, `ulimit` and [`allow`] leave; on Linux, elsewhere
    /// a bound that only absurd sizes exceed.
    pub fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let (most, free) = memory(&read("/proc/meminfo")).unwrap_or((UNKNOWN, UNKNOWN));
        let group = groups(&read("/proc/self/cgroup")).iter().filter_map(|file| limit(file)).min();
        let space = address_space(&read("/proc/self/limits"), &read("/proc/self/status"));
        let allowed = ALLOWED.load(Ordering::Relaxed);
        let bound = group.unwrap_or(UNKNOWN).min(space.unwrap_or(UNKNOWN)).min(allowed);
        Self { most: most.min(bound), free: free.min(bound) }
    }
}

/// A line such as `MemTotal:  4096 kB`, in bytes.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// All of `/proc/meminfo`, and what is free, both with swap.
fn memory(meminfo: &str) -> Option<(u64, u64)> {
    let field = |name| field(meminfo, name);
    let swap = |name| field(name).unwrap_or(0);
    Some((
        field("MemTotal")?.saturating_add(swap("SwapTotal")),
        field("MemAvailable")?.saturating_add(swap("SwapFree")),
    ))
}

/// The files that may limit the control group of this process or one above it, of both versions.
fn groups(cgroup: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in cgroup.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (root, name) = match (parts.next(), parts.next()) {
            (Some(""), Some(path)) => (("/sys/fs/cgroup", path), "memory.max"),
            (Some(kinds), Some(path)) if kinds.split(',').any(|kind| kind == "memory") => {
                (("/sys/fs/cgroup/memory", path), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let (root, path) = (Path::new(root.0), root.1.trim_start_matches('/'));
        files.extend(
            root.join(path).ancestors().take_while(|place| place.starts_with(root)).map(|place| place.join(name)),
        );
    }
    files
}

/// The number in such a file; none where it says `max`.
fn limit(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// What `ulimit -v` leaves.
fn address_space(limits: &str, status: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let soft: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(soft.saturating_sub(field(status, "VmSize").unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells_is_read() {
        let text =
            "MemTotal:        4000 kB\nMemFree:  100 kB\nMemAvailable:    1000 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\n";
        assert_eq!(memory(text), Some((4050 << 10, 1020 << 10)));
        assert_eq!(memory("nothing"), None);
        let files = groups("4:cpu,memory:/a\n0::/user/b\n1:cpu:/x\n");
        let wanted = ["memory/a/memory.limit_in_bytes", "memory/memory.limit_in_bytes", "user/b/memory.max"];
        assert_eq!(files[..3], wanted.map(|file| Path::new("/sys/fs/cgroup").join(file)));
        assert_eq!(files.len(), 5);
        let limits = "Limit   Soft Limit   Hard Limit   Units\nMax address space         8192000  unlimited  bytes\n";
        assert_eq!(address_space(limits, "VmSize:\t 1000 kB\n"), Some(8_192_000 - 1_024_000));
        assert_eq!(address_space("Max address space unlimited unlimited bytes", ""), None);
        let here = Machine::here();
        assert!(here.free <= here.most && here.most > 1 << 26, "{here:?}");
    }
}
