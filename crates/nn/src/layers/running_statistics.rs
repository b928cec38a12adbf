//! Running statistics that are computed anew, or that a forward pass leaves alone.

use std::cell::RefCell;
use std::collections::HashMap;

use candle_core::{Error, Result, Tensor, TensorId, Var};

/// Runs `passes`, which are forward passes in training, and makes the running statistics of every
/// [`BatchNorm`](crate::BatchNorm) in them anew: the plain mean over the batches of what each has,
/// whatever the momentum of the layer.
///
/// ```text
/// running_mean <- 1/K sum of mean_k
/// running_var  <- 1/K sum of variance_k n/(n - 1)       batches k = 1 ... K
/// ```
///
/// For weights that were put together from several networks, or a network that is to see other
/// pictures. An average along one run (`taper_optim::Average`) has good statistics without: those
/// of the training. The pictures should be prepared as for training, augmentation included, and be
/// many: the statistics are those of these passes and no others.
///
/// Which network it is, what it is given and where it begins (stored features, where the first
/// layers are frozen) is up to `passes`. They have to run on the thread that calls this. Layers
/// that they run in testing keep their statistics, and so do those that they do not run.
///
/// A channel that has one value in all of `passes`, as behind a rectifier that lets nothing
/// through, says nothing of its variance and keeps the one that it had: with 0, another picture's
/// values would be multiplied by 1/sqrt(eps), which is 316.
///
/// # Errors
/// That of `passes`, or when a tensor cannot be copied; the statistics are then what they were.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{BatchNorm, BatchNormConfig, Layer, Mode, Params, recompute_statistics};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let norm = BatchNorm::new(&params.root(), 1, BatchNormConfig::default())?;
/// recompute_statistics(|| {
///     for batch in [[[1f32], [3.0]], [[5.0], [9.0]]] {
///         norm.forward(&Tensor::new(&batch, &Device::Cpu)?, Mode::Train(&Rng::new(0)))?;
///     }
///     candle_core::Result::Ok(())
/// })?;
/// let of = |name: &str| params.tensors()[name].to_vec1::<f32>();
/// assert_eq!((of("running_mean")?, of("running_var")?), (vec![4.5], vec![5.0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Differs from PyTorch
/// `torch.optim.swa_utils.update_bn` sets the variance of a channel without any to 0.
///
/// # References
/// P. Izmailov et al., *Averaging Weights Leads to Wider Optima and Better Generalization*, 2018.
pub fn recompute_statistics<R, E: From<Error>>(
    passes: impl FnOnce() -> std::result::Result<R, E>,
) -> std::result::Result<R, E> {
    let outer = Outer(STATISTICS.replace(Statistics::Gathered(Gathered::new())));
    let done = passes();
    let gathered = match STATISTICS.take() {
        Statistics::Gathered(gathered) => gathered,
        Statistics::Followed | Statistics::Kept | Statistics::Frozen => Gathered::new(),
    };
    drop(outer);
    for before in gathered.values() {
        before.conclude(done.is_ok())?;
    }
    done
}

/// Runs `pass`, a forward pass in training, and leaves the running statistics of every
/// [`BatchNorm`](crate::BatchNorm) in it as they are: the batch has been seen before, by a pass
/// whose results are computed again, or with other weights.
///
/// It has to run on the thread that calls this.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{BatchNorm, BatchNormConfig, Layer, Mode, Params, keep_statistics};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let norm = BatchNorm::new(&params.root(), 1, BatchNormConfig::default())?;
/// let x = Tensor::new(&[[1f32], [3.0]], &Device::Cpu)?;
/// keep_statistics(|| norm.forward(&x, Mode::Train(&Rng::new(0))))?;
/// assert_eq!(params.tensors()["running_mean"].to_vec1::<f32>()?, [0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn keep_statistics<R>(pass: impl FnOnce() -> R) -> R {
    let _outer = Outer(STATISTICS.replace(Statistics::Kept));
    pass()
}

/// Runs `pass`, a forward pass in training in which every [`BatchNorm`](crate::BatchNorm)
/// normalizes by its running statistics and leaves them as they are; weights and biases get their
/// gradients.
///
/// For batches of a few pictures, whose own mean and variance say little: detectors are trained so,
/// torchvision's with `FrozenBatchNorm2d`, whose weights and biases stay too.
///
/// It has to run on the thread that calls this.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{BatchNorm, BatchNormConfig, Layer, Mode, Params, frozen_statistics};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let norm = BatchNorm::new(&params.root(), 1, BatchNormConfig { eps: 1e-20, ..BatchNormConfig::default() })?;
/// let x = Tensor::new(&[[1f32], [3.0]], &Device::Cpu)?;
/// let y = frozen_statistics(|| norm.forward(&x, Mode::Train(&Rng::new(0))))?;
/// assert_eq!(y.to_vec2::<f32>()?, [[1.0], [3.0]]); // mean 0 and variance 1, as it began
/// assert_eq!(params.tensors()["running_mean"].to_vec1::<f32>()?, [0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn frozen_statistics<R>(pass: impl FnOnce() -> R) -> R {
    let _outer = Outer(STATISTICS.replace(Statistics::Frozen));
    pass()
}

/// Whether batches are normalized by running statistics in training, too.
pub(crate) fn are_frozen() -> bool {
    STATISTICS.with_borrow(|statistics| matches!(statistics, Statistics::Frozen))
}

/// What becomes of running statistics on this thread.
#[derive(Default)]
enum Statistics {
    /// They follow the batches.
    #[default]
    Followed,
    /// They are computed anew: what is gathered by layer.
    Gathered(Gathered),
    /// They stay.
    Kept,
    /// They stay, and take the place of a batch's own.
    Frozen,
}

thread_local! {
    static STATISTICS: RefCell<Statistics> = const { RefCell::new(Statistics::Followed) };
}

/// Brings back what was so before passes that are over, however they ended.
struct Outer(Statistics);

impl Drop for Outer {
    fn drop(&mut self) {
        STATISTICS.set(std::mem::take(&mut self.0));
    }
}

/// A deviation of so little of the mean is rounding.
const ROUNDING: f64 = 1e-6;

type Gathered = HashMap<TensorId, Before>;

/// Batches of a layer until now, and the statistics that it had before.
struct Before {
    batches: u32,
    mean: (Var, Tensor),
    variance: (Var, Tensor),
}

impl Before {
    /// Puts back what the passes say nothing of; everything when they have failed.
    fn conclude(&self, succeeded: bool) -> Result<()> {
        let ((mean, old_mean), (variance, old_variance)) = (&self.mean, &self.variance);
        if !succeeded {
            mean.set(old_mean)?;
            return variance.set(old_variance);
        }
        let rounding = (mean.as_detached_tensor().sqr()? * ROUNDING.powi(2))?;
        let without = variance.as_detached_tensor().le(&rounding)?;
        variance.set(&without.where_cond(old_variance, &variance.as_detached_tensor())?)
    }
}

/// The weight of a batch that a layer has just seen in its running statistics: its momentum, unless
/// they are computed anew; none where they stay.
pub(crate) fn weight(momentum: f64, mean: &Var, variance: &Var) -> Result<Option<f64>> {
    STATISTICS.with_borrow_mut(|statistics| {
        let gathered = match statistics {
            Statistics::Followed => return Ok(Some(momentum)),
            Statistics::Kept | Statistics::Frozen => return Ok(None),
            Statistics::Gathered(gathered) => gathered,
        };
        let old = |var: &Var| Ok::<_, Error>((var.clone(), var.as_detached_tensor().copy()?));
        let before = match gathered.remove(&mean.id()) {
            Some(before) => Before { batches: before.batches + 1, ..before },
            None => Before { batches: 1, mean: old(mean)?, variance: old(variance)? },
        };
        let weight = 1.0 / f64::from(before.batches);
        gathered.insert(mean.id(), before);
        Ok(Some(weight))
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_tensor::Rng;

    use super::*;
    use crate::{BatchNorm, BatchNormConfig, Layer, Mode, Params};

    /// Three channels, of which the second never varies and the third no more than by rounding, in
    /// two batches.
    const BATCHES: [[[f64; 3]; 2]; 2] = [[[1.0, 7.0, 8.0], [3.0, 7.0, 8.0 + 1e-9]], [[5.0, 7.0, 8.0], [9.0, 7.0, 8.0]]];

    fn norm(momentum: f64) -> (Params, BatchNorm) {
        let params = Params::new(Rng::new(0), DType::F64, Device::Cpu);
        let norm = BatchNorm::new(&params.root(), 3, BatchNormConfig { momentum, ..Default::default() }).unwrap();
        (params, norm)
    }

    fn pass(norm: &BatchNorm, batch: usize, mode: Mode<'_>) -> Result<Tensor> {
        norm.forward(&Tensor::new(&BATCHES[batch], &Device::Cpu)?, mode)
    }

    fn statistics(params: &Params) -> [Vec<f64>; 2] {
        ["running_mean", "running_var"].map(|name| params.tensors()[name].to_vec1().unwrap())
    }

    #[test]
    fn every_batch_counts_alike_whatever_the_momentum_and_what_was_there_before() -> Result<()> {
        let rng = Rng::new(0);
        for (momentum, before) in [(0.1, 5.0), (0.01, -1e9), (1.0, f64::NAN)] {
            let (params, norm) = norm(momentum);
            let buffers = params.buffers();
            buffers[0].1.set(&Tensor::full(before, 3, &Device::Cpu)?)?;
            recompute_statistics(|| (0..2).try_for_each(|i| pass(&norm, i, Mode::Train(&rng)).map(drop)))?;
            // The means 2 and 7, the variances 2 and 8; without variance the one before stays,
            // which is 1.
            let [mean, variance] = statistics(&params);
            assert_eq!((&mean[..2], &variance[..]), (&[4.5, 7.0][..], &[5.0, 1.0, 1.0][..]));
            assert!((mean[2] - 8.0).abs() < 1e-8);
            // From here on a batch has the weight of the momentum again.
            pass(&norm, 0, Mode::Train(&rng))?;
            assert!((statistics(&params)[0][0] - (4.5 - 2.5 * momentum)).abs() < 1e-12);
        }
        Ok(())
    }

    #[test]
    fn passes_that_fail_or_test_change_nothing() -> Result<()> {
        let ((params, norm), rng) = (norm(0.1), Rng::new(0));
        pass(&norm, 0, Mode::Train(&rng))?;
        let before = statistics(&params);
        recompute_statistics(|| pass(&norm, 1, Mode::Eval))?;
        assert_eq!(statistics(&params), before);
        let failed = recompute_statistics(|| {
            pass(&norm, 1, Mode::Train(&rng))?;
            Err::<(), _>(Error::Msg("no more pictures".into()))
        });
        assert!(failed.unwrap_err().to_string().contains("no more pictures"));
        assert_eq!(statistics(&params), before);
        Ok(())
    }
}
