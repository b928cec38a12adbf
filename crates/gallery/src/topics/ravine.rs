//! Slides 14 to 16: what a large condition number does to gradient descent.

use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::landscape::{Function, Walk};

use crate::claim::{Check, Claim, Slides, Table};
use crate::draws::{arrival, paths};
use crate::error::GalleryError;
use crate::math::exponent;
use crate::setting::Setting;

/// The share of its first loss that a path has to come down to.
const ARRIVED: f64 = 1e-6;

pub(super) fn run(_: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![zigzag()?, steps()?])
}

fn zigzag() -> Result<Claim, GalleryError> {
    let function = Function::Quadratic { condition: 50.0 };
    let (all, svg) = paths(&function, "sgd,momentum", Walk::default())?;
    let turns = |path: &taper_report::landscape::Path| {
        let steps: Vec<f64> = path.points.windows(2).map(|pair| pair[1][1] - pair[0][1]).collect();
        let turns = steps.windows(2).filter(|pair| pair[0] * pair[1] < 0.0).count();
        turns as f64 / (steps.len() - 1) as f64
    };
    Ok(Claim::new(
        Slides(14, 15),
        "Steep one way, shallow the other: gradient descent zigzags",
        "The loss is (x² + 50y²)/2. The gradient points across the ravine, not along it, so plain gradient descent \
         jumps from wall to wall in y while x creeps toward the minimum. Below: the path, and the loss at each step.",
    )
    .by("taper optimize --on quadratic --condition 50 --rules sgd,momentum --svg ravine.svg")
    .with_svg(svg)
    .expects(Check::at_least("share of steps of sgd that turn back across the ravine", turns(&all[0]), 0.9))
    .expects(Check::at_least(
        "share of the way along x that is still to go after 10 steps",
        all[0].points[10][0] / all[0].points[0][0],
        0.5,
    )))
}

fn steps() -> Result<Claim, GalleryError> {
    let mut table = Table::of(["condition number", "sgd", "momentum"]);
    let mut counts = [Vec::new(), Vec::new()];
    for condition in [2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0] {
        // The best constant rates on a parabola, and the best momentum (Polyak).
        let root = f64::sqrt(condition);
        let rate = 2.0 / (1.0 + condition);
        let (fast, rho) = (4.0 / (1.0 + root).powi(2), ((root - 1.0) / (root + 1.0)).powi(2));
        let list = format!("sgd={rate},momentum={fast}:rho={rho}");
        let (all, _) = paths(&Function::Quadratic { condition }, &list, Walk { steps: 10_000, ..Walk::default() })?;
        let steps: Vec<f64> = all.iter().map(|path| arrival(path, ARRIVED * path.losses[0])).collect();
        table.row(format!("{condition}"), steps.clone());
        counts.iter_mut().zip(&steps).for_each(|(series, &steps)| series.push([condition, steps]));
    }
    let [sgd, momentum] = counts;
    // Small numbers of steps are too coarse for a slope.
    let slopes = [exponent(&sgd[2..]), exponent(&momentum[2..])];
    let chart = Chart {
        title: "Steps to a millionth of the loss".into(),
        x: Axis::log("condition number"),
        y: Axis::log("steps"),
        series: vec![
            Series::new("sgd, best rate", Look::Both, sgd),
            Series::new("momentum, best rate and momentum", Look::Both, momentum),
        ],
    };
    Ok(Claim::new(
        Slides(16, 16),
        "The condition number, and what it costs",
        "The condition number is the ratio of the largest to the smallest curvature. Each rule has the best constant \
         rate there is for it. The steps of plain gradient descent grow in proportion to the condition number, those \
         with the best momentum like its square root.",
    )
    .by("taper optimize --on quadratic --condition 200 --rules sgd=0.00995 --steps 2000 --csv steps.csv")
    .with(&chart)?
    .and(table)
    .expects(Check::within("the power of the condition number that the steps of sgd grow by", slopes[0], 0.9, 1.1))
    .expects(Check::within("the same with momentum", slopes[1], 0.4, 0.65)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ravine_is_as_the_lecture_says() {
        let claims = run(&Setting::default()).unwrap();
        assert!(claims.iter().all(Claim::holds), "{:?}", claims.iter().map(|claim| &claim.checks).collect::<Vec<_>>());
    }
}
