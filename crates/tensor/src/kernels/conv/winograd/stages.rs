//! The first and the last stage of a block of tiles: from the map to 36 matrices, and from 36 matrices to the map.

use super::super::Real;
use super::super::direct::Finish;
use super::super::simd::{Job, Lanes};
use super::super::tally::{GateSums, MomentSums, Tally};
use super::tiling::Tiling;
use super::transform::{self, both_ways};

/// Bᵀ d B of the patches of some tiles: to 36 matrices (tiles × channels).
pub(super) struct Patches<T> {
    pub(super) t: Tiling,
    pub(super) c: usize,
    pub(super) x: *const T,
    /// c numbers that this job sets to zero: the pixels outside of the map.
    pub(super) zeros: *mut T,
    pub(super) v: *mut T,
    pub(super) stride: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl<T: Real> Job<T> for Patches<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (t, c) = (self.t, self.c);
        // SAFETY: pixels inside the map are read, the rest is `zeros`; every tile has its row of each matrix.
        unsafe {
            std::ptr::write_bytes(self.zeros, 0, c);
            for tile in self.from..self.to {
                let place = t.place(tile);
                let x = self.x.add(place.picture * t.h * t.w * c);
                let mut pixels = [[self.zeros.cast_const(); 6]; 6];
                for (i, pixels) in pixels.iter_mut().enumerate() {
                    for (j, pixel) in pixels.iter_mut().enumerate() {
                        let (y, x_at) = ((place.y + i).wrapping_sub(t.padding), (place.x + j).wrapping_sub(t.padding));
                        if y < t.h && x_at < t.w {
                            *pixel = x.add((y * t.w + x_at) * c);
                        }
                    }
                }
                let v = self.v.add((tile - self.from) * c);
                for from in (0..c).step_by(V::N) {
                    let n = V::N.min(c - from);
                    let mut patch = [[V::splat(T::ZERO); 6]; 6];
                    for i in 0..6 {
                        // The next tile's pixels, right of those that are loaded now.
                        for j in 2..6 {
                            V::prefetch(pixels[i][j].wrapping_add(4 * c + from));
                        }
                        for j in 0..6 {
                            patch[i][j] = V::load_up_to(pixels[i][j].add(from), n);
                        }
                    }
                    let patch = both_ways!(transform::input, patch, 6, 6);
                    for i in 0..6 {
                        for j in 0..6 {
                            patch[i][j].store_up_to(v.add((i * 6 + j) * self.stride + from), n);
                        }
                    }
                }
            }
        }
    }
}

/// Aᵀ m A of some tiles, bias, ReLU: to the map.
pub(super) struct Outputs<T> {
    pub(super) t: Tiling,
    /// Channels of the map, and of them those that are written.
    pub(super) o: usize,
    pub(super) channels: usize,
    /// Columns of the matrices.
    pub(super) padded: usize,
    pub(super) m: *const T,
    pub(super) out: *mut T,
    pub(super) stride: usize,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) finish: Finish<T>,
    pub(super) streamed: bool,
    /// What is done with what is written, whose channels must be whole vectors.
    pub(super) tally: Tally<T>,
}

impl<T: Real> Job<T> for Outputs<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (t, o) = (self.t, self.o);
        let floor = if self.finish.relu { T::ZERO } else { T::NEG_INFINITY };
        // SAFETY: the matrices have `padded` columns; only pixels and channels of the map are written.
        unsafe {
            for tile in self.from..self.to {
                let place = t.place(tile);
                let (rows, columns) = (place.height, place.width);
                let out = self.out.add(((place.picture * t.oh + place.y) * t.ow + place.x) * o);
                // A short tile has no products at ∞: what is read instead goes into outputs that it does not have.
                let [down, across] = [rows, columns].map(|count| [0, 1, 2, 3, 4, if count == 4 { 5 } else { 4 }]);
                let m = self.m.add((tile - self.from) * self.padded);
                for from in (0..self.channels).step_by(V::N) {
                    let n = V::N.min(self.channels - from);
                    let mut bias = V::splat(T::ZERO);
                    if !self.finish.bias.is_null() {
                        bias = V::load_up_to(self.finish.bias.add(from), n);
                    }
                    if let Tally::Gate(_, gate) = self.tally {
                        for i in 0..rows {
                            for j in 0..columns {
                                let to = out.add((i * t.ow + j) * o + from);
                                gate.ask::<V>(to);
                                V::prefetch(to);
                            }
                        }
                    }
                    let mut points = [[bias; 6]; 6];
                    for i in 0..6 {
                        for j in 0..6 {
                            points[i][j] = V::load(m.add((down[i] * 6 + across[j]) * self.stride + from));
                        }
                    }
                    let mut y = both_ways!(transform::output, points, 6, 4);
                    let begins = tile == self.from;
                    match self.tally.from(from) {
                        Tally::Nothing => {}
                        Tally::Moments(slot) => {
                            let mut sums = MomentSums::open(slot, if begins { Some(y[0][0]) } else { None });
                            for i in 0..rows {
                                for j in 0..columns {
                                    sums.add(y[i][j]);
                                }
                            }
                            sums.close(slot);
                        }
                        Tally::Gate(slot, gate) => {
                            let mut sums = GateSums::open(slot, gate, begins);
                            for i in 0..rows {
                                for j in 0..columns {
                                    let to = out.add((i * t.ow + j) * o + from);
                                    let value = if gate.add { y[i][j].add(V::load(to)) } else { y[i][j] };
                                    y[i][j] = sums.pass(gate, to, value);
                                }
                            }
                            sums.close(slot);
                        }
                    }
                    for i in 0..rows {
                        for j in 0..columns {
                            let value = V::splat(floor).max(y[i][j].add(bias));
                            let to = out.add((i * t.ow + j) * o + from);
                            if self.streamed { value.stream(to) } else { value.store_up_to(to, n) }
                        }
                    }
                }
            }
            V::fence();
        }
    }
}
