//! What is measured on: processor, versions, memory. Where the system does not tell, None.

use std::{fs, path::Path, process::Command};

/// The most memory this process has held, MB of 2²⁰ bytes. Linux only.
pub(super) fn peak_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some((field(&status, "VmHWM")?.strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0).round())
}

/// The processor's name. Linux only.
fn processor() -> Option<String> {
    field(&fs::read_to_string("/proc/cpuinfo").ok()?, "model name").map(str::to_owned)
}

/// What decides how fast the kernels can be: the processor's name, and those of its instructions
/// that they, or PyTorch's, are written for.
pub(super) fn kind() -> String {
    const INSTRUCTIONS: [&str; 5] = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16"];
    let name = processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags: Vec<&str> = field(&text, "flags").unwrap_or_default().split_whitespace().collect();
    let has = INSTRUCTIONS.into_iter().filter(|name| flags.contains(name));
    std::iter::once(name).chain(has.map(str::to_owned)).collect::<Vec<_>>().join(" ")
}

/// The value of the first line `key : value`.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
}

/// The commit that is checked out, short, with a `+` where files differ from it.
pub(super) fn commit(root: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        let out = Command::new("git").args(args).current_dir(root).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(git(&["rev-parse", "--short", "HEAD"])? + if changed.is_empty() { "" } else { "+" })
}

/// One line that says what was measured on.
pub(super) fn line(root: &Path, threads: u16, torch: Option<&str>) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut parts = vec![
        kind(),
        format!("{cores} cores"),
        format!("{threads} threads"),
        format!("Taper {}", commit(root).unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())),
    ];
    parts.extend(torch.map(str::to_owned));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel\t: 7\nVmHWM:\t  2048 kB\n";
        assert_eq!(field(text, "model name"), Some("Some CPU @ 2 GHz"));
        assert_eq!(field(text, "model"), Some("7"));
        assert_eq!(field(text, "VmHWM"), Some("2048 kB"));
        assert_eq!(field(text, "name"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells() {
        assert!(peak_mb().is_some_and(|mb| mb > 1.0));
    }
}
