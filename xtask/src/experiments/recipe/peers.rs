//! The same jobs in other programs, from the same weights.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::outcome::{Measured, Trained, read};
use super::recipes::Recipe;
use super::sets::Set;
use super::wanted::Wanted;
use crate::experiments::averages::output;

/// Who runs the scripts.
pub(super) struct Peers<'a> {
    scripts: PathBuf,
    weights: PathBuf,
    python: &'a Path,
    wanted: &'a Wanted<'a>,
}

/// What came of a training.
pub(super) struct Outcome {
    pub(super) trained: Trained,
    /// On the test part.
    pub(super) test: Measured,
}

impl<'a> Peers<'a> {
    pub(super) fn new(root: &Path, python: &'a Path, wanted: &'a Wanted<'a>) -> Self {
        let scripts = root.join("xtask/src/experiments/recipe");
        Self { scripts, weights: root.join("crates/transfer/models/squeezenet1_1.safetensors"), python, wanted }
    }

    /// What came out with all seeds, trained where it is not there yet.
    ///
    /// # Errors
    /// When a training fails.
    pub(super) fn all(&self, peer: &Recipe, set: &Set, data: &Path, tell: &impl Fn(String)) -> Result<Vec<Outcome>> {
        let one = |seed| {
            let outcome = self.train(peer, set, data, seed)?;
            let (accuracy, seconds) = (100.0 * outcome.trained.val.accuracy, outcome.trained.seconds);
            tell(format!("{} {} seed {seed}: {accuracy:.1} % in {seconds:.0} s", set.name, peer.name));
            Ok(outcome)
        };
        (0..self.wanted.seeds).map(one).collect()
    }

    fn train(&self, peer: &Recipe, set: &Set, data: &Path, seed: u64) -> Result<Outcome> {
        let folder = self.wanted.runs.join(format!("{}/{}-{seed}", set.name, peer.name));
        let told = folder.join("outcome.json");
        if !told.is_file() {
            std::fs::create_dir_all(&folder)?;
            let mut command = Command::new(self.python);
            command.arg(self.scripts.join(format!("{}_fine_tune.py", peer.name))).arg(data).arg(&self.weights);
            command.args([u64::from(set.side), seed, self.wanted.threads as u64].map(|number| number.to_string()));
            let said = output(&mut command)?;
            // Libraries may have said something before.
            let last = said.split(|&byte| byte == b'\n').rfind(|line| !line.is_empty()).unwrap_or_default();
            let json = serde_json::from_slice::<Value>(last);
            json.with_context(|| format!("the script of {} ends without a line of JSON", peer.name))?;
            taper_trainer::files::write(&told, last)?;
        }
        let told = read(&told)?;
        let val = Measured::read(&told, "/val/accuracy", "/val/balanced", "/val/images")?;
        let test = Measured::read(&told, "/test/accuracy", "/test/balanced", "/test/images")?;
        let seconds = told.pointer("/seconds").and_then(Value::as_f64).context("the outcome has no seconds")?;
        Ok(Outcome { trained: Trained { folder, val, seconds }, test })
    }
}
