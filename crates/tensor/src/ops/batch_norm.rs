//! Batch normalization.

use std::sync::Arc;

use candle_core::{DType, Result, Shape, Tensor};

use super::activation::rectified;
use super::batch_moments::BatchMoments;
use super::epilogue::Epilogue;
use super::{composed, inputs};
use crate::autograd::{Again, Gate, Gradient, Gradients, Kept, Terms, rewritten, tape};
use crate::kernels::gemm::tally::{GradientSums, Moments, SIGNS};
use crate::kernels::memory::Elements;
use crate::kernels::norm::batch_norm::{self as kernel, Affine};
use crate::kernels::norm::{Then, moments};
use crate::kernels::simd::{Real, Stored};
use crate::kernels::{self, on_maps};
use crate::pointwise::Pointwise;

/// `y = (x - mean) / √(variance + eps) · weight + bias`, with the mean and the biased variance of
/// this batch over all axes but the last, and what the epilogue says of it. Variance zero gives
/// `bias`, never NaN, as long as eps is above zero.
///
/// Two passes over memory each way, the epilogue included.
///
/// # Shapes
/// x (..,C), weight and bias (C), a residual (..,C) to (..,C) and the moments.
///
/// # Errors
/// When the shapes do not fit each other or x is empty.
///
/// # References
/// S. Ioffe, C. Szegedy, *Batch normalization*, 2015.
pub fn batch_norm_train(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
    epilogue: Epilogue<'_>,
) -> Result<(Tensor, BatchMoments)> {
    let c = inputs::batch_norm(x, [weight, bias], epilogue)?;
    if !kernels::fits_map(x, &[weight, bias]) || x.elem_count() == 0 {
        return composed::batch_norm_train(x, weight, bias, eps, epilogue);
    }
    let moments = on_maps!(x.dtype(), M => kernels::with::<M, _>(&x.contiguous()?, |x| moments::of(x, c))?);
    of_batch((x, false), &moments, weight, bias, eps, epilogue)
}

/// The batch norm of x, whose moments these are, and which may be nobody else's.
pub(super) fn of_batch(
    (x, own): (&Tensor, bool),
    moments: &Moments,
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
    epilogue: Epilogue<'_>,
) -> Result<(Tensor, BatchMoments)> {
    let Moments { mean, variance } = moments;
    let vector = |values: &[f64]| Tensor::from_slice(values, values.len(), x.device())?.to_dtype(weight.dtype());
    let count = x.elem_count() / mean.len();
    let statistics = BatchMoments { mean: vector(mean)?, variance: vector(variance)?, count };
    on_maps!(x.dtype(), M => {
        let affine = Affine::new(mean, variance, eps, &vec_of(weight)?, &vec_of(bias)?);
        Ok((normalize::<M>((x, own), weight, bias, affine, epilogue, Statistics::OfBatch)?, statistics))
    })
}

/// [`batch_norm_train`] with given statistics, which get no gradient. All else does: x, weight,
/// bias and a residual.
///
/// # Shapes
/// x (..,C), weight, bias, mean and variance (C), a residual (..,C) to (..,C).
///
/// # Errors
/// When the shapes do not fit each other.
pub fn batch_norm_eval(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    mean: &Tensor,
    variance: &Tensor,
    eps: f64,
    epilogue: Epilogue<'_>,
) -> Result<Tensor> {
    inputs::batch_norm(x, [weight, bias], epilogue)?;
    inputs::batch_norm(x, [mean, variance], epilogue)?;
    if !kernels::fits_map(x, &[weight, bias]) || x.elem_count() == 0 {
        return composed::batch_norm_eval(x, weight, bias, mean, variance, eps, epilogue);
    }
    on_maps!(x.dtype(), M => {
        let wide = |t: &Tensor| t.to_dtype(DType::F64)?.to_vec1::<f64>();
        let affine = Affine::new(&wide(mean)?, &wide(variance)?, eps, &vec_of(weight)?, &vec_of(bias)?);
        normalize::<M>((x, false), weight, bias, affine, epilogue, Statistics::Given)
    })
}

pub(super) fn vec_of<T: Real>(vector: &Tensor) -> Result<Vec<T>> {
    vector.to_vec1()
}

/// Where mean and variance come from: only those of the batch depend on x.
#[derive(Clone, Copy, PartialEq)]
enum Statistics {
    OfBatch,
    Given,
}

fn normalize<M: Stored>(
    (x, own): (&Tensor, bool),
    weight: &Tensor,
    bias: &Tensor,
    affine: Affine<M::Real>,
    epilogue: Epilogue<'_>,
    statistics: Statistics,
) -> Result<Tensor> {
    let values = x.contiguous()?;
    let residual = epilogue.residual();
    let wanted = Wanted {
        x: x.track_op(),
        vectors: weight.track_op() || bias.track_op(),
        residual: residual.is_some_and(Tensor::track_op),
    };
    // Given statistics need x for the gradient of the weight alone, and for the slope of a function
    // behind the norm.
    let function = epilogue.function();
    let keep_x = wanted.vectors || (wanted.x && (statistics == Statistics::OfBatch || function.is_some()));
    let rectified = matches!(epilogue, Epilogue::Relu | Epilogue::AddRelu(_));
    let signed = keep_x && rectified && affine.mean().len().is_multiple_of(SIGNS);
    let (y, signs) = followed::<M>(&values, &affine, epilogue, signed)?;
    let gate = match signs {
        Some(signs) => {
            let mean = Tensor::from_slice(affine.mean(), affine.mean().len(), x.device())?;
            Some(Arc::new(Gate::new(tape::kept(x, &values), signs, mean)))
        }
        None => None,
    };
    let saved = Saved::<M> {
        x: keep_x.then(|| tape::kept(x, &values)),
        own,
        affine: affine.clone(),
        statistics,
        rectified,
        function,
        added: residual.is_some(),
        wanted,
        gate: gate.clone(),
    };
    let inputs: Vec<&Tensor> = [x, weight, bias].into_iter().chain(residual).collect();
    // The result is part of the gradient behind a residual, and where x is not kept.
    let again = saved.again(epilogue);
    let y = match again {
        Some(_) => tape::record_terms(y, x.shape(), &inputs, move |dy| saved.backward(dy, None)),
        None => {
            let backward = move |dy, y: &Tensor| saved.backward(dy, Some(y));
            tape::record_with_output(y, x.shape(), &inputs, backward)
        }
    }?;
    if let Some(again) = again {
        tape::offer(&y, again);
    }
    if let Some(gate) = gate {
        tape::ask(&y, gate);
    }
    Ok(y)
}

/// The normalized map and what follows; where `signed`, the signs of a rectified one.
fn followed<M: Stored>(
    x: &Tensor,
    affine: &Affine<M::Real>,
    epilogue: Epilogue<'_>,
    signed: bool,
) -> Result<(Vec<M>, Option<Vec<u16>>)> {
    kernels::with::<M, _>(x, |x| match epilogue {
        Epilogue::None => Ok(kernel::forward(x, affine, Then::Nothing, false)),
        Epilogue::Relu => Ok(kernel::forward(x, affine, Then::Relu, signed)),
        Epilogue::Activate(function) => Ok(kernel::forward(x, affine, Then::Activate(function), false)),
        Epilogue::AddRelu(residual) => {
            kernels::with::<M, _>(&residual.contiguous()?, |z| kernel::forward(x, affine, Then::AddRelu(z), signed))
        }
    })?
}

/// Which gradients somebody wants.
struct Wanted {
    x: bool,
    /// Those of weight and bias.
    vectors: bool,
    residual: bool,
}

struct Saved<M: Stored> {
    x: Option<Kept>,
    /// Whether x is of no use to anybody after this.
    own: bool,
    affine: Affine<M::Real>,
    statistics: Statistics,
    rectified: bool,
    function: Option<Pointwise>,
    added: bool,
    wanted: Wanted,
    gate: Option<Arc<Gate>>,
}

impl<M: Stored> Saved<M> {
    /// How to compute the result again, which the gradient does not need: without a residual, where
    /// x is kept.
    fn again(&self, epilogue: Epilogue<'_>) -> Option<Arc<Again>> {
        let then = match epilogue {
            Epilogue::None => Then::Nothing,
            Epilogue::Relu => Then::Relu,
            Epilogue::Activate(function) => Then::Activate(function),
            Epilogue::AddRelu(_) => return None,
        };
        let (x, affine) = (self.x.clone()?, self.affine.clone());
        (self.statistics == Statistics::OfBatch).then(|| {
            Again::new(move || {
                let x = x.get()?;
                let (y, _) = kernels::with::<M, _>(&x, |x| kernel::forward(x, &affine, then, false))?;
                kernels::tensor(y, x.shape())
            })
        })
    }

    /// The gradients of x, weight, bias and, where there is one, the residual.
    fn backward(mut self, dy: Terms, y: Option<&Tensor>) -> Gradients {
        let x = self.x.as_ref().map(Kept::get).transpose()?;
        let behind = self.behind(x.as_ref(), dy, y)?;
        let dr = self.residual().then(|| behind.g.tensor.clone());
        let wanted = behind.sums.as_ref().filter(|_| self.wanted.vectors);
        let vector = |values: Vec<M::Real>| kernels::tensor(values, &Shape::from(self.affine.mean().len()));
        let dw = wanted.map(|sums| vector(self.affine.weight_gradient(sums))).transpose()?;
        let db = wanted.map(|sums| vector(sums.bias_gradient())).transpose()?;
        let dx = match self.wanted.x {
            true => Some(self.input(x, behind, y)?),
            false => None,
        };
        Ok([dx, dw, db].into_iter().chain(self.added.then_some(dr)).collect())
    }

    /// Whether there is a residual that wants a gradient.
    fn residual(&self) -> bool {
        self.added && self.wanted.residual
    }

    /// The gradient behind the norm, which has passed what follows where it had to be made.
    fn behind(&mut self, x: Option<&Tensor>, dy: Terms, y: Option<&Tensor>) -> Result<Behind> {
        let (affine, residual) = (&self.affine, self.residual());
        let finished = self.gate.take().and_then(|gate| gate.sums(&dy));
        let (g, passed, sums) = match (x, y, self.function) {
            (Some(x), _, Some(function)) => {
                let (g, sums) = kernels::with::<M, _>(x, |x| {
                    rewritten(dy.sum()?, |dy| kernel::activated_sums(function, x, dy, affine))
                })??;
                (Gradient { tensor: g, own: true }, true, Some(sums))
            }
            (Some(_), _, _) if finished.is_some() => {
                let g = dy.sum()?;
                (Gradient { own: g.own && !residual, ..g }, true, finished)
            }
            (Some(x), Some(y), _) if self.added => {
                let (g, sums) = kernels::with2::<M, M, _>(x, y, |x, y| {
                    kernels::with_option::<M, _>(dy.1.as_ref(), |more| {
                        rewritten(dy.0, |dy| kernel::rectified_sums(x, (dy, more), y, affine))
                    })
                })??;
                (Gradient { tensor: g, own: !residual }, true, Some(sums))
            }
            (Some(x), _, _) => {
                let dy = dy.sum()?;
                let sums = |x: &[M], dy: &[M]| kernel::sums(x, dy, affine, self.rectified);
                let sums = kernels::with2::<M, M, _>(x, &dy.tensor, sums)?;
                (dy, false, Some(sums))
            }
            (None, Some(y), _) if residual => {
                (Gradient { tensor: rectified(&dy.sum()?.tensor, y)?, own: false }, true, None)
            }
            (None, _, _) => (dy.sum()?, false, None),
        };
        Ok(Behind { g, relu: self.rectified && !passed, sums })
    }

    /// The gradient of x.
    fn input(&self, x: Option<Tensor>, behind: Behind, y: Option<&Tensor>) -> Result<Tensor> {
        let (Behind { g, relu, sums }, affine) = (behind, &self.affine);
        let last = self.own || self.x.as_ref().is_some_and(Kept::is_last);
        let (dx, ()) = match (x, &sums, self.statistics) {
            (Some(x), Some(sums), Statistics::OfBatch) if last && !g.own => {
                let x = Gradient { tensor: x, own: true };
                kernels::with::<M, _>(&g.tensor, |dy| {
                    rewritten(x, |x| (kernel::input_gradient(x, Elements::Shared(dy), affine, relu, sums), ()))
                })??
            }
            (Some(x), Some(sums), Statistics::OfBatch) => kernels::with::<M, _>(&x, |x| {
                rewritten(g, |dy| (kernel::input_gradient(Elements::Shared(x), dy, affine, relu, sums), ()))
            })??,
            _ => kernels::with_option::<M, _>(y.filter(|_| relu), |y| {
                rewritten(g, |dy| (kernel::input_gradient_given(dy, y, affine), ()))
            })?,
        };
        Ok(dx)
    }
}

/// The gradient behind a norm.
struct Behind {
    g: Gradient,
    /// Whether it has yet to pass the rectifier.
    relu: bool,
    sums: Option<GradientSums>,
}
