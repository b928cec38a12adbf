//! Stochastic depth.

use candle_core::{DType, Result, Tensor};
use serde::{Deserialize, Serialize};
use taper_nn::{Graph, GraphOp, Mode, Value};
use taper_tensor::{add, dropout};

use crate::RegularizeError;
use crate::error::check;

/// What is dropped together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropPer {
    /// The block for the whole batch, which then costs no computation: the paper's form.
    #[default]
    Batch,
    /// The block for each picture apart; all of it is computed.
    Sample,
}

/// A residual block that is sometimes left out while the network is trained: the network is then a
/// shorter one, and its first layers are nearer to the loss.
///
/// ```text
/// training:  y = x + d · F(x),   d = 1 with probability `survival`, else 0
/// testing:   y = x + survival · F(x)
/// ```
///
/// *d* comes from the stream of the step forked by `name`. Survival falls from block to block, as
/// the first ones do what all the others build on: [`linear_survival`].
///
/// # Shapes
/// F keeps the shape of x; per sample the first axis counts pictures.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_regularize::{DropPer, StochasticDepth};
/// use taper_nn::Mode;
/// use taper_tensor::Rng;
/// let block = StochasticDepth::new(0.5, DropPer::Batch, "layer1.0")?;
/// let x = Tensor::ones(3, DType::F32, &Device::Cpu)?;
/// let run = |mode| block.residual(&x, mode, |x| x * 2.0)?.to_vec1::<f32>();
/// assert_eq!(run(Mode::Eval)?, [2.0; 3]); // 1 + 0.5 · 2
/// let y = run(Mode::Train(&Rng::new(0)))?;
/// assert!(y == [1.0; 3] || y == [3.0; 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Differs from torchvision
/// `stochastic_depth` there divides by the survival in training and does nothing in testing.
///
/// # References
/// G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Q. Weinberger, *Deep Networks with Stochastic Depth*,
/// 2016.
#[derive(Clone, Debug)]
pub struct StochasticDepth {
    survival: f64,
    per: DropPer,
    name: String,
}

/// The survival of block `block` of `blocks`, counted from 1, falling in a straight line from 1 at
/// the input to `last` at the last block: `1 - block / blocks · (1 - last)`. The paper's `last` is
/// 0.5.
pub fn linear_survival(block: usize, blocks: usize, last: f64) -> f64 {
    1.0 - block as f64 / blocks as f64 * (1.0 - last)
}

impl StochasticDepth {
    /// A block that stays with probability `survival`.
    ///
    /// # Errors
    /// When `survival` is outside (0, 1].
    pub fn new(survival: f64, per: DropPer, name: impl Into<String>) -> std::result::Result<Self, RegularizeError> {
        check(survival > 0.0 && survival <= 1.0, "survival", "in (0, 1]", survival)?;
        Ok(Self { survival, per, name: name.into() })
    }

    /// The probability that the block stays.
    pub fn survival(&self) -> f64 {
        self.survival
    }

    /// What becomes of the block in this step.
    ///
    /// # Errors
    /// When `x` has no axis to count pictures by.
    pub fn draw(&self, x: &Tensor, mode: Mode<'_>) -> Result<Depth> {
        let Some(rng) = mode.noise().filter(|_| self.survival < 1.0) else {
            return Ok(if self.survival < 1.0 { Depth::Scaled(self.survival) } else { Depth::Whole });
        };
        let mut rng = rng.fork(&self.name);
        match self.per {
            DropPer::Batch if rng.chance(self.survival) => Ok(Depth::Whole),
            DropPer::Batch => Ok(Depth::Dropped),
            DropPer::Sample => {
                let mut shape = vec![1; x.rank()];
                shape[0] = x.dim(0)?;
                let ones = Tensor::ones(shape, DType::F32, x.device())?;
                Ok(Depth::Masked((dropout(&ones, 1.0 - self.survival, &rng)? * self.survival)?.to_dtype(x.dtype())?))
            }
        }
    }

    /// Adds `x + survival · f`, what it is in testing, to a graph.
    ///
    /// # Errors
    /// When x and f are of two shapes.
    pub fn graph(&self, graph: &mut Graph, (x, f): (Value, Value)) -> Result<Value> {
        let f = if self.survival < 1.0 { graph.add(GraphOp::Scale(self.survival), &[f], &[])? } else { f };
        graph.add(GraphOp::Add, &[x, f], &[])
    }

    /// `x + d · branch(x)`; the branch is not run where the block is dropped for the whole batch.
    ///
    /// # Errors
    /// Those of the branch, and when it changes the shape.
    pub fn residual(
        &self,
        x: &Tensor,
        mode: Mode<'_>,
        branch: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        self.draw(x, mode)?.onto(x, || branch(x))
    }
}

/// What becomes of a block in one step.
#[derive(Clone, Debug)]
pub enum Depth {
    /// It is left out.
    Dropped,
    /// It stays as it is.
    Whole,
    /// It is scaled by its survival, as in testing.
    Scaled(f64),
    /// It is multiplied by 0 or 1 for each picture, (N,1,..).
    Masked(Tensor),
}

impl Depth {
    /// What is added of a branch; None where it is left out and not run.
    ///
    /// # Errors
    /// Those of the branch.
    pub fn apply(&self, branch: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
        match self {
            Depth::Dropped => Ok(None),
            Depth::Whole => branch().map(Some),
            Depth::Scaled(factor) => (branch()? * *factor).map(Some),
            Depth::Masked(mask) => branch()?.broadcast_mul(mask).map(Some),
        }
    }

    /// `x + d · branch`; the branch is not run where it is left out.
    ///
    /// # Errors
    /// Those of the branch, and when it is of another shape than x.
    pub fn onto(&self, x: &Tensor, branch: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
        match self.apply(branch)? {
            None => Ok(x.clone()),
            Some(f) => add(x, &f),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use taper_tensor::{Rng, check_gradients};

    use super::*;

    #[test]
    fn survival_falls_in_a_straight_line() {
        assert_eq!([1, 2, 4].map(|block| linear_survival(block, 4, 0.5)), [0.875, 0.75, 0.5]);
        assert_eq!(linear_survival(3, 9, 1.0), 1.0);
    }

    #[test]
    fn the_rate_is_the_survival_and_the_mean_that_of_testing() -> Result<()> {
        let (x, n) = (Tensor::ones((8, 2), DType::F64, &Device::Cpu)?, 2000u64);
        for per in [DropPer::Batch, DropPer::Sample] {
            let block = StochasticDepth::new(0.7, per, "b").unwrap();
            let run = |mode: Mode<'_>| block.residual(&x, mode, |x| x * 3.0)?.to_vec2::<f64>();
            let mut sum = [0.0; 8];
            for k in 0..n {
                let y = run(Mode::Train(&Rng::new(1).at(k)))?;
                assert!(y.iter().all(|row| row[0] == row[1] && (row[0] == 1.0 || (row[0] - 4.0).abs() < 1e-6)));
                let together = y.iter().all(|row| row == &y[0]);
                assert!(together || per == DropPer::Sample);
                y.iter().zip(&mut sum).for_each(|(row, sum)| *sum += row[0]);
            }
            let tested = run(Mode::Eval)?[0][0];
            let error = 3.0 * (0.21 / n as f64).sqrt();
            assert!(sum.iter().all(|sum| (sum / n as f64 - tested).abs() < 5.0 * error), "{per:?}: {sum:?}");
        }
        Ok(())
    }

    #[test]
    fn a_dropped_block_is_not_computed() -> Result<()> {
        let x = Tensor::ones((2, 2), DType::F32, &Device::Cpu)?;
        let block = StochasticDepth::new(0.5, DropPer::Batch, "b").unwrap();
        for k in 0..20 {
            let mut ran = false;
            let branch = |x: &Tensor| {
                ran = true;
                Ok(x.clone())
            };
            let y = block.residual(&x, Mode::Train(&Rng::new(0).at(k)), branch)?.to_vec2::<f32>()?;
            assert_eq!(ran, y[0][0] == 2.0);
        }
        Ok(())
    }

    #[test]
    fn gradients_agree_with_finite_differences() -> std::result::Result<(), taper_tensor::GradientError> {
        let mut rng = Rng::new(4);
        let values: Vec<f64> = (0..12).map(|_| rng.normal()).collect();
        let x = Tensor::from_vec(values, (4, 3), &Device::Cpu)?;
        for per in [DropPer::Batch, DropPer::Sample] {
            let block = StochasticDepth::new(0.5, per, "b").map_err(candle_core::Error::wrap)?;
            for k in 0..4 {
                let rng = Rng::new(2).at(k);
                check_gradients(std::slice::from_ref(&x), 1e-6, |t| {
                    block.residual(&t[0], Mode::Train(&rng), |x| x.sqr())
                })?;
            }
        }
        Ok(())
    }

    #[test]
    fn a_survival_outside_its_range_is_refused() {
        for survival in [0.0, 1.1, f64::NAN] {
            let refused = StochasticDepth::new(survival, DropPer::Batch, "b");
            assert!(matches!(refused, Err(RegularizeError::BadConfig { field: "survival", .. })));
        }
    }
}
