//! Slides 29 to 31: AdaGrad.

use candle_core::{Device, Tensor, Var};
use taper_optim::{AdaGrad, AdaGradConfig, RmsProp, RmsPropConfig, Step, UpdateRule};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::landscape::{Function, Walk};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::draws::paths;
use crate::error::GalleryError;
use crate::math::{exponent, mean};
use crate::setting::Setting;

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![ravine()?, lengths(setting)?])
}

fn ravine() -> Result<Claim, GalleryError> {
    let function = Function::Quadratic { condition: 50.0 };
    let (all, svg) = paths(&function, "sgd,adagrad", Walk::default())?;
    let first = |which: usize| {
        let [from, to] = [all[which].points[0], all[which].points[1]];
        ((to[1] - from[1]) / (to[0] - from[0])).abs()
    };
    Ok(Claim::new(
        Slides(29, 30),
        "AdaGrad divides each element by its own history",
        "The gradient across the ravine is large, and so is its history: steps across are made shorter, those along \
         are not. The first step of AdaGrad is as long in x as in y, whatever their gradients; the path does not \
         zigzag.",
    )
    .by("taper optimize --on quadratic --condition 50 --rules sgd,adagrad --svg adagrad.svg")
    .with_svg(svg)
    .expects(Check::within("first step of AdaGrad, across over along", first(1), 0.999, 1.001))
    .expects(Check::at_least("first step of sgd, across over along", first(0), 10.0)))
}

/// The length of every step where gradients keep their size.
fn steps(rule: &dyn UpdateRule, slots: usize, count: u64, seed: u64) -> Result<Vec<f64>, GalleryError> {
    let theta = Var::new(&[0f64], &Device::Cpu)?;
    let state: Vec<Var> = (0..slots).map(|_| Var::new(&[0f64], &Device::Cpu)).collect::<Result<_, _>>()?;
    let mut rng = Rng::new(seed).fork("adagrad");
    let (mut at, mut lengths) = (0.0, Vec::new());
    for t in 1..=count {
        let gradient = Tensor::new(&[rng.normal()], &Device::Cpu)?;
        rule.update(&theta, &gradient, &state, Step { t, lr: 0.01, weight_decay: 0.0, ..Step::default() })?;
        let next = theta.to_vec1::<f64>()?[0];
        lengths.push((next - at).abs());
        at = next;
    }
    Ok(lengths)
}

fn lengths(setting: &Setting) -> Result<Claim, GalleryError> {
    const STEPS: u64 = 10_000;
    let adagrad = steps(&AdaGrad::new(AdaGradConfig::default())?, 1, STEPS, setting.seed)?;
    let rmsprop = steps(&RmsProp::new(RmsPropConfig::default())?, 1, STEPS, setting.seed)?;
    // Means over parts that grow with the number, in equal lengths on the axis.
    let parts = |lengths: &[f64]| -> Vec<[f64; 2]> {
        let (mut begin, mut points) = (0usize, Vec::new());
        while begin < lengths.len() {
            let end = (begin + 1).max((begin as f64 * 1.4) as usize).min(lengths.len());
            points.push([0.5 * (begin + 1 + end) as f64, mean(&lengths[begin..end])]);
            begin = end;
        }
        points
    };
    let (falling, level) = (parts(&adagrad), parts(&rmsprop));
    let late = |points: &[[f64; 2]]| points.iter().copied().filter(|point| point[0] > 30.0).collect::<Vec<_>>();
    let powers = [exponent(&late(&falling)), exponent(&late(&level))];
    let end = |lengths: &[f64]| mean(&lengths[lengths.len() - 1000..]);
    let mut table = Table::of(["rule", "mean length of the last 1000 steps", "power of the number of the step"]);
    table.row("AdaGrad", [end(&adagrad), powers[0]]);
    table.row("RMSProp", [end(&rmsprop), powers[1]]);
    let chart = Chart {
        title: "Length of a step over a long time".into(),
        x: Axis::log("step"),
        y: Axis::log("mean length, rate 0.01"),
        series: vec![Series::new("AdaGrad", Look::Line, falling), Series::new("RMSProp", Look::Line, level)],
    };
    Ok(Claim::new(
        Slides(31, 31),
        "AdaGrad's steps decay to nothing",
        "Gradients that are standard normal all the time, as at the noisy end of a training. The sum of their squares \
         only grows, so AdaGrad's steps fall like one over the root of their number; RMSProp forgets, and keeps its \
         length.",
    )
    .by("taper optimize --on quadratic --condition 5 --rules adagrad,rmsprop --noise 1 --steps 10000 --csv steps.csv")
    .with(&chart)?
    .and(table)
    .expects(Check::within("the power of the number of the step, AdaGrad", powers[0], -0.55, -0.45))
    .expects(Check::within("the same, RMSProp", powers[1], -0.1, 0.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adagrad_divides_by_the_root_of_the_sum() {
        let rule = AdaGrad::new(AdaGradConfig::default()).unwrap();
        let lengths = steps(&rule, 1, 3, 0).unwrap();
        // The first step is the rate, whatever the gradient.
        assert!((lengths[0] - 0.01).abs() < 1e-9 && lengths[1] < 0.01);
    }
}
