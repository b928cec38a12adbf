use candle_core::{DType, Device, Result, Tensor, Var, bail};
use serde::{Deserialize, Serialize};

use crate::engine::squares::in_f64;
use crate::error::{OptimError, require, require_fraction, require_positive};
use crate::rule::{Step, UpdateRule};
use crate::rules::direction::descend;
use crate::rules::eigenbasis::{eigenvectors, orthonormal};
use crate::rules::moments::Moments;

/// The settings of [`Soap`]; the defaults are the paper's, but for `max_dim`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SoapConfig {
    /// *β₁*: the fraction of the first moment that survives an update, in [0, 1). Default 0.95.
    pub beta1: f64,
    /// *β₂*: the fraction of the second moment that survives an update, in [0, 1). Default 0.95.
    pub beta2: f64,
    /// *β*: the fraction of the statistics that survives an update, in [0, 1). Default 0.95.
    pub shampoo_beta: f64,
    /// *ε*: added to the root of the second moment; above 0. Default 1e-8.
    pub eps: f64,
    /// *k*: how many updates lie between two refinements of the bases, at least 1. Default 10.
    pub frequency: u64,
    /// The longest axis that has a basis, at least 1; longer ones keep their own coordinates. Its
    /// statistics and basis take 16*n*² bytes, and its first basis about 12*n*³ operations. Default
    /// 2048.
    pub max_dim: usize,
}

impl Default for SoapConfig {
    fn default() -> Self {
        Self { beta1: 0.95, beta2: 0.95, shampoo_beta: 0.95, eps: 1e-8, frequency: 10, max_dim: 2048 }
    }
}

/// SOAP: Adam in the eigenbasis of Shampoo, which turns every axis of a tensor so that its
/// coordinates have little to do with each other.
///
/// ```text
/// Lᵢ ← βLᵢ + (1 - β)GᵢGᵢᵀ           Gᵢ: the gradient as a matrix with axis i for rows
/// g' = g turned by Qᵢᵀ along each axis i
/// m ← β₁m + (1 - β₁)g
/// v ← β₂v + (1 - β₂)g'²
/// d' = m' / (√v + ε) · √(1 - β₂ⁿ)/(1 - β₁ⁿ)      m': m turned alike
/// θ ← (1 - ηλ)(θ - ηd)                           d: d' turned back
/// Qᵢ ← orthonormal basis of LᵢQᵢ                 after every k updates
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *β* = `shampoo_beta`, *ε* = `eps`, *k* = `frequency`, *n* =
/// *t* - 1, *t* = [`Step::t`], *η* = [`Step::lr`], *λ* = [`Step::weight_decay`]. *Qᵢ* begins with
/// the eigenvectors of the first *Lᵢ*. When it is refined, one step of a power iteration, its
/// columns and the elements of *v* are put in the order of their eigenvalues. *m* and *v* are the
/// slots `first_moment` and `second_moment`; `statistics` and `basis` hold *Lᵢ* and *Qᵢ* of all
/// axes, row by row, in float64.
///
/// **The first update only looks**: it makes the bases and leaves *θ* where it is, as a gradient
/// should not be turned by a basis of itself. Vectors and scalars are not turned and updated as by
/// [`AdamW`](crate::AdamW), but for that. Weights of a convolution (*O*, *I*, *K*, *K*) have a basis
/// for each of the four axes.
///
/// **Weight decay is decoupled**. Everything is computed in float64, on the CPU.
///
/// # Differs from PyTorch
/// PyTorch has none.
///
/// # Differs from the paper
/// The authors' implementation, which this follows, skips the first update and keeps *m* unturned.
/// Its `max_precondition_dim` is 10000; axes are not merged, vectors have no basis.
///
/// # Examples
/// Two directions of very different curvature, across the axes:
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{Group, Optimizer, OptimizerConfig, Soap, SoapConfig};
///
/// let x = Var::new(&[[3f64, 2.0], [2.0, -1.0]], &Device::Cpu)?;
/// let skew = Tensor::new(&[[10f64, 9.0], [9.0, 10.0]], &Device::Cpu)?;
/// let group = Group { params: vec![("x".into(), x.clone())], ..Group::default() };
/// let rule = Box::new(Soap::new(SoapConfig::default())?);
/// let mut optimizer = Optimizer::new(rule, vec![group], OptimizerConfig::default())?;
/// for t in 0..400 {
///     let loss = skew.matmul(&x)?.sqr()?.sum_all()?;
///     optimizer.step(&loss.backward()?, 0.1 * (1.0 - f64::from(t) / 400.0))?;
/// }
/// assert!(x.sqr()?.sum_all()?.to_scalar::<f64>()? < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// N. Vyas et al., *SOAP: Improving and Stabilizing Shampoo using Adam*, 2024.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Soap {
    config: SoapConfig,
    moments: Moments,
}

impl Soap {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1`, `beta2` or `shampoo_beta` is outside [0, 1), `eps` is
    /// not a finite number above 0, or `frequency` or `max_dim` is 0.
    pub fn new(config: SoapConfig) -> std::result::Result<Self, OptimError> {
        let moments = Moments::new(config.beta1, config.beta2)?;
        require_fraction("shampoo_beta", config.shampoo_beta)?;
        require_positive("eps", config.eps)?;
        require(config.frequency > 0, "frequency", "at least 1", config.frequency as f64)?;
        require(config.max_dim > 0, "max_dim", "at least 1", config.max_dim as f64)?;
        Ok(Self { config, moments })
    }

    fn axes(&self, dims: &[usize]) -> Vec<Axis> {
        let mut start = 0;
        let axis = |&len: &usize| {
            let turned = dims.len() > 1 && len <= self.config.max_dim;
            let axis = Axis { len, start: turned.then_some(start) };
            start += if turned { len * len } else { 0 };
            axis
        };
        dims.iter().map(axis).collect()
    }

    /// Takes the gradient into the statistics of every axis.
    fn observe(&self, axes: &[Axis], grad: &Tensor, statistics: &Var) -> Result<()> {
        let (mut squares, mut rest) = (Vec::new(), grad.clone());
        for axis in axes {
            let matrix = rest.reshape((axis.len, ()))?;
            if axis.start.is_some() {
                squares.push(matrix.matmul(&matrix.t()?)?.flatten_all()?);
            }
            rest = matrix.t()?.contiguous()?;
        }
        if squares.is_empty() {
            return Ok(());
        }
        let (new, old) = (Tensor::cat(&squares, 0)?, statistics.as_detached_tensor());
        statistics.set(&(&old + ((new - &old)? * (1.0 - self.config.shampoo_beta))?)?)
    }
}

/// One axis of a tensor.
struct Axis {
    len: usize,
    /// Where the elements of its matrices begin in the slots, if it is turned.
    start: Option<usize>,
}

impl Axis {
    /// Its matrix in `statistics` or `basis`.
    fn matrix(&self, slot: &Var) -> Result<Option<Tensor>> {
        let own =
            |start| slot.as_detached_tensor().narrow(0, start, self.len * self.len)?.reshape((self.len, self.len));
        self.start.map(own).transpose()
    }
}

/// Which way to turn.
#[derive(Clone, Copy)]
enum Turn {
    /// Into the basis.
    Into,
    /// Out of it.
    Back,
}

/// Turns the tensor along every axis that has a basis.
fn turned(axes: &[Axis], basis: &Var, tensor: &Tensor, turn: Turn) -> Result<Tensor> {
    let mut rest = tensor.clone();
    for axis in axes {
        // The axis in front goes to the end, so that after all of them each is where it was.
        let columns = rest.reshape((axis.len, ()))?.t()?.contiguous()?;
        rest = match (axis.matrix(basis)?, turn) {
            (Some(basis), Turn::Into) => columns.matmul(&basis)?,
            (Some(basis), Turn::Back) => columns.matmul(&basis.t()?)?,
            (None, _) => columns,
        };
    }
    rest.reshape(tensor.shape())
}

/// The eigenvectors of the statistics.
fn begin(axes: &[Axis], statistics: &Var, basis: &Var) -> Result<()> {
    let mut matrices = statistics.to_vec1::<f64>()?;
    for (start, len) in axes.iter().filter_map(|axis| Some((axis.start?, axis.len))) {
        let matrix = &mut matrices[start..start + len * len];
        matrix.copy_from_slice(&eigenvectors(matrix, len));
    }
    basis.set(&Tensor::from_vec(matrices, basis.shape(), &Device::Cpu)?)
}

/// One step of a power iteration; returns the second moment in the new order of each basis.
fn refine(axes: &[Axis], statistics: &Var, basis: &Var, second: Tensor) -> Result<Tensor> {
    let (mut second, mut matrices) = (second, basis.to_vec1::<f64>()?);
    for (at, axis) in axes.iter().enumerate() {
        let (Some(start), Some(statistics), Some(old)) = (axis.start, axis.matrix(statistics)?, axis.matrix(basis)?)
        else {
            continue;
        };
        let product = statistics.matmul(&old)?;
        let values = (old * &product)?.sum(0)?.to_vec1::<f64>()?;
        let mut order: Vec<u32> = (0..axis.len as u32).collect();
        order.sort_by(|&a, &b| values[b as usize].total_cmp(&values[a as usize]));
        let order = Tensor::new(order, &Device::Cpu)?;
        second = second.contiguous()?.index_select(&order, at)?;
        let sorted = product.index_select(&order, 1)?.flatten_all()?.to_vec1::<f64>()?;
        matrices[start..start + sorted.len()].copy_from_slice(&orthonormal(&sorted, axis.len));
    }
    basis.set(&Tensor::from_vec(matrices, basis.shape(), &Device::Cpu)?)?;
    Ok(second)
}

/// The next of a running mean.
fn running(mean: &Tensor, value: &Tensor, kept: f64) -> Result<Tensor> {
    (mean * kept)? + (value * (1.0 - kept))?
}

/// The tensor in float64 on the CPU.
fn wide(tensor: &Tensor) -> Result<Tensor> {
    in_f64(&tensor.detach().to_device(&Device::Cpu)?)
}

/// The tensor in the type and on the device of the parameter.
fn like(tensor: &Tensor, theta: &Var) -> Result<Tensor> {
    tensor.to_dtype(theta.dtype())?.to_device(theta.device())
}

impl UpdateRule for Soap {
    fn slots(&self) -> &[&'static str] {
        &["first_moment", "second_moment", "statistics", "basis"]
    }

    fn new_slot(&self, slot: &str, theta: &Var) -> Result<Var> {
        if matches!(slot, "statistics" | "basis") {
            let turned = self.axes(theta.dims()).into_iter().filter(|axis| axis.start.is_some());
            let elements: usize = turned.map(|axis| axis.len * axis.len).sum();
            return Var::zeros(elements, DType::F64, &Device::Cpu);
        }
        Var::zeros(theta.shape(), theta.dtype(), theta.device())
    }

    fn has_momentum(&self) -> bool {
        true
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        self.update_scaled(theta, grad, 1.0, slots, step)
    }

    fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
        let [first, second, statistics, basis] = slots else {
            bail!("SOAP keeps {} slots, got {}", self.slots().len(), slots.len());
        };
        if theta.elem_count() == 0 {
            return Ok(());
        }
        let (axes, grad) = (self.axes(theta.dims()), (wide(grad)?.contiguous()? * factor)?);
        let updates = step.t.saturating_sub(1);
        if updates == 0 {
            self.observe(&axes, &grad, statistics)?;
            return begin(&axes, statistics, basis);
        }
        let beta1 = step.momentum.unwrap_or(self.config.beta1);
        let into = |tensor: &Tensor| turned(&axes, basis, tensor, Turn::Into);
        let m = running(&wide(first)?, &grad, beta1)?;
        let v = running(&wide(second)?, &into(&grad)?.sqr()?, self.config.beta2)?;
        let direction = (into(&m)? / (v.sqrt()? + self.config.eps)?)?;
        let direction = like(&turned(&axes, basis, &direction, Turn::Back)?, theta)?;
        let [first_part, second_part] = self.moments.at(step).corrections(updates);
        let kept = 1.0 - step.lr * step.weight_decay;
        descend(theta, &direction, kept, kept * step.lr * second_part.sqrt() / first_part)?;
        self.observe(&axes, &grad, statistics)?;
        let v = if updates.is_multiple_of(self.config.frequency) { refine(&axes, statistics, basis, v)? } else { v };
        first.set(&like(&m, theta)?)?;
        second.set(&like(&v, theta)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = SoapConfig::default();
        for (field, config) in [
            ("beta1", SoapConfig { beta1: 1.0, ..config }),
            ("beta2", SoapConfig { beta2: -0.1, ..config }),
            ("shampoo_beta", SoapConfig { shampoo_beta: 1.0, ..config }),
            ("eps", SoapConfig { eps: 0.0, ..config }),
            ("frequency", SoapConfig { frequency: 0, ..config }),
            ("max_dim", SoapConfig { max_dim: 0, ..config }),
        ] {
            let said = Soap::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn axes_that_are_too_long_and_vectors_have_no_basis() -> Result<()> {
        let soap = Soap::new(SoapConfig { max_dim: 4, ..SoapConfig::default() }).unwrap();
        for (shape, elements) in [(vec![], 0), (vec![3], 0), (vec![3, 4], 25), (vec![5, 2, 3, 3], 22), (vec![9, 9], 0)]
        {
            let theta = Var::zeros(shape, DType::F32, &Device::Cpu)?;
            assert_eq!(soap.new_slot("basis", &theta)?.elem_count(), elements);
        }
        Ok(())
    }

    #[test]
    fn turning_back_undoes_turning() -> Result<()> {
        let soap = Soap::new(SoapConfig { max_dim: 4, ..SoapConfig::default() }).unwrap();
        let values: Vec<f64> = (0..4 * 5 * 2 * 3).map(|i| f64::from(i).sin()).collect();
        let grad = Tensor::from_vec(values, (4, 5, 2, 3), &Device::Cpu)?;
        let (theta, axes) = (Var::from_tensor(&grad)?, soap.axes(grad.dims()));
        let [statistics, basis] = [soap.new_slot("statistics", &theta)?, soap.new_slot("basis", &theta)?];
        soap.observe(&axes, &grad, &statistics)?;
        begin(&axes, &statistics, &basis)?;
        let there = turned(&axes, &basis, &grad, Turn::Into)?;
        let again = turned(&axes, &basis, &there, Turn::Back)?;
        assert!((again - &grad)?.abs()?.max_all()?.to_scalar::<f64>()? < 1e-14);
        assert!((there - &grad)?.abs()?.max_all()?.to_scalar::<f64>()? > 0.1);
        Ok(())
    }
}
