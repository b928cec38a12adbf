//! The first stage of a block of tiles: from the map to 36 matrices.

use super::tiling::Tiling;
use super::transform::{self, both_ways};
use crate::kernels::simd::{Job, Lanes, Real};

/// Bᵀ d B of the patches of some tiles: to 36 matrices (tiles × channels).
pub(super) struct Patches<T> {
    pub(super) t: Tiling,
    pub(super) c: usize,
    pub(super) x: *const T,
    /// c elements that this job sets to zero: the pixels outside of the map.
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
        // SAFETY: pixels inside the map are read, the rest is `zeros`; every tile has its row of
        // each matrix.
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
