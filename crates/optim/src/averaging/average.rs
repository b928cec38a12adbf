use candle_core::{Result, Var};

use crate::averaging::averaging::Averaging;
use crate::engine::elementwise::Tensors;
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, tensor_error};
use crate::named::named;

/// An average of parameters along a run, kept beside them under their names.
///
/// After each step of the optimizer comes [`Average::update`]; the first value that enters is
/// copied, the later ones are averaged in as [`Averaging`] says. To evaluate the average,
/// [`Average::swap`] exchanges it with the parameters, to the bit, and again to go on training.
///
/// **Batch norm**: the running statistics are no parameters; those of the training stay in the
/// model while the average is in it. They are an average along the run already, and were measured
/// to be the best companions of averaged weights, on few pictures above all. With buffers listed
/// among the parameters they are averaged too, once more, and lag behind by as many steps. Computed
/// anew from training pictures (PyTorch's `update_bn`; `recompute_statistics` of
/// `taper-regularize`), they cost a pass, and what does not vary in those pictures gets a variance
/// near 0.
///
/// **Rounding**: the average has its parameter's type, and every operation is rounded to it. In
/// float32 a value that should move *m* by less than half the distance to the neighboring number,
/// which is 2⁻²⁵|*m*| to 2⁻²⁴|*m*|, does not move it. So value *t* of a mean is lost when it lies
/// within *t*·2⁻²⁵|*m*| of *m* (3 % for the millionth: take snapshots in a long run), and an
/// exponential average can stay 2⁻²⁴|*m*|/(1 - *d*) away from a *θ* that has come to rest: 6e-5 of
/// its size with *d* = 0.999, 6e-4 with 0.9999. Parameters of float64 have 29 bits more.
///
/// On a CPU an update is one parallel pass over memory; the number of threads does not touch the
/// result.
///
/// # Differs from PyTorch
/// `torch.optim.swa_utils.AveragedModel` copies a whole model. Its buffers follow the model's, as
/// here, unless it is told `use_buffers`; timm's `ModelEmaV3` always averages them. There as here
/// the first value is copied. `get_swa_avg_fn` is
/// [`Averaging::PolyakRuppert`] or, with its choice of when to call left to the type,
/// [`Averaging::Snapshots`]; `get_ema_avg_fn` is [`Averaging::Exponential`] without warm-up.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{Average, Averaging};
///
/// let theta = Var::new(&[0f32, 8.0], &Device::Cpu)?;
/// let mut average = Average::new(vec![("theta".into(), theta.clone())], Averaging::PolyakRuppert)?;
/// for value in [[1f32, 8.0], [3.0, 8.0]] {
///     theta.set(&Tensor::new(&value, &Device::Cpu)?)?;
///     average.update()?;
/// }
/// average.swap()?;
/// assert_eq!(theta.to_vec1::<f32>()?, [2.0, 8.0]);
/// average.swap()?;
/// assert_eq!(theta.to_vec1::<f32>()?, [3.0, 8.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - B. T. Polyak, A. B. Juditsky, *Acceleration of stochastic approximation by averaging*, 1992.
/// - D. Ruppert, *Efficient estimations from a slowly convergent Robbins-Monro process*, 1988.
/// - P. Izmailov et al., *Averaging Weights Leads to Wider Optima and Better Generalization*, 2018.
#[derive(Debug)]
pub struct Average {
    averaging: Averaging,
    /// In the order of their names.
    pub(crate) averaged: Vec<Averaged>,
    pub(crate) updates: u64,
    pub(crate) swapped: bool,
}

/// A parameter and its average, or the other way round while they are swapped.
#[derive(Debug)]
pub(crate) struct Averaged {
    pub(crate) name: String,
    param: Var,
    beside: Var,
}

impl Average {
    /// Checks the settings and makes room for the average.
    ///
    /// # Errors
    /// - [`OptimError::BadConfig`] when a field of `averaging` is out of range;
    /// - [`OptimError::ListedTwice`], [`OptimError::SameVariable`], [`OptimError::NothingToTrain`],
    ///   [`OptimError::NotTrainable`] for parameters that an optimizer would refuse as well;
    /// - [`OptimError::Tensor`] when there is no room.
    pub fn new(params: Vec<(String, Var)>, averaging: Averaging) -> std::result::Result<Self, OptimError> {
        averaging.check()?;
        let with_room = |(name, param): (String, Var)| {
            let beside = Var::zeros(param.shape(), param.dtype(), param.device());
            let beside = beside.map_err(|source| tensor_error(&name, source))?;
            Ok(Averaged { name, param, beside })
        };
        let averaged = named(params)?.into_iter().map(with_room).collect::<std::result::Result<_, OptimError>>()?;
        Ok(Self { averaging, averaged, updates: 0, swapped: false })
    }

    /// Counts an update of the parameters, and takes their values into the average when it is
    /// their turn.
    ///
    /// # Errors
    /// - [`OptimError::Swapped`] while the parameters are swapped;
    /// - [`OptimError::Tensor`] when a tensor operation fails; averages before the named one have
    ///   then been updated.
    pub fn update(&mut self) -> std::result::Result<(), OptimError> {
        self.require_unswapped("an update")?;
        let before = self.averaging.entered(self.updates);
        if self.averaging.entered(self.updates + 1) > before {
            let approach = Approach { weight: self.averaging.weight(before) };
            for Averaged { name, param, beside } in &self.averaged {
                let done = if before == 0 { beside.set(param) } else { approach.update(beside, param) };
                done.map_err(|source| tensor_error(name, source))?;
            }
        }
        self.updates += 1;
        Ok(())
    }

    /// Exchanges the parameters and their average, to the bit; a second time puts both back.
    ///
    /// # Errors
    /// - [`OptimError::NothingAveraged`] when no value has entered the average yet;
    /// - [`OptimError::Tensor`] when a tensor operation fails; parameters before the named one have
    ///   then been exchanged.
    pub fn swap(&mut self) -> std::result::Result<(), OptimError> {
        if self.entered() == 0 {
            return Err(OptimError::NothingAveraged);
        }
        for Averaged { name, param, beside } in &self.averaged {
            exchange(param, beside).map_err(|source| tensor_error(name, source))?;
        }
        self.swapped = !self.swapped;
        Ok(())
    }

    /// Whether the average is in the model at the moment, and the parameters beside it.
    pub fn is_swapped(&self) -> bool {
        self.swapped
    }

    /// How many values have entered the average.
    pub fn entered(&self) -> u64 {
        self.averaging.entered(self.updates)
    }

    pub(crate) fn require_unswapped(&self, what: &'static str) -> std::result::Result<(), OptimError> {
        if self.swapped { Err(OptimError::Swapped { what }) } else { Ok(()) }
    }

    /// Where the average is now.
    pub(crate) fn holder<'a>(&self, averaged: &'a Averaged) -> &'a Var {
        if self.swapped { &averaged.param } else { &averaged.beside }
    }
}

fn exchange(a: &Var, b: &Var) -> Result<()> {
    let kept = a.as_detached_tensor().copy()?;
    a.set(b)?;
    b.set(&kept)
}

/// *m* ← *m* + *weight*·(*θ* - *m*), in the place that rules have for a parameter and a gradient.
#[derive(Clone, Copy)]
struct Approach {
    weight: f64,
}

impl Approach {
    fn update(self, average: &Var, param: &Var) -> Result<()> {
        Tensors::new(average, &param.as_detached_tensor(), 1.0, &[]).each::<0>(self)
    }
}

impl Formula<0> for Approach {
    #[inline]
    fn apply<T: Number>(self, average: T, param: T, []: [T; 0]) -> (T, [T; 0]) {
        (average.clone() + (param - average) * self.weight, [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{fused, whole};
    use candle_core::{DType, Device, Tensor};

    #[test]
    fn one_pass_and_candles_operations_agree_with_any_number_of_threads() -> Result<()> {
        let values = |n: usize, from: f64| -> Vec<f64> { (0..n).map(|i| (from + i as f64).sin().powi(3)).collect() };
        for dtype in [DType::F32, DType::F64] {
            for n in [1, 7, 100_003] {
                let new = |from| Var::from_tensor(&Tensor::new(values(n, from), &Device::Cpu)?.to_dtype(dtype)?);
                let (param, slow, approach) = (new(0.5)?, new(2.0)?, Approach { weight: 0.3 });
                whole::update::<0>(approach, &slow, &param.as_detached_tensor(), &[])?;
                for threads in [1, 3] {
                    let fast = new(2.0)?;
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    assert!(pool.install(|| fused::update::<0>(approach, &fast, &param, &[]))?);
                    let both = [&fast, &slow].map(|var| var.to_dtype(DType::F64)?.to_vec1::<f64>());
                    let [fast, slow] = both.map(|values| values.unwrap());
                    assert_eq!(fast, slow, "{dtype:?}, {n} elements, {threads} threads");
                }
            }
        }
        Ok(())
    }
}
