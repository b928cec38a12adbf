//! Convolution of (N,H,W,C) maps: which algorithm runs for which sizes.

use std::mem::MaybeUninit;

use super::batch_norm::Sums;
use super::direct::{Finish, Matrix};
use super::gate::{Gated, Rectified};
use super::moments::{self, Blocks, Moments};
use super::normalise::SIGNS;
use super::pairs::Operands;
use super::rewrite::Elements;
use super::simd::{Simd, simd};
use super::tally::Tallies;
use super::{Real, depthwise, direct, filled, winograd};
use crate::sizes::{Checked, Convolution};

impl Convolution {
    pub(super) fn c_group(&self) -> usize {
        self.c / self.groups
    }

    pub(super) fn o_group(&self) -> usize {
        self.o / self.groups
    }

    /// A group's weight as the matrix from inputs to outputs.
    pub(super) fn forward_matrix(&self, group: usize) -> Matrix {
        let (inputs, outputs, taps) = (self.c_group(), self.o_group(), self.r * self.s);
        Matrix { inputs, outputs, first: group * outputs * inputs * taps, input: taps, output: inputs * taps }
    }

    /// A group's weight as the matrix from outputs to inputs.
    pub(super) fn backward_matrix(&self, group: usize) -> Matrix {
        let m = self.forward_matrix(group);
        Matrix { inputs: m.outputs, outputs: m.inputs, input: m.output, output: m.input, ..m }
    }

    pub(super) fn operands(&self, simd: Simd) -> Operands {
        if self.pairs && simd == Simd::Avx512 { Operands::Pairs } else { Operands::Numbers }
    }

    fn algorithm(&self) -> Algorithm {
        if self.groups == self.c && self.groups == self.o && self.groups > 1 {
            Algorithm::Depthwise
        } else if winograd::suits(self) {
            Algorithm::Winograd
        } else {
            Algorithm::Direct
        }
    }

    /// Whether a product that writes so many channels takes tallies of them.
    fn tallied<T: Real>(&self, simd: Simd, channels: usize) -> bool {
        self.groups == 1 && channels.is_multiple_of(T::lanes(simd)) && self.y_len() > 0
    }

    fn x_len(&self) -> usize {
        self.n * self.h * self.w * self.c
    }

    pub(crate) fn y_len(&self) -> usize {
        self.n * self.oh * self.ow * self.o
    }

    fn weight_len(&self) -> usize {
        self.o * self.c_group() * self.r * self.s
    }
}

enum Algorithm {
    Depthwise,
    Winograd,
    Direct,
}

/// The output (N,OH,OW,O), rectified where `relu`.
pub(crate) fn forward<T: Real>(
    d: Checked<Convolution>,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    relu: bool,
) -> Vec<T> {
    run(simd(), d, x, weight, bias, relu, None)
}

/// The output (N,OH,OW,O), and its mean and variance by channel.
pub(crate) fn forward_moments<T: Real>(d: Checked<Convolution>, x: &[T], weight: &[T]) -> (Vec<T>, Moments) {
    // Asked for once: whoever forces another set meanwhile must not change the width of the vectors.
    let simd = simd();
    if !d.tallied::<T>(simd, d.o) {
        let y = run(simd, d, x, weight, None, false, None);
        let moments = moments::of(&y, d.o);
        return (y, moments);
    }
    let mut blocks = Blocks::new(d.o);
    let y = run(simd, d, x, weight, None, false, Some(&mut blocks));
    (y, blocks.together())
}

fn run<T: Real>(
    simd: Simd,
    d: Checked<Convolution>,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    relu: bool,
    tallies: Option<&mut dyn Tallies<T>>,
) -> Vec<T> {
    assert!(x.len() == d.x_len() && weight.len() == d.weight_len() && bias.is_none_or(|b| b.len() == d.o));
    let (x, bias) = (x.as_ptr(), bias.map_or(std::ptr::null(), <[T]>::as_ptr));
    // SAFETY: the lengths are those of the shape; each algorithm writes every output.
    unsafe {
        filled(d.y_len(), |out| {
            let out = out.as_mut_ptr().cast::<T>();
            match d.algorithm() {
                _ if d.y_len() == 0 => {}
                Algorithm::Depthwise => depthwise::forward(simd, &d, x, weight, out, (bias, relu)),
                Algorithm::Winograd => winograd::forward(simd, &d, x, weight, out, Finish { bias, relu }, tallies),
                Algorithm::Direct => direct::forward(simd, &d, x, weight, out, Finish { bias, relu }, tallies),
            }
        })
    }
}

/// The gradient of the input, (N,H,W,C).
pub(crate) fn input_gradient<T: Real>(d: Checked<Convolution>, weight: &[T], dy: &[T]) -> Vec<T> {
    if d.y_len() == 0 {
        return vec![T::ZERO; d.x_len()];
    }
    // SAFETY: all of it is written.
    unsafe { filled(d.x_len(), |out| run_back(simd(), d, weight, dy, out, None)) }
}

/// Whether [`input_gradient_gated`] does this one on an instruction set.
pub(crate) fn gates<T: Real>(simd: Simd, d: &Convolution) -> bool {
    d.tallied::<T>(simd, d.c) && d.stride == 1 && d.c.is_multiple_of(SIGNS)
}

/// The gradient of the input with the `rest` of its terms, through the gate: a new map, or none where it has been written
/// over the rest; and the sums over it.
pub(crate) fn input_gradient_gated<T: Real>(
    simd: Simd,
    d: Checked<Convolution>,
    weight: &[T],
    dy: &[T],
    rest: Option<Elements<'_, T>>,
    of: Rectified<'_, T>,
) -> (Option<Vec<T>>, Sums) {
    assert!(gates::<T>(simd, &d), "a convolution that takes tallies of its whole input");
    assert!([of.signs.len() * SIGNS, of.x.len()] == [d.x_len(); 2] && of.mean.len() == d.c, "of the input's shape");
    let run = |out: &mut [MaybeUninit<T>], add: bool| {
        let mut gated = Gated::new(of, out.as_mut_ptr().cast(), add);
        run_back(simd, d, weight, dy, out, Some(&mut gated));
        gated.sums()
    };
    // SAFETY: only elements are written, so that all stay initialised; MaybeUninit<T> has the layout of T.
    let onto = |rest: &mut [T]| unsafe { run(&mut *(std::ptr::from_mut(rest) as *mut [MaybeUninit<T>]), true) };
    match rest {
        Some(Elements::Own(rest)) => (None, onto(rest)),
        Some(Elements::Shared(rest)) => {
            let mut rest = rest.to_vec();
            let sums = onto(&mut rest);
            (Some(rest), sums)
        }
        None => {
            let mut new = Vec::with_capacity(d.x_len());
            let sums = run(&mut new.spare_capacity_mut()[..d.x_len()], false);
            // SAFETY: all of it has been written.
            unsafe { new.set_len(d.x_len()) };
            (Some(new), sums)
        }
    }
}

/// Writes the gradient of the input to `out`.
fn run_back<T: Real>(
    simd: Simd,
    d: Checked<Convolution>,
    weight: &[T],
    dy: &[T],
    out: &mut [MaybeUninit<T>],
    tallies: Option<&mut dyn Tallies<T>>,
) {
    assert!(dy.len() == d.y_len() && weight.len() == d.weight_len() && out.len() == d.x_len());
    let (dy, out) = (dy.as_ptr(), out.as_mut_ptr().cast::<T>());
    // SAFETY: as in `run`.
    unsafe {
        match d.algorithm() {
            Algorithm::Depthwise => depthwise::input_gradient(simd, &d, weight, dy, out),
            Algorithm::Winograd => winograd::input_gradient(simd, &d, weight, dy, out, tallies),
            Algorithm::Direct => direct::input_gradient(simd, &d, weight, dy, out, tallies),
        }
    }
}

/// The gradient of the weight (O,I,R,S).
pub(crate) fn weight_gradient<T: Real>(d: Checked<Convolution>, x: &[T], dy: &[T]) -> Vec<T> {
    assert!(x.len() == d.x_len() && dy.len() == d.y_len());
    if d.y_len() == 0 || d.x_len() == 0 {
        return vec![T::ZERO; d.weight_len()];
    }
    let (simd, x, dy) = (simd(), x.as_ptr(), dy.as_ptr());
    // SAFETY: the lengths are those of the shape.
    unsafe {
        match d.algorithm() {
            Algorithm::Depthwise => depthwise::weight_gradient(simd, &d, x, dy),
            Algorithm::Winograd => winograd::gradient::weight_gradient(simd, &d, x, dy),
            Algorithm::Direct => direct::gradient::weight_gradient(simd, &d, x, dy),
        }
    }
}
