//! The last stage of a block of tiles: from 36 matrices to the map.

use super::tiling::Tiling;
use super::transform::{self, both_ways};
use crate::kernels::conv::finish::Finish;
use crate::kernels::gemm::tally::{MomentSums, RectifierSums, Tally};
use crate::kernels::simd::{Job, Lanes, Real};

/// Aᵀ m A of some tiles, bias, ReLU: to the map.
pub(super) struct Outputs<T: Real> {
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
        // SAFETY: the matrices have `padded` columns; only pixels and channels of the map are
        // written.
        unsafe {
            for tile in self.from..self.to {
                let place = t.place(tile);
                let (rows, columns) = (place.height, place.width);
                let out = self.out.add(((place.picture * t.oh + place.y) * t.ow + place.x) * o);
                // A short tile has no products at ∞: what is read instead goes into outputs that it
                // does not have.
                let [down, across] = [rows, columns].map(|count| [0, 1, 2, 3, 4, if count == 4 { 5 } else { 4 }]);
                let m = self.m.add((tile - self.from) * self.padded);
                for from in (0..self.channels).step_by(V::N) {
                    let n = V::N.min(self.channels - from);
                    let at = TileAt { out: out.add(from), rows, columns, from, first: tile == self.from };
                    self.prefetch::<V>(at);
                    let mut points = [[V::splat(T::ZERO); 6]; 6];
                    for i in 0..6 {
                        for j in 0..6 {
                            points[i][j] = V::load(m.add((down[i] * 6 + across[j]) * self.stride + from));
                        }
                    }
                    let mut y = both_ways!(transform::output, points, 6, 4);
                    self.tally::<V>(&mut y, at);
                    let finish = self.finish.of::<V>(from, n);
                    for i in 0..rows {
                        for j in 0..columns {
                            let to = out.add((i * t.ow + j) * o + from);
                            let value = self.finish.value(finish, y[i][j], to, n);
                            if self.streamed { value.stream(to) } else { value.store_up_to(to, n) }
                        }
                    }
                }
            }
            V::fence();
        }
    }
}

/// Where a vector of channels of a tile's outputs goes.
#[derive(Clone, Copy)]
struct TileAt<T> {
    out: *mut T,
    /// Of the tile.
    rows: usize,
    columns: usize,
    /// The first of the channels.
    from: usize,
    /// Whether the tile begins the sums.
    first: bool,
}

impl<T: Real> Outputs<T> {
    /// Prefetches what [`Outputs::tally`] will read.
    #[inline(always)]
    unsafe fn prefetch<V: Lanes<Real = T>>(&self, at: TileAt<T>) {
        if let Tally::Rectify(_, rectifier) = self.tally {
            for i in 0..at.rows {
                for j in 0..at.columns {
                    // SAFETY: pixels of the map.
                    unsafe {
                        let to = at.out.add((i * self.t.ow + j) * self.o);
                        rectifier.prefetch::<V>(to);
                        V::prefetch(to);
                    }
                }
            }
        }
    }

    /// Does with the outputs what the tally says.
    #[inline(always)]
    unsafe fn tally<V: Lanes<Real = T>>(&self, y: &mut [[V; 4]; 4], at: TileAt<T>) {
        // SAFETY: pixels of the map, and whole vectors of its channels.
        unsafe {
            match self.tally.from(at.from) {
                Tally::Nothing => {}
                Tally::Moments(slot) => {
                    let mut sums = MomentSums::open(slot, if at.first { Some(y[0][0]) } else { None });
                    for i in 0..at.rows {
                        for j in 0..at.columns {
                            sums.add(y[i][j]);
                        }
                    }
                    sums.close(slot);
                }
                Tally::Rectify(slot, rectifier) => {
                    let mut sums = RectifierSums::open(slot, rectifier, at.first);
                    for i in 0..at.rows {
                        for j in 0..at.columns {
                            let to = at.out.add((i * self.t.ow + j) * self.o);
                            let value = if rectifier.add { y[i][j].add(V::load(to)) } else { y[i][j] };
                            y[i][j] = sums.pass(rectifier, to, value);
                        }
                    }
                    sums.close(slot);
                }
            }
        }
    }
}
