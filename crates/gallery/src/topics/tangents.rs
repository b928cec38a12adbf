//! Slides 43 to 45: a tangent and a parabola in one dimension.

use taper_report::draw::{Axis, Chart, Look, Series};

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::setting::Setting;

/// A loss of one number: ln(1 + e^(x-1)) + ln(1 + e^(-x-1)) + x²/20, convex, and with its first two
/// derivatives.
fn loss(x: f64) -> [f64; 3] {
    let softplus = |z: f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let (a, b) = (sigmoid(x - 1.0), sigmoid(-x - 1.0));
    [softplus(x - 1.0) + softplus(-x - 1.0) + x * x / 20.0, a - b + x / 10.0, a * (1.0 - a) + b * (1.0 - b) + 0.1]
}

/// The places of descent with a rate, and of Newton's steps.
fn walk(start: f64, rate: Option<f64>, steps: usize) -> Vec<f64> {
    let mut places = vec![start];
    let mut x = start;
    for _ in 0..steps {
        let [_, slope, curvature] = loss(x);
        x -= rate.map_or(slope / curvature, |rate| rate * slope);
        places.push(x);
    }
    places
}

/// Where the loss is least, by bisection of its slope.
fn minimum() -> f64 {
    let (mut low, mut high) = (-10.0, 10.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if loss(middle)[1] > 0.0 { high = middle } else { low = middle }
    }
    0.5 * (low + high)
}

const START: f64 = 2.2;
const RATE: f64 = 0.5;

pub(super) fn run(_: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![picture(43, false)?, picture(44, true)?, stepping()?])
}

fn picture(slide: u8, parabola: bool) -> Result<Claim, GalleryError> {
    let [f, slope, curvature] = loss(START);
    let places = || (-40..=60).map(|i| f64::from(i) * 0.1);
    let model = |x: f64| f + slope * (x - START) + if parabola { 0.5 * curvature * (x - START).powi(2) } else { 0.0 };
    let next = if parabola { START - slope / curvature } else { START - RATE * slope };
    let chart = Chart {
        title: if parabola { "A parabola, and the step to its bottom" } else { "A tangent, and a step along it" }
            .into(),
        x: Axis::new("parameter"),
        y: Axis::new("loss").within(-0.2, 4.0),
        series: vec![
            Series::new("loss", Look::Line, places().map(|x| [x, loss(x)[0]])),
            Series::new(if parabola { "parabola" } else { "tangent" }, Look::Line, places().map(|x| [x, model(x)])),
            Series::new("step", Look::Arrows, [[START, f], [next, model(next)]]),
        ],
    };
    let off = (model(next) - loss(next)[0]).abs();
    let claim = if parabola {
        Claim::new(
            Slides(slide, slide),
            "Second order: a parabola with the same slope and curvature",
            "The parabola has a lowest point, so the model itself says how long the step is.",
        )
        .with(&chart)?
        .expects(Check::at_most(
            "slope of the parabola where the step ends",
            (slope + curvature * (next - START)).abs(),
            1e-12,
        ))
    } else {
        Claim::new(
            Slides(slide, slide),
            "First order: a tangent, and a step down it",
            "The gradient gives a straight line. It has no lowest point: how far to go along it is not its to say, but \
             the learning rate's, here 0.5.",
        )
        .with(&chart)?
        .expects(Check::at_most("loss after the step beside the loss before", loss(next)[0] / f, 1.0))
    };
    Ok(claim.expects(Check::at_most("distance of the model from the loss where the step ends", off, 1.0)))
}

fn stepping() -> Result<Claim, GalleryError> {
    let best = loss(minimum())[0];
    let [tangent, parabola] = [walk(START, Some(RATE), 12), walk(START, None, 12)];
    let above = |places: &[f64]| -> Vec<[f64; 2]> {
        places.iter().enumerate().map(|(step, &x)| [step as f64, (loss(x)[0] - best).max(1e-17)]).collect()
    };
    let mut table = Table::of(["step", "tangent, rate 0.5", "parabola"]);
    for step in 0..=6 {
        table.row(step.to_string(), [tangent[step], parabola[step]]);
    }
    let chart = Chart {
        title: "Loss above the minimum".into(),
        x: Axis::new("step"),
        y: Axis::log("loss above the minimum"),
        series: vec![
            Series::new("tangent, rate 0.5", Look::Both, above(&tangent)),
            Series::new("parabola", Look::Both, above(&parabola)),
        ],
    };
    let steps = |places: &[f64]| places.iter().position(|&x| loss(x)[0] - best < 1e-9).unwrap_or(99) as f64;
    Ok(Claim::new(
        Slides(45, 45),
        "Stepping to the bottom of parabolas takes few steps",
        "Both walk from 2.2 on. Near a minimum each parabola about doubles the number of right digits.",
    )
    .by("taper optimize --on quadratic --rules sgd,newton --svg steps.svg")
    .with(&chart)?
    .and(table)
    .expects(Check::at_most("steps of the parabola to a billionth", steps(&parabola), 6.0))
    .expects(Check::at_least(
        "steps of the tangent to a billionth beside them",
        steps(&tangent) / steps(&parabola),
        2.0,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_loss() {
        for x in [-3.0, 0.2, 2.2] {
            let h = 1e-5;
            let [low, _, _] = loss(x - h);
            let [high, _, _] = loss(x + h);
            let [f, slope, curvature] = loss(x);
            assert!(((high - low) / (2.0 * h) - slope).abs() < 1e-8);
            assert!(((high - 2.0 * f + low) / (h * h) - curvature).abs() < 1e-4);
        }
        assert!(loss(minimum())[1].abs() < 1e-12);
    }
}
