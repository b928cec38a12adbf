//! Which learning rates are too small, and which too large.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use taper_data::Loader;
use taper_nn::Params;
use taper_tensor::Rng;
use taper_transfer::Classifier;

use crate::error::Result;
use crate::fit::{FitOptions, PhaseRun, Rates, Session};
use crate::recipe::{NonFiniteRecipe, Recipe};
use crate::study::error::StudyError;

/// How many times the lowest smoothed loss ends the test.
const DIVERGED: f64 = 4.0;

/// The fewest steps of a test: those of fewer tell too little of their noise.
pub const FEWEST_STEPS: usize = 50;

/// The part of the steps that losses are smoothed over.
const PART: usize = 10;

/// A fall of the loss is one where it is so many times its standard error. Of 1000 tests whose
/// losses are noise alone 8 have one where they are of 50 steps, 2 of 100, none of 500.
const CERTAIN: f64 = 5.0;

/// The losses of a training whose rate grows with every step.
#[derive(Clone, Debug, Default)]
pub struct RangeTest {
    /// Of each step.
    pub rates: Vec<f64>,
    /// The loss before it, nats.
    pub losses: Vec<f64>,
    /// The same smoothed: the mean of those before it, each step weighing 1 - 1/`window` of the
    /// next.
    pub smooth: Vec<f64>,
    /// Steps that the mean is over: a tenth of those planned.
    pub window: usize,
}

/// Why no rate can be named.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Unnamed {
    /// The loss grew fourfold before there was enough to judge by.
    Short {
        /// Steps that were done.
        steps: usize,
        /// The rate of the first, which is too large already.
        rate: f64,
    },
    /// The loss nowhere falls by more than the noise of its batches.
    Noise {
        /// From its first level to its lowest smoothed one, nats; below 0 where it only rises.
        fall: f64,
        /// What would be more than noise, nats.
        wanted: f64,
        /// Steps with half the noise.
        steps: usize,
    },
}

impl fmt::Display for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Short { steps, rate } => write!(
                f,
                "the loss grew fourfold within {steps} steps, the first at a rate of {rate:.1e}: begin lower (--low {:.0e})",
                rate / 100.0
            ),
            Self::Noise { fall, .. } if fall <= 0.0 => {
                write!(
                    f,
                    "the loss never falls: begin lower or end higher (--low, --high), or look at the pictures (taper check)"
                )
            }
            Self::Noise { fall, wanted, steps } => write!(
                f,
                "the loss falls by {fall:.3} at the most, and noise of its batches may be {wanted:.3}: more steps (--steps {steps}) or \
                 larger batches (--batch-size) have less of it, a higher end (--high) may show more of a fall"
            ),
        }
    }
}

impl std::error::Error for Unnamed {}

impl RangeTest {
    /// The step with the lowest smoothed loss after those that tell where it begins.
    fn lowest_step(&self) -> usize {
        let lower = |best: usize, i: usize| if self.smooth[i] < self.smooth[best] { i } else { best };
        (self.flat().min(self.smooth.len().saturating_sub(1))..self.smooth.len()).reduce(lower).unwrap_or(0)
    }

    /// The rate with the lowest smoothed loss: already too large, for what came before had made the
    /// loss low.
    pub fn lowest(&self) -> Option<f64> {
        self.rates.get(self.lowest_step()).copied()
    }

    /// Whether the loss is lowest where the test ends, so that higher rates may serve better still.
    pub fn still_falls(&self) -> bool {
        self.lowest_step() + self.reach() >= self.rates.len()
    }

    /// The first steps, which tell the level and the noise that the loss begins with.
    fn flat(&self) -> usize {
        2 * self.window.max(1)
    }

    /// Steps on both sides that a slope is taken over.
    fn reach(&self) -> usize {
        (self.window / 3).max(1)
    }

    /// The rate at which the smoothed loss falls fastest over the logarithm of the rate, in the
    /// middle fifth of its fall: one to begin with.
    ///
    /// The first steps, twice the window, tell the level that the loss begins with and the noise σ
    /// of a batch, which is that of the differences between neighbors. With *f* such steps and *k*
    /// the weight of the mean, the fall from this level to the lowest smoothed loss has a standard
    /// error of `σ √(1/f + (1 - k)/(1 + k))`, and must be 5 times as large.
    ///
    /// # Errors
    /// Says why no rate can be named.
    pub fn named(&self) -> Result<f64, Unnamed> {
        let (steps, reach, flat) = (self.rates.len(), self.reach(), self.flat());
        if steps < flat + 2 * reach + 2 {
            return Err(Unnamed::Short { steps, rate: self.rates.first().copied().unwrap_or(0.0) });
        }
        let start = self.losses[..flat].iter().sum::<f64>() / flat as f64;
        let differences = self.losses[..flat].windows(2).map(|pair| (pair[1] - pair[0]).powi(2));
        let noise = (0.5 * differences.sum::<f64>() / (flat - 1) as f64).sqrt();
        let kept = kept(self.window);
        let wanted = CERTAIN * noise * (1.0 / flat as f64 + (1.0 - kept) / (1.0 + kept)).sqrt();
        let lowest = self.lowest_step();
        let fall = start - self.smooth[lowest];
        // Where there is no noise, what rounding leaves is no fall either.
        if fall <= wanted.max(1e-9 * start.abs()) {
            // The mean is over as many times more.
            return Err(Unnamed::Noise { fall, wanted, steps: 4 * PART * self.window });
        }
        let left = |i: usize| (self.smooth[i] - self.smooth[lowest]) / fall;
        let begin = (0..lowest).rev().find(|&i| left(i) > 0.6).unwrap_or(0);
        let end = (begin..=lowest).find(|&i| left(i) <= 0.4).unwrap_or(lowest);
        let slope = |i: usize| {
            let (from, to) = (i - reach, i + reach);
            (self.smooth[to] - self.smooth[from]) / (self.rates[to] / self.rates[from]).ln()
        };
        let middle = begin.max(reach)..=end.min(steps - 1 - reach);
        let steepest = middle.min_by(|&a, &b| slope(a).total_cmp(&slope(b)));
        Ok(self.rates[steepest.unwrap_or(end)])
    }

    /// A table of its numbers.
    pub fn csv(&self) -> String {
        let mut csv = "rate,loss,smoothed\n".to_owned();
        for ((rate, loss), smooth) in self.rates.iter().zip(&self.losses).zip(&self.smooth) {
            // Writing into a string cannot fail.
            let _ = writeln!(csv, "{rate:e},{loss},{smooth}");
        }
        csv
    }
}

/// Trains the first phase of a recipe for `steps` steps while the rate grows from `low` to `high`
/// by equal factors, or until the loss is four times its lowest; then puts network and weights back
/// as they were.
///
/// # Errors
/// When a picture cannot be read, the range is invalid, or the rule takes no steps (`lbfgs`).
///
/// # References
/// L. Smith, *Cyclical Learning Rates for Training Neural Networks*, 2017.
pub fn range_test(
    classifier: &mut Classifier,
    params: &Params,
    pictures: (&Loader, &Loader),
    recipe: &Recipe,
    range @ (low, high, steps): (f64, f64, usize),
) -> Result<RangeTest> {
    if !(low > 0.0 && high > low && high.is_finite() && steps >= FEWEST_STEPS) {
        return Err(StudyError::Range { low, high, steps, fewest: FEWEST_STEPS }.into());
    }
    let copies = params.tensors().into_iter().map(|(name, tensor)| Ok((name, tensor.copy()?)));
    let before = copies.collect::<candle_core::Result<BTreeMap<_, _>>>()?;
    let frozen = classifier.frozen();
    let found = grow((classifier, params), pictures, recipe, range);
    params.load(&before)?;
    classifier.freeze(frozen)?;
    found
}

/// What a step leaves of the mean of those before it, where that is over so many.
fn kept(window: usize) -> f64 {
    1.0 - 1.0 / window.max(1) as f64
}

/// The test itself, which leaves the weights where it ends.
fn grow(
    network: (&mut Classifier, &Params),
    pictures: (&Loader, &Loader),
    recipe: &Recipe,
    (low, high, steps): (f64, f64, usize),
) -> Result<RangeTest> {
    // A gradient that is not finite is what the end of the range looks like, and every batch is a
    // step.
    let mut recipe = recipe.clone();
    (recipe.optimize.non_finite, recipe.optimize.accumulate) = (NonFiniteRecipe::Skip, 1);
    let noise = Rng::new(recipe.seed).fork("range");
    let mut session = Session::new(network, pictures, &recipe, FitOptions::default())?;
    if session.phases().is_empty() {
        return Err(StudyError::NoEpochs.into());
    }
    let mut run = PhaseRun::begin(&mut session, 0)?;
    let data = run.data()?;
    let (classifier, mut stepper) = run.into_stepper();
    let mut found = RangeTest { window: steps / PART, ..RangeTest::default() };
    let mut smoothing = Smoothing::new(found.window);
    for epoch in 1.. {
        for loaded in data.batches(epoch, 0) {
            let step = found.rates.len();
            let noise = noise.at(step as u64);
            let batch = loaded?.batch;
            let of = batch.len();
            let loss = stepper.loss(classifier, (batch, of), &noise)?;
            let (smooth, diverged) = smoothing.add(step, loss.value);
            if diverged {
                return Ok(found);
            }
            let lr = low * (high / low).powf(step as f64 / (steps - 1) as f64);
            found.rates.push(lr);
            found.losses.push(loss.value);
            found.smooth.push(smooth);
            if let Some(grads) = stepper.gradients((classifier, &noise), loss, (1, true))? {
                stepper.update(grads, Rates { lr, momentum: None })?;
            }
            if found.rates.len() == steps {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// The mean of the losses until now, the later weighing more, and the lowest that it has been.
struct Smoothing {
    kept: f64,
    window: usize,
    mean: f64,
    lowest: f64,
}

impl Smoothing {
    fn new(window: usize) -> Self {
        Self { kept: kept(window), window, mean: 0.0, lowest: f64::INFINITY }
    }

    /// The smoothed loss with that of a step, from 0, and whether the test ends before it.
    fn add(&mut self, step: usize, loss: f64) -> (f64, bool) {
        self.mean = self.kept * self.mean + (1.0 - self.kept) * loss;
        let smooth = self.mean / (1.0 - self.kept.powi(step as i32 + 1));
        // The mean of the first few is what one of them is by chance.
        if step >= self.window {
            self.lowest = f64::min(self.lowest, smooth);
        }
        (smooth, !smooth.is_finite() || smooth > DIVERGED * self.lowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test of these losses, of at most 100 steps from 1e-6 to 1, smoothed as `grow` does it.
    fn of(losses: Vec<f64>) -> RangeTest {
        smoothed(losses, 10)
    }

    fn smoothed(losses: Vec<f64>, window: usize) -> RangeTest {
        let (kept, mut mean) = (kept(window), 0.0);
        let smooth = losses.iter().enumerate().map(|(step, loss)| {
            mean = kept * mean + (1.0 - kept) * loss;
            mean / (1.0 - kept.powi(step as i32 + 1))
        });
        let rates = (0..losses.len()).map(|step| 1e-6 * 1e6f64.powf(step as f64 / 99.0)).collect();
        RangeTest { rates, smooth: smooth.collect(), losses, window }
    }

    #[test]
    fn the_steepest_place_lies_before_the_lowest() {
        // Flat, then down around 1e-3, then up from 1e-2 on.
        let loss = |rate: f64| 1.0 - 0.8 / (1.0 + (-(rate.log10() + 3.0) * 6.0).exp()) + 20.0 * rate;
        let test = of((0..80).map(|step| loss(1e-6 * 1e6f64.powf(f64::from(step) / 99.0))).collect());
        let (named, lowest) = (test.named().unwrap(), test.lowest().unwrap());
        // The mean lags behind by half its window, half a decade.
        assert!((-3.2..-2.3).contains(&named.log10()) && lowest > 1.5 * named, "{named} {lowest}");
        assert!(!test.still_falls() && of(test.losses[..60].to_vec()).still_falls());
        assert_eq!(test.csv().lines().count(), 81);
        let rising = of((0..60).map(f64::from).collect());
        assert!(rising.named().unwrap_err().to_string().starts_with("the loss never falls"));
        assert!(of(vec![1.0; 90]).named().is_err());
        assert!(of(vec![1.0; 20]).named().unwrap_err().to_string().contains("--low 1e-8"));
    }

    #[derive(serde::Deserialize)]
    struct Recorded {
        named_before: f64,
        losses: Vec<f64>,
    }

    #[test]
    fn the_noise_of_few_pictures_is_not_taken_for_a_fall() {
        let text = include_str!("../../tests/golden/range_tests.json");
        let tests: BTreeMap<String, Recorded> = serde_json::from_str(text).unwrap();
        assert_eq!(tests.values().filter(|test| test.named_before < 1e-5).count(), 5);
        for (name, Recorded { named_before, losses }) in tests {
            match of(losses).named() {
                Ok(rate) if named_before < 1e-5 => assert!((1e-4..1e-3).contains(&rate), "{name}: {rate}"),
                Ok(rate) => assert!((rate / named_before).ln().abs() < 0.5, "{name}: {rate}, {named_before}"),
                // Eight pictures, a step an epoch.
                Err(why) => {
                    assert!(name.starts_with("2x4") && why.to_string().contains("--steps 400"), "{name}: {why}")
                }
            }
        }
    }

    #[test]
    fn losses_that_are_noise_alone_name_no_rate() {
        let mut rng = Rng::new(3);
        for (steps, most) in [(FEWEST_STEPS, 14), (92, 6), (500, 1)] {
            let mut losses = || (0..steps).map(|_| 1.5 + 0.4 * rng.normal()).collect();
            let named = (0..1000).filter(|_| smoothed(losses(), steps / PART).named().is_ok()).count();
            assert!(named <= most, "{named} of 1000 tests of {steps} steps");
        }
    }
}
