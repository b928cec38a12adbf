//! Where the gradient of a result comes together.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{D, DType, Result, Shape, Tensor, bail};

use super::gradient::{Gradient, Terms, added};
use super::in_place::rewritten;
use super::lock::lock;
use crate::kernels::elementwise::scale;
use crate::kernels::memory::Elements;
use crate::kernels::simd::Stored;
use crate::kernels::{self, on_maps};

/// The gradient of a tensor.
pub(crate) struct Slot {
    /// Of the tensor.
    shape: Shape,
    dtype: DType,
    arrived: Mutex<Arrived>,
    /// Operations of ours that have read the tensor.
    readers: AtomicUsize,
}

/// What has come of it, from so many operations.
#[derive(Default)]
struct Arrived {
    terms: Option<Terms>,
    /// A term that is the same for all pixels of a picture, (N,1,1,C).
    spread: Option<Tensor>,
    number: usize,
}

impl Slot {
    /// For a tensor of this shape and type.
    pub(crate) fn new(shape: Shape, dtype: DType) -> Self {
        Self { shape, dtype, arrived: Mutex::default(), readers: AtomicUsize::new(0) }
    }

    /// Counts an operation of ours that reads the tensor.
    pub(crate) fn read(&self) {
        self.readers.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the terms of all operations but one that we know of have come.
    pub(crate) fn awaits_one(&self) -> bool {
        lock(&self.arrived).number + 1 >= self.readers.load(Ordering::Relaxed)
    }

    /// The shape of its tensor.
    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Adds the share of an operation: of the tensor's shape, or (N,1,1,C) where all pixels of a
    /// picture get the same.
    pub(crate) fn add(&self, grad: Gradient) -> Result<()> {
        let grad = Gradient { tensor: grad.tensor.contiguous()?, own: grad.own };
        let mut arrived = lock(&self.arrived);
        arrived.number += 1;
        if grad.tensor.shape() != &self.shape {
            // Only what all pixels of a picture get: any other shape is a mistake of an operation.
            let same =
                matches!((grad.tensor.dims(), self.shape.dims()), ([n, 1, 1, c], [m, _, _, d]) if (n, c) == (m, d));
            if !same {
                bail!("a gradient of the shape {:?} for a tensor of {:?}", grad.tensor.dims(), self.shape.dims());
            }
            arrived.spread = Some(match arrived.spread.take() {
                Some(first) => added(&first, &grad.tensor)?,
                None => grad.tensor,
            });
            return Ok(());
        }
        arrived.terms = Some(match arrived.terms.take() {
            None => Terms(grad, None),
            Some(Terms(first, None)) => Terms(first, Some(grad.tensor)),
            Some(more) => Terms(more.sum()?, Some(grad.tensor)),
        });
        Ok(())
    }

    /// Takes what has come.
    pub(crate) fn take(&self) -> Result<Option<Terms>> {
        let (terms, spread) = {
            let mut arrived = lock(&self.arrived);
            (arrived.terms.take(), arrived.spread.take())
        };
        let Some(spread) = spread else { return Ok(terms) };
        let whole = match terms {
            // As another tensor: whoever has looked at the terms before has not seen this one.
            Some(terms) => with_spread(terms.sum()?, &spread)?.reshape(&self.shape)?,
            None => spread.to_dtype(self.dtype)?.broadcast_as(&self.shape)?.contiguous()?,
        };
        Ok(Some(Terms(Gradient { tensor: whole, own: true }, None)))
    }
}

/// A gradient, and for each picture what all its pixels get on top.
fn with_spread(g: Gradient, spread: &Tensor) -> Result<Tensor> {
    let c = spread.dim(D::Minus1)?;
    on_maps!(g.tensor.dtype(), M => {
        let (sum, ()) = kernels::with::<<M as Stored>::Real, _>(spread, |spread| {
            rewritten(g, |g: Elements<'_, M>| (scale::add(g, spread, c), ()))
        })??;
        Ok(sum)
    })
}
