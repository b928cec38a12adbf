//! Slides 8 and 9: centered and scaled inputs.

use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::{deviation, eigenvalues, mean};
use crate::setting::Setting;

/// Points of two classes in the plane.
struct Cloud {
    points: Vec<[f64; 2]>,
    sides: Vec<f64>,
}

/// Two classes far from the origin, one axis much longer than the other.
fn raw(seed: u64) -> Cloud {
    let mut rng = Rng::new(seed).fork("preprocessing");
    let mut cloud = Cloud { points: Vec::new(), sides: Vec::new() };
    for i in 0..200 {
        let side = if i % 2 == 0 { 1.0 } else { -1.0 };
        cloud.points.push([8.0 + 1.2 * side + 0.7 * rng.normal(), 5.0 + 0.25 * rng.normal()]);
        cloud.sides.push(side);
    }
    cloud
}

/// The same points with mean 0 and deviation 1 on each axis.
fn normalized(cloud: &Cloud) -> Cloud {
    let axis = |i: usize| cloud.points.iter().map(|point| point[i]).collect::<Vec<_>>();
    let spread = [0, 1].map(|i| (mean(&axis(i)), deviation(&axis(i))));
    let points = cloud.points.iter().map(|point| [0, 1].map(|i| (point[i] - spread[i].0) / spread[i].1)).collect();
    Cloud { points, sides: cloud.sides.clone() }
}

/// Mean logistic loss of weights *w*₁, *w*₂ and a bias.
fn loss(cloud: &Cloud, w: [f64; 3]) -> f64 {
    let each = cloud.points.iter().zip(&cloud.sides).map(|(p, side)| {
        let margin = side * (w[0] * p[0] + w[1] * p[1] + w[2]);
        (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
    });
    each.sum::<f64>() / cloud.sides.len() as f64
}

/// Gradient and Hessian of the loss.
fn derivatives(cloud: &Cloud, w: [f64; 3]) -> ([f64; 3], Vec<Vec<f64>>) {
    let (mut gradient, mut hessian) = ([0.0; 3], vec![vec![0.0; 3]; 3]);
    let n = cloud.sides.len() as f64;
    for (p, side) in cloud.points.iter().zip(&cloud.sides) {
        let x = [p[0], p[1], 1.0];
        let miss = 1.0 / (1.0 + (side * (w[0] * p[0] + w[1] * p[1] + w[2])).exp());
        for i in 0..3 {
            gradient[i] -= side * miss * x[i] / n;
            for j in 0..3 {
                hessian[i][j] += miss * (1.0 - miss) * x[i] * x[j] / n;
            }
        }
    }
    (gradient, hessian)
}

/// A line that parts the classes, by Newton's steps with a little damping.
fn fitted(cloud: &Cloud) -> [f64; 3] {
    let mut w = [0.0; 3];
    for _ in 0..8 {
        let (gradient, mut hessian) = derivatives(cloud, w);
        (0..3).for_each(|i| hessian[i][i] += 1e-3);
        if let Some(step) = crate::math::solve(hessian, gradient.to_vec()) {
            (0..3).for_each(|i| w[i] -= step[i]);
        }
    }
    w
}

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let raw = raw(setting.seed);
    let scaled = normalized(&raw);
    Ok(vec![clouds(&raw, &scaled)?, sensitivity(&raw, &scaled)?])
}

fn clouds(raw: &Cloud, scaled: &Cloud) -> Result<Claim, GalleryError> {
    let part = |cloud: &Cloud, wanted: f64| {
        cloud.points.iter().zip(&cloud.sides).filter(|(_, side)| **side == wanted).map(|(p, _)| *p).collect::<Vec<_>>()
    };
    let chart = |title: &str, cloud: &Cloud, range: [f64; 2]| Chart {
        title: title.into(),
        x: Axis::new("first input").within(range[0], range[1]),
        y: Axis::new("second input").within(range[0], range[1]),
        series: vec![
            Series::new("one class", Look::Marks, part(cloud, 1.0)),
            Series::new("the other", Look::Marks, part(cloud, -1.0)),
        ],
    };
    let axis = |i: usize| scaled.points.iter().map(|point| point[i]).collect::<Vec<_>>();
    Ok(Claim::new(
        Slides(8, 8),
        "Inputs are centered and scaled",
        "The mean of each input is taken away, and what is left divided by its deviation. Of pictures that is done by \
         channel.",
    )
    .by("taper data stats DATA")
    .with(&chart("As they come", raw, [-2.0, 12.0]))?
    .with(&chart("Centered and scaled", scaled, [-4.0, 4.0]))?
    .expects(Check::at_most("mean of the second input afterward", mean(&axis(1)).abs(), 1e-9))
    .expects(Check::within("its deviation", deviation(&axis(1)), 0.999_999, 1.000_001)))
}

fn sensitivity(raw: &Cloud, scaled: &Cloud) -> Result<Claim, GalleryError> {
    let mut series = Vec::new();
    let mut table = Table::of(["inputs", "loss", "loss after 5 %", "condition number of the Hessian", "steps of sgd"]);
    let (mut rises, mut conditions) = (Vec::new(), Vec::new());
    for (name, cloud) in [("as they come", raw), ("centered and scaled", scaled)] {
        let w = fitted(cloud);
        let least = loss(cloud, w);
        // The first weight changes by a share of it, the rest stays.
        let at = |share: f64| loss(cloud, [w[0] * (1.0 + share), w[1], w[2]]);
        series.push(Series::new(
            name,
            Look::Line,
            (-40..=40).map(|i| f64::from(i) * 0.005).map(|d| [100.0 * d, at(d)]),
        ));
        let (_, hessian) = derivatives(cloud, w);
        let values = eigenvalues(hessian);
        let condition = values[2] / values[0];
        let steps = descent(cloud, 1.0 / values_at_start(cloud), least + 0.05);
        table.row(name, [least, at(0.05), condition, steps]);
        rises.push((at(0.05) + at(-0.05) - 2.0 * least).max(1e-12));
        conditions.push([condition, steps]);
    }
    let chart = Chart {
        title: "Loss when one weight changes a little".into(),
        x: Axis::new("change of the first weight, %"),
        y: Axis::new("loss").within(0.0, 1.0),
        series,
    };
    Ok(Claim::new(
        Slides(9, 9),
        "Far from the origin a loss is touchy",
        "A line parts the two classes, before and after. Where the inputs lie far from the origin, a small change of a \
         weight swings the line across all points; where they are centered it hardly matters. The same shows in the \
         Hessian, and in how many steps gradient descent needs to come within 0.05 of the least loss.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::at_least("rise of the loss for 5 %, raw beside normalized", rises[0] / rises[1], 10.0))
    .expects(Check::at_least("condition number, raw beside normalized", conditions[0][0] / conditions[1][0], 10.0))
    .expects(Check::at_least("steps of sgd, raw beside normalized", conditions[0][1] / conditions[1][1], 10.0)))
}

/// The largest curvature where a training begins.
fn values_at_start(cloud: &Cloud) -> f64 {
    let (_, hessian) = derivatives(cloud, [0.0; 3]);
    eigenvalues(hessian)[2]
}

/// Steps of gradient descent to a loss.
fn descent(cloud: &Cloud, rate: f64, wanted: f64) -> f64 {
    let mut w = [0.0; 3];
    for step in 0..20_000 {
        if loss(cloud, w) <= wanted {
            return f64::from(step);
        }
        let (gradient, _) = derivatives(cloud, w);
        (0..3).for_each(|i| w[i] -= rate * gradient[i]);
    }
    20_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_loss() {
        let (cloud, w, h) = (raw(0), [0.3, -0.2, 0.1], 1e-6);
        let (gradient, hessian) = derivatives(&cloud, w);
        for i in 0..3 {
            let moved = |by: f64| {
                let mut w = w;
                w[i] += by;
                w
            };
            let slope = (loss(&cloud, moved(h)) - loss(&cloud, moved(-h))) / (2.0 * h);
            assert!((slope - gradient[i]).abs() < 1e-6, "{slope} {}", gradient[i]);
            let (up, _) = derivatives(&cloud, moved(h));
            let (down, _) = derivatives(&cloud, moved(-h));
            assert!((0..3).all(|j| ((up[j] - down[j]) / (2.0 * h) - hessian[i][j]).abs() < 1e-5));
        }
    }
}
