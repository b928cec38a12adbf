//! The same jobs with fastai, from the same weights.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::outcome::{Measured, Trained, read};
use super::sets::Set;
use super::wanted::Wanted;
use crate::experiments::averages::output;

/// fastai, by a script that says at its top what it does.
pub(super) struct Fastai<'a> {
    script: PathBuf,
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

impl<'a> Fastai<'a> {
    pub(super) fn new(root: &Path, python: &'a Path, wanted: &'a Wanted<'a>) -> Self {
        let script = root.join("xtask/src/experiments/recipe/fastai_fine_tune.py");
        Self { script, weights: root.join("crates/transfer/models/squeezenet1_1.safetensors"), python, wanted }
    }

    /// What came out with all seeds, trained where it is not there yet.
    ///
    /// # Errors
    /// When a training fails.
    pub(super) fn all(&self, set: &Set, data: &Path, tell: &impl Fn(String)) -> Result<Vec<Outcome>> {
        let one = |seed| {
            let outcome = self.train(set, data, seed)?;
            let (accuracy, seconds) = (100.0 * outcome.trained.val.accuracy, outcome.trained.seconds);
            tell(format!("{} fastai seed {seed}: {accuracy:.1} % in {seconds:.0} s", set.name));
            Ok(outcome)
        };
        (0..self.wanted.seeds).map(one).collect()
    }

    fn train(&self, set: &Set, data: &Path, seed: u64) -> Result<Outcome> {
        let folder = self.wanted.runs.join(format!("{}/fastai-{seed}", set.name));
        let told = folder.join("outcome.json");
        if !told.is_file() {
            std::fs::create_dir_all(&folder)?;
            let mut command = Command::new(self.python);
            command.arg(&self.script).arg(data).arg(&self.weights);
            command.args([u64::from(set.side), seed, self.wanted.threads as u64].map(|number| number.to_string()));
            let said = output(&mut command)?;
            // Libraries may have said something before.
            let last = said.split(|&byte| byte == b'\n').rfind(|line| !line.is_empty()).unwrap_or_default();
            serde_json::from_slice::<Value>(last).context("the script of fastai's ends without a line of JSON")?;
            taper_trainer::files::write(&told, last)?;
        }
        let told = read(&told)?;
        let val = Measured::read(&told, "/val/accuracy", "/val/balanced", "/val/images")?;
        let test = Measured::read(&told, "/test/accuracy", "/test/balanced", "/test/images")?;
        let seconds = told.pointer("/seconds").and_then(Value::as_f64).context("fastai's outcome has no seconds")?;
        Ok(Outcome { trained: Trained { folder, val, seconds }, test })
    }
}
