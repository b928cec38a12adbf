//! Slides 21 and 22: momentum.

use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::landscape::{Function, Walk};

use crate::claim::{Check, Claim, Slides, Table};
use crate::draws::{arrival, end, paths};
use crate::error::GalleryError;
use crate::setting::Setting;

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![velocity()?, ailments(setting)?])
}

/// The length of each step, in steps of plain descent, down an even slope.
fn lengths(rho: f64, steps: usize) -> Vec<f64> {
    let mut velocity = 0.0;
    (0..steps)
        .map(|_| {
            velocity = rho * velocity + 1.0;
            velocity
        })
        .collect()
}

fn velocity() -> Result<Claim, GalleryError> {
    let mut table = Table::of(["rho", "longest step, in steps of sgd", "1 / (1 - rho)"]);
    let (mut series, mut ratios) = (Vec::new(), Vec::new());
    for rho in [0.5, 0.9, 0.99] {
        let all = lengths(rho, 600);
        let last = all[all.len() - 1];
        table.row(format!("{rho}"), [last, 1.0 / (1.0 - rho)]);
        ratios.push(last * (1.0 - rho));
        let points = all.iter().enumerate().map(|(step, &length)| [(step + 1) as f64, length]);
        series.push(Series::new(format!("rho {rho}"), Look::Line, points));
    }
    // The rule itself, on the parabola, against the formula written out.
    let function = Function::Quadratic { condition: 10.0 };
    let (all, _) = paths(&function, "momentum=0.02:rho=0.9", Walk { steps: 50, ..Walk::default() })?;
    let (mut x, mut v, mut apart) = (function.start(), [0.0; 2], 0.0f64);
    for point in &all[0].points[1..] {
        let g = function.gradient(x);
        v = [0, 1].map(|i| 0.9 * v[i] + g[i]);
        x = [0, 1].map(|i| x[i] - 0.02 * v[i]);
        apart = apart.max((x[0] - point[0]).abs()).max((x[1] - point[1]).abs());
    }
    let chart = Chart {
        title: "Steps down an even slope".into(),
        x: Axis::log("step"),
        y: Axis::log("length, in steps of plain descent"),
        series,
    };
    Ok(Claim::new(
        Slides(21, 21),
        "A velocity is a running sum of gradients",
        "v ← ρv + g, x ← x - ηv. On an even slope the velocity builds up to 1/(1 - ρ) gradients: ten times the step \
         of plain descent for ρ = 0.9, a hundred times for 0.99.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::within("longest step times 1 - rho, for rho 0.9", ratios[1], 0.999, 1.001))
    .expects(Check::within("the same for rho 0.99", ratios[2], 0.99, 1.001))
    .expects(Check::at_most("distance of the rule's path from the formula written out", apart, 1e-12)))
}

fn ailments(setting: &Setting) -> Result<Claim, GalleryError> {
    let noisy = Walk { noise: 0.4, seed: setting.seed, ..Walk::default() };
    let mut claim = Claim::new(
        Slides(22, 22),
        "Momentum helps with all four: minima, saddles, ravines and noise",
        "The same two rules on four functions, each at a constant rate that suits it. Momentum goes over the bump, \
         leaves the saddle sooner, goes along the ravine, and its path through noise is smoother.",
    )
    .by("taper optimize --on bump --rules sgd,momentum --svg bump.svg");
    let mut table = Table::of(["function", "measure", "sgd", "momentum"]);
    let cases: [(&str, Function, Walk); 4] = [
        ("local minimum", Function::Bump, Walk::default()),
        ("saddle point", Function::Saddle, Walk::default()),
        ("ravine", Function::Quadratic { condition: 50.0 }, Walk::default()),
        ("noise", Function::Quadratic { condition: 5.0 }, noisy),
    ];
    for (name, function, walk) in cases {
        let (all, svg) = paths(&function, "sgd,momentum", walk)?;
        // How much of the way is to and fro.
        let turning = |path: &taper_report::landscape::Path| {
            let steps: Vec<[f64; 2]> =
                path.points.windows(2).map(|pair| [pair[1][0] - pair[0][0], pair[1][1] - pair[0][1]]).collect();
            let turns = steps.windows(2).filter(|pair| pair[0][0] * pair[1][0] + pair[0][1] * pair[1][1] < 0.0);
            turns.count() as f64 / (steps.len() - 1) as f64
        };
        let (measure, values, better): (_, [f64; 2], f64) = match name {
            "local minimum" => ("loss at the end", [end(&all[0]), end(&all[1])], 0.5),
            "saddle point" => {
                ("steps to half of the saddle's loss", [arrival(&all[0], 0.5), arrival(&all[1], 0.5)], 1.0)
            }
            "ravine" => ("loss at the end", [end(&all[0]), end(&all[1])], 0.5),
            _ => ("share of steps that turn back", [turning(&all[0]), turning(&all[1])], 0.5),
        };
        table.rows.push(vec![
            name.to_owned(),
            measure.to_owned(),
            taper_report::draw::short(values[0]),
            taper_report::draw::short(values[1]),
        ]);
        let ratio = if values[0].is_infinite() { 0.0 } else { values[1] / values[0] };
        let check = Check::at_most(format!("{name}: {measure}, momentum beside sgd"), ratio, better)
            .or("at the rates that suit each rule plain descent is no worse here");
        claim = claim.with_svg(svg).expects(check);
    }
    Ok(claim.and(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_velocity_is_the_sum_of_a_geometric_series() {
        assert_eq!(lengths(0.5, 4), [1.0, 1.5, 1.75, 1.875]);
    }
}
