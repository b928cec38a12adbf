//! Slide 19: in many dimensions nearly all critical points are saddles.

use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::{eigenvalues, mean, solve};
use crate::setting::Setting;

/// A random homogeneous function of the third degree on the unit sphere, that of a spin glass:
/// *f*(*x*) = Σ *A*ᵢⱼₖ*x*ᵢ*x*ⱼ*x*ₖ with *A* symmetric and normal.
struct Glass {
    n: usize,
    a: Vec<f64>,
}

/// A critical point.
struct Critical {
    value: f64,
    /// The share of the Hessian's eigenvalues, on the sphere, that are negative.
    negative: f64,
}

impl Glass {
    fn new(n: usize, rng: &mut Rng) -> Self {
        let mut a = vec![0.0; n * n * n];
        for i in 0..n {
            for j in i..n {
                for k in j..n {
                    let value = rng.normal();
                    for [p, q, r] in [[i, j, k], [i, k, j], [j, i, k], [j, k, i], [k, i, j], [k, j, i]] {
                        a[(p * n + q) * n + r] = value;
                    }
                }
            }
        }
        Self { n, a }
    }

    /// *A x*: the matrix of which the gradient is 3*A x x* and the Hessian 6*A x*.
    fn matrix(&self, x: &[f64]) -> Vec<Vec<f64>> {
        let n = self.n;
        let row = |i: usize| {
            let element = |j: usize| self.a[(i * n + j) * n..][..n].iter().zip(x).map(|(a, x)| a * x).sum();
            (0..n).map(element).collect()
        };
        (0..n).map(row).collect()
    }

    /// The critical point that Newton's method finds from a start: *A x x* = *λx* with |*x*| = 1.
    fn critical(&self, mut x: Vec<f64>) -> Option<Critical> {
        let n = self.n;
        let mut lambda = dot(&product(&self.matrix(&x), &x), &x);
        for _ in 0..60 {
            let m = self.matrix(&x);
            let mx = product(&m, &x);
            let mut residual: Vec<f64> = (0..n).map(|i| lambda * x[i] - mx[i]).collect();
            residual.push(0.5 * (1.0 - dot(&x, &x)));
            if residual.iter().all(|r| r.abs() < 1e-11) {
                return Some(self.classified(&m, &x, lambda));
            }
            let mut jacobian: Vec<Vec<f64>> = (0..n)
                .map(|i| {
                    let mut row: Vec<f64> = m[i].iter().map(|m| 2.0 * m).collect();
                    row[i] -= lambda;
                    row.push(-x[i]);
                    row
                })
                .collect();
            jacobian.push(x.iter().copied().chain([0.0]).collect());
            let step = solve(jacobian, residual)?;
            x.iter_mut().zip(&step).for_each(|(x, step)| *x += step);
            lambda += step[n];
            if !lambda.is_finite() {
                return None;
            }
        }
        None
    }

    /// The value, and the signs of the curvatures along the sphere.
    fn classified(&self, m: &[Vec<f64>], x: &[f64], lambda: f64) -> Critical {
        let n = self.n;
        // On the sphere the Hessian is P(6Ax - 3λ)P; along x itself it gets a curvature that is
        // out of the way.
        let far = 1e6;
        let mx = product(m, x);
        let projected = |i: usize, j: usize| {
            let inner = m[i][j] - x[i] * mx[j] - mx[i] * x[j] + lambda * x[i] * x[j];
            let unit = f64::from(u8::from(i == j)) - x[i] * x[j];
            6.0 * inner - 3.0 * lambda * unit + far * x[i] * x[j]
        };
        let hessian = (0..n).map(|i| (0..n).map(|j| projected(i, j)).collect()).collect();
        let negative = eigenvalues(hessian).iter().filter(|&&value| value < 0.0).count();
        Critical { value: lambda / (n as f64).sqrt(), negative: negative as f64 / (n - 1) as f64 }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn product(m: &[Vec<f64>], x: &[f64]) -> Vec<f64> {
    m.iter().map(|row| dot(row, x)).collect()
}

/// Critical points of random functions of `n` variables.
fn sample(n: usize, functions: usize, starts: usize, rng: &Rng) -> Vec<Critical> {
    let mut all = Vec::new();
    for function in 0..functions {
        let rng = rng.at(n as u64).at(function as u64);
        let glass = Glass::new(n, &mut rng.fork("function"));
        for start in 0..starts {
            let mut rng = rng.fork("start").at(start as u64);
            let x: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let length = dot(&x, &x).sqrt();
            all.extend(glass.critical(x.iter().map(|x| x / length).collect()));
        }
    }
    all
}

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let rng = Rng::new(setting.seed).fork("saddles");
    let starts = setting.many(60);
    let mut table = Table::of(["dimensions", "critical points", "share that are minima", "share that are saddles"]);
    let (mut minima, mut last) = (Vec::new(), Vec::new());
    for n in [2, 3, 4, 6, 9, 14, 20] {
        let points = sample(n, 8, starts, &rng);
        let share = |wanted: fn(f64) -> bool| {
            points.iter().filter(|point| wanted(point.negative)).count() as f64 / points.len() as f64
        };
        let (lowest, saddles) = (share(|negative| negative == 0.0), share(|negative| negative > 0.0 && negative < 1.0));
        table.row(n.to_string(), [points.len() as f64, lowest, saddles]);
        minima.push([n as f64, lowest]);
        last = points;
    }
    // Deep, shallow and high ones: the lower a critical point lies, the fewer ways lead down.
    last.sort_by(|a, b| a.value.total_cmp(&b.value));
    let third = (last.len() / 3).max(1);
    let part = |points: &[Critical]| mean(&points.iter().map(|point| point.negative).collect::<Vec<_>>());
    let (low, high) = (part(&last[..third]), part(&last[last.len() - third..]));
    let cloud = Chart {
        title: "Critical points of functions of 20 variables".into(),
        x: Axis::new("share of negative eigenvalues of the Hessian"),
        y: Axis::new("value of the function"),
        series: vec![Series::new("", Look::Marks, last.iter().map(|point| [point.negative, point.value]))],
    };
    let few = Chart {
        title: "Critical points that are minima".into(),
        x: Axis::new("dimensions"),
        y: Axis::new("share"),
        series: vec![Series::new("", Look::Both, minima.clone())],
    };
    Ok(vec![
        Claim::new(
            Slides(19, 19),
            "In many dimensions critical points are saddles",
            "Random functions of the third degree on a sphere, as physicists use for glasses; Newton's method finds \
             points where the gradient is zero, from random starts. A minimum needs every eigenvalue of the Hessian to \
             be positive, which grows rare with their number; and the lower a critical point lies, the fewer of its \
             eigenvalues are negative. (Dauphin et al., Identifying and attacking the saddle point problem, 2014.)",
        )
        .with(&cloud)?
        .with(&few)?
        .and(table)
        .expects(Check::at_least("share of minima in 2 dimensions", minima[0][1], 0.3))
        .expects(Check::at_most("share of minima in 20 dimensions", minima[minima.len() - 1][1], 0.02))
        .expects(Check::at_most(
            "mean share of negative eigenvalues of the lowest third, beside the highest",
            low / high,
            0.8,
        )),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_critical_point_has_no_gradient_and_its_mirror_the_other_signs() {
        let glass = Glass::new(5, &mut Rng::new(3));
        let start = |seed: u64| -> Vec<f64> {
            let mut rng = Rng::new(seed);
            (0..5).map(|_| 0.4 * rng.normal()).collect()
        };
        // Newton's method does not arrive from everywhere.
        let (start, point) =
            (0..20).find_map(|seed| glass.critical(start(seed)).map(|point| (start(seed), point))).unwrap();
        // f is odd: at -x the value and all curvatures change their signs.
        let mirror = glass.critical(start.iter().map(|x| -x).collect()).unwrap();
        assert!((point.value + mirror.value).abs() < 1e-9);
        assert!((point.negative + mirror.negative - 1.0).abs() < 1e-9);
    }
}
