use candle_core::{Device, Result, Storage, Tensor, Var};
use rayon::prelude::*;

use crate::engine::real::Real;
use crate::engine::squares::in_f64;
use crate::rule::{Step, UpdateRule};
use crate::units::rows;

/// Gradient centralization: any rule, with gradients whose mean over the weights of each output is
/// 0.
///
/// ```text
/// gᵢ ← gᵢ - mean(gᵢ)          for each unit i, of tensors with two axes or more
/// θ ← rule(θ, g)
/// ```
///
/// A unit is a row of the first axis, which counts the outputs in the weights of linear layers
/// (O,I) and convolutions (O,I,H,W). Vectors and scalars, such as biases, pass as they are. Without
/// weight decay the mean of each unit stays what it was: the weights move in the space of those
/// with the same sum.
///
/// **Weight decay** is the rule's and is not centralized. The gradient is clipped before, and the
/// norm of a step is that of the gradient as it came.
///
/// # Differs from PyTorch
/// PyTorch has none.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{GradientCentralization, Sgd, SgdConfig, Step, UpdateRule};
///
/// let rule = GradientCentralization::new(Box::new(Sgd::new(SgdConfig::default())?));
/// let theta = Var::new(&[[0f64, 0.0], [0.0, 0.0]], &Device::Cpu)?;
/// let grad = Tensor::new(&[[1f64, 3.0], [5.0, 5.0]], &Device::Cpu)?;
/// rule.update(&theta, &grad, &[], Step::default())?;
/// assert_eq!(theta.to_vec2::<f64>()?, [[1.0, -1.0], [0.0, 0.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// H. Yong, J. Huang, X. Hua, L. Zhang, *Gradient Centralization: A New Optimization Technique for
/// Deep Neural Networks*, 2020.
#[derive(Debug)]
pub struct GradientCentralization {
    rule: Box<dyn UpdateRule>,
}

impl GradientCentralization {
    /// `rule` is given the centralized gradients.
    pub fn new(rule: Box<dyn UpdateRule>) -> Self {
        Self { rule }
    }
}

impl UpdateRule for GradientCentralization {
    fn slots(&self) -> &[&'static str] {
        self.rule.slots()
    }

    fn new_slot(&self, slot: &str, theta: &Var) -> Result<Var> {
        self.rule.new_slot(slot, theta)
    }

    fn has_momentum(&self) -> bool {
        self.rule.has_momentum()
    }

    fn needs_sums(&self) -> bool {
        self.rule.needs_sums()
    }

    fn sums(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<[f64; 2]> {
        self.rule.sums(theta, &centralized(grad)?, factor, slots, step)
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        self.rule.update(theta, &centralized(grad)?, slots, step)
    }

    fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
        self.rule.update_scaled(theta, &centralized(grad)?, factor, slots, step)
    }

    fn evaluated(&self, theta: &Var, slots: &[Var]) -> Result<Option<Tensor>> {
        self.rule.evaluated(theta, slots)
    }
}

/// The gradient less the mean of each unit.
fn centralized(grad: &Tensor) -> Result<Tensor> {
    if grad.rank() < 2 || grad.elem_count() == 0 {
        return Ok(grad.detach());
    }
    let units = rows(grad)?;
    // By way of the CPU, where there is float64.
    let means = Tensor::new(means(&units)?, &Device::Cpu)?.to_dtype(grad.dtype())?;
    let means = means.to_device(grad.device())?.unsqueeze(1)?;
    units.broadcast_sub(&means)?.reshape(grad.shape())
}

/// The mean of each row, in float64.
fn means(units: &Tensor) -> Result<Vec<f64>> {
    let len = units.dim(1)?;
    let (storage, layout) = units.storage_and_layout();
    if let Storage::Cpu(storage) = &*storage {
        let single = f32::slice(storage, layout).map(|values| means_of(values, len));
        if let Some(means) = single.or_else(|| f64::slice(storage, layout).map(|values| means_of(values, len))) {
            return Ok(means);
        }
    }
    drop(storage);
    composed_means(units)
}

/// [`means`] composed of candle's operations.
fn composed_means(units: &Tensor) -> Result<Vec<f64>> {
    in_f64(units)?.mean(1)?.to_vec1()
}

fn means_of<T: Real>(values: &[T], len: usize) -> Vec<f64> {
    values.par_chunks(len).map(|unit| sum(unit) / len as f64).collect()
}

/// Eight running sums instead of one: no addition waits for the one before it.
fn sum<T: Real>(values: &[T]) -> f64 {
    let (rows, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for row in rows {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value.to_f64();
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|value| value.to_f64()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;

    #[test]
    fn each_output_of_a_convolution_has_the_mean_zero() -> Result<()> {
        for dtype in [DType::F32, DType::F64] {
            let values: Vec<f64> = (0..5 * 7 * 9).map(|i| 3.0 + f64::from(i).sin()).collect();
            let grad = Tensor::from_vec(values, (5, 7, 3, 3), &Device::Cpu)?.to_dtype(dtype)?;
            let got = centralized(&grad)?;
            assert_eq!((got.dims(), got.dtype()), (grad.dims(), dtype));
            for mean in composed_means(&rows(&got)?)? {
                assert!(mean.abs() < 1e-6, "{mean}");
            }
        }
        let bias = Tensor::new(&[1f32, 2.0], &Device::Cpu)?;
        assert_eq!(centralized(&bias)?.to_vec1::<f32>()?, [1.0, 2.0]);
        Ok(())
    }

    #[test]
    fn the_fast_means_are_those_of_candles_operations_with_any_number_of_threads() -> Result<()> {
        let values: Vec<f64> = (0..40 * 1003).map(|i| f64::from(i).sin().powi(3)).collect();
        let units = Tensor::from_vec(values, (40, 1003), &Device::Cpu)?;
        let slow = composed_means(&units)?;
        let fast = [1, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| means(&units)).unwrap()
        });
        assert_eq!(fast[0], fast[1]);
        for (fast, slow) in fast[0].iter().zip(slow) {
            assert!((fast - slow).abs() < 1e-15, "{fast} is not {slow}");
        }
        Ok(())
    }
}
