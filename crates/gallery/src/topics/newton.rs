//! Slides 46 to 48: Newton's method.

use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::landscape::{Function, Walk};

use crate::claim::{Check, Claim, Slides, Table};
use crate::draws::{arrival, paths};
use crate::error::GalleryError;
use crate::setting::Setting;

pub(super) fn run(_: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![parabola()?, bent()?, cost()?])
}

fn parabola() -> Result<Claim, GalleryError> {
    let mut table = Table::of(["condition number", "newton", "sgd, best rate"]);
    let (mut worst, mut slow, mut points) = (0.0f64, 0.0, [Vec::new(), Vec::new()]);
    for condition in [1.0, 10.0, 100.0, 1000.0] {
        let list = format!("newton,sgd={}", 2.0 / (1.0 + condition));
        let (all, _) = paths(&Function::Quadratic { condition }, &list, Walk { steps: 10_000, ..Walk::default() })?;
        let steps: Vec<f64> = all.iter().map(|path| arrival(path, 1e-9 * path.losses[0])).collect();
        table.row(format!("{condition}"), steps.clone());
        points.iter_mut().zip(&steps).for_each(|(points, &steps)| points.push([condition, steps]));
        worst = worst.max(steps[0]);
        slow = steps[1];
    }
    let [newton, sgd] = points;
    let chart = Chart {
        title: "Steps to a billionth of the loss".into(),
        x: Axis::log("condition number"),
        y: Axis::log("steps"),
        series: vec![Series::new("newton", Look::Both, newton), Series::new("sgd, best rate", Look::Both, sgd)],
    };
    Ok(Claim::new(
        Slides(46, 47),
        "A Newton step has no learning rate, and one is enough for a parabola",
        "θ ← θ - H⁻¹∇f goes to the bottom of the parabola with the same slope and curvature. Where the loss is one, \
         it arrives in a step, whatever the condition number. How many steps each needs to a billionth of the loss:",
    )
    .by("taper optimize --on quadratic --condition 1000 --rules newton,sgd=0.001998 --steps 10000 --csv newton.csv")
    .with(&chart)?
    .and(table)
    .expects(Check::at_most("most steps of newton", worst, 1.0))
    .expects(Check::at_least("steps of sgd at the condition number 1000", slow, 1000.0)))
}

fn bent() -> Result<Claim, GalleryError> {
    let (all, svg) = paths(&Function::Rosenbrock, "newton,sgd,momentum,adam", Walk::default())?;
    let steps: Vec<f64> = all.iter().map(|path| arrival(path, 1e-8)).collect();
    Ok(Claim::new(
        Slides(46, 47),
        "Along a bent ravine",
        "Rosenbrock's function. Newton's method, with a line search, needs a few tens of steps; a hundred steps of \
         rules of first order are not enough.",
    )
    .by("taper optimize --on rosenbrock --rules newton,sgd,momentum,adam --svg bent.svg")
    .with_svg(svg)
    .expects(Check::at_most("steps of newton to a loss of 1e-8", steps[0], 40.0))
    .expects(Check::at_least(
        "steps of the best rule of first order",
        steps[1..].iter().copied().fold(f64::INFINITY, f64::min),
        100.0,
    )))
}

/// Multiplications of Cholesky's factors of a matrix, counted as they are made, and of the two
/// substitutions that follow.
fn multiplications(n: usize) -> f64 {
    let mut count = 0usize;
    for column in 0..n {
        for _row in column..n {
            // A dot product of what lies left of both.
            count += column;
        }
    }
    (count + 2 * (n * (n + 1) / 2)) as f64
}

fn cost() -> Result<Claim, GalleryError> {
    let mut table = Table::of(["numbers in the network", "multiplications of a step", "bytes of the Hessian"]);
    let mut points = [Vec::new(), Vec::new()];
    for n in [10usize, 30, 100, 300, 1000, 3000] {
        let (count, bytes) = (multiplications(n), 8.0 * (n * n) as f64);
        table.row(n.to_string(), [count, bytes]);
        points[0].push([n as f64, count]);
        points[1].push([n as f64, bytes]);
    }
    // To 10⁸ by the leading terms, n³/6 and 8n².
    let wanted = 1e8f64;
    let (count, bytes) = (wanted.powi(3) / 6.0, 8.0 * wanted * wanted);
    table.row("1e8, by n³/6 and 8n²", [count, bytes]);
    let power = crate::math::exponent(&points[0][3..]);
    let [counts, sizes] = points;
    let chart = Chart {
        title: "What a Newton step takes".into(),
        x: Axis::log("numbers in the network"),
        y: Axis::log("multiplications, or bytes"),
        series: vec![
            Series::new("multiplications", Look::Both, counts.into_iter().chain([[wanted, count]])),
            Series::new("bytes of the Hessian", Look::Both, sizes.into_iter().chain([[wanted, bytes]])),
        ],
    };
    Ok(Claim::new(
        Slides(48, 48),
        "The Hessian has the square of the numbers, solving takes the cube",
        "Cholesky's factors, counted multiplication by multiplication. A network of 10⁸ numbers has a Hessian of 80 \
         petabytes, and at 10¹¹ multiplications a second a step would take some 50 000 years. How long a step takes \
         here, measured, is in seconds.html.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::within("the power of the number that multiplications grow by", power, 2.9, 3.01))
    .expects(Check::at_least("petabytes of the Hessian at 1e8", bytes / 1e15, 80.0))
    .expects(Check::at_least(
        "years of a step at 1e8 and 1e11 multiplications a second",
        count / 1e11 / 3.156e7,
        10_000.0,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_that_of_the_formula() {
        // Σ j (n - j) = (n³ - n) / 6
        for n in [1usize, 2, 5, 40] {
            assert_eq!(multiplications(n), ((n * n * n - n) / 6 + n * (n + 1)) as f64, "{n}");
        }
    }

    #[test]
    fn one_step_is_enough_for_a_parabola() {
        assert!(parabola().unwrap().holds());
    }
}
