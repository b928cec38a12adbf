//! A search as a folder that several processes work in.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::order::{Score, Scores, Trial};
use super::space::Space;
use crate::files;
use crate::recipe::{Recipe, RecipeError};
use crate::run::SUMMARY;
use crate::run_folder::Summary;

/// The folder of a search: `space.toml`, `recipe.toml` that all trials begin with, a run folder for each trial in `trials`, a
/// lock file for each in `locks`.
///
/// A lock is one of the system's on a file: it ends with the process that holds it, however that ends, and it is seen by all machines
/// that share the folder, where the file system shares locks, as NFS does.
#[derive(Clone, Debug)]
pub struct SearchFolder {
    path: PathBuf,
}

/// A trial that is this process' until it is dropped.
pub(super) struct Lock(#[expect(dead_code, reason = "the lock is held as long as the file is open")] File);

impl SearchFolder {
    /// Begins a search, or joins one: the space and the recipe must then be those that it was begun with.
    ///
    /// # Errors
    /// When the folder is of something else, or cannot be made.
    pub fn open(path: &Path, space: &Space, recipe: &Recipe) -> Result<Self> {
        for part in ["trials", "locks"] {
            let place = path.join(part);
            std::fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
        }
        let this = Self { path: path.into() };
        // Of several that begin at once, one writes, and the others read.
        let _lock = this.wait("begin")?;
        for (name, wanted) in [("space.toml", toml::to_string(space)?), ("recipe.toml", toml::to_string(recipe)?)] {
            let file = path.join(name);
            if !file.exists() {
                files::write(&file, wanted.as_bytes())?;
                continue;
            }
            let found = files::text(&file)?;
            ensure!(
                found == wanted,
                "{} is a search with another {name}: choose another --out, or call it as it was begun",
                path.display()
            );
        }
        Ok(this)
    }

    /// The run folder of a trial.
    pub fn trial(&self, trial: Trial) -> PathBuf {
        self.path.join("trials").join(name(trial))
    }

    /// What is there of all trials.
    ///
    /// # Errors
    /// When a summary is none.
    pub fn scores(&self) -> Result<Scores> {
        let mut scores = Scores::new();
        let place = self.path.join("trials");
        let entries = std::fs::read_dir(&place).with_context(|| format!("cannot read {}", place.display()))?;
        for entry in entries {
            let entry = entry?;
            if let Some(trial) = parse(&entry.file_name().to_string_lossy())
                && let Some(score) = self.score(trial)?
            {
                scores.insert(trial, score);
            }
        }
        Ok(scores)
    }

    /// What came of a trial that is at its end.
    pub(super) fn score(&self, trial: Trial) -> Result<Option<Score>> {
        let folder = self.trial(trial);
        if folder.join(DIVERGED).is_file() {
            return Ok(Some(Score::FAILED));
        }
        Ok(self.summary(trial)?.map(|summary| Score::of(summary.r#final.val_accuracy, summary.r#final.val_loss)))
    }

    /// The summary of a trial that is at its end.
    ///
    /// # Errors
    /// When it is none.
    pub fn summary(&self, trial: Trial) -> Result<Option<Summary>> {
        let path = self.trial(trial).join(SUMMARY);
        if !path.is_file() {
            return Ok(None);
        }
        Summary::read(&path).map(Some)
    }

    /// Writes down that the training of a trial broke, and why.
    pub(super) fn diverged(&self, trial: Trial, why: &str) -> Result<()> {
        files::write(&self.trial(trial).join(DIVERGED), format!("{why}\n").as_bytes())
    }

    /// Takes a trial, unless another process has it.
    pub(super) fn take(&self, trial: Trial) -> Result<Option<Lock>> {
        let (file, path) = self.lock_file(&name(trial))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(unlockable(error, &path)),
        }
    }

    fn wait(&self, name: &str) -> Result<Lock> {
        let (file, path) = self.lock_file(name)?;
        file.lock().map_err(|error| unlockable(error, &path))?;
        Ok(Lock(file))
    }

    fn lock_file(&self, name: &str) -> Result<(File, PathBuf)> {
        let path = self.path.join("locks").join(name);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        Ok((file.with_context(|| format!("cannot open {}", path.display()))?, path))
    }

    /// The weights of a trial are not kept when it was not the best when it ended: its recipe makes them again.
    pub(super) fn thin(&self, trial: Trial) -> Result<()> {
        let folder = self.trial(trial);
        for name in ["model.safetensors", "checkpoint/best.safetensors"] {
            let path = folder.join(name);
            if path.is_file() {
                std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        let snapshots = folder.join("snapshots");
        if snapshots.is_dir() {
            std::fs::remove_dir_all(&snapshots).with_context(|| format!("cannot remove {}", snapshots.display()))?;
        }
        Ok(())
    }

    /// Whether a trial was begun and can go on.
    pub(super) fn begun(&self, trial: Trial) -> bool {
        self.trial(trial).join("recipe.toml").is_file()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

const DIVERGED: &str = "diverged.txt";

/// `0007`, or `0007-rung-1` of one that went on.
fn name(Trial { number, rung }: Trial) -> String {
    if rung == 0 { format!("{number:04}") } else { format!("{number:04}-rung-{rung}") }
}

fn parse(name: &str) -> Option<Trial> {
    let (number, rung) = name.split_once("-rung-").unwrap_or((name, "0"));
    Some(Trial { number: number.parse().ok()?, rung: rung.parse().ok()? })
}

fn unlockable(error: std::io::Error, path: &Path) -> anyhow::Error {
    anyhow::Error::new(error).context(format!(
        "cannot lock {}: does its file system know locks? Where it does not, a search can have one process only, on another folder",
        path.display()
    ))
}

/// The recipe of a trial: what all begin with, its settings, and with halving its share of the epochs.
///
/// # Errors
/// Names the place that is no field, or whose value is out of its range.
pub fn recipe_of(
    space: &Space,
    base: &Recipe,
    trial: Trial,
    settings: &BTreeMap<String, toml::Value>,
) -> Result<Recipe> {
    let text: String = settings.iter().map(|(place, value)| format!("{place} = {value}\n")).collect();
    let mut recipe = Recipe::parse_over(base, &text, Path::new("a trial of the space"))?;
    if let Some(halving) = space.halving {
        let share = halving.factor.pow((halving.rungs - 1 - trial.rung) as u32);
        let o = &mut recipe.optimize;
        if o.head_epochs + o.epochs < share {
            let wanted = "with optimize.head_epochs at least the factor of halving to the power of its rungs less one";
            let got = format!("{} where that is {share}", o.head_epochs + o.epochs);
            bail!(RecipeError::Field { field: "optimize.epochs", wanted, got });
        }
        o.head_epochs = o.head_epochs.div_ceil(share);
        o.epochs = o.epochs.div_ceil(share);
    }
    recipe.check()?;
    Ok(recipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_one_process_at_a_time_and_a_folder_one_search() -> Result<()> {
        let place = tempfile::tempdir()?;
        let text = "[space]\n\"optimize.rate\" = { log = [1e-4, 1.0] }\n";
        let space = Space::parse(text, "s".as_ref())?;
        let folder = SearchFolder::open(place.path(), &space, &Recipe::default())?;
        let trial = Trial { number: 7, rung: 1 };
        let lock = folder.take(trial)?;
        assert!(
            lock.is_some() && folder.take(trial)?.is_none() && folder.take(Trial { number: 8, rung: 1 })?.is_some()
        );
        drop(lock);
        assert!(folder.take(trial)?.is_some());
        assert_eq!(parse(&name(trial)), Some(trial));
        assert!(SearchFolder::open(place.path(), &space, &Recipe::default()).is_ok());
        let other = SearchFolder::open(place.path(), &space, &Recipe { seed: 1, ..Recipe::default() }).unwrap_err();
        assert!(other.to_string().contains("another recipe.toml"), "{other}");
        Ok(())
    }

    #[test]
    fn a_trial_is_the_recipe_with_its_settings_and_its_share_of_the_epochs() -> Result<()> {
        let text = "[halving]\n[space]\n\"optimize.rule\" = { choice = [\"lion\"] }\n\"optimize.rate\" = { log = [1e-4, 1.0] }\n";
        let space = Space::parse(text, "s".as_ref())?;
        let settings = |rate: f64| [("optimize.rule", "lion".into()), ("optimize.rate", rate.into())];
        let settings =
            |rate| settings(rate).map(|(place, value): (&str, toml::Value)| (place.to_owned(), value)).into();
        let recipe = |rung| recipe_of(&space, &Recipe::default(), Trial { number: 0, rung }, &settings(0.25));
        let first = recipe(0)?.optimize;
        assert_eq!((first.rule.name(), first.rate, first.head_epochs, first.epochs), ("lion", 0.25, 1, 2));
        assert_eq!((recipe(1)?.optimize.epochs, recipe(2)?.optimize.epochs), (5, 14));
        let bad: BTreeMap<_, _> = [("optimize.rat".to_owned(), 1.into())].into();
        let said = recipe_of(&space, &Recipe::default(), Trial { number: 0, rung: 0 }, &bad).unwrap_err().to_string();
        assert!(said.contains("did you mean `rate`"), "{said}");
        Ok(())
    }
}
