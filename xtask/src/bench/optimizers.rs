//! Steps of optimizers on large tensors: how much memory they move a second.

use anyhow::Result;
use candle_core::{Device, Tensor, Var};
use taper_optim::{AdamW, AdamWConfig, Group, Optimizer, OptimizerConfig, Sgd, SgdConfig, UpdateRule};

use super::clock;

/// Rows and columns of a tensor.
const SIDE: usize = 4096;

/// The fewest timed runs: a step is short.
const LEAST: u32 = 5;

/// GB/s of Adam: parameter and two moments are read and written, the gradient is read.
pub(super) fn adam(tensors: usize, repeat: u32) -> Result<f64> {
    gigabytes(AdamW::new(AdamWConfig::default())?, 7, (tensors, SIDE), repeat)
}

/// GB/s of SGD with momentum: parameter and velocity are read and written, the gradient is read.
pub(super) fn sgd(tensors: usize, repeat: u32) -> Result<f64> {
    gigabytes(Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() })?, 5, (tensors, SIDE), repeat)
}

/// `floats` are the reads and writes that an element needs at least; what a step does beyond them
/// does not count.
fn gigabytes(
    rule: impl UpdateRule + 'static,
    floats: usize,
    (tensors, side): (usize, usize),
    repeat: u32,
) -> Result<f64> {
    let vars = (0..tensors)
        .map(|i| Ok((format!("tensor{i}"), Var::from_tensor(&pattern(side, 1 + i)?)?)))
        .collect::<Result<Vec<_>>>()?;
    // Where a store comes from: there is no empty one to be had.
    let mut grads = Tensor::new(0f32, &Device::Cpu)?.backward()?;
    for (i, (_, var)) in vars.iter().enumerate() {
        grads.insert(var, pattern(side, 100 + i)?);
    }
    let group = Group { params: vars, ..Group::default() };
    let mut optimizer = Optimizer::new(Box::new(rule), vec![group], OptimizerConfig::default())?;
    let seconds = clock::seconds(repeat.max(LEAST), || Ok(optimizer.step(&grads, 1e-3).map(drop)?))?;
    Ok((floats * size_of::<f32>() * tensors * side * side) as f64 / 1e9 / seconds)
}

/// Values in [-1, 1) without a generator, whose time would be longer than the measurement's.
fn pattern(side: usize, seed: usize) -> Result<Tensor> {
    let value = |i: usize| ((i + seed).wrapping_mul(2_654_435_761) >> 8 & 0xffff) as f32 / 32_768.0 - 1.0;
    let values: Vec<f32> = (0..side * side).map(value).collect();
    Ok(Tensor::from_vec(values, (side, side), &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_moves_bytes() {
        let adam = gigabytes(AdamW::new(AdamWConfig::default()).unwrap(), 7, (2, 32), 1).unwrap();
        let sgd = gigabytes(Sgd::new(SgdConfig::default()).unwrap(), 5, (2, 32), 1).unwrap();
        assert!(adam > 0.0 && adam.is_finite() && sgd > 0.0 && sgd.is_finite());
        let values = pattern(64, 1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(values.iter().all(|v| (-1.0..1.0).contains(v)) && values.iter().sum::<f32>().abs() < 200.0);
    }
}
