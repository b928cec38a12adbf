//! `mpirun`, and what it says.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// What trains, and where.
pub(super) struct Started {
    pub(super) binary: PathBuf,
    pub(super) folder: PathBuf,
}

/// How a command ended.
pub(super) struct Said {
    pub(super) ok: bool,
    pub(super) text: String,
}

/// Runs the binary with these words, by `mpirun` where there is to be more than one; each rank does
/// `before` first, in a shell that has its number in `RANK`.
pub(super) fn started(place: &Started, ranks: usize, words: &str, before: &str) -> Result<Said> {
    let shell = format!("RANK=${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}; {before}exec \"$0\" {words}");
    let mut command = Command::new(if ranks > 1 { "mpirun" } else { "sh" });
    if ranks > 1 {
        command.args(["-n", &ranks.to_string()]);
        if of_open_mpi()? {
            // More ranks than cores, and none tied to one.
            command.args(["--oversubscribe", "--allow-run-as-root", "--bind-to", "none"]);
        }
        command.arg("sh");
    }
    let done = command
        .args(["-c", &shell])
        .arg(&place.binary)
        .current_dir(&place.folder)
        .stdin(Stdio::null())
        .output()
        .context("cannot start mpirun: is an MPI installed?")?;
    let text = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Ok(Said { ok: done.status.success(), text })
}

fn of_open_mpi() -> Result<bool> {
    let version =
        Command::new("mpirun").arg("--version").output().context("cannot start mpirun: is an MPI installed?")?;
    Ok(String::from_utf8_lossy(&version.stdout).contains("Open MPI"))
}

/// The process of a rank that has written it down.
pub(super) fn pid(place: &Started, rank: usize) -> Result<u32> {
    Ok(fs::read_to_string(place.folder.join(format!("pid-{rank}")))?.trim().parse()?)
}

/// Kills a process.
pub(super) fn kill(pid: u32) -> Result<()> {
    ensure!(Command::new("kill").args(["-9", &pid.to_string()]).status()?.success(), "cannot kill {pid}");
    Ok(())
}

/// Waits until something is so, a minute at most.
pub(super) fn wait_for(so: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while !so() {
        if start.elapsed() > Duration::from_secs(60) {
            bail!("nothing has come of it in a minute");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
