//! A gradient that becomes another one: in its own memory where nobody else holds it.

use std::cell::RefCell;
use std::marker::PhantomData;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, bail};

use super::gradient::Gradient;
use crate::kernels::memory::{Elements, tensor, with};
use crate::kernels::simd::Real;

/// Runs a rewrite on a gradient: what it has become, and the rest that the run gives.
pub(crate) fn rewritten<T: Real, R>(
    g: Gradient,
    run: impl FnOnce(Elements<'_, T>) -> (Option<Vec<T>>, R),
) -> Result<(Tensor, R)> {
    let Gradient { tensor: g, own } = g;
    if !own {
        let (new, rest) = with::<T, _>(&g, |g| run(Elements::Shared(g)))?;
        return Ok((new.map_or(Ok(g.clone()), |new| tensor(new, g.shape()))?, rest));
    }
    let (run, rest) = (RefCell::new(Some(run)), RefCell::new(None));
    g.inplace_op1(&InPlace(
        |elements: &mut [T]| {
            *rest.borrow_mut() = run.take().map(|run| run(Elements::Own(elements)).1);
        },
        PhantomData,
    ))?;
    match rest.into_inner() {
        Some(rest) => Ok((g, rest)),
        None => bail!("a gradient on the CPU was expected"),
    }
}

/// A function of a tensor's elements as candle's operation.
struct InPlace<T, F>(F, PhantomData<T>);

impl<T: Real, F: Fn(&mut [T])> InplaceOp1 for InPlace<T, F> {
    fn name(&self) -> &'static str {
        "rewrite"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (Some((from, to)), Some(all)) = (layout.contiguous_offsets(), T::all_mut(storage)) else {
            bail!("a kernel needs a contiguous tensor of {:?}; got {layout:?}", T::DTYPE);
        };
        (self.0)(&mut all[from..to]);
        Ok(())
    }
}
