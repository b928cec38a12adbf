//! The binary, started, killed, and started again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::runs::compare::files;
use crate::runs::pictures::fresh;
use crate::runs::recipes::{Recipe, SPACE, SPACE_FILE};

/// What all trainings have in common.
const COMMON: [&str; 4] = ["--checkpoint-every", "2", "--threads", "1"];

/// The name that undisturbed runs begin with.
pub(super) const WHOLE: &str = "whole";

/// How far a run was when it was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Nothing was written down that it could go on with.
    Before,
    /// There was something.
    Between,
    /// Its last training was over.
    After,
}

/// How a process ended.
#[derive(Debug)]
pub(super) enum Ended {
    Well,
    /// With an error, which it told.
    Badly(String),
    Killed(When),
}

/// The folder that runs lie in.
pub(super) struct Place {
    binary: PathBuf,
    folder: PathBuf,
}

impl Place {
    /// An empty one in the outputs of builds, with pictures.
    pub(super) fn new(root: &Path, binary: PathBuf) -> Result<Self> {
        let folder = root.join("target/attack");
        fresh(root, &folder)?;
        fs::write(folder.join(SPACE_FILE), SPACE)?;
        Ok(Self { binary, folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of a run; runs of a recipe lie side by side, all with paths of the same length.
    pub(super) fn path(&self, name: &str, recipe: &Recipe) -> PathBuf {
        self.folder.join(recipe.name).join(name)
    }

    /// Removes a run.
    pub(super) fn remove(&self, name: &str, recipe: &Recipe) -> Result<()> {
        Ok(fs::remove_dir_all(self.path(name, recipe))?)
    }

    /// Trains undisturbed; the time that it took.
    pub(super) fn whole(&self, recipe: &Recipe) -> Result<Duration> {
        let start = Instant::now();
        match self.go_on(recipe, WHOLE, None, Duration::from_secs(600))? {
            Ended::Well => Ok(start.elapsed()),
            other => bail!("{} undisturbed: {other:?}", recipe.name),
        }
    }

    /// Begins a run or goes on with it, and kills it after a time where there is one, or when
    /// patience is at its end.
    pub(super) fn go_on(
        &self,
        recipe: &Recipe,
        name: &str,
        kill: Option<Duration>,
        patience: Duration,
    ) -> Result<Ended> {
        let run = self.path(name, recipe);
        let said = self.folder.join(format!("{}.log", recipe.name));
        let mut child = self.start(recipe, &run, &said)?;
        let (start, until) = (Instant::now(), kill.unwrap_or(patience));
        while start.elapsed() < until {
            if let Some(status) = child.try_wait()? {
                if status.success() {
                    return Ok(Ended::Well);
                }
                let said = fs::read_to_string(&said)?;
                return Ok(Ended::Badly(format!("{status}: {}", said.lines().last().unwrap_or("it said nothing"))));
            }
            std::thread::sleep((until - start.elapsed().min(until)).min(Duration::from_millis(1)));
        }
        child.kill()?;
        if child.wait()?.success() {
            // It had come to its end in the meantime.
            return Ok(Ended::Well);
        }
        Ok(Ended::Killed(when(recipe, &run)?))
    }

    fn start(&self, recipe: &Recipe, run: &Path, said: &Path) -> Result<Child> {
        let mut command = Command::new(&self.binary);
        if recipe.resumes && run.join("recipe.toml").is_file() {
            command.arg("resume").arg(run);
        } else {
            command.args(recipe.begin).arg("--out").arg(run);
        }
        command.args(COMMON).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(said)?);
        command.spawn().with_context(|| format!("cannot start {}", self.binary.display()))
    }
}

/// How far a run is, by what lies in its folder.
fn when(recipe: &Recipe, run: &Path) -> Result<When> {
    if run.join(recipe.last).is_file() {
        return Ok(When::After);
    }
    let names = if run.exists() { files(run)? } else { Vec::new() };
    let kept = |name: &String| name.ends_with(".checkpoint") || name.ends_with("summary.json");
    Ok(if names.iter().any(kept) { When::Between } else { When::Before })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::recipes::HEAD_THEN_ALL;

    #[test]
    fn how_far_a_run_is_shows_in_its_folder() {
        let place = tempfile::tempdir().unwrap();
        let (recipe, run) = (&HEAD_THEN_ALL, place.path().join("run"));
        let is = |wanted: When| assert_eq!(when(recipe, &run).unwrap(), wanted);
        is(When::Before);
        fs::create_dir_all(run.join("checkpoint")).unwrap();
        fs::write(run.join("recipe.toml"), "").unwrap();
        is(When::Before);
        fs::write(run.join("checkpoint/step-00000002.checkpoint"), "").unwrap();
        is(When::Between);
        fs::write(run.join("model.safetensors"), "").unwrap();
        is(When::After);
    }
}
