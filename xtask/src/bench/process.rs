//! Measurements in processes of their own, ours and PyTorch's.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::args::BenchArgs;
use super::augment::Photographs;
use super::jobs::{Job, TorchConfig};

/// What `bench layers` is called among the jobs that run alone.
pub(super) const LAYERS: &str = "layers";

/// The script that does the jobs in PyTorch, from the top of the repository.
const SCRIPT: &str = "xtask/bench/torch_jobs.py";

/// What a process found out; a line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Measurement {
    pub(super) job: String,
    pub(super) config: String,
    pub(super) per_second: f64,
    /// The most memory that the process held, MB of 2²⁰ bytes, where the system tells.
    pub(super) peak_mb: Option<f64>,
}

impl Measurement {
    pub(super) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

/// This program, with the threads that candle and rayon are to use.
fn ourselves(name: &str, args: &BenchArgs) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program to start it again")?);
    command.args(["bench", "--alone", name]);
    command.args(["--repeat", &args.repeat.to_string(), "--threads", &args.threads.to_string()]);
    command.args(["--precision", args.precision.name()]);
    command.env("RAYON_NUM_THREADS", args.threads.to_string());
    Ok(command)
}

/// One measurement of ours.
pub(super) fn ours(job: &Job, args: &BenchArgs) -> Result<Measurement> {
    let output = ourselves(job.name, args)?.output().with_context(|| format!("cannot start {}", job.name))?;
    measurement(&output).map_err(|reason| anyhow::anyhow!("{} failed: {reason}", job.name))
}

/// The table of layers, which its process prints.
pub(super) fn layers(args: &BenchArgs) -> Result<()> {
    let status = ourselves(LAYERS, args)?.status().context("cannot start the measurement of layers")?;
    if !status.success() {
        bail!("the measurement of layers ended early: {status}");
    }
    Ok(())
}

/// A Python with PyTorch.
pub(super) struct Torch {
    python: PathBuf,
    script: PathBuf,
    /// Versions, in words.
    pub(super) version: String,
}

impl Torch {
    /// Asks for the versions, so that a Python without PyTorch is found out at once.
    pub(super) fn new(python: &Path, root: &Path) -> Result<Self> {
        let (python, script) = (python.to_owned(), root.join(SCRIPT));
        let output = Command::new(&python).arg(&script).arg("--version").output();
        let output = output.with_context(|| format!("cannot start {}", python.display()))?;
        if !output.status.success() {
            bail!(
                "{} cannot run {SCRIPT}, which needs torch and torchvision: {}",
                python.display(),
                last_complaint(&output)
            );
        }
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Self { python, script, version })
    }

    /// One measurement; Ok(Err) says why this configuration does not work here.
    pub(super) fn measure(
        &self,
        job: &Job,
        config: TorchConfig,
        args: &BenchArgs,
    ) -> Result<Result<Measurement, String>> {
        let threads = args.threads.to_string();
        let mut command = Command::new(&self.python);
        command.arg(&self.script).args(["--job", job.name, "--config", config.name]);
        command.args(["--batch", &job.batch.to_string(), "--threads", &threads, "--repeat", &args.repeat.to_string()]);
        command.env("OMP_NUM_THREADS", &threads);
        let photographs = job.reads_files().then(|| Photographs::new(job.batch)).transpose()?;
        if let Some(photographs) = &photographs {
            command.arg("--pictures").arg(photographs.folder());
        }
        let output = command.output().with_context(|| format!("cannot start {}", self.python.display()))?;
        Ok(measurement(&output))
    }
}

/// The measurement among the lines that a process printed, or why there is none.
fn measurement(output: &Output) -> Result<Measurement, String> {
    if !output.status.success() {
        return Err(last_complaint(output));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    found.ok_or_else(|| format!("it printed no measurement but {text:?}"))
}

/// The last thing that a process complained about, or how it ended.
pub(super) fn last_complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.map_or_else(|| output.status.to_string(), |line| line.chars().take(200).collect())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Output {
        Command::new("sh").args(["-c", script]).output().unwrap()
    }

    #[test]
    fn the_last_line_that_is_a_measurement_counts() {
        let line = r#"{"job":"a","config":"taper","per_second":2.5,"peak_mb":null}"#;
        let found = measurement(&shell(&format!("echo warning; echo '{line}'; echo done"))).unwrap();
        assert_eq!((found.per_second, found.peak_mb), (2.5, None));
        assert_eq!(found.json().unwrap(), line);
    }

    #[test]
    fn a_failure_is_its_last_complaint_or_its_status() {
        assert_eq!(measurement(&shell("echo one >&2; echo two >&2; exit 3")).unwrap_err(), "two");
        assert!(measurement(&shell("kill -9 $$")).unwrap_err().contains('9'));
        assert!(measurement(&shell("echo hello")).unwrap_err().contains("hello"));
    }

    #[test]
    fn a_python_that_is_none_is_named() {
        let error = Torch::new(Path::new("/nowhere/python"), Path::new("/")).err().unwrap();
        assert!(error.to_string().contains("/nowhere/python"), "{error}");
        let error = Torch::new(Path::new("false"), Path::new("/")).err().unwrap();
        assert!(error.to_string().contains("torchvision"), "{error}");
    }
}
