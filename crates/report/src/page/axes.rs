//! The axes of the charts: what they span and where their ticks are.

use std::ops::Range;

use super::contents::EpochRow;

/// Sizes past this would overflow in the axis' arithmetic; they count as not finite.
const LARGEST: f64 = 1e100;

/// The horizontal axis that the charts of a run share: epoch k covers k - 1/2 to k + 1/2.
pub(super) struct Epochs {
    /// Extent of the axis.
    pub(super) range: Range<f64>,
    /// Name and extent of every phase, in order.
    pub(super) phases: Vec<(String, Range<f64>)>,
}

impl Epochs {
    /// The axis for `history` and for `rates`, which may reach into an epoch that never ended.
    pub(super) fn new(history: &[EpochRow], rates: &[(f64, f64)]) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut phases: Vec<(String, Range<f64>)> = Vec::new();
        for row in history {
            let (start, end) = (row.epoch as f64 - 0.5, row.epoch as f64 + 0.5);
            (low, high) = (low.min(start), high.max(end));
            match phases.last_mut() {
                Some((name, extent)) if *name == row.phase => extent.end = end,
                _ => phases.push((row.phase.clone(), start..end)),
            }
        }
        for &(x, _) in rates {
            (low, high) = (low.min(x), high.max(x));
        }
        if low > high {
            (low, high) = (0.5, 1.5);
        }
        let range = (low + 0.5).floor() - 0.5..(high + 0.5).ceil() - 0.5;
        Self { range, phases }
    }

    /// Whole epochs to label.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let step = nice_step((self.range.end - self.range.start) / 11.0).max(1.0);
        multiples(step, &self.range)
    }
}

/// The learning rate of every step as points over the epochs, thinned to what a chart can show.
pub(super) fn rate_points(history: &[EpochRow], rates: &[f64], steps_per_epoch: usize) -> Vec<(f64, f64)> {
    let start = history.first().map_or(0.5, |row| row.epoch as f64 - 0.5);
    let per_epoch = match steps_per_epoch {
        0 => rates.len() as f64 / history.len().max(1) as f64,
        steps => steps as f64,
    };
    let place = |step: usize| (start + (step as f64 + 0.5) / per_epoch, rates[step]);
    let stride = rates.len().div_ceil(400).max(1);
    let mut points = Vec::new();
    for first in (0..rates.len()).step_by(stride) {
        points.push(place(first));
        let last = (first + stride).min(rates.len()) - 1;
        if last > first {
            points.push(place(last));
        }
    }
    points
}

/// What the vertical axis measures.
#[derive(Clone, Copy)]
pub(super) enum Measure {
    /// A quantity whose zero matters.
    FromZero,
    /// A share between 0 and 1, shown in per cent.
    Share,
    /// A logarithm to the base of 10, shown as the power.
    Log,
}

impl Measure {
    /// Whether a value can be drawn on this axis.
    pub(super) fn shows(self, value: f64) -> bool {
        match self {
            Self::FromZero => value.abs() < LARGEST,
            Self::Share => (0.0..=1.0).contains(&value),
            Self::Log => value.is_finite(),
        }
    }
}

/// The extent and the step of the vertical axis for values from `low` to `high`.
pub(super) fn vertical(measure: Measure, low: f64, high: f64) -> (Range<f64>, f64) {
    if let Measure::Log = measure {
        let (low, high) = (low.floor(), high.ceil().max(low.floor() + 1.0));
        return (low..high, ((high - low) / 6.0).ceil().max(1.0));
    }
    let (low, high) = match measure {
        Measure::Share => (low.clamp(0.0, 0.95), high.clamp(0.05, 1.0)),
        Measure::FromZero | Measure::Log => (low.min(0.0), high.max(0.0)),
    };
    let (low, high) = match measure {
        Measure::Share if high - low < 0.05 => (high - 0.05, high),
        Measure::FromZero if high - low < 1.0 / LARGEST => (0.0, 1.0),
        _ => (low, high),
    };
    let step = nice_step((high - low) / 5.0);
    ((low / step + 1e-9).floor() * step..(high / step - 1e-9).ceil() * step, step)
}

/// The smallest of 1, 2, 5, 10, ... (times a power of ten) that is not below `least`.
pub(crate) fn nice_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factors = [1.0, 2.0, 5.0].into_iter();
    factors.map(|factor| factor * power).find(|&step| step >= least).unwrap_or(10.0 * power)
}

/// The multiples of `step` in a range.
pub(crate) fn multiples(step: f64, range: &Range<f64>) -> Vec<f64> {
    let first = (range.start / step).ceil();
    let last = (range.end / step).floor();
    let ticks = (0..50).map(|index| first + f64::from(index));
    ticks.take_while(|&tick| tick <= last).map(|tick| tick * step).collect()
}

/// A tick's value with as many places as its step needs.
pub(crate) fn number(value: f64, step: f64) -> String {
    if value.abs() < step * 1e-6 {
        "0".to_owned()
    } else if step < 0.99e-4 || value.abs() >= 1e5 {
        format!("{value:.1e}").replace(".0e", "e")
    } else {
        let places = (-step.log10().floor()).max(0.0) as usize;
        format!("{value:.places$}")
    }
}
