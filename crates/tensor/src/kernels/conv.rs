//! Convolution of (N,H,W,C) maps: which algorithm runs for which sizes.

use super::direct::{Finish, Matrix};
use super::moments::{self, Blocks, Moments};
use super::simd::simd;
use super::{Real, depthwise, direct, filled, winograd};

/// The sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) n: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    /// Input channels, all groups.
    pub(crate) c: usize,
    /// Output height, width and channels (all groups).
    pub(crate) oh: usize,
    pub(crate) ow: usize,
    pub(crate) o: usize,
    /// Kernel height and width.
    pub(crate) r: usize,
    pub(crate) s: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) dilation: usize,
    pub(crate) groups: usize,
}

impl Shape {
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

    fn algorithm(&self) -> Algorithm {
        if self.groups == self.c && self.groups == self.o && self.groups > 1 {
            Algorithm::Depthwise
        } else if winograd::suits(self) {
            Algorithm::Winograd
        } else {
            Algorithm::Direct
        }
    }

    fn x_len(&self) -> usize {
        self.n * self.h * self.w * self.c
    }

    fn y_len(&self) -> usize {
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
pub(crate) fn forward<T: Real>(d: Shape, x: &[T], weight: &[T], bias: Option<&[T]>, relu: bool) -> Vec<T> {
    run(d, x, weight, bias, relu, None)
}

/// The output (N,OH,OW,O), and its mean and variance by channel.
pub(crate) fn forward_moments<T: Real>(d: Shape, x: &[T], weight: &[T]) -> (Vec<T>, Moments) {
    let summed = d.groups == 1 && d.o.is_multiple_of(T::lanes(simd())) && d.y_len() > 0;
    if !summed {
        let y = forward(d, x, weight, None, false);
        let moments = moments::of(&y, d.o);
        return (y, moments);
    }
    let mut blocks = Blocks::new(d.o);
    let y = run(d, x, weight, None, false, Some(&mut blocks));
    (y, blocks.together())
}

fn run<T: Real>(
    d: Shape,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    relu: bool,
    moments: Option<&mut Blocks<T>>,
) -> Vec<T> {
    assert!(x.len() == d.x_len() && weight.len() == d.weight_len() && bias.is_none_or(|b| b.len() == d.o));
    let (simd, x, bias) = (simd(), x.as_ptr(), bias.map_or(std::ptr::null(), <[T]>::as_ptr));
    // SAFETY: the lengths are those of the shape; each algorithm writes every output.
    unsafe {
        filled(d.y_len(), |out| {
            let out = out.as_mut_ptr().cast::<T>();
            match d.algorithm() {
                _ if d.y_len() == 0 => {}
                Algorithm::Depthwise => depthwise::forward(simd, &d, x, weight, out, (bias, relu)),
                Algorithm::Winograd => winograd::forward(simd, &d, x, weight, out, Finish { bias, relu }, moments),
                Algorithm::Direct => direct::forward(simd, &d, x, weight, out, Finish { bias, relu }, moments),
            }
        })
    }
}

/// The gradient of the input, (N,H,W,C).
pub(crate) fn input_gradient<T: Real>(d: Shape, weight: &[T], dy: &[T]) -> Vec<T> {
    assert!(dy.len() == d.y_len() && weight.len() == d.weight_len());
    let (simd, dy) = (simd(), dy.as_ptr());
    if d.y_len() == 0 {
        return vec![T::ZERO; d.x_len()];
    }
    // SAFETY: as in `forward`.
    unsafe {
        filled(d.x_len(), |out| {
            let out = out.as_mut_ptr().cast::<T>();
            match d.algorithm() {
                Algorithm::Depthwise => depthwise::input_gradient(simd, &d, weight, dy, out),
                Algorithm::Winograd => winograd::input_gradient(simd, &d, weight, dy, out),
                Algorithm::Direct => direct::input_gradient(simd, &d, weight, dy, out),
            }
        })
    }
}

/// The gradient of the weight (O,I,R,S).
pub(crate) fn weight_gradient<T: Real>(d: Shape, x: &[T], dy: &[T]) -> Vec<T> {
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
