//! What is searched, as plain data.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use taper_tensor::Rng;

use super::range::Range;
use crate::files;
use crate::recipe::limits::{self, MOST_TRIALS};
use crate::recipe::{RecipeError, Renamed, renamed};

/// What a search tries: a file of TOML.
///
/// ```
/// use taper_trainer::study::search::Space;
/// let text = r#"
/// trials = 20
/// [space]
/// "optimize.lr" = { log = [1e-4, 1e-1] }
/// "head.dropout" = { uniform = [0.0, 0.7] }
/// "head.hidden" = { choice = [0, 256, 512] }
/// "#;
/// assert_eq!(Space::parse(text, "space.toml".as_ref())?.space.len(), 3);
/// # Ok::<(), taper_trainer::recipe::RecipeError>(())
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Space {
    /// How settings are found. Default `random`.
    pub method: Method,
    /// How many settings are tried; 0 with a grid, which has as many as it has, and with stages.
    /// Default 20.
    pub trials: usize,
    /// The seed that settings are drawn by; all trials train with the seed of the recipe. Default
    /// 0.
    pub seed: u64,
    /// What is best. Default `accuracy`.
    pub objective: Objective,
    /// Fields of a recipe by their places, and what they may be.
    pub space: BTreeMap<String, Range>,
    /// Coarse to fine: each stage after the first around the best of the one before. Default none.
    pub stages: Vec<Stage>,
    /// Successive halving: all begin short, and the best go on. Default none.
    pub halving: Option<Halving>,
}

/// How settings are found.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Drawn, each by itself (J. Bergstra, Y. Bengio, *Random Search for Hyper-Parameter
    /// Optimization*, 2012).
    #[default]
    Random,
    /// All combinations of evenly spaced values.
    Grid,
}

/// What is best, on the validation pictures.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// The highest accuracy; of equals that with the lowest loss.
    #[default]
    Accuracy,
    /// The lowest loss.
    Loss,
}

/// A part of a search from coarse to fine.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How many settings are tried.
    pub trials: usize,
    /// Around so many of the best of the stage before: ranges shrink to theirs, with a margin.
    /// Default 3.
    #[serde(default = "usual_around")]
    pub around: usize,
    /// Fields of the recipe that are other in this stage, by their places;
    /// `{ "optimize.epochs" = 2 }`.
    #[serde(default)]
    pub set: BTreeMap<String, toml::Value>,
}

/// Successive halving without waiting for all, by L. Li et al., *A System for Massively Parallel
/// Hyperparameter Tuning*, 2020 (ASHA). A trial that goes on begins again with more epochs, since
/// its schedule is made for their number. Of several processes it is a matter of which trial ends
/// first which of them go on; every trial by itself is the same.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Halving {
    /// *η*: one of so many goes on, with so many times the epochs. Default 3.
    pub factor: usize,
    /// How often, the first included; the last has the epochs of the recipe. Default 3.
    pub rungs: usize,
}

fn usual_around() -> usize {
    3
}

impl Default for Space {
    fn default() -> Self {
        Self {
            method: Method::Random,
            trials: 20,
            seed: 0,
            objective: Objective::Accuracy,
            space: BTreeMap::new(),
            stages: Vec::new(),
            halving: None,
        }
    }
}

impl Default for Halving {
    fn default() -> Self {
        Self { factor: 3, rungs: 3 }
    }
}

impl Space {
    /// Reads a file; beside it the settings that it calls by names that they had before.
    ///
    /// # Errors
    /// When it cannot be read, and as [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<(Self, Vec<Renamed>), RecipeError> {
        Self::parse_telling(&files::text(path).map_err(RecipeError::Unreadable)?, path)
    }

    /// Reads a space.
    ///
    /// # Errors
    /// With line and column where the text is no space; names a field that is out of its range.
    pub fn parse(text: &str, path: &Path) -> Result<Self, RecipeError> {
        Ok(Self::parse_telling(text, path)?.0)
    }

    fn parse_telling(text: &str, path: &Path) -> Result<(Self, Vec<Renamed>), RecipeError> {
        let parse = |reason| RecipeError::Parse { path: path.into(), reason: Box::new(reason) };
        let mut space: Self = toml::from_str(text).map_err(parse)?;
        let number = |source| RecipeError::NumberIn { path: path.into(), source };
        limits::check(&toml::from_str(text).map_err(parse)?, limits::SPACE).map_err(number)?;
        let mut renamed = modern_places(&mut space.space, path)?;
        for stage in &mut space.stages {
            renamed.extend(modern_places(&mut stage.set, path)?);
        }
        space.check(path)?;
        Ok((space, renamed))
    }

    fn check(&self, path: &Path) -> Result<(), RecipeError> {
        let fail = |field, wanted, got: String| Err(RecipeError::FieldIn { path: path.into(), field, wanted, got });
        if self.space.is_empty() {
            return fail("[space]", "at least one field with its range", "none".into());
        }
        for (place, range) in &self.space {
            if let Err((wanted, got)) = range.check() {
                return fail("[space]", wanted, format!("{got} for {place}"));
            }
        }
        let plain = self.stages.is_empty() && self.halving.is_none();
        if self.method == Method::Grid && !plain {
            return fail("method", "random with stages or halving", "grid".into());
        }
        if !self.stages.is_empty() && self.halving.is_some() {
            return fail("halving", "left out with stages: a search has one of both", "a table".into());
        }
        if self.method == Method::Grid && self.grid() > MOST_TRIALS {
            return fail("[space]", "a grid of at most 10000 settings", format!("{} or more", self.grid()));
        }
        if self.stages.iter().map(|stage| stage.trials).sum::<usize>() > MOST_TRIALS {
            return fail("stages", "of at most 10000 trials together", "more".into());
        }
        Ok(())
    }

    /// How many settings a grid has.
    pub(super) fn grid(&self) -> usize {
        self.space.values().fold(1, |all, range| all.saturating_mul(range.points().len()))
    }

    /// The settings of a trial, each drawn from its place in the recipe, the seed and the number;
    /// or those of a grid.
    pub(super) fn settings(&self, number: usize) -> BTreeMap<String, toml::Value> {
        let mut left = number;
        let setting = |(place, range): (&String, &Range)| {
            let share = match self.method {
                Method::Random => {
                    Rng::new(self.seed).fork("search").fork(renamed::first(place)).at(number as u64).uniform(0.0, 1.0)
                }
                Method::Grid => {
                    let points = range.points();
                    let share = points[left % points.len()];
                    left /= points.len();
                    share
                }
            };
            (place.clone(), range.at(share))
        };
        // A grid counts through them in the order of the names that they first had.
        let mut places: Vec<(&String, &Range)> = self.space.iter().collect();
        places.sort_by_key(|(place, _)| renamed::first(place));
        places.into_iter().map(setting).collect()
    }
}

/// Calls settings by the names that they have now; tells those that had another.
fn modern_places<T>(settings: &mut BTreeMap<String, T>, path: &Path) -> Result<Vec<Renamed>, RecipeError> {
    let mut renamed = Vec::new();
    let old: Vec<(String, String)> =
        settings.keys().filter_map(|place| Some((place.clone(), renamed::now(place)?))).collect();
    for (old, new) in old {
        if settings.contains_key(&new) {
            let wanted = "of settings that stand there once";
            return Err(RecipeError::FieldIn {
                path: path.into(),
                field: "[space]",
                wanted,
                got: format!("{old} and {new}"),
            });
        }
        if let Some(value) = settings.remove(&old) {
            settings.insert(new.clone(), value);
        }
        renamed.push(Renamed { path: path.into(), old, new });
    }
    Ok(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::chain;

    fn space(text: &str) -> Result<Space, RecipeError> {
        Space::parse(text, "space.toml".as_ref())
    }

    #[test]
    fn settings_are_drawn_by_place_and_number_and_fill_their_ranges() {
        let both = "[space]\n\"optimize.lr\" = { log = [1e-4, 1e-1] }\n\"head.hidden\" = { choice = [0, 64] }\n";
        let (one, two) = (space("[space]\n\"optimize.lr\" = { log = [1e-4, 1e-1] }\n").unwrap(), space(both).unwrap());
        let rate = |space: &Space, number| space.settings(number)["optimize.lr"].as_float().unwrap();
        let rates: Vec<f64> = (0..200).map(|number| rate(&one, number)).collect();
        // A field more leaves the draws of the others alone.
        assert!((0..200).all(|number| rate(&two, number) == rates[number]));
        assert!(rates.iter().all(|rate| (1e-4..=1e-1).contains(rate)));
        let below = rates.iter().filter(|rate| **rate < 1e-3).count();
        assert!((45..90).contains(&below), "a third of the draws is in each decade, {below} of 200 are in the first");
    }

    #[test]
    fn a_grid_has_every_combination_once() {
        let grid = "method = \"grid\"\n[space]\n\"a\" = { uniform = [0.0, 0.9] }\n\"b\" = { choice = [\"x\", \"y\"] }\n\"c\" = { integer = [3, 5] }\n";
        let grid = space(grid).unwrap();
        assert_eq!(grid.grid(), 60);
        let mut all: Vec<String> = (0..60).map(|number| format!("{:?}", grid.settings(number))).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 60);
        assert_eq!(grid.settings(9)["a"].as_float(), Some(0.9));
    }

    #[test]
    fn old_names_of_places_are_told_and_draw_the_same() {
        let range = "{ log = [1e-4, 1e-1] }";
        let both = |place| format!("[space]\n\"{place}\" = {range}\n\"optimize.precision\" = {range}\n");
        let old = both("optimize.rate") + "[[stages]]\ntrials = 1\nset = { \"optimize.head_factor\" = 1.0 }\n";
        let new = both("optimize.lr") + "[[stages]]\ntrials = 1\nset = { \"optimize.head_lr_scale\" = 1.0 }\n";
        let (told, renamed) = Space::parse_telling(&old, "s.toml".as_ref()).unwrap();
        assert_eq!(told, space(&new).unwrap());
        let said: Vec<String> = renamed.iter().map(ToString::to_string).collect();
        assert_eq!(said[0], "s.toml: optimize.rate is called optimize.lr now");
        assert_eq!(said[1], "s.toml: optimize.head_factor is called optimize.head_lr_scale now");
        // The first draw by its first name.
        let share = Rng::new(0).fork("search").fork("optimize.rate").at(0).uniform(0.0, 1.0);
        assert_eq!(told.settings(0)["optimize.lr"], Range::Log([1e-4, 1e-1]).at(share));
        let grid = |text: &str| space(&format!("method = \"grid\"\n{text}")).unwrap().settings(1);
        assert_eq!(grid(&both("optimize.lr"))["optimize.lr"].as_float(), Some(1e-4));
        let twice = format!("{}\"optimize.lr\" = {range}\n", both("optimize.rate"));
        assert!(chain(&space(&twice).unwrap_err()).contains("optimize.rate and optimize.lr"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, words) in [
            ("trials = 3\n", vec!["[space]", "at least one"]),
            ("trails = 3\n", vec!["line 1", "did you mean `trials`"]),
            ("[space]\n\"a\" = { log = [0.0, 1.0] }\n", vec!["0 < LOW < HIGH", "for a"]),
            ("[space]\n\"a\" = { choice = [] }\n", vec!["choice", "for a"]),
            ("method = \"grid\"\n[space]\n\"a\" = { uniform = [0, 1] }\n[halving]\n", vec!["method", "random"]),
            ("[space]\n\"a\" = { uniform = [0, 1] }\n[halving]\nfactor = 1\n", vec!["halving", "factor"]),
            ("[space]\n\"a\" = { uniform = [0, 1] }\n[[stages]]\ntrials = 0\n", vec!["space.toml: stages[0].trials"]),
            ("trials = 10001\n[space]\n\"a\" = { uniform = [0, 1] }\n", vec!["trials", "from 1 to 10000"]),
            ("[space]\n\"a\" = { uniform = [-1e308, 1e308] }\n", vec!["LOW < HIGH", "for a"]),
            ("[space]\n\"a\" = { log = [1e-3, inf] }\n", vec!["space.a.log[1]", "finite"]),
            (
                "method = \"grid\"\n[space]\n\"a\" = { integer = [-9223372036854775808, 9223372036854775807] }\n",
                vec!["at most 10000", "10001 or more"],
            ),
            (
                "[space]\n\"a\" = { uniform = [0, 1] }\n[[stages]]\ntrials = 9999\n[[stages]]\ntrials = 2\n",
                vec!["stages", "together"],
            ),
        ] {
            let said = chain(&space(text).unwrap_err());
            assert!(words.iter().all(|word| said.contains(word)), "{text}: {said}");
        }
    }
}
