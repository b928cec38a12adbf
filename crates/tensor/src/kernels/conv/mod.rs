//! Convolution: four algorithms, and which of them it is.
//!
//! Read in this order: `shape`, `weight`, `finish`, `maps` and `merge` (what they share), `direct`,
//! `winograd`, `depthwise`, `quantized`, and here the output and the gradients, each by the
//! algorithm that suits the sizes.

mod finish;
mod maps;
mod merge;
mod shape;
mod weight;

mod depthwise;
mod direct;
mod winograd;

mod quantized;

use std::borrow::Cow;
use std::mem::MaybeUninit;

use finish::Finish;
pub(crate) use maps::Maps;
use merge::Merged;
pub(crate) use shape::Algorithm;
use shape::Place;
pub(crate) use weight::Weight;

use super::elementwise::pointwise;
use super::gemm::tally::{Blocks, GradientSums, Moments, RectifiedGradient, Rectifier, SIGNS, Tallies};
use super::memory::{Elements, filled};
use super::norm::moments;
use super::simd::{Element, Real, Simd, simd};
use crate::pointwise::Pointwise;
use crate::sizes::{Checked, Convolution};

/// What the algorithm of a convolution makes of its weight before it multiplies; nothing where it
/// reads the weight as it lies.
pub(crate) fn packed<T: Real>(simd: Simd, d: Checked<Convolution>, weight: &[T]) -> Option<Vec<T>> {
    assert!(weight.len() == d.weight_len());
    match d.algorithm() {
        // Winograd's transform of a weight is four times as large: what is made anew in the cache
        // is as fast (VGG-16: 0.92 of the speed, and 300 MB more).
        Algorithm::Depthwise | Algorithm::Winograd => None,
        Algorithm::Direct => {
            let (merged, how) = (Merged::of::<T>(simd, d), (simd, d.operands(simd)));
            Some(direct::packed(how, &merged.d, &merged.weight(weight)))
        }
        Algorithm::Quantized => T::from_f32(quantized::packed(simd, &d, T::as_f32(weight)?)),
    }
}

/// The output (N,OH,OW,O), rectified where `relu`.
pub(crate) fn forward<M: Maps>(
    simd: Simd,
    d: Checked<Convolution>,
    x: &[M],
    weight: Weight<'_, M::Real>,
    bias: Option<&[M::Real]>,
    relu: bool,
) -> Vec<M> {
    assert!(bias.is_none_or(|bias| bias.len() == d.o));
    run(simd, d, x, weight, |_| Finish::new(None, bias, relu), None)
}

/// What follows a convolution and its batch norm.
#[derive(Clone, Copy)]
pub(crate) enum After<'a, M> {
    Nothing,
    Relu,
    /// A residual of the output's shape, and the rectifier.
    AddRelu(&'a [M]),
    /// The residual alone.
    Add(&'a [M]),
    Activate(Pointwise),
}

/// The output (N,OH,OW,O) times a scale and with a bias by channel, and what follows.
pub(crate) fn forward_scaled<M: Maps>(
    simd: Simd,
    d: Checked<Convolution>,
    x: &[M],
    weight: Weight<'_, M::Real>,
    (scale, bias): (&[M::Real], &[M::Real]),
    after: After<'_, M>,
) -> Vec<M> {
    assert!(scale.len() == d.o && bias.len() == d.o);
    let finish = Finish::new(Some(scale), Some(bias), matches!(after, After::Relu | After::AddRelu(_)));
    match after {
        // Its tiles have no rows that a function could be applied to.
        After::Activate(function) if d.algorithm() == Algorithm::Winograd => {
            let mut y = run(simd, d, x, weight, |_| finish, None);
            pointwise::in_place(function, &mut y, d.o);
            y
        }
        After::Activate(function) => run(simd, d, x, weight, |_| finish.then(Some(function)), None),
        After::AddRelu(residual) | After::Add(residual) => {
            assert!(residual.len() == d.y_len());
            run(simd, d, x, weight, |out| finish.add(residual, out), None)
        }
        After::Nothing | After::Relu => run(simd, d, x, weight, |_| finish, None),
    }
}

/// The output (N,OH,OW,O), and its mean and variance by channel.
pub(crate) fn forward_moments<M: Maps>(d: Checked<Convolution>, x: &[M], weight: &[M::Real]) -> (Vec<M>, Moments) {
    // Asked for once: whoever forces another set meanwhile must not change the width of the
    // vectors.
    let simd = simd();
    if d.algorithm() == Algorithm::Depthwise {
        assert!(x.len() == d.x_len() && weight.len() == d.weight_len() && d.y_len() > 0);
        // SAFETY: the lengths are those of the shape.
        return unsafe { depthwise::forward_moments(simd, &d, x.as_ptr(), weight) };
    }
    if !d.tallied::<M::Real>(simd, d.o) {
        let y = run(simd, d, x, weight.into(), |_| Finish::nothing(), None);
        let moments = moments::of(&y, d.o);
        return (y, moments);
    }
    let mut blocks = Blocks::new(d.o);
    let y = run(simd, d, x, weight.into(), |_| Finish::nothing(), Some(&mut blocks));
    (y, blocks.together())
}

/// One of several convolutions of a map, none of which is depthwise.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a, T> {
    /// That of [`Convolution::simd`].
    pub(crate) simd: Simd,
    pub(crate) d: Checked<Convolution>,
    pub(crate) weight: Weight<'a, T>,
}

/// The outputs of several convolutions of one map side by side, with their biases one after the
/// other, rectified: (N,OH,OW,O₁ + O₂ + …), for the same OH and OW.
pub(crate) fn forward_beside<M: Maps>(all: &[Beside<'_, M::Real>], x: &[M], bias: &[M::Real]) -> Vec<M> {
    let channels: usize = all.iter().map(|one| one.d.o).sum();
    let Some(first) = all.first().map(|one| one.d) else { return Vec::new() };
    let pixels = |d: &Convolution| (d.n, d.oh, d.ow);
    assert!(bias.len() == channels && all.iter().all(|one| pixels(&one.d) == pixels(&first)));
    assert!(all.iter().all(|one| one.d.algorithm() != Algorithm::Depthwise), "depthwise maps are whole");
    // SAFETY: each writes its channels of every pixel.
    unsafe {
        filled(first.n * first.oh * first.ow * channels, |out| {
            let out = out.as_mut_ptr().cast::<M>();
            let mut from = 0;
            for &Beside { simd, d, weight } in all {
                let place = Place { channels, from };
                write(simd, d, (x, weight), (out, place), Finish::new(None, Some(bias), true), None);
                from += d.o;
            }
        })
    }
}

fn run<M: Maps>(
    simd: Simd,
    d: Checked<Convolution>,
    x: &[M],
    weight: Weight<'_, M::Real>,
    finish: impl FnOnce(*mut M) -> Finish<M>,
    tallies: Option<&mut dyn Tallies<M>>,
) -> Vec<M> {
    // SAFETY: the map has room for the output, all of which is written.
    unsafe {
        filled(d.y_len(), |out| {
            let (out, place) = (out.as_mut_ptr().cast(), Place { channels: d.o, from: 0 });
            write(simd, d, (x, weight), (out, place), finish(out), tallies);
        })
    }
}

/// Writes the output at a place of a map.
///
/// # Safety
/// The map has the pixels of the output, and the channels of the place.
unsafe fn write<M: Maps>(
    simd: Simd,
    d: Checked<Convolution>,
    (x, weight): (&[M], Weight<'_, M::Real>),
    to @ (out, place): (*mut M, Place),
    finish: Finish<M>,
    tallies: Option<&mut dyn Tallies<M>>,
) {
    assert!(x.len() == d.x_len() && weight.values.len() == d.weight_len());
    let x = x.as_ptr();
    // SAFETY: the lengths are those of the shape; each algorithm writes every output.
    unsafe {
        match d.algorithm() {
            _ if d.y_len() == 0 => {}
            Algorithm::Depthwise => depthwise::forward(simd, &d, x, weight.values, out, finish, |_, _| ()),
            Algorithm::Winograd => {
                let (x, to, tallies) = (x.cast(), (out.cast(), place), M::of_floats(tallies));
                winograd::forward::<M::Real>(simd, &d, x, weight.values, to, finish.cast(), tallies);
            }
            Algorithm::Direct => {
                let (merged, how) = (Merged::of::<M::Real>(simd, d), (simd, d.operands(simd)));
                // What is packed has been merged.
                let wide = if weight.packed.is_some() { weight.values.into() } else { merged.weight(weight.values) };
                direct::forward(how, &merged.d, x, Weight { values: &wide, ..weight }, to, finish, tallies);
            }
            Algorithm::Quantized => {
                assert!(tallies.is_none(), "sums of integers have no tallies");
                let all =
                    weight.packed.map_or_else(|| packed(simd, d, weight.values).map(Cow::Owned), |p| Some(p.into()));
                let Some(all) = all.as_deref().and_then(M::Real::as_f32) else {
                    unreachable!("integers are made of float32 alone")
                };
                quantized::forward(simd, &d, x.cast(), all, (out.cast(), place), finish.cast());
            }
        }
    }
}

/// The gradient of the input, (N,H,W,C).
pub(crate) fn input_gradient<M: Maps>(d: Checked<Convolution>, weight: &[M::Real], dy: &[M]) -> Vec<M> {
    if d.y_len() == 0 {
        return vec![M::round(M::Real::ZERO); d.x_len()];
    }
    // SAFETY: all of it is written.
    unsafe { filled(d.x_len(), |out| run_back(simd(), d, weight, dy, out, None)) }
}

/// Whether [`input_gradient_rectified`] does this one on an instruction set.
pub(crate) fn rectifies<T: Real>(simd: Simd, d: &Convolution) -> bool {
    d.tallied::<T>(simd, d.c) && d.stride == 1 && d.c.is_multiple_of(SIGNS)
}

/// The gradient of the input with the `rest` of its terms, through the rectifier: a new map, or
/// none where it has been written over the rest; and the sums over it.
pub(crate) fn input_gradient_rectified<M: Maps>(
    simd: Simd,
    d: Checked<Convolution>,
    weight: &[M::Real],
    dy: &[M],
    rest: Option<Elements<'_, M>>,
    of: Rectifier<'_, M>,
) -> (Option<Vec<M>>, GradientSums) {
    assert!(rectifies::<M::Real>(simd, &d), "a convolution that takes tallies of its whole input");
    assert!([of.signs.len() * SIGNS, of.x.len()] == [d.x_len(); 2] && of.mean.len() == d.c, "of the input's shape");
    let run = |out: &mut [MaybeUninit<M>], add: bool| {
        let mut gradient = RectifiedGradient::new(of, out.as_mut_ptr().cast(), add);
        run_back(simd, d, weight, dy, out, Some(&mut gradient));
        gradient.sums()
    };
    // SAFETY: only elements are written, so that all stay initialized; MaybeUninit<M> has the
    // layout of M.
    let onto = |rest: &mut [M]| unsafe { run(&mut *(std::ptr::from_mut(rest) as *mut [MaybeUninit<M>]), true) };
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
fn run_back<M: Maps>(
    simd: Simd,
    d: Checked<Convolution>,
    weight: &[M::Real],
    dy: &[M],
    out: &mut [MaybeUninit<M>],
    tallies: Option<&mut dyn Tallies<M>>,
) {
    assert!(dy.len() == d.y_len() && weight.len() == d.weight_len() && out.len() == d.x_len());
    let (dy, out) = (dy.as_ptr(), out.as_mut_ptr().cast::<M>());
    // SAFETY: as in `run`.
    unsafe {
        match d.algorithm() {
            Algorithm::Depthwise => depthwise::input_gradient(simd, &d, weight, dy, out),
            Algorithm::Winograd => {
                let tallies = M::of_floats(tallies);
                winograd::input_gradient::<M::Real>(simd, &d, weight, dy.cast(), out.cast(), tallies);
            }
            Algorithm::Direct | Algorithm::Quantized => {
                let (merged, how) = (Merged::of::<M::Real>(simd, d), (simd, d.operands(simd)));
                direct::input_gradient(how, &merged.d, &merged.weight(weight), dy, out, tallies);
            }
        }
    }
}

/// The gradient of the weight (O,I,R,S).
pub(crate) fn weight_gradient<M: Maps>(d: Checked<Convolution>, x: &[M], dy: &[M]) -> Vec<M::Real> {
    assert!(x.len() == d.x_len() && dy.len() == d.y_len());
    if d.y_len() == 0 || d.x_len() == 0 {
        return vec![M::Real::ZERO; d.weight_len()];
    }
    let (simd, x, dy) = (simd(), x.as_ptr(), dy.as_ptr());
    // SAFETY: the lengths are those of the shape.
    unsafe {
        match d.algorithm() {
            Algorithm::Depthwise => depthwise::weight_gradient(simd, &d, x, dy),
            Algorithm::Winograd => winograd::weight_gradient::<M::Real>(simd, &d, x.cast(), dy.cast()),
            Algorithm::Direct | Algorithm::Quantized => {
                let (merged, how) = (Merged::of::<M::Real>(simd, d), (simd, d.operands(simd)));
                merged.gradient(direct::weight_gradient(how, &merged.d, x, dy))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Conv;
    use crate::sizes::Products;

    fn draw<T: Real>(len: usize, seed: u64) -> Vec<T> {
        let mut rng = crate::Rng::new(seed);
        (0..len).map(|_| T::of(rng.normal())).collect()
    }

    fn close(got: &[f64], right: &[f64], limit: f64, what: &str) {
        let rms = (right.iter().map(|r| r * r).sum::<f64>() / right.len() as f64).sqrt();
        let error = got.iter().zip(right).map(|(g, r)| (g - r).abs()).fold(0.0, f64::max);
        assert!(got.len() == right.len() && error <= limit * rms, "{what}: {error:e} of {rms:e}");
    }

    /// The gradient alone, then the rest, the rectifier and the sums, one after the other.
    fn hold<T: Real + Maps<Real = T>>(n: usize, side: usize, (c, o): (usize, usize), (r, padding): (usize, usize)) {
        let out = side + 2 * padding + 1 - r;
        let conv = Conv { padding, ..Conv::default() };
        let d =
            Checked::convolution([n, side, side, c], [o, c, r, r], conv, (size_of::<T>(), Products::Floats)).unwrap();
        let simd = simd();
        assert!(rectifies::<T>(simd, &d));
        let (weight, dy) = (draw::<T>(o * c * r * r, 1), draw::<T>(n * out * out * o, 2));
        let [y, x, rest] = [3, 4, 5].map(|seed| draw::<T>(n * side * side * c, seed));
        let bit = |(i, y): (usize, &T)| u16::from(*y > T::ZERO) << i;
        let signs: Vec<_> = y.chunks(SIGNS).map(|word| word.iter().enumerate().map(bit).sum()).collect();
        let mean = draw(c, 6);
        let of = Rectifier { signs: &signs, x: &x, mean: &mean };
        let alone = input_gradient(d, &weight, &dy);
        for (name, with_rest) in [("alone", false), ("own", true), ("shared", true)] {
            let mut own = rest.clone();
            let (new, sums) = match name {
                "alone" => input_gradient_rectified(simd, d, &weight, &dy, None, of),
                "own" => input_gradient_rectified(simd, d, &weight, &dy, Some(Elements::Own(&mut own)), of),
                _ => input_gradient_rectified(simd, d, &weight, &dy, Some(Elements::Shared(&rest)), of),
            };
            let got = new.unwrap_or(own);
            let (mut right, mut gradient, mut product) = (Vec::new(), vec![0.0; c], vec![0.0; c]);
            for i in 0..alone.len() {
                let g = alone[i].wide() + if with_rest { rest[i].wide() } else { 0.0 };
                let g = if y[i] > T::ZERO { g } else { 0.0 };
                right.push(g);
                gradient[i % c] += g;
                product[i % c] += g * (x[i].wide() - mean[i % c].wide());
            }
            let case = format!("{name} of {d:?}");
            let limit = if T::DTYPE == candle_core::DType::F32 { 1e-4 } else { 1e-11 };
            close(&got.iter().map(|g| g.wide()).collect::<Vec<_>>(), &right, limit, &case);
            close(&sums.gradient, &gradient, limit, &case);
            close(&sums.product, &product, limit, &case);
        }
    }

    #[test]
    fn a_gradient_is_finished_as_in_steps_of_their_own() {
        // In place, by some columns and by whole lines, by copied windows in one piece and in
        // several, at rows that fall together in the cache; Winograd's three ways, with whole and
        // with short tiles.
        hold::<f32>(3, 9, (48, 40), (1, 0));
        hold::<f32>(5, 14, (160, 40), (1, 0));
        hold::<f32>(2, 14, (64, 1024), (1, 0));
        hold::<f32>(2, 9, (32, 40), (5, 2));
        hold::<f64>(2, 6, (16, 7), (2, 1));
        hold::<f32>(2, 13, (32, 48), (3, 1));
        hold::<f32>(3, 7, (256, 256), (3, 1));
        hold::<f32>(12, 14, (256, 256), (3, 1));
    }
}
