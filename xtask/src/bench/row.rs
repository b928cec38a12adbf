//! What came out of a job, and the medians of its rounds.

use super::args::Precision;
use super::clock::median;
use super::jobs::{Engine, Job, TorchConfig};
use super::process::Measurement;

/// What the rounds of one job in one configuration come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    /// The median.
    pub(super) per_second: f64,
    pub(super) slowest: f64,
    pub(super) fastest: f64,
    /// The median, MB.
    pub(super) peak_mb: Option<f64>,
}

impl Summary {
    /// None of no rounds.
    pub(super) fn of(rounds: &[Measurement]) -> Option<Self> {
        let rates: Vec<f64> = rounds.iter().map(|m| m.per_second).collect();
        let peaks: Vec<f64> = rounds.iter().filter_map(|m| m.peak_mb).collect();
        Some(Self {
            slowest: rates.iter().copied().min_by(f64::total_cmp)?,
            fastest: rates.iter().copied().max_by(f64::total_cmp)?,
            per_second: median(rates),
            peak_mb: (!peaks.is_empty()).then(|| median(peaks)),
        })
    }
}

/// A job and what came out on both sides.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) job: Job,
    pub(super) ours: Summary,
    /// That ours was measured in.
    pub(super) precision: Precision,
    /// Every configuration that was tried; those that failed with the reason.
    pub(super) torch: Vec<(TorchConfig, Result<Summary, String>)>,
}

impl Row {
    /// An engine's fastest configuration in a precision.
    pub(super) fn best(&self, engine: Engine, precision: Precision) -> Option<(TorchConfig, Summary)> {
        let all = self.torch.iter().filter(|(config, _)| (config.engine, config.precision) == (engine, precision));
        let ran = all.filter_map(|(config, summary)| Some((*config, *summary.as_ref().ok()?)));
        ran.max_by(|(_, a), (_, b)| a.per_second.total_cmp(&b.per_second))
    }

    /// Every configuration that ran, ours first, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, Summary)> {
        let torch = self.torch.iter().filter_map(|(config, summary)| Some((config.name, *summary.as_ref().ok()?)));
        std::iter::once((self.precision.ours(), self.ours)).chain(torch)
    }
}

#[cfg(test)]
mod tests {
    use super::super::jobs::JOBS;
    use super::*;

    #[test]
    fn the_median_of_the_rounds_counts() {
        let round =
            |per_second, peak_mb| Measurement { job: String::new(), config: String::new(), per_second, peak_mb };
        let rounds = [round(3.0, Some(10.0)), round(1.0, None), round(2.0, Some(30.0))];
        let summary = Summary { per_second: 2.0, slowest: 1.0, fastest: 3.0, peak_mb: Some(20.0) };
        assert_eq!(Summary::of(&rounds), Some(summary));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn the_best_of_a_precision_is_its_fastest_that_ran() {
        let summary = |per_second| Summary { per_second, slowest: 0.0, fastest: 0.0, peak_mb: None };
        let job = JOBS[0];
        let results = [Ok(summary(1.0)), Ok(summary(2.0)), Err("no compiler".to_owned()), Ok(summary(9.0))];
        let row = Row {
            job,
            ours: summary(4.0),
            precision: Precision::F32,
            torch: job.torch.iter().copied().zip(results).collect(),
        };
        assert_eq!(row.best(Engine::Torch, Precision::F32).unwrap().0.name, "channels_last");
        assert_eq!(row.best(Engine::Torch, Precision::Bf16).unwrap().1.per_second, 9.0);
        assert_eq!(row.all().map(|(name, _)| name).collect::<Vec<_>>(), ["taper", "nchw", "channels_last", "bf16"]);
    }
}
