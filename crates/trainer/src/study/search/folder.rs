//! A search as a folder that several processes work in.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::order::{Score, Scores, Trial};
use super::space::Space;
use crate::error::Result;
use crate::files::{self, FileError};
use crate::listener::Listener;
use crate::recipe::{Recipe, RecipeError};
use crate::store::checkpoint::Checkpoints;
use crate::store::claim::RunFolder;
use crate::store::identity::changed;
use crate::store::lock::Lock;
use crate::store::origin;
use crate::store::pictures::Pictures;
use crate::store::snapshots;
use crate::store::summary::SUMMARY;
use crate::store::summary::Summary;
use crate::study::error::StudyError;

/// The folder of a search: `space.toml`, `recipe.toml` that all trials begin with, a run folder for
/// each trial in `trials`, a lock file for each in `locks`.
///
/// Processes, on several machines too, work in it side by side as far as its file system shares
/// [locks](Lock).
#[derive(Clone, Debug)]
pub struct SearchFolder {
    path: PathBuf,
}

impl SearchFolder {
    /// Begins a search, or joins one: the space and the recipe must then be those that it was begun
    /// with.
    ///
    /// # Errors
    /// When the folder is of something else, or cannot be made.
    pub fn open(path: &Path, space: &Space, recipe: &Recipe, listener: &dyn Listener) -> Result<Self> {
        if !path.join("space.toml").is_file() && !files::has_only(path, &["trials", "locks", origin::FILE]) {
            return Err(StudyError::NoSearch { path: path.into() }.into());
        }
        for part in ["trials", "locks"] {
            let path = path.join(part);
            std::fs::create_dir_all(&path).map_err(|source| FileError::Make { path, source })?;
        }
        let this = Self { path: path.into() };
        // Of several that begin at once, one writes, and the others read.
        let _lock = this.wait()?;
        files::sweep(path);
        let other = |file, what| Err(StudyError::OtherSearch { path: path.into(), file, what }.into());
        let [tried, common] = ["space.toml", "recipe.toml"].map(|name| path.join(name));
        if tried.exists() && Space::parse(&files::read_text(&tried)?, &tried)? != *space {
            return other("space.toml", Vec::new());
        }
        if common.exists() {
            let what = changed(&Recipe::parse(&files::read_text(&common)?, &common)?, recipe)?;
            return if what.is_empty() {
                this.tidy(space, listener).map(|()| this)
            } else {
                other("recipe.toml", what)
            };
        }
        files::write(&tried, toml::to_string(space)?.as_bytes())?;
        origin::record(path)?;
        files::write(&common, toml::to_string(recipe)?.as_bytes())?;
        Ok(this)
    }

    /// Removes what killed processes have left in trials that are at their end.
    fn tidy(&self, space: &Space, listener: &dyn Listener) -> Result<()> {
        let scores = self.scores(space)?;
        for trial in scores.keys() {
            if let Some(_lock) = self.take(*trial)? {
                RunFolder::take(&self.trial(*trial), listener)?;
                Checkpoints::clear(&self.trial(*trial))?;
            }
        }
        Ok(self.thin(space, &scores)?)
    }

    /// Refuses pictures that are not those of the trials that are at their end.
    ///
    /// # Errors
    /// Names the first trial on others.
    pub fn require_same(&self, space: &Space, pictures: &Pictures) -> Result<()> {
        for trial in self.scores(space)?.into_keys() {
            let then = self.summary(trial)?.map(|summary| summary.pictures_sha256).filter(|sum| !sum.is_empty());
            if then.is_some_and(|then| then != pictures.ledger.sum()) {
                return Err(StudyError::OtherPictures { trial: self.trial(trial) }.into());
            }
        }
        Ok(())
    }

    /// Writes what came out into the folder: one process at a time.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn write(&self, results: &[(&str, &[u8])]) -> Result<()> {
        let _lock = self.wait()?;
        Ok(results.iter().try_for_each(|(name, bytes)| files::write(&self.path.join(name), bytes))?)
    }

    /// The run folder of a trial.
    pub fn trial(&self, trial: Trial) -> PathBuf {
        self.path.join("trials").join(name(trial))
    }

    /// What is there of all trials of a space; what else lies among them is passed over.
    ///
    /// # Errors
    /// When a summary is invalid.
    pub fn scores(&self, space: &Space) -> Result<Scores> {
        let mut scores = Scores::new();
        let place = self.path.join("trials");
        let unread = |source| FileError::Read { path: place.clone(), source };
        for entry in std::fs::read_dir(&place).map_err(unread)? {
            let entry = entry.map_err(unread)?;
            if let Some(trial) = parse(&entry.file_name().to_string_lossy()).filter(|trial| space.has(trial))
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
        Ok(self.summary(trial)?.map(|summary| Score::of(summary.r#final.figure.value(), summary.r#final.val_loss)))
    }

    /// The summary of a trial that is at its end.
    ///
    /// # Errors
    /// When it is invalid.
    pub fn summary(&self, trial: Trial) -> Result<Option<Summary>> {
        let path = self.trial(trial).join(SUMMARY);
        if !path.is_file() {
            return Ok(None);
        }
        Summary::read(&path).map(Some)
    }

    /// Why the training of a trial broke, where it is written down.
    pub fn why(&self, trial: Trial) -> Option<String> {
        files::read_text(&self.trial(trial).join(DIVERGED)).ok()
    }

    /// Writes down that the training of a trial broke, and why.
    pub(super) fn diverged(&self, trial: Trial, why: &str) -> Result<(), FileError> {
        files::write(&self.trial(trial).join(DIVERGED), format!("{why}\n").as_bytes())
    }

    /// Takes a trial, unless another process has it.
    pub(super) fn take(&self, trial: Trial) -> Result<Option<Lock>, StudyError> {
        Ok(Lock::take(&self.path.join("locks").join(name(trial)))?)
    }

    /// Waits until no other process begins, or writes what came out.
    fn wait(&self) -> Result<Lock, StudyError> {
        Ok(Lock::wait(&self.path.join("locks/begin"))?)
    }

    /// Of the trials at their end only the best keeps its weights: the recipes of the others make
    /// them again.
    pub(super) fn thin(&self, space: &Space, scores: &Scores) -> Result<(), FileError> {
        let best = space.best(scores);
        scores.keys().filter(|trial| Some(**trial) != best).try_for_each(|trial| remove_weights(&self.trial(*trial)))
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

/// Removes the weights of a trial.
fn remove_weights(run: &Path) -> Result<(), FileError> {
    for path in ["model.safetensors", "checkpoint/best.safetensors"].map(|name| run.join(name)) {
        match std::fs::remove_file(&path) {
            // Several processes do this.
            Err(source) if source.kind() != ErrorKind::NotFound => return Err(FileError::Remove { path, source }),
            _ => {}
        }
    }
    snapshots::clear(run)
}

/// The recipe of a trial: what all begin with, its settings, and with halving its share of the
/// epochs.
///
/// # Errors
/// Names the place that is no field, or whose value is out of its range.
pub fn recipe_of(
    space: &Space,
    base: &Recipe,
    trial: Trial,
    settings: &BTreeMap<String, toml::Value>,
) -> Result<Recipe, RecipeError> {
    let text: String = settings.iter().map(|(place, value)| format!("{place} = {value}\n")).collect();
    let mut recipe = Recipe::parse_over(base, &text, Path::new("a trial of the space"))?;
    if let Some(halving) = space.halving {
        let share = halving.factor.pow((halving.rungs - 1 - trial.rung) as u32);
        let o = &mut recipe.optimize;
        if o.head_epochs + o.epochs < share {
            let wanted = "with optimize.head_epochs at least the factor of halving to the power of its rungs less one";
            let got = format!("{} where that is {share}", o.head_epochs + o.epochs);
            return Err(RecipeError::Field { field: "optimize.epochs", wanted, got });
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
    use crate::chain::chain;
    use crate::listener::Silent;

    #[test]
    fn a_trial_is_one_process_at_a_time_and_a_folder_one_search() -> Result<(), Box<dyn std::error::Error>> {
        let place = tempfile::tempdir()?;
        let text = "[space]\n\"optimize.lr\" = { log = [1e-4, 1.0] }\n";
        let space = Space::parse(text, "s".as_ref())?;
        let folder = SearchFolder::open(place.path(), &space, &Recipe::default(), &Silent)?;
        let trial = Trial { number: 7, rung: 1 };
        let lock = folder.take(trial)?;
        assert!(
            lock.is_some() && folder.take(trial)?.is_none() && folder.take(Trial { number: 8, rung: 1 })?.is_some()
        );
        drop(lock);
        assert!(folder.take(trial)?.is_some());
        assert_eq!(parse(&name(trial)), Some(trial));
        assert!(SearchFolder::open(place.path(), &space, &Recipe::default(), &Silent).is_ok());
        std::fs::create_dir_all(folder.trial(Trial { number: 9999, rung: 0 }))?;
        std::fs::write(folder.trial(Trial { number: 9999, rung: 0 }).join(DIVERGED), "x")?;
        assert!(folder.scores(&space)?.is_empty());
        let foreign = tempfile::tempdir()?;
        std::fs::write(foreign.path().join("recipe.toml"), "")?;
        let error = chain(&SearchFolder::open(foreign.path(), &space, &Recipe::default(), &Silent).unwrap_err());
        assert!(error.contains("no search") && !foreign.path().join("trials").exists(), "{error}");
        let other =
            SearchFolder::open(place.path(), &space, &Recipe { seed: 1, ..Recipe::default() }, &Silent).unwrap_err();
        assert!(other.to_string().contains("another recipe.toml"), "{other}");
        Ok(())
    }

    #[test]
    fn a_trial_is_the_recipe_with_its_settings_and_its_share_of_the_epochs() -> Result<(), Box<dyn std::error::Error>> {
        let text = "[halving]\n[space]\n\"optimize.rule\" = { choice = [\"lion\"] }\n\"optimize.lr\" = { log = [1e-4, 1.0] }\n";
        let space = Space::parse(text, "s".as_ref())?;
        let settings = |rate: f64| [("optimize.rule", "lion".into()), ("optimize.lr", rate.into())];
        let settings =
            |rate| settings(rate).map(|(place, value): (&str, toml::Value)| (place.to_owned(), value)).into();
        let recipe = |rung| recipe_of(&space, &Recipe::default(), Trial { number: 0, rung }, &settings(0.25));
        let first = recipe(0)?.optimize;
        assert_eq!((first.rule.name(), first.lr, first.head_epochs, first.epochs), ("lion", 0.25, 1, 2));
        assert_eq!((recipe(1)?.optimize.epochs, recipe(2)?.optimize.epochs), (5, 14));
        let bad: BTreeMap<_, _> = [("optimize.rat".to_owned(), 1.into())].into();
        let said = chain(&recipe_of(&space, &Recipe::default(), Trial { number: 0, rung: 0 }, &bad).unwrap_err());
        assert!(said.contains("unknown field `rat`"), "{said}");
        Ok(())
    }
}
