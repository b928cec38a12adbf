//! Trainings and tests by the binary, each kept in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use taper_trainer::store::summary::SUMMARY;

use super::outcome::{Measured, Part, Trained, read};
use super::recipes::Recipe;
use super::sets::Set;
use super::wanted::Wanted;
use crate::experiments::averages::output;
use crate::runs::binary::release;

/// What networks answer in; the first is what they were trained in.
pub(super) const PRECISIONS: [&str; 3] = ["f32", "bf16", "int8"];

/// What trains.
pub(super) struct Trainings<'a> {
    binary: PathBuf,
    wanted: &'a Wanted<'a>,
}

impl<'a> Trainings<'a> {
    /// Builds the binary.
    ///
    /// # Errors
    /// When it does not build.
    pub(super) fn new(root: &Path, wanted: &'a Wanted<'a>) -> Result<Self> {
        Ok(Self { binary: release(root)?, wanted })
    }

    /// The trainings with all seeds, made where they are not there yet.
    ///
    /// # Errors
    /// When one fails.
    pub(super) fn all(&self, set: &Set, data: &Path, recipe: &Recipe, tell: &impl Fn(String)) -> Result<Vec<Trained>> {
        let one = |seed| {
            let trained = self.train(set, data, recipe, seed)?;
            let (accuracy, seconds) = (100.0 * trained.val.accuracy, trained.seconds);
            tell(format!("{} {} seed {seed}: {accuracy:.1} % in {seconds:.0} s", set.name, recipe.name));
            Ok(trained)
        };
        (0..self.wanted.seeds).map(one).collect()
    }

    fn train(&self, set: &Set, data: &Path, recipe: &Recipe, seed: u64) -> Result<Trained> {
        let folder = self.wanted.runs.join(format!("{}/{}-{seed}", set.name, recipe.name));
        if !folder.join("val.json").is_file() {
            if folder.is_dir() {
                std::fs::remove_dir_all(&folder)?;
            }
            let mut command = Command::new(&self.binary);
            command.arg("fine-tune").arg(data).args(recipe.flags.split_whitespace());
            if !recipe.flags.contains("--image-size") {
                command.args(["--image-size", &set.side.to_string()]);
            }
            command.args(["--seed", &seed.to_string(), "--threads", &self.wanted.threads.to_string()]);
            output(command.arg("--out").arg(&folder))?;
        }
        let summary = read(&folder.join(SUMMARY))?;
        let seconds = summary.pointer("/seconds/total").and_then(Value::as_f64);
        let mut trained = Trained {
            folder,
            val: Measured { accuracy: 0.0, balanced: 0.0, images: 0 },
            seconds: seconds.context("the summary has no seconds")?,
        };
        trained.val = self.test(data, &trained, Part::Val)?;
        Ok(trained)
    }

    /// How good a network is on a part, measured where it was not yet.
    ///
    /// # Errors
    /// When the pictures cannot be read.
    pub(super) fn test(&self, data: &Path, trained: &Trained, part: Part) -> Result<Measured> {
        self.test_in(PRECISIONS[0], data, trained, part)
    }

    /// The same where it answers in one of the [`PRECISIONS`].
    ///
    /// # Errors
    /// As above, and when this machine does not compute in it.
    pub(super) fn test_in(&self, precision: &str, data: &Path, trained: &Trained, part: Part) -> Result<Measured> {
        let behind = if precision == PRECISIONS[0] { String::new() } else { format!("-{precision}") };
        let told = trained.folder.join(format!("{}{behind}.json", part.name()));
        if !told.is_file() {
            let mut command = Command::new(&self.binary);
            command.arg("eval").arg(&trained.folder).arg(data.join(part.name())).arg("--json");
            command.args(["--precision", precision, "--threads", &self.wanted.threads.to_string()]);
            taper_trainer::files::write(&told, &output(&mut command)?)?;
        }
        Measured::read(&read(&told)?, "/accuracy", "/mean/recall", "/images")
    }
}
