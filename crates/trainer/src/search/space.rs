//! What is searched, as plain data.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use taper_tensor::Rng;

use crate::recipe::RecipeError;

/// What a search tries: a file of TOML.
///
/// ```
/// use taper::search::Space;
/// let text = r#"
/// trials = 20
/// [space]
/// "optimize.rate" = { log = [1e-4, 1e-1] }
/// "head.dropout" = { uniform = [0.0, 0.7] }
/// "head.hidden" = { choice = [0, 256, 512] }
/// "#;
/// assert_eq!(Space::parse(text, "space.toml".as_ref())?.space.len(), 3);
/// # Ok::<(), taper::recipe::RecipeError>(())
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Space {
    /// How settings are found. Default `random`.
    pub method: Method,
    /// How many settings are tried; 0 with a grid, which has as many as it has, and with stages. Default 20.
    pub trials: usize,
    /// The seed that settings are drawn by; all trials train with the seed of the recipe. Default 0.
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
    /// Drawn, each by itself (J. Bergstra, Y. Bengio, *Random Search for Hyper-Parameter Optimization*, 2012).
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

/// What a field may be.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Range {
    /// From one number to another, each decade being as likely as any other; of a grid so many [`POINTS`].
    Log([f64; 2]),
    /// From one number to another.
    Uniform([f64; 2]),
    /// From one whole number to another, both included.
    Integer([i64; 2]),
    /// One of these.
    Choice(Vec<toml::Value>),
}

/// Values that a range gives to a grid.
pub const POINTS: usize = 10;

/// A part of a search from coarse to fine.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How many settings are tried.
    pub trials: usize,
    /// Around so many of the best of the stage before: ranges shrink to theirs, with a margin. Default 3.
    #[serde(default = "usual_around")]
    pub around: usize,
    /// Fields of the recipe that are other in this stage, by their places; `{ "optimize.epochs" = 2 }`.
    #[serde(default)]
    pub set: BTreeMap<String, toml::Value>,
}

/// Successive halving without waiting for all, by L. Li et al., *A System for Massively Parallel Hyperparameter Tuning*, 2020 (ASHA). A
/// trial that goes on begins again with more epochs, since its schedule is made for their number. Of several processes it is a matter of
/// which trial ends first which of them go on; every trial by itself is the same.
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
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, and as [`parse`](Self::parse).
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path);
        Ok(Self::parse(&text.with_context(|| format!("cannot read the space {}", path.display()))?, path)?)
    }

    /// Reads a space.
    ///
    /// # Errors
    /// With line and column where the text is no space; names a field that is out of its range.
    pub fn parse(text: &str, path: &Path) -> Result<Self, RecipeError> {
        let parse = |source| RecipeError::Parse { path: path.into(), source: Box::new(source) };
        let space: Self = toml::from_str(text).map_err(parse)?;
        space.check()?;
        Ok(space)
    }

    fn check(&self) -> Result<(), RecipeError> {
        let fail = |field, wanted, got: String| Err(RecipeError::Field { field, wanted, got });
        if self.space.is_empty() {
            return fail("[space]", "at least one field with its range", "none".into());
        }
        for (place, range) in &self.space {
            range.check(place)?;
        }
        let plain = self.stages.is_empty() && self.halving.is_none();
        if self.method == Method::Grid && !plain {
            return fail("method", "random with stages or halving", "grid".into());
        }
        if !self.stages.is_empty() && self.halving.is_some() {
            return fail("halving", "left out with stages: a search has one of both", "a table".into());
        }
        if self.method == Method::Grid && self.grid() > MOST {
            return fail("[space]", "a grid of at most 10000 settings", self.grid().to_string());
        }
        if !(1..=MOST).contains(&self.trials) {
            return fail("trials", "from 1 to 10000", self.trials.to_string());
        }
        if let Some(Stage { trials, around, .. }) = self.stages.iter().find(|s| s.trials == 0 || s.around == 0) {
            return fail("stages", "of 1 trial or more, around 1 or more", format!("{trials} around {around}"));
        }
        match self.halving {
            Some(Halving { factor, rungs }) if !(2..=10).contains(&factor) || !(2..=6).contains(&rungs) => {
                fail("halving", "a factor from 2 to 10 and 2 to 6 rungs", format!("{factor} and {rungs}"))
            }
            _ => Ok(()),
        }
    }

    /// How many settings a grid has.
    pub(super) fn grid(&self) -> usize {
        self.space.values().fold(1, |all, range| all.saturating_mul(range.points().len()))
    }

    /// The settings of a trial, each drawn from its place in the recipe, the seed and the number; or those of a grid.
    pub(super) fn settings(&self, number: usize) -> BTreeMap<String, toml::Value> {
        let mut left = number;
        let setting = |(place, range): (&String, &Range)| {
            let share = match self.method {
                Method::Random => Rng::new(self.seed).fork("search").fork(place).at(number as u64).uniform(0.0, 1.0),
                Method::Grid => {
                    let points = range.points();
                    let share = points[left % points.len()];
                    left /= points.len();
                    share
                }
            };
            (place.clone(), range.at(share))
        };
        self.space.iter().map(setting).collect()
    }
}

/// The most settings of a search.
const MOST: usize = 10_000;

impl Range {
    fn check(&self, place: &str) -> Result<(), RecipeError> {
        let fail = |wanted, got: String| {
            Err(RecipeError::Field { field: "[space]", wanted, got: format!("{got} for {place}") })
        };
        match self {
            Self::Log([low, high]) if !(*low > 0.0 && low < high && high.is_finite()) => {
                fail("log = [LOW, HIGH] with 0 < LOW < HIGH", format!("[{low}, {high}]"))
            }
            Self::Uniform([low, high]) if !(low.is_finite() && low < high && high.is_finite()) => {
                fail("uniform = [LOW, HIGH] with LOW < HIGH", format!("[{low}, {high}]"))
            }
            Self::Integer([low, high]) if low >= high => {
                fail("integer = [LOW, HIGH] with LOW < HIGH", format!("[{low}, {high}]"))
            }
            Self::Choice(values) if values.is_empty() => fail("choice = [...] with a value or more", "[]".into()),
            _ => Ok(()),
        }
    }

    /// The value at a share of the range, in 0..=1.
    pub(super) fn at(&self, share: f64) -> toml::Value {
        match self {
            Self::Log([low, high]) => round((low.ln() + share * (high.ln() - low.ln())).exp()).into(),
            Self::Uniform([low, high]) => round(low + share * (high - low)).into(),
            Self::Integer([low, high]) => {
                let span = (high - low + 1) as f64;
                (low + ((share * span) as i64).min(high - low)).into()
            }
            Self::Choice(values) => values[((share * values.len() as f64) as usize).min(values.len() - 1)].clone(),
        }
    }

    /// The share at which a value lies, the other way round; that of a choice or a whole number is the middle of its part.
    pub(super) fn share(&self, value: &toml::Value) -> f64 {
        let number = value.as_float().or(value.as_integer().map(|n| n as f64)).unwrap_or(0.0);
        match self {
            Self::Log([low, high]) => (number.ln() - low.ln()) / (high.ln() - low.ln()),
            Self::Uniform([low, high]) => (number - low) / (high - low),
            Self::Integer([low, high]) => (number - *low as f64 + 0.5) / (high - low + 1) as f64,
            Self::Choice(values) => {
                let place = values.iter().position(|other| other == value).unwrap_or(0);
                (place as f64 + 0.5) / values.len() as f64
            }
        }
    }

    /// Shares of the values of a grid.
    pub(super) fn points(&self) -> Vec<f64> {
        let count = match self {
            Self::Log(_) | Self::Uniform(_) => {
                return (0..POINTS).map(|i| i as f64 / (POINTS - 1) as f64).collect();
            }
            Self::Integer([low, high]) => ((high - low + 1) as usize).min(MOST + 1),
            Self::Choice(values) => values.len(),
        };
        (0..count).map(|i| (i as f64 + 0.5) / count as f64).collect()
    }

    /// The part of the range that some of its values lie in, with a margin of a tenth of the range on both sides, and not beyond it.
    pub(super) fn around(&self, values: &[&toml::Value]) -> Self {
        let shares = values.iter().map(|value| self.share(value));
        let (low, high) = shares.fold((1.0f64, 0.0f64), |(low, high), share| (low.min(share), high.max(share)));
        let (low, high) = ((low - MARGIN).max(0.0), (high + MARGIN).min(1.0));
        let ends = |range: &Self| [low, high].map(|share| range.at(share));
        let number = |value: &toml::Value| value.as_float().unwrap_or(0.0);
        match self {
            Self::Log(_) => Self::Log(ends(self).each_ref().map(number)),
            Self::Uniform(_) => Self::Uniform(ends(self).each_ref().map(number)),
            Self::Integer([least, most]) => {
                let [low, high] = ends(self).map(|value| value.as_integer().unwrap_or(*least));
                if low < high {
                    Self::Integer([low, high])
                } else {
                    Self::Integer([low.min(most - 1), (low + 1).min(*most)])
                }
            }
            Self::Choice(all) => Self::Choice(all.iter().filter(|value| values.contains(value)).cloned().collect()),
        }
    }
}

/// What is added to both sides of the best values of a range, fraction of the range.
const MARGIN: f64 = 0.1;

/// A number of four digits: more say nothing, and a recipe is to be read.
fn round(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(text: &str) -> Result<Space, RecipeError> {
        Space::parse(text, "space.toml".as_ref())
    }

    #[test]
    fn settings_are_drawn_by_place_and_number_and_fill_their_ranges() {
        let both = "[space]\n\"optimize.rate\" = { log = [1e-4, 1e-1] }\n\"head.hidden\" = { choice = [0, 64] }\n";
        let (one, two) =
            (space("[space]\n\"optimize.rate\" = { log = [1e-4, 1e-1] }\n").unwrap(), space(both).unwrap());
        let rate = |space: &Space, number| space.settings(number)["optimize.rate"].as_float().unwrap();
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
    fn ranges_shrink_around_the_best() {
        let log = Range::Log([1e-4, 1.0]);
        let values = [1e-2, 1e-1].map(toml::Value::from);
        let Range::Log([low, high]) = log.around(&values.iter().collect::<Vec<_>>()) else { panic!("no longer a log") };
        // A tenth of four decades on both sides.
        assert!((low.log10() + 2.4).abs() < 1e-3 && (high.log10() + 0.6).abs() < 1e-3, "{low} {high}");
        let choice = Range::Choice(["a", "b", "c"].map(toml::Value::from).to_vec());
        assert_eq!(
            choice.around(&[&"c".into(), &"a".into()]),
            Range::Choice(["a", "c"].map(toml::Value::from).to_vec())
        );
        assert_eq!(Range::Integer([1, 100]).around(&[&50.into()]), Range::Integer([40, 60]));
        assert_eq!(Range::Integer([1, 3]).around(&[&2.into()]), Range::Integer([2, 3]));
        for range in [log, Range::Uniform([-1.0, 3.0]), Range::Integer([2, 9])] {
            for share in [0.0, 0.3, 1.0] {
                let value = range.at(share);
                assert!((range.share(&value) - share).abs() < 0.07, "{range:?} {share} {value}");
            }
        }
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
            ("[space]\n\"a\" = { uniform = [0, 1] }\n[[stages]]\ntrials = 0\n", vec!["stages"]),
        ] {
            let said = space(text).unwrap_err().to_string();
            assert!(words.iter().all(|word| said.contains(word)), "{text}: {said}");
        }
    }
}
