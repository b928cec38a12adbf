//! Rules that PyTorch does not have, held to their papers: float64, loops over plain vectors, and
//! nothing of the crate.

use candle_core::{DType, Device, Tensor, Var};
use taper_optim::{
    Lamb, LambConfig, Lars, LarsConfig, Lion, LionConfig, Muon, MuonConfig, MuonScale, Step, UpdateRule,
};

const LR: f64 = 0.03;
const WEIGHT_DECAY: f64 = 0.1;
const STEPS: u64 = 20;

/// A vector, a scalar, matrices either way, and the weights of convolutions.
const SHAPES: [&[usize]; 6] = [&[5], &[], &[3, 4], &[6, 2], &[4, 2, 3, 3], &[40, 1, 3, 3]];

/// Values of either sign and several sizes.
fn wave(n: usize, from: f64) -> Vec<f64> {
    (0..n).map(|i| (from + 1.3 * i as f64).sin() * (1.0 + (from * i as f64).cos())).collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// A parameter and its slots, as the paper's formula changes them.
struct Paper {
    theta: Vec<f64>,
    slots: [Vec<f64>; 2],
}

type Formula = dyn Fn(&mut Paper, &[f64], &[usize], i32);

/// The values of `grad` with gaps between them: the rule has to go the way of other devices.
fn with_gaps(grad: &Tensor) -> Tensor {
    let last = grad.rank();
    let pairs = Tensor::stack(&[grad, grad], last).unwrap();
    pairs.narrow(last, 1, 1).unwrap().squeeze(last).unwrap()
}

/// Holds the rule to the formula, step by step, on both of its ways.
fn follows(rule: &dyn UpdateRule, formula: &Formula) {
    for (dtype, gaps, rounding) in
        [(DType::F64, false, 1e-12), (DType::F64, true, 1e-12), (DType::F32, false, 1e-6), (DType::F32, true, 1e-6)]
    {
        for shape in SHAPES {
            let n: usize = shape.iter().product();
            let tensor = |values: &[f64]| {
                let tensor = Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
                tensor.to_dtype(dtype).unwrap()
            };
            let mut paper = Paper { theta: wave(n, 0.5), slots: [vec![0.0; n], vec![0.0; n]] };
            let theta = Var::from_tensor(&tensor(&paper.theta)).unwrap();
            let zeros = |_| Var::zeros(shape, dtype, &Device::Cpu).unwrap();
            let slots: Vec<Var> = rule.slots().iter().map(zeros).collect();
            for t in 1..=STEPS {
                let grad = wave(n, t as f64);
                let step = Step { t, lr: LR, weight_decay: WEIGHT_DECAY, ..Step::default() };
                let given = if gaps { with_gaps(&tensor(&grad)) } else { tensor(&grad) };
                rule.update(&theta, &given, &slots, step).unwrap();
                formula(&mut paper, &grad, shape, t as i32);
                let got = theta.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
                for (got, wanted) in got.to_vec1::<f64>().unwrap().into_iter().zip(&paper.theta) {
                    let error = (got - wanted).abs() / wanted.abs().max(1.0);
                    assert!(error <= rounding, "{shape:?} in {dtype:?} at {t}: {got} is not {wanted}");
                }
            }
        }
    }
}

#[test]
fn lion_is_that_of_chen() {
    let lion = Lion::new(LionConfig::default()).unwrap();
    follows(&lion, &|Paper { theta, slots: [m, _] }, grad, _, _| {
        for i in 0..theta.len() {
            let c = 0.9 * m[i] + 0.1 * grad[i];
            theta[i] -= LR * (c.signum() + WEIGHT_DECAY * theta[i]);
            m[i] = 0.99 * m[i] + 0.01 * grad[i];
        }
    });
}

#[test]
fn lars_is_that_of_you_2017() {
    let lars = Lars::new(LarsConfig { momentum: 0.9, trust: 0.5 }).unwrap();
    follows(&lars, &|Paper { theta, slots: [v, _] }, grad, _, _| {
        let own = norm(theta);
        let local = 0.5 * own / (norm(grad) + WEIGHT_DECAY * own);
        for i in 0..theta.len() {
            v[i] = 0.9 * v[i] + LR * local * (grad[i] + WEIGHT_DECAY * theta[i]);
            theta[i] -= v[i];
        }
    });
}

#[test]
fn lamb_is_that_of_you_2020() {
    let lamb = Lamb::new(LambConfig::default()).unwrap();
    follows(&lamb, &|Paper { theta, slots: [m, v] }, grad, _, t| {
        let mut direction = vec![0.0; theta.len()];
        for i in 0..theta.len() {
            m[i] = 0.9 * m[i] + 0.1 * grad[i];
            v[i] = 0.999 * v[i] + 0.001 * grad[i] * grad[i];
            let (m, v) = (m[i] / (1.0 - 0.9f64.powi(t)), v[i] / (1.0 - 0.999f64.powi(t)));
            direction[i] = m / (v.sqrt() + 1e-6) + WEIGHT_DECAY * theta[i];
        }
        let ratio = norm(theta) / norm(&direction);
        for (theta, direction) in theta.iter_mut().zip(&direction) {
            *theta -= LR * ratio * direction;
        }
    });
}

type Matrix = Vec<Vec<f64>>;

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let entry = |row: &Vec<f64>, j: usize| row.iter().zip(b).map(|(a, b)| a * b[j]).sum();
    a.iter().map(|row| (0..b[0].len()).map(|j| entry(row, j)).collect()).collect()
}

fn transposed(a: &Matrix) -> Matrix {
    (0..a[0].len()).map(|j| a.iter().map(|row| row[j]).collect()).collect()
}

/// Five times *X* ← *aX* + *b*(*XXᵀ*)*X* + *c*(*XXᵀ*)²*X*, never transposed.
fn newton_schulz(direction: &[f64], columns: usize) -> Vec<f64> {
    let length = norm(direction) + 1e-7;
    let mut x: Matrix = direction.chunks(columns).map(|row| row.iter().map(|v| v / length).collect()).collect();
    for _ in 0..5 {
        let cubic = product(&product(&x, &transposed(&x)), &x);
        let quintic = product(&product(&x, &transposed(&x)), &cubic);
        for (row, (cubic, quintic)) in x.iter_mut().zip(cubic.iter().zip(&quintic)) {
            for (x, (cubic, quintic)) in row.iter_mut().zip(cubic.iter().zip(quintic)) {
                *x = 3.4445 * *x - 4.7750 * cubic + 2.0315 * quintic;
            }
        }
    }
    x.concat()
}

/// Muon for matrices and AdamW for the rest.
fn muon(nesterov: bool, scale: impl Fn(f64, f64) -> f64) -> impl Fn(&mut Paper, &[f64], &[usize], i32) {
    move |Paper { theta, slots: [m, v] }, grad, shape, t| {
        theta.iter_mut().for_each(|theta| *theta *= 1.0 - LR * WEIGHT_DECAY);
        if shape.len() < 2 {
            for i in 0..theta.len() {
                m[i] = 0.9 * m[i] + 0.1 * grad[i];
                v[i] = 0.999 * v[i] + 0.001 * grad[i] * grad[i];
                let (m, v) = (m[i] / (1.0 - 0.9f64.powi(t)), v[i] / (1.0 - 0.999f64.powi(t)));
                theta[i] -= LR * m / (v.sqrt() + 1e-8);
            }
            return;
        }
        let mut direction = vec![0.0; theta.len()];
        for i in 0..theta.len() {
            m[i] = 0.95 * m[i] + grad[i];
            direction[i] = if nesterov { grad[i] + 0.95 * m[i] } else { m[i] };
        }
        let columns: usize = shape[1..].iter().product();
        let scale = scale(shape[0] as f64, columns as f64);
        for (theta, step) in theta.iter_mut().zip(newton_schulz(&direction, columns)) {
            *theta -= LR * scale * step;
        }
    }
}

#[test]
fn muon_is_that_of_jordan_and_of_liu() {
    let rule = |scale, nesterov| Muon::new(MuonConfig { scale, nesterov, ..MuonConfig::default() }).unwrap();
    let spectral = |rows: f64, columns: f64| f64::max(1.0, rows / columns).sqrt();
    let adamw = |rows: f64, columns: f64| 0.2 * f64::max(rows, columns).sqrt();
    for nesterov in [false, true] {
        follows(&rule(MuonScale::Spectral, nesterov), &muon(nesterov, spectral));
        follows(&rule(MuonScale::AdamW, nesterov), &muon(nesterov, adamw));
    }
}
