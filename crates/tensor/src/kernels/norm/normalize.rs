//! The pass of batch normalization that writes: the normalized rows of an M×C matrix, what follows,
//! and on the way the signs that the gradient will ask for
//! ([`Rectifier`](crate::kernels::gemm::tally::Rectifier)).

use std::mem::MaybeUninit;

use crate::kernels::elementwise::pointwise::{self, on_functions};
use crate::kernels::gemm::tally::SIGNS;
use crate::kernels::memory::{Shared, block, chunks_back, filled};
use crate::kernels::simd::{Job, Lanes, Real, Stored, simd};
use crate::pointwise::Pointwise;

/// What comes after the normalization.
#[derive(Clone, Copy)]
pub(crate) enum Then<'a, M> {
    Nothing,
    Relu,
    AddRelu(&'a [M]),
    Activate(Pointwise),
}

/// `(x - mean) · scale + bias` with the parameters of the column, and what follows; where `signed`
/// also a bit for each result, whether it is above zero or NaN: the columns are then a multiple of
/// [`SIGNS`].
pub(crate) fn normalized<M: Stored>(
    x: &[M],
    columns: [&[M::Real]; 3],
    then: Then<'_, M>,
    signed: bool,
) -> (Vec<M>, Option<Vec<u16>>) {
    let c = columns[0].len();
    let size = block(c);
    assert!(columns.iter().all(|column| column.len() == c) && x.len().is_multiple_of(c.max(1)), "whole rows");
    assert!(!signed || c.is_multiple_of(SIGNS), "whole words of signs");
    if let Then::AddRelu(z) = then {
        assert_eq!(z.len(), x.len(), "matrices of one shape");
    }
    let run = |signs: Option<Shared<u16>>| {
        // SAFETY: the job writes all of its block, and the signs of it.
        unsafe {
            filled(x.len(), |out| {
                // From the end, which whoever wrote the inputs has left in the cache.
                chunks_back(out, size, |i, out| {
                    let (from, to) = (i * size, i * size + out.len());
                    let then = if let Then::AddRelu(z) = then { Then::AddRelu(&z[from..to]) } else { then };
                    let signs = signs.map(|signs| signs.at(from / SIGNS));
                    M::Real::launch(simd(), Rows { x: &x[from..to], columns, then, out, signs });
                });
            })
        }
    };
    if !signed {
        return (run(None), None);
    }
    let mut out = Vec::new();
    // SAFETY: the jobs write the signs of all elements.
    let signs = unsafe { filled(x.len() / SIGNS, |signs| out = run(Some(Shared::new(signs.as_mut_ptr().cast())))) };
    (out, Some(signs))
}

/// A block of [`normalized`].
struct Rows<'a, M: Stored> {
    x: &'a [M],
    columns: [&'a [M::Real]; 3],
    then: Then<'a, M>,
    out: &'a mut [MaybeUninit<M>],
    signs: Option<*mut u16>,
}

impl<M: Stored> Job<M::Real> for Rows<'_, M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(mut self) {
        let c = self.columns[0].len();
        for row in (0..self.x.len()).step_by(c.max(1)) {
            let words = c / SIGNS * SIGNS;
            // SAFETY: whole words, and then what is left of a row.
            unsafe {
                for column in (0..words).step_by(SIGNS) {
                    self.word::<V>(row, column, SIGNS);
                }
                if words < c {
                    self.word::<V>(row, words, c - words);
                }
            }
            if let Then::Activate(function) = self.then {
                // While the row is in the first cache.
                // SAFETY: the row has just been written; MaybeUninit<M> has the layout of M.
                let row = unsafe { &mut *(std::ptr::from_mut(&mut self.out[row..row + c]) as *mut [M]) };
                on_functions!(function, F => pointwise::apply::<M, F>(row));
            }
        }
    }
}

impl<M: Stored> Rows<'_, M> {
    /// The first `count` elements of a word, in the row that begins at `row`, from a column on.
    #[inline(always)]
    unsafe fn word<V: Lanes<Real = M::Real>>(&mut self, row: usize, column: usize, count: usize) {
        let [mean, scale, bias] = self.columns.map(|values| values.as_ptr().wrapping_add(column));
        let (x, out) = (self.x.as_ptr().wrapping_add(row + column), self.out.as_mut_ptr().wrapping_add(row + column));
        let mut bits = 0;
        for at in (0..SIGNS).step_by(V::N).take_while(|&at| at < count) {
            let n = count - at;
            // SAFETY: the caller's promise.
            unsafe {
                let d = M::load::<V>(x.add(at), n).sub(V::load_up_to(mean.add(at), n));
                let mut y = d.mul(V::load_up_to(scale.add(at), n)).add(V::load_up_to(bias.add(at), n));
                match self.then {
                    Then::Nothing | Then::Activate(_) => {}
                    Then::Relu => y = y.pass(y),
                    Then::AddRelu(z) => {
                        y = y.add(M::load(z.as_ptr().add(row + column + at), n));
                        y = y.pass(y);
                    }
                }
                M::store(out.cast::<M>().add(at), y, n);
                bits |= y.signs() << at;
            }
        }
        if let Some(signs) = self.signs {
            // SAFETY: there is one for each whole word.
            unsafe { *signs.add((row + column) / SIGNS) = bits }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::elementwise::pointwise::Function;
    use crate::kernels::simd::{passes, rectify};

    #[test]
    fn rows_are_normalized_as_element_by_element() {
        let mut rng = crate::Rng::new(1);
        let mut draw = |len: usize| (0..len).map(|_| rng.normal() as f32).collect::<Vec<_>>();
        for (rows, c) in [(1, 1), (300, 48), (70, 23), (33, 512), (0, 16)] {
            let [mut x, z] = [draw(rows * c), draw(rows * c)];
            if let Some(x) = x.first_mut() {
                *x = f32::NAN;
            }
            let [mean, scale, bias] = [draw(c), draw(c), draw(c)];
            let plain = |i: usize| (x[i] - mean[i % c]) * scale[i % c] + bias[i % c];
            let columns = [&mean[..], &scale, &bias];
            let signed = c % SIGNS == 0;
            let silu = Then::Activate(Pointwise::Silu);
            for (name, then) in
                [("nothing", Then::Nothing), ("relu", Then::Relu), ("add", Then::AddRelu(&z)), ("silu", silu)]
            {
                let signed = signed && name != "silu";
                let (y, signs) = normalized(&x, columns, then, signed);
                assert_eq!((y.len(), signs.is_some()), (x.len(), signed));
                for (i, &y) in y.iter().enumerate() {
                    let right = match then {
                        Then::Nothing => plain(i),
                        Then::Relu => rectify(plain(i)),
                        Then::AddRelu(z) => rectify(plain(i) + z[i]),
                        Then::Activate(_) => pointwise::Silu::value(plain(i)),
                    };
                    assert!(y.to_bits() == right.to_bits() || (y.is_nan() && right.is_nan()), "{name} {c}, {i}");
                    if let Some(signs) = &signs {
                        assert_eq!(signs[i / SIGNS] >> (i % SIGNS) & 1 == 1, passes(y), "{name} {c}, {i}");
                    }
                }
            }
        }
    }
}
