//! A formula's way to the elements of tensors, which it changes in place.

use std::cell::Cell;
use std::{array, ptr};

use candle_core::{CpuStorage, DType, InplaceOp1, InplaceOp2, Layout, Result, Storage, Tensor, Var, bail};

use crate::engine::part::{Formula, Part};
use crate::engine::real::Real;

const NAME: &str = "fused update";

/// Applies the formula to every element and says whether it did.
///
/// It changes nothing unless the tensors are contiguous on the CPU, of one shape and one type,
/// float32 or float64, and no two of them share memory.
pub(crate) fn update<const N: usize>(
    formula: impl Formula<N>,
    theta: &Var,
    grad: &Tensor,
    slots: &[Var],
) -> Result<bool> {
    run(Work { formula, squares: None }, theta, grad, slots)
}

/// [`update`] of the chunks whose gradient is finite; returns the sum of all its squares, or
/// nothing when nothing was done.
pub(crate) fn update_finite<const N: usize>(
    formula: impl Formula<N>,
    theta: &Var,
    grad: &Tensor,
    slots: &[Var],
) -> Result<Option<f64>> {
    let squares = Cell::new(0.0);
    let done = run(Work { formula, squares: Some(&squares) }, theta, grad, slots)?;
    Ok(done.then(|| squares.get()))
}

/// What to do once all tensors are open.
#[derive(Clone, Copy)]
struct Work<'a, F> {
    formula: F,
    /// Where the sum of the gradient's squares goes, when it is to be checked.
    squares: Option<&'a Cell<f64>>,
}

fn run<const N: usize>(work: Work<'_, impl Formula<N>>, theta: &Var, grad: &Tensor, slots: &[Var]) -> Result<bool> {
    let Ok(slots) = <&[Var; N]>::try_from(slots) else {
        return Ok(false);
    };
    let tensors = || [theta.as_tensor(), grad].into_iter().chain(slots.iter().map(Var::as_tensor));
    let fit = match theta.dtype() {
        DType::F32 => apart::<f32>(tensors()),
        DType::F64 => apart::<f64>(tensors()),
        _ => false,
    };
    let fit = fit && tensors().all(|tensor| tensor.shape() == theta.shape());
    if fit {
        theta.inplace_op2(grad, &Outermost { work, slots })?;
    }
    Ok(fit)
}

/// Whether each tensor is a slice of `T` in a storage of its own: only such tensors can be locked
/// one inside the other.
fn apart<'a, T: Real>(tensors: impl Iterator<Item = &'a Tensor>) -> bool {
    let address = |tensor: &Tensor| {
        let (storage, layout) = tensor.storage_and_layout();
        match &*storage {
            Storage::Cpu(storage) => T::slice(storage, layout).map(|_| ptr::from_ref(storage).addr()),
            _ => None,
        }
    };
    let addresses: Option<Vec<usize>> = tensors.map(address).collect();
    addresses.is_some_and(|mut addresses| {
        addresses.sort_unstable();
        addresses.windows(2).all(|pair| pair[0] != pair[1])
    })
}

/// Opens *θ* and *g*, and then the slots inside.
///
/// candle opens one tensor at a time for writing; nested, the calls have all of them open at once.
struct Outermost<'a, F, const N: usize> {
    work: Work<'a, F>,
    slots: &'a [Var; N],
}

impl<F: Formula<N>, const N: usize> Outermost<'_, F, N> {
    fn open<T: Real>(&self, theta: Option<&mut [T]>, grad: Option<&[T]>) -> Result<()> {
        let (Some(theta), Some(grad)) = (theta, grad) else {
            bail!("{NAME}: a parameter or gradient is not a slice of {:?}", T::DTYPE);
        };
        let part = Part { theta, grad, slots: array::from_fn(|_| Default::default()) };
        open_slots(self.work, part, self.slots, 0)
    }
}

impl<F: Formula<N>, const N: usize> InplaceOp2 for Outermost<'_, F, N> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, theta: &mut CpuStorage, own: &Layout, grad: &CpuStorage, its: &Layout) -> Result<()> {
        match theta {
            CpuStorage::F32(_) => self.open::<f32>(Real::slice_mut(theta, own), Real::slice(grad, its)),
            _ => self.open::<f64>(Real::slice_mut(theta, own), Real::slice(grad, its)),
        }
    }
}

/// Opens the slot `next`, and then those after it inside.
struct Inner<'a, T, F, const N: usize> {
    work: Work<'a, F>,
    /// What is open already; taken out once.
    part: Cell<Option<Part<'a, T, N>>>,
    slots: &'a [Var; N],
    next: usize,
}

impl<T: Real, F: Formula<N>, const N: usize> InplaceOp1 for Inner<'_, T, F, N> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, slot: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (Some(slot), Some(mut part)) = (T::slice_mut(slot, layout), self.part.take()) else {
            bail!("{NAME}: slot {} is not a slice of {:?}", self.next, T::DTYPE);
        };
        part.slots[self.next] = slot;
        open_slots(self.work, part, self.slots, self.next + 1)
    }
}

fn open_slots<T: Real, F: Formula<N>, const N: usize>(
    work: Work<'_, F>,
    part: Part<'_, T, N>,
    slots: &[Var; N],
    next: usize,
) -> Result<()> {
    if let Some(slot) = slots.get(next) {
        return slot.inplace_op1(&Inner { work, part: Cell::new(Some(part)), slots, next });
    }
    match work.squares {
        Some(squares) => squares.set(part.update_finite(work.formula)),
        None => part.update(work.formula),
    }
    Ok(())
}
