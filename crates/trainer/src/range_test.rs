//! Which learning rates are too small, and which too large.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use plotters::style::RGBColor;
use taper_data::Loader;
use taper_tensor::{Mode, Params, Precision, Rng, backward, cross_entropy};
use taper_transfer::Classifier;

use crate::draw::{DrawError, Letters, Panel, TEXT, Window, decades, picture};
use crate::optimize::{Method, method, optimizer};
use crate::phases::phases;
use crate::recipe::{NonFiniteRecipe, Recipe};
use crate::regularize::Regularizer;
use crate::stored::{Kept, Source};

/// The share of the smoothed loss that a step leaves.
const KEPT: f64 = 0.9;

/// How many times the lowest smoothed loss ends the test.
const DIVERGED: f64 = 4.0;

/// Steps on both sides that a slope is taken over.
const REACH: usize = 3;

/// The colours of the two lines.
const PALE: RGBColor = RGBColor(0xA9, 0xC9, 0xDE);
const STRONG: RGBColor = RGBColor(0x00, 0x72, 0xB2);

/// The losses of a training whose rate grows with every step.
#[derive(Clone, Debug, Default)]
pub struct RangeTest {
    /// Of each step.
    pub rates: Vec<f64>,
    /// The loss before it, nats.
    pub losses: Vec<f64>,
    /// The same smoothed.
    pub smooth: Vec<f64>,
}

impl RangeTest {
    /// The step with the lowest smoothed loss.
    fn lowest_step(&self) -> usize {
        let lower = |best: usize, i: usize| if self.smooth[i] < self.smooth[best] { i } else { best };
        (0..self.smooth.len()).reduce(lower).unwrap_or(0)
    }

    /// The rate with the lowest smoothed loss: already too large, for what came before had made the loss low.
    pub fn lowest(&self) -> Option<f64> {
        self.rates.get(self.lowest_step()).copied()
    }

    /// The rate at which the smoothed loss falls fastest over the logarithm of the rate: one to begin with. None where it never falls.
    pub fn steepest(&self) -> Option<f64> {
        let slope = |i: usize| {
            let (from, to) = (i - REACH, i + REACH);
            (self.smooth[to] - self.smooth[from]) / (self.rates[to] / self.rates[from]).ln()
        };
        let steps = REACH..self.smooth.len().saturating_sub(REACH).min(self.lowest_step() + 1);
        let steepest = steps.map(|i| (slope(i), self.rates[i])).min_by(|a, b| a.0.total_cmp(&b.0));
        steepest.filter(|(slope, _)| *slope < 0.0).map(|(_, rate)| rate)
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

    /// An SVG of the losses over the rates, with the steepest place.
    ///
    /// # Errors
    /// When the library fails.
    pub fn draw(&self, title: &str) -> Result<String, DrawError> {
        let place = |rate: f64, loss: f64| [rate.log10(), loss];
        let ends = [self.rates.first(), self.rates.last()].map(|rate| rate.copied().unwrap_or(1.0).log10());
        let low = self.losses.iter().copied().fold(f64::INFINITY, f64::min);
        let first = self.smooth.first().copied().unwrap_or(1.0);
        let window = Window { low: [ends[0], (0.95 * low).min(first)], high: [ends[1], 1.6 * first.max(1e-9)] };
        picture([620.0, 400.0], |canvas| {
            canvas.text(title, [14.0, 24.0], Letters::TITLE)?;
            let panel = Panel { window, corner: [64.0, 44.0], size: [530.0, 290.0] };
            panel.axes(canvas, [&decades(ends[0], ends[1]), &panel.ticks(1, 5.0)], true)?;
            for (losses, colour, width) in [(&self.losses, PALE, 1.0), (&self.smooth, STRONG, 2.5)] {
                let points: Vec<_> = self.rates.iter().zip(losses).map(|(rate, loss)| place(*rate, *loss)).collect();
                panel.lines(&points).iter().try_for_each(|line| canvas.stroke(line, colour, width))?;
            }
            if let Some(rate) = self.steepest() {
                let x = panel.at(place(rate, 0.0))[0];
                canvas.stroke(&[[x, 44.0], [x, 334.0]], TEXT, 1.0)?;
                canvas.text(&format!("{rate:.1e}, the steepest fall"), [x + 6.0, 56.0], Letters::SMALL)?;
            }
            canvas.text("learning rate; the loss of each batch, and smoothed", [64.0, 376.0], Letters::SMALL)
        })
    }
}

/// Trains the first phase of a recipe for `steps` steps while the rate grows from `low` to `high` by equal factors, or until the loss
/// is four times its lowest; then puts network and weights back as they were.
///
/// # Errors
/// When a picture cannot be read, the range is none, or the rule takes no steps (`lbfgs`).
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
    if !(low > 0.0 && high > low && high.is_finite() && steps >= 2 * REACH + 2) {
        bail!(
            "a range of rates goes from above 0 to more, in at least {} steps; got {low} to {high} in {steps}",
            2 * REACH + 2
        );
    }
    let copies = params.tensors().into_iter().map(|(name, tensor)| Ok((name, tensor.copy()?)));
    let before = copies.collect::<candle_core::Result<BTreeMap<_, _>>>()?;
    let frozen = classifier.frozen();
    let found = grow(classifier, params, pictures, recipe, range);
    params.load(&before)?;
    classifier.freeze(frozen)?;
    found
}

/// The test itself, which leaves the weights where it ends.
fn grow(
    classifier: &mut Classifier,
    params: &Params,
    pictures: (&Loader, &Loader),
    recipe: &Recipe,
    (low, high, steps): (f64, f64, usize),
) -> Result<RangeTest> {
    let phases = phases(recipe, classifier.backbone().stages().len());
    classifier.freeze(phases.first().context("the recipe has no epochs")?.frozen)?;
    let Method::Steps(rule) = method(&recipe.optimize.rule, 1)? else {
        bail!("the rule {} finds the length of its steps by itself", recipe.optimize.rule.name());
    };
    // A gradient that is not finite is what the end of the range looks like.
    let mut bold = recipe.clone();
    bold.optimize.non_finite = NonFiniteRecipe::Skip;
    let mut optimizer = optimizer(rule, classifier, params, &bold)?;
    let regularizer = Regularizer::new((classifier, params), recipe, &**pictures.0.dataset())?;
    let noise = Rng::new(recipe.seed).fork("range");
    let source = Source::of(classifier, pictures, recipe.variants(), Kept { place: None, cache: None, recipe })?;
    let first = source.first(classifier);
    let (mut found, mut mean, mut lowest) = (RangeTest::default(), 0.0, f64::INFINITY);
    let (mut epoch, mut ended) = (0, false);
    while !ended {
        epoch += 1;
        source.epoch(epoch, 0, |_, loaded| {
            let step = found.rates.len();
            let noise = noise.at(step as u64);
            let batch = regularizer.batch(loaded.batch, &noise)?;
            let forward = || classifier.forward_from(first, &batch.images, Mode::Train(&noise));
            let logits = Precision::from(recipe.optimize.precision).run(forward)?;
            let loss = cross_entropy(&logits, &batch.targets)?;
            let value = f64::from(loss.to_scalar::<f32>()?);
            mean = KEPT * mean + (1.0 - KEPT) * value;
            let smooth = mean / (1.0 - KEPT.powi(step as i32 + 1));
            lowest = f64::min(lowest, smooth);
            if !smooth.is_finite() || smooth > DIVERGED * lowest {
                ended = true;
                return Ok(false);
            }
            let rate = low * (high / low).powf(step as f64 / (steps - 1) as f64);
            found.rates.push(rate);
            found.losses.push(value);
            found.smooth.push(smooth);
            let mut grads = backward(&loss)?;
            regularizer.gradients(&mut grads)?;
            optimizer.step(&grads, rate)?;
            regularizer.weights(rate)?;
            ended = found.rates.len() == steps;
            Ok(!ended)
        })?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steepest_place_lies_before_the_lowest() {
        let rates: Vec<f64> = (0..60).map(|i| 1e-6 * 10f64.powf(f64::from(i) / 10.0)).collect();
        // Flat, then down around 1e-3, then up from 1e-2 on.
        let loss = |rate: &f64| 1.0 - 0.8 / (1.0 + (-(rate.log10() + 3.0) * 6.0).exp()) + 20.0 * rate;
        let smooth: Vec<f64> = rates.iter().map(loss).collect();
        let test = RangeTest { losses: smooth.clone(), rates, smooth };
        let (steepest, lowest) = (test.steepest().unwrap(), test.lowest().unwrap());
        assert!((steepest.log10() + 3.0).abs() < 0.25 && lowest > 2.0 * steepest, "{steepest} {lowest}");
        let rising = RangeTest { smooth: (0..60).map(f64::from).collect(), ..test };
        assert!(rising.steepest().is_none());
        assert_eq!(rising.csv().lines().count(), 61);
    }
}
