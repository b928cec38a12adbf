//! What a rectified batch norm asks of the convolution that computes the last term of its output's gradient.

use super::Real;
use super::batch_norm::Sums;
use super::parallel::Shared;
use super::tally::{Gate, Slot, Tallies, Tally};

/// Where a map was rectified, the map x that was normalised for it, and the mean of each of its columns.
#[derive(Clone, Copy)]
pub(crate) struct Rectified<'a, T> {
    /// A bit for each number of the map that is not rectified to 0.
    pub(crate) signs: &'a [u16],
    pub(crate) x: &'a [T],
    pub(crate) mean: &'a [T],
}

/// The sums over a gradient that passes the rectifier while it is written.
pub(super) struct Gated<'a, T> {
    of: Rectified<'a, T>,
    out: *mut T,
    add: bool,
    /// [block][Σg, Σg(x - mean)][column]
    sums: Vec<T>,
}

impl<'a, T: Real> Gated<'a, T> {
    /// None yet, of a gradient that will be written to `out`, or added to what lies there.
    pub(super) fn new(of: Rectified<'a, T>, out: *mut T, add: bool) -> Self {
        Self { of, out, add, sums: Vec::new() }
    }

    /// Those of all blocks together.
    pub(super) fn sums(&self) -> Sums {
        let c = self.of.mean.len();
        let blocks: Vec<_> = self.sums.chunks_exact(2 * c).map(|block| block.split_at(c)).collect();
        Sums::of_blocks(&blocks, c)
    }
}

impl<T: Real> Tallies<T> for Gated<'_, T> {
    fn reserve(&mut self, rows: Vec<usize>) -> Tally<T> {
        let Rectified { signs, x, mean } = self.of;
        let [x, mean] = [x, mean].map(|values| Shared::new(values.as_ptr().cast_mut()));
        let signs = Shared::new(signs.as_ptr().cast_mut());
        let slot = Slot::reserve(&mut self.sums, rows.len(), 2, self.of.mean.len());
        Tally::Gate(slot, Gate { out: Shared::new(self.out), x, signs, mean, add: self.add })
    }

    fn adds(&self) -> bool {
        self.add
    }
}

#[cfg(test)]
mod tests {
    use super::super::conv::{gates, input_gradient, input_gradient_gated};
    use super::super::normalise::SIGNS;
    use super::super::rewrite::Elements;
    use super::super::simd::simd;
    use super::*;
    use crate::Conv;
    use crate::sizes::Checked;

    fn draw<T: Real>(len: usize, seed: u64) -> Vec<T> {
        let mut rng = crate::Rng::new(seed);
        (0..len).map(|_| T::from_f64(rng.normal())).collect()
    }

    fn close(got: &[f64], right: &[f64], limit: f64, what: &str) {
        let rms = (right.iter().map(|r| r * r).sum::<f64>() / right.len() as f64).sqrt();
        let error = got.iter().zip(right).map(|(g, r)| (g - r).abs()).fold(0.0, f64::max);
        assert!(got.len() == right.len() && error <= limit * rms, "{what}: {error:e} of {rms:e}");
    }

    /// The gradient alone, then the rest, the rectifier and the sums, one after the other.
    fn hold<T: Real>(n: usize, side: usize, (c, o): (usize, usize), (r, padding): (usize, usize)) {
        let out = side + 2 * padding + 1 - r;
        let conv = Conv { padding, ..Conv::default() };
        let d = Checked::convolution([n, side, side, c], [o, c, r, r], conv, (size_of::<T>(), false)).unwrap();
        let simd = simd();
        assert!(gates::<T>(simd, &d));
        let (weight, dy) = (draw::<T>(o * c * r * r, 1), draw::<T>(n * out * out * o, 2));
        let [y, x, rest] = [3, 4, 5].map(|seed| draw::<T>(n * side * side * c, seed));
        let bit = |(i, y): (usize, &T)| u16::from(*y > T::ZERO) << i;
        let signs: Vec<_> = y.chunks(SIGNS).map(|word| word.iter().enumerate().map(bit).sum()).collect();
        let mean = draw(c, 6);
        let of = Rectified { signs: &signs, x: &x, mean: &mean };
        let alone = input_gradient(d, &weight, &dy);
        for (name, with_rest) in [("alone", false), ("own", true), ("shared", true)] {
            let mut own = rest.clone();
            let (new, sums) = match name {
                "alone" => input_gradient_gated(simd, d, &weight, &dy, None, of),
                "own" => input_gradient_gated(simd, d, &weight, &dy, Some(Elements::Own(&mut own)), of),
                _ => input_gradient_gated(simd, d, &weight, &dy, Some(Elements::Shared(&rest)), of),
            };
            let got = new.unwrap_or(own);
            let (mut right, mut gradient, mut product) = (Vec::new(), vec![0.0; c], vec![0.0; c]);
            for i in 0..alone.len() {
                let g = alone[i].to_f64() + if with_rest { rest[i].to_f64() } else { 0.0 };
                let g = if y[i] > T::ZERO { g } else { 0.0 };
                right.push(g);
                gradient[i % c] += g;
                product[i % c] += g * (x[i].to_f64() - mean[i % c].to_f64());
            }
            let case = format!("{name} of {d:?}");
            let limit = if T::DTYPE == candle_core::DType::F32 { 1e-4 } else { 1e-11 };
            close(&got.iter().map(|g| g.to_f64()).collect::<Vec<_>>(), &right, limit, &case);
            close(&sums.gradient, &gradient, limit, &case);
            close(&sums.product, &product, limit, &case);
        }
    }

    #[test]
    fn a_gradient_is_finished_as_in_steps_of_their_own() {
        // In place, by some columns and by whole lines, by copied windows in one piece and in several, at rows that fall
        // together in the cache; Winograd's three ways, with whole and with short tiles.
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
