//! Activation functions of single elements, each compiled for every instruction set.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use super::map::CHUNK;
use crate::kernels::memory::{Elements, chunk, chunks, filled};
use crate::kernels::norm::{rewrite, rows};
use crate::kernels::simd::{Job, Lanes, Real, Stored, simd};
use crate::pointwise::Pointwise;

/// Runs an expression with `F` standing for the type of a function.
macro_rules! on_functions {
    ($function:expr, $F:ident => $body:expr) => {
        match $function {
            $crate::pointwise::Pointwise::Sigmoid => {
                type $F = $crate::kernels::elementwise::pointwise::Sigmoid;
                $body
            }
            $crate::pointwise::Pointwise::Silu => {
                type $F = $crate::kernels::elementwise::pointwise::Silu;
                $body
            }
            $crate::pointwise::Pointwise::Gelu => {
                type $F = $crate::kernels::elementwise::pointwise::Gelu;
                $body
            }
            $crate::pointwise::Pointwise::Relu6 => {
                type $F = $crate::kernels::elementwise::pointwise::Relu6;
                $body
            }
            $crate::pointwise::Pointwise::HardSigmoid => {
                type $F = $crate::kernels::elementwise::pointwise::HardSigmoid;
                $body
            }
            $crate::pointwise::Pointwise::HardSwish => {
                type $F = $crate::kernels::elementwise::pointwise::HardSwish;
                $body
            }
        }
    };
}
pub(crate) use on_functions;

/// An activation function and its derivative, without a branch but the choice between two values:
/// the compiler makes vectors of it.
pub(crate) trait Function: Sync {
    fn value<T: Real>(x: T) -> T;
    fn slope<T: Real>(x: T) -> T;
}

pub(crate) struct Sigmoid;

impl Function for Sigmoid {
    #[inline(always)]
    fn value<T: Real>(x: T) -> T {
        x.sigmoid()
    }
    #[inline(always)]
    fn slope<T: Real>(x: T) -> T {
        let y = x.sigmoid();
        y * (T::ONE - y)
    }
}

pub(crate) struct Silu;

impl Function for Silu {
    #[inline(always)]
    fn value<T: Real>(x: T) -> T {
        x * x.sigmoid()
    }
    #[inline(always)]
    fn slope<T: Real>(x: T) -> T {
        let y = x.sigmoid();
        y * (T::ONE + x * (T::ONE - y))
    }
}

pub(crate) struct Gelu;

impl Function for Gelu {
    #[inline(always)]
    fn value<T: Real>(x: T) -> T {
        x * x.normal()
    }
    #[inline(always)]
    fn slope<T: Real>(x: T) -> T {
        x.normal() + x * x.bell()
    }
}

pub(crate) struct Relu6;

impl Function for Relu6 {
    #[inline(always)]
    fn value<T: Real>(x: T) -> T {
        between(x, T::of(6.0))
    }
    #[inline(always)]
    fn slope<T: Real>(x: T) -> T {
        inside(x, T::ZERO, T::of(6.0), T::ONE)
    }
}

pub(crate) struct HardSigmoid;

impl Function for HardSigmoid {
    #[inline(always)]
    fn value<T: Real>(x: T) -> T {
        between(x + T::of(3.0), T::of(6.0)) / T::of(6.0)
    }
    #[inline(always)]
    fn slope<T: Real>(x: T) -> T {
        inside(x, T::of(-3.0), T::of(3.0), T::of(1.0 / 6.0))
    }
}

pub(crate) struct HardSwish;

impl Function for HardSwish {
    #[inline(always)]
    fn value<T: Real>(x: T) -> T {
        x * HardSigmoid::value(x)
    }
    #[inline(always)]
    fn slope<T: Real>(x: T) -> T {
        let slope = if x >= T::of(3.0) { T::ONE } else { x / T::of(3.0) + T::of(0.5) };
        if x <= T::of(-3.0) { T::ZERO } else { slope }
    }
}

/// x in [0, high], and NaN.
#[inline(always)]
fn between<T: Real>(x: T, high: T) -> T {
    let x = if x <= T::ZERO { T::ZERO } else { x };
    if x >= high { high } else { x }
}

/// The slope, but 0 at and beyond both ends.
#[inline(always)]
fn inside<T: Real>(x: T, low: T, high: T, slope: T) -> T {
    let slope = if x <= low { T::ZERO } else { slope };
    if x >= high { T::ZERO } else { slope }
}

/// The value of every element.
pub(crate) fn values<M: Stored>(function: Pointwise, x: &[M]) -> Vec<M> {
    // SAFETY: both are cut into chunks of the same lengths, and the job writes all of its own.
    unsafe {
        filled(x.len(), |out| {
            chunks(out, CHUNK, |i, out| {
                let x = chunk(x, CHUNK, i);
                on_functions!(function, F => M::Real::launch(simd(), Values::<M, F> { x, out, function: PhantomData }));
            });
        })
    }
}

/// A chunk of [`values`].
struct Values<'a, M, F> {
    x: &'a [M],
    out: &'a mut [MaybeUninit<M>],
    function: PhantomData<F>,
}

impl<M: Stored, F: Function> Job<M::Real> for Values<'_, M, F> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        for (out, &x) in self.out.iter_mut().zip(self.x) {
            out.write(M::round(F::value(x.read())));
        }
    }
}

/// The function's value in the place of each element, inside a job.
#[inline(always)]
pub(crate) fn apply<M: Stored, F: Function>(elements: &mut [M]) {
    for x in elements {
        *x = M::round(F::value(x.read()));
    }
}

/// The value in the place of elements that are in the cache: of rows of `width` elements, `stride`
/// apart.
pub(crate) struct Rows<M> {
    pub(crate) function: Pointwise,
    pub(crate) at: *mut M,
    pub(crate) rows: usize,
    pub(crate) stride: usize,
    pub(crate) width: usize,
}

impl<M: Stored> Job<M::Real> for Rows<M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        // Rows that follow each other are one.
        let (rows, width) =
            if self.stride == self.width { (1, self.rows * self.width) } else { (self.rows, self.width) };
        on_functions!(self.function, F => {
            for row in 0..rows {
                // SAFETY: the caller vouches for the rows.
                let row = unsafe { std::slice::from_raw_parts_mut(self.at.add(row * self.stride), width) };
                apply::<M, F>(row);
            }
        });
    }
}

/// The value in the place of every element of rows of c elements.
pub(crate) fn in_place<M: Stored>(function: Pointwise, x: &mut [M], c: usize) {
    on_functions!(function, F => rewrite(Elements::Own(x), [], (c, []), |[], x, []| F::value(x), |_, _| ()));
}

/// `slope(x) · g`, of rows of c elements: a new gradient, or none where it has been written over g.
pub(crate) fn gradients<M: Stored>(function: Pointwise, x: &[M], g: Elements<'_, M>, c: usize) -> Option<Vec<M>> {
    on_functions!(function, F => rewrite(g, [x], (c, []), |[x], g, []| F::slope(x) * g, |_, _| ()).0)
}

/// [`gradients`], and the sum of each of the c columns: one pass.
pub(crate) fn gradients_summed<T: Real>(
    function: Pointwise,
    x: &[T],
    g: Elements<'_, T>,
    c: usize,
) -> (Option<Vec<T>>, Vec<T>) {
    let f = |_: std::ops::Range<usize>, g: &[T]| rows::sum(g, c);
    let (new, parts) = on_functions!(function, F => rewrite(g, [x], (c, []), |[x], g, []| F::slope(x) * g, f));
    (new, rows::total(parts, c))
}
