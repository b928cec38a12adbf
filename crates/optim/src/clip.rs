use candle_core::{DType, Device, Storage, Tensor};

use crate::error::{OptimError, require};
use crate::part::squares;
use crate::real::Real;

/// How gradients that are too large are made smaller, before the rule or weight decay sees them.
///
/// What is not too large passes unchanged, to the bit.
///
/// # Differs from PyTorch
/// `clip_grad_norm_` and `clip_grad_value_` are calls that one may forget or make twice; here they
/// are part of the step. Clipping never meets a NaN or an infinity: these are
/// [found before](crate::NonFinite).
///
/// # References
/// - R. Pascanu, T. Mikolov, Y. Bengio, *On the difficulty of training recurrent neural networks*,
///   2013 (the global norm).
/// - A. Brock, S. De, S. L. Smith, K. Simonyan, *High-Performance Large-Scale Image Recognition
///   Without Normalization*, 2021 (adaptive).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Clip {
    /// Not at all; the step then reads each gradient once.
    #[default]
    None,
    /// By one factor for all: the gradients of all parameters, taken as one vector, are as long as
    /// this at most. *g* ← *g*·min(1, *c*/(‖*g*‖ + 1e-6)), as PyTorch has it.
    GlobalNorm(f64),
    /// Element by element, to between minus this and this.
    Value(f64),
    /// Adaptively: the gradient of each unit (the weights of one output) is at most *λ* times as
    /// long as the unit itself.
    ///
    /// ```text
    /// gᵢ ← gᵢ·min(1, λ·max(‖wᵢ‖, ε)/‖gᵢ‖)
    /// ```
    ///
    /// A unit *wᵢ* is one row of the first axis, which counts the outputs in the weights of linear
    /// layers (O,I) and convolutions (O,I,H,W); a vector or scalar, such as a bias, is one unit as a
    /// whole. The paper leaves the last linear layer out, here it takes part; for a network of its
    /// kind, without normalisation, *λ* = 0.01 and *ε* = 1e-3, and *λ* smaller for larger batches.
    Adaptive {
        /// *λ*: the greatest length of a gradient, as a fraction of the length of what it changes.
        ratio: f64,
        /// *ε*: the length that a unit has at least in the comparison, or zeros would stay zeros.
        eps: f64,
    },
}

impl Clip {
    /// Refuses limits that are not finite numbers above 0.
    pub(crate) fn check(self) -> Result<(), OptimError> {
        let positive =
            |field, limit: f64| require(limit.is_finite() && limit > 0.0, field, "finite and above 0", limit);
        match self {
            Self::None => Ok(()),
            Self::GlobalNorm(limit) | Self::Value(limit) => positive("clip", limit),
            Self::Adaptive { ratio, eps } => positive("ratio", ratio).and_then(|()| positive("eps", eps)),
        }
    }
}

/// The factor that brings gradients of the length `norm` down to `max_norm`.
///
/// `min(1, max_norm / (norm + 1e-6))`, as in PyTorch's `clip_grad_norm_`; the small summand keeps
/// an all-zero gradient from a division by zero and costs a clipped one a millionth of its length.
pub(crate) fn clip_factor(norm: f64, max_norm: f64) -> f64 {
    (max_norm / (norm + 1e-6)).min(1.0)
}

/// The sum of the squares of a contiguous tensor's elements, in float64.
///
/// The order of summation depends on the number of elements alone. The result is not finite if
/// an element is not, and for elements of float32 only then.
pub(crate) fn sum_of_squares(tensor: &Tensor) -> candle_core::Result<f64> {
    let (storage, layout) = tensor.storage_and_layout();
    if let Storage::Cpu(storage) = &*storage {
        let single = f32::slice(storage, layout).map(squares);
        if let Some(sum) = single.or_else(|| f64::slice(storage, layout).map(squares)) {
            return Ok(sum);
        }
    }
    drop(storage);
    // Metal has no float64: there the sum is taken on the CPU.
    let tensor = match tensor.device() {
        Device::Metal(_) => tensor.to_device(&Device::Cpu)?,
        _ => tensor.clone(),
    };
    tensor.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar()
}

#[cfg(test)]
mod tests {
    use candle_core::Result;

    use super::*;

    #[test]
    fn only_what_is_too_long_is_shortened() {
        assert_eq!(clip_factor(4.0, 5.0), 1.0);
        assert_eq!(clip_factor(0.0, 5.0), 1.0);
        assert_eq!(clip_factor(10.0, 5.0), 5.0 / 10.000001);
    }

    #[test]
    fn squares_add_up_whatever_the_length_type_and_place() -> Result<()> {
        for n in [0u32, 1, 7, 8, 9, 1003] {
            let expected = f64::from(n) * f64::from(n + 1) * f64::from(2 * n + 1) / 6.0;
            let values: Vec<f64> = (0..=n).map(f64::from).collect();
            let tensor = Tensor::new(values, &Device::Cpu)?;
            let tail = tensor.narrow(0, 1, n as usize)?;
            assert_eq!(sum_of_squares(&tensor)?, expected);
            assert_eq!(sum_of_squares(&tail)?, expected);
            assert_eq!(sum_of_squares(&tail.to_dtype(DType::F32)?)?, expected);
        }
        Ok(())
    }

    #[test]
    fn the_sum_of_many_chunks_does_not_depend_on_the_number_of_threads() -> Result<()> {
        let values: Vec<f32> = (0..300_007).map(|i| (i as f32).sin()).collect();
        let exact: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
        let tensor = Tensor::new(values, &Device::Cpu)?;
        let sums = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| sum_of_squares(&tensor)).unwrap()
        });
        assert!((sums[0] - exact).abs() < 1e-9 * exact);
        assert_eq!(sums, [sums[0]; 3]);
        Ok(())
    }

    #[test]
    fn the_sum_outgrows_float32_and_shows_what_is_not_finite() -> Result<()> {
        let of = |values: &[f32]| sum_of_squares(&Tensor::new(values, &Device::Cpu)?);
        assert_eq!(of(&[1e30, 0.0])?, f64::from(1e30f32).powi(2));
        assert!(of(&[f32::MAX; 16])?.is_finite());
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!of(&[1.0, bad])?.is_finite());
            assert!(!of(&[[1.0; 8], [bad; 8]].concat())?.is_finite());
        }
        Ok(())
    }

    #[test]
    fn a_strided_tensor_takes_the_way_of_other_devices() -> Result<()> {
        let tensor = Tensor::new(&[[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]], &Device::Cpu)?.t()?;
        assert_eq!(sum_of_squares(&tensor)?, 91.0);
        Ok(())
    }
}
