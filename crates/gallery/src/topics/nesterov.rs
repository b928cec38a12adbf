//! Slides 23 to 28: Nesterov momentum.

use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::landscape::{Function, Walk};

use crate::claim::{Check, Claim, Slides, Table};
use crate::draws::paths;
use crate::error::GalleryError;
use crate::setting::Setting;

type Point = [f64; 2];

/// *x* + *ay*.
fn plus(x: Point, a: f64, y: Point) -> Point {
    [x[0] + a * y[0], x[1] + a * y[1]]
}

fn length(x: Point) -> f64 {
    x[0].hypot(x[1])
}

/// A step of momentum from a place with a velocity; `ahead` takes the gradient where the velocity
/// leads.
struct Sketch {
    /// Where the velocity alone leads.
    carried: Point,
    /// The gradient's part of the step.
    pull: Point,
    /// Where the step ends.
    end: Point,
}

fn sketch(function: &Function, x: Point, v: Point, (rho, rate): (f64, f64), ahead: bool) -> Sketch {
    let carried = plus(x, rho, v);
    let pull = function.gradient(if ahead { carried } else { x }).map(|g| -rate * g);
    Sketch { carried, pull, end: plus(carried, 1.0, pull) }
}

const FUNCTION: Function = Function::Quadratic { condition: 4.0 };
const RATE: f64 = 0.16;
const RHO: f64 = 0.8;

pub(super) fn run(_: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![arrows()?, forms()?, courses()?])
}

fn arrows() -> Result<Claim, GalleryError> {
    let (x, v) = ([-1.6, 0.45], [0.75, -0.5]);
    let mut claim = Claim::new(
        Slides(23, 24),
        "Two arrows and their sum",
        "A step is made of what is left of the velocity and of the gradient's pull. Plain momentum takes the gradient \
         where it stands; Nesterov's takes it where the velocity is about to lead, and so can brake in time. The \
         arrows are those of one step on (x² + 4y²)/2, with the velocity at 0.8 and the rate 0.16.",
    )
    .by(
        "taper optimize --on quadratic --condition 4 --rules momentum=0.16:rho=0.8,nesterov=0.16:rho=0.8 --svg two.svg",
    );
    let mut ends = Vec::new();
    for (title, ahead) in [("Momentum: the gradient here", false), ("Nesterov: the gradient ahead", true)] {
        let Sketch { carried, pull, end } = sketch(&FUNCTION, x, v, (RHO, RATE), ahead);
        let from = if ahead { carried } else { x };
        claim = claim.with(&Chart {
            title: title.into(),
            x: Axis::new("x").within(-1.75, -0.55),
            y: Axis::new("y").within(-0.25, 0.6),
            series: vec![
                Series::new("velocity", Look::Arrows, [x, carried]),
                Series::new("gradient step", Look::Arrows, [from, plus(from, 1.0, pull)]),
                Series::new("actual step", Look::Arrows, [x, end]),
            ],
        })?;
        ends.push(end);
    }
    let losses: Vec<f64> = ends.iter().map(|&end| FUNCTION.value(end)).collect();
    let apart = length(plus(ends[0], -1.0, ends[1]));
    Ok(claim.expects(Check::at_least("distance between the two ends", apart, 0.05)).expects(Check::at_most(
        "loss after Nesterov's step beside that after momentum's",
        losses[1] / losses[0],
        1.0,
    )))
}

/// The distance between the two forms of Nesterov's method, and of the optimizer's rule from the
/// first, after each of so many steps.
fn apart(steps: usize) -> Result<[Vec<f64>; 2], GalleryError> {
    let list = format!("nesterov={RATE}:rho={RHO}");
    let (all, _) = paths(&FUNCTION, &list, Walk { steps: steps as u64, ..Walk::default() })?;
    let start = FUNCTION.start();
    // v ← ρv - η∇f(x + ρv), x ← x + v
    let (mut x, mut v) = (start, [0.0; 2]);
    // v' = ρw - η∇f(z), z ← z + v' + ρ(v' - w)
    let (mut z, mut w) = (start, [0.0; 2]);
    let mut distances = [Vec::new(), Vec::new()];
    for point in &all[0].points[1..=steps] {
        let ahead = plus(x, RHO, v);
        v = plus(v.map(|v| RHO * v), -RATE, FUNCTION.gradient(ahead));
        x = plus(x, 1.0, v);
        let next = plus(w.map(|w| RHO * w), -RATE, FUNCTION.gradient(z));
        z = plus(plus(z, 1.0, next), RHO, plus(next, -1.0, w));
        w = next;
        let place = plus(x, RHO, v);
        distances[0].push(length(plus(place, -1.0, z)));
        distances[1].push(length(plus(place, -1.0, *point)));
    }
    Ok(distances)
}

fn forms() -> Result<Claim, GalleryError> {
    let distances = apart(100)?;
    let [forms, rule] = distances.clone().map(|all| all.into_iter().fold(0.0, f64::max));
    let [a, b] =
        distances.map(|all| (1..).zip(all).map(|(step, off)| [f64::from(step), off.max(1e-17)]).collect::<Vec<_>>());
    let chart = Chart {
        title: "How far apart the forms are".into(),
        x: Axis::new("step"),
        y: Axis::log("distance; none is drawn as 1e-17").within(1e-17, 1e-14),
        series: vec![
            Series::new("after the change of variables", Look::Marks, a),
            Series::new("the optimizer's rule", Look::Marks, b),
        ],
    };
    let mut table = Table::of(["what", "greatest distance over 100 steps"]);
    table.row("the original form and that after the change of variables", [forms]);
    table.row("the original form and the optimizer's rule", [rule]);
    Ok(Claim::new(
        Slides(25, 27),
        "Both forms of Nesterov's method are one",
        "The original form takes the gradient at x + ρv, which is not where the parameters are. With that place as the \
         variable, the gradient is taken where the parameters are and the step becomes v' + ρ(v' - v). Both walk side \
         by side down (x² + 4y²)/2.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::at_most("distance between the two forms", forms, 1e-15).or("rounding of the last digit adds up"))
    .expects(Check::at_most("distance of the rule", rule, 1e-15).or("rounding of the last digit adds up")))
}

fn courses() -> Result<Claim, GalleryError> {
    let function = Function::Quadratic { condition: 50.0 };
    let (all, svg) = paths(&function, "sgd,momentum,nesterov", Walk::default())?;
    // How far the paths shoot past the minimum along the ravine.
    let past = |which: usize| all[which].points.iter().map(|point| point[0]).fold(0.0, f64::max);
    Ok(Claim::new(
        Slides(28, 28),
        "Nesterov's path overshoots less",
        "All three in a ravine. Momentum runs past the minimum and comes back; Nesterov's form looks ahead and runs \
         past it less.",
    )
    .by("taper optimize --on quadratic --condition 50 --rules sgd,momentum,nesterov --svg nesterov.svg")
    .with_svg(svg)
    .expects(Check::at_least("how far momentum runs past the minimum", past(1), 0.05))
    .expects(Check::at_most("the same of Nesterov beside momentum", past(2) / past(1), 0.999)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_adds_up() {
        let f = Function::Quadratic { condition: 1.0 };
        let plain = sketch(&f, [1.0, 0.0], [-1.0, 0.0], (0.5, 0.1), false);
        assert_eq!((plain.carried, plain.pull), ([0.5, 0.0], [-0.1, -0.0]));
        let ahead = sketch(&f, [1.0, 0.0], [-1.0, 0.0], (0.5, 0.1), true);
        assert!((ahead.end[0] - 0.45).abs() < 1e-15);
    }

    #[test]
    fn the_forms_stay_together() {
        let all = apart(40).unwrap();
        assert!(all.iter().flatten().all(|&off| off < 1e-14) && all[0].len() == 40, "{all:?}");
    }
}
