//! What a setting may be.

use serde::{Deserialize, Serialize};

use crate::recipe::limits::MOST_TRIALS;

/// What a field may be.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Range {
    /// From one number to another, each decade being as likely as any other; of a grid so many
    /// [`POINTS`].
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

impl Range {
    /// What is wanted of it, and what it is, where that is something else.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Self::Log([low, high]) if !(*low > 0.0 && low < high && high.is_finite()) => {
                Err(("log = [LOW, HIGH] with 0 < LOW < HIGH", format!("[{low}, {high}]")))
            }
            Self::Uniform([low, high]) if !(low < high && (high - low).is_finite()) => {
                Err(("uniform = [LOW, HIGH] with LOW < HIGH", format!("[{low}, {high}]")))
            }
            Self::Integer([low, high]) if low >= high => {
                Err(("integer = [LOW, HIGH] with LOW < HIGH", format!("[{low}, {high}]")))
            }
            Self::Choice(values) if values.is_empty() => Err(("choice = [...] with a value or more", "[]".into())),
            _ => Ok(()),
        }
    }

    /// The value at a share of the range, in 0..=1.
    pub fn at(&self, share: f64) -> toml::Value {
        match self {
            Self::Log([low, high]) => round((low.ln() + share * (high.ln() - low.ln())).exp()).into(),
            Self::Uniform([low, high]) => round(low + share * (high - low)).into(),
            Self::Integer([low, high]) => {
                let step = (share * self.count()) as u64;
                low.saturating_add_unsigned(step.min(high.abs_diff(*low))).into()
            }
            Self::Choice(values) => values[((share * values.len() as f64) as usize).min(values.len() - 1)].clone(),
        }
    }

    /// The share at which a value lies, the other way round; that of a choice or a whole number is
    /// the middle of its part.
    pub fn share(&self, value: &toml::Value) -> f64 {
        let number = value.as_float().or(value.as_integer().map(|n| n as f64)).unwrap_or(0.0);
        let share = match self {
            Self::Log([low, high]) => (number.ln() - low.ln()) / (high.ln() - low.ln()),
            Self::Uniform([low, high]) => (number - low) / (high - low),
            Self::Integer([low, _]) => (number - *low as f64 + 0.5) / self.count(),
            Self::Choice(values) => {
                let place = values.iter().position(|other| other == value).unwrap_or(0);
                (place as f64 + 0.5) / values.len() as f64
            }
        };
        // A range that rounding has left a single number of has it in its middle.
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 }
    }

    /// How many values a range of whole numbers or a choice has, of a grid a range of others.
    fn count(&self) -> f64 {
        match self {
            Self::Log(_) | Self::Uniform(_) => POINTS as f64,
            // All 64 bits are one more than they can say.
            Self::Integer([low, high]) => high.abs_diff(*low) as f64 + 1.0,
            Self::Choice(values) => values.len() as f64,
        }
    }

    /// Shares of the values of a grid.
    pub(super) fn points(&self) -> Vec<f64> {
        let count = match self {
            Self::Log(_) | Self::Uniform(_) => {
                return (0..POINTS).map(|i| i as f64 / (POINTS - 1) as f64).collect();
            }
            Self::Integer(_) | Self::Choice(_) => (self.count() as usize).min(MOST_TRIALS + 1),
        };
        (0..count).map(|i| (i as f64 + 0.5) / count as f64).collect()
    }

    /// The part of the range that some of its values lie in, with a margin of a tenth of the range
    /// on both sides, and not beyond it.
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
                    let low = low.min(most - 1);
                    Self::Integer([low, low + 1])
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
    fn the_widest_ranges_have_values_and_places() {
        let whole = Range::Integer([i64::MIN, i64::MAX]);
        assert_eq!((whole.at(0.0), whole.at(1.0)), (i64::MIN.into(), i64::MAX.into()));
        assert_eq!(whole.points().len(), MOST_TRIALS + 1);
        assert!((whole.share(&0.into()) - 0.5).abs() < 1e-9);
        assert!(matches!(whole.around(&[&i64::MAX.into()]), Range::Integer([low, i64::MAX]) if low > 0));
        let same = Range::Uniform([1.0, 1.0]);
        assert_eq!((same.share(&1.0.into()), same.around(&[&1.0.into()])), (0.5, same));
    }
}
