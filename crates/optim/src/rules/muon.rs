use std::slice;

use candle_core::{Result, Tensor, Var, bail};
use serde::{Deserialize, Serialize};

use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require, require_fraction, require_positive};
use crate::rule::{Step, UpdateRule};
use crate::rules::adamw::{AdamW, AdamWConfig};
use crate::rules::direction::{descend, direction};
use crate::rules::newton_schulz::orthogonalized;

/// How long the step of a matrix is at the rate 1; an orthogonal matrix of *r* rows and *c* columns
/// has elements of the root mean square 1/√max(*r*, *c*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MuonScale {
    /// √max(1, *r*/*c*): the change of the outputs has the same bound for every shape (Jordan
    /// 2024). The usual *η* is 0.02, too much for AdamW and so for the vectors.
    Spectral,
    /// 0.2·√max(*r*, *c*): elements change by the root mean square of 0.2, as AdamW changes them,
    /// and one *η* suits matrices and vectors (Liu et al. 2025).
    AdamW,
}

/// The settings of [`Muon`]; the defaults are Jordan's (2024), but for `scale`, which is that of
/// Liu et al. (2025).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MuonConfig {
    /// *μ*: the fraction of the velocity that survives an update, in [0, 1). Default 0.95.
    pub momentum: f64,
    /// Whether to step along the velocity as it will be after the next update. Default yes.
    pub nesterov: bool,
    /// How many steps of the Newton-Schulz iteration there are, 1 or more. Default 5.
    pub iterations: usize,
    /// *ε*: added to the norm of the velocity; above 0. Default 1e-7.
    pub eps: f64,
    /// How long a step is. Default [`MuonScale::AdamW`].
    pub scale: MuonScale,
    /// The settings for what is no matrix. Default those of [`AdamW`].
    pub adamw: AdamWConfig,
}

impl Default for MuonConfig {
    fn default() -> Self {
        Self {
            momentum: 0.95,
            nesterov: true,
            iterations: 5,
            eps: 1e-7,
            scale: MuonScale::AdamW,
            adamw: AdamWConfig::default(),
        }
    }
}

/// Muon: momentum whose direction is made orthogonal, so that a step moves all the outputs of a
/// layer alike; and AdamW for what is no matrix.
///
/// ```text
/// θ ← (1 - ηλ)θ
/// v ← μv + g
/// d = v                          or g + μv with Nesterov momentum
/// θ ← θ - ηs·NewtonSchulz(d)
/// ```
///
/// with *μ* = `momentum`, *s* as in `scale`, *η* = [`Step::lr`], *λ* = [`Step::weight_decay`]. The
/// velocity *v* is the slot `first_moment`.
///
/// NewtonSchulz is *X* ← *d*/(‖*d*‖ + *ε*) and then, `iterations` times,
/// *X* ← *aX* + *b*(*XXᵀ*)*X* + *c*(*XXᵀ*)²*X* with *a* = 3.4445, *b* = -4.7750, *c* = 2.0315. Five
/// of them bring the singular values between 0.68 and 1.21, but for those below 0.002 of the norm.
///
/// A tensor with two or more dimensions is a matrix: the weights of a convolution (*O*, *I*, *K*,
/// *K*) have *O* rows and *IK*² columns. Vectors and scalars are updated as by
/// [`AdamW`](crate::AdamW) with the settings `adamw`; the last layer of a classifier often is as
/// well, by a group with a rule of its own. Matrices leave the slot `second_moment` at zeros.
///
/// **Weight decay is decoupled**, for matrices and vectors.
///
/// An update of a matrix takes several passes over memory, a few tensors of its size, and products
/// of matrices.
///
/// # Differs from PyTorch
/// PyTorch's default scale is that of Jordan, it refuses what is no matrix, and it iterates in
/// bfloat16, here it is the type of the parameter.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{Muon, MuonConfig, MuonScale, Step, UpdateRule};
///
/// let muon = Muon::new(MuonConfig { scale: MuonScale::Spectral, ..MuonConfig::default() })?;
/// let theta = Var::zeros((2, 2), DType::F64, &Device::Cpu)?;
/// let slots = [(); 2].map(|()| Var::zeros((2, 2), DType::F64, &Device::Cpu).unwrap());
/// let grad = Tensor::new(&[[100f64, 0.0], [0.0, -3.0]], &Device::Cpu)?;
/// muon.update(&theta, &grad, &slots, Step { t: 1, lr: 1.0, weight_decay: 0.0, ..Step::default() })?;
/// let theta = theta.to_vec2::<f64>()?; // both directions count alike
/// assert!((theta[0][0] + 1.0).abs() < 0.35 && (theta[1][1] - 1.0).abs() < 0.35);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - K. Jordan et al., *Muon: An optimizer for hidden layers in neural networks*, 2024.
/// - J. Liu et al., *Muon is Scalable for LLM Training*, 2025 (scale, weight decay).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Muon {
    config: MuonConfig,
    adamw: AdamW,
}

impl Muon {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `momentum` is outside [0, 1), `iterations` is 0, `eps` is not
    /// a finite number above 0, or the settings of [`AdamW`] are out of range.
    pub fn new(config: MuonConfig) -> std::result::Result<Self, OptimError> {
        require_fraction("momentum", config.momentum)?;
        require(config.iterations > 0, "iterations", "at least 1", config.iterations as f64)?;
        require_positive("eps", config.eps)?;
        Ok(Self { config, adamw: AdamW::new(config.adamw)? })
    }

    fn scale(&self, rows: f64, columns: f64) -> f64 {
        match self.config.scale {
            MuonScale::Spectral => (rows / columns).max(1.0).sqrt(),
            MuonScale::AdamW => 0.2 * rows.max(columns).sqrt(),
        }
    }
}

impl UpdateRule for Muon {
    fn slots(&self) -> &[&'static str] {
        self.adamw.slots()
    }

    fn has_momentum(&self) -> bool {
        true
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        self.update_scaled(theta, grad, 1.0, slots, step)
    }

    fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
        if theta.rank() < 2 || theta.elem_count() == 0 {
            return self.adamw.update_scaled(theta, grad, factor, slots, step);
        }
        let [velocity, ..] = slots else {
            bail!("Muon keeps {} slots, got none", self.slots().len());
        };
        let MuonConfig { nesterov, iterations, eps, .. } = self.config;
        let momentum = step.momentum.unwrap_or(self.config.momentum);
        let formula = MuonDirection { momentum, nesterov };
        let direction = direction(theta, grad, factor, slice::from_ref(velocity), formula)?;
        let rows = theta.dim(0)?;
        let matrix = direction.reshape((rows, ()))?;
        let scale = self.scale(rows as f64, matrix.dim(1)? as f64);
        let direction = orthogonalized(&matrix, iterations, eps)?.reshape(theta.shape())?;
        descend(theta, &direction, 1.0 - step.lr * step.weight_decay, step.lr * scale)
    }
}

/// *d* of an element, in the place of *θ*.
#[derive(Clone, Copy)]
struct MuonDirection {
    momentum: f64,
    nesterov: bool,
}

impl Formula<1> for MuonDirection {
    #[inline]
    fn apply<T: Number>(self, _: T, grad: T, [v]: [T; 1]) -> (T, [T; 1]) {
        let v = v * self.momentum + grad.clone();
        let direction = if self.nesterov { grad + v.clone() * self.momentum } else { v.clone() };
        (direction, [v])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = MuonConfig::default();
        let adamw = AdamWConfig { beta2: 1.0, ..config.adamw };
        for (field, config) in [
            ("momentum", MuonConfig { momentum: 1.0, ..config }),
            ("iterations", MuonConfig { iterations: 0, ..config }),
            ("eps", MuonConfig { eps: 0.0, ..config }),
            ("beta2", MuonConfig { adamw, ..config }),
        ] {
            let said = Muon::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }
}
