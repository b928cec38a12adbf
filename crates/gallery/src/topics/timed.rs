//! What is measured in seconds, and so differs from run to run: a Newton step against its size.

use std::time::Instant;

use candle_core::{DType, Device, Tensor, Var};
use taper_optim::{Minimizer, Newton, NewtonConfig, Stopping};
use taper_report::draw::{Axis, Chart, Look, Series};

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::exponent;
use crate::setting::{Effort, Setting};

/// The slide that asks for it.
pub(crate) const SLIDE: u8 = 48;

/// The claims that hold seconds.
pub(crate) fn claims(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let sizes: &[usize] = match setting.effort {
        Effort::Full => &[100, 200, 400, 800, 1600],
        Effort::Quick => &[100, 200, 400],
    };
    let mut points = Vec::new();
    let mut table = Table::of(["numbers in the network", "seconds of a step", "bytes of the Hessian"]);
    for &n in sizes {
        let seconds = step(n)?;
        table.row(n.to_string(), [seconds, 8.0 * (n * n) as f64]);
        points.push([n as f64, seconds]);
    }
    // The last sizes, where solving outweighs what comes with each step.
    let last = &points[points.len() - 2..];
    let power = exponent(last);
    let wanted = 1e8f64;
    let seconds = last[1][1] * (wanted / last[1][0]).powi(3);
    table.row("1e8, by the cube of the number", [seconds, 8.0 * wanted * wanted]);
    let chart = Chart {
        title: "Seconds of one Newton step".into(),
        x: Axis::log("numbers in the network"),
        y: Axis::log("seconds"),
        series: vec![
            Series::new("measured", Look::Both, points.clone()),
            Series::new("the cube, on to 1e8", Look::Line, [last[1], [wanted, seconds]]),
        ],
    };
    Ok(vec![
        Claim::new(
            Slides(SLIDE, SLIDE),
            "What a Newton step costs",
            "A Newton step with the Hessian given, solved by Cholesky's factors, on a parabola of so many dimensions. \
             Solving takes the cube of their number, the matrix the square of it in memory. Extrapolated to a network \
             of 10⁸ numbers, one step takes longer than the universe is old.",
        )
        .with(&chart)?
        .and(table)
        .expects(Check::within("the power of the number that the seconds of the last sizes grow by", power, 2.0, 3.6))
        .expects(Check::at_least("years of a step at 1e8", seconds / 3.156e7, 1e6)),
    ])
}

/// Seconds of one step on a parabola of `n` dimensions.
fn step(n: usize) -> Result<f64, GalleryError> {
    let x = Var::from_tensor(&Tensor::ones(n, DType::F64, &Device::Cpu)?)?;
    let curvature: Vec<f64> = (0..n * n)
        .map(|i| if i / n == i % n { 2.0 } else { 1.0 / (1.0 + (i / n).abs_diff(i % n) as f64).powi(2) / 4.0 })
        .collect();
    let hessian = Tensor::from_vec(curvature, (n, n), &Device::Cpu)?;
    let given = hessian.clone();
    let stopping = Stopping { max_iterations: 1, ..Stopping::default() };
    let newton = Newton::with_hessian(NewtonConfig { stopping, ..NewtonConfig::default() }, move || Ok(given.clone()))?;
    let mut loss = || {
        let row = x.unsqueeze(0)?;
        let loss = (row.matmul(&hessian)?.matmul(&row.t()?)? * 0.5)?.sum_all()?;
        let grads = loss.backward()?;
        Ok((loss, grads))
    };
    let begun = Instant::now();
    newton.minimize(&[("x".to_owned(), x.clone())], &mut loss)?;
    Ok(begun.elapsed().as_secs_f64())
}
