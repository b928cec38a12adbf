//! Maxima over regions of any size, a picture to a thread.

use crate::kernels::memory::{chunk, chunks, chunks_of_two};
use crate::kernels::simd::Real;
use crate::regions::Regions;

/// The maxima and, for each, its place in the picture: the first in row order; NaN counts as larger
/// than any number.
pub(crate) fn forward<T: Real>(x: &[T], [h, w, c]: [usize; 3], regions: &Regions) -> (Vec<T>, Vec<u32>) {
    let out = regions.rows.len() * regions.columns.len() * c;
    let (pictures, picture) = (x.len() / (h * w * c).max(1), h * w * c);
    let (mut y, mut places) = (vec![T::ZERO; pictures * out], vec![0u32; pictures * out]);
    if out * picture == 0 {
        return (y, places);
    }
    chunks_of_two(&mut y, &mut places, out, |i, y, places| {
        let x = chunk(x, picture, i);
        let cells = regions.rows.iter().flat_map(|rows| regions.columns.iter().map(move |columns| (rows, columns)));
        for ((y, places), (rows, columns)) in y.chunks_exact_mut(c).zip(places.chunks_exact_mut(c)).zip(cells) {
            let pixels = rows.clone().flat_map(|row| columns.clone().map(move |column| (row * w + column) * c));
            for (i, at) in pixels.enumerate() {
                for l in 0..c {
                    let value = x[at + l];
                    // Neither larger nor smaller nor equal: a NaN, which stays once it is there.
                    let larger =
                        value > y[l] || (value.partial_cmp(&value).is_none() && y[l].partial_cmp(&y[l]).is_some());
                    if i == 0 || larger {
                        (y[l], places[l]) = (value, (at + l) as u32);
                    }
                }
            }
        }
    });
    (y, places)
}

/// Every gradient goes to the place of its maximum; where regions overlap they add up in the order
/// of the regions.
pub(crate) fn backward<T: Real>(dy: &[T], places: &[u32], picture: usize, n: usize) -> Vec<T> {
    let mut dx = vec![T::ZERO; n * picture];
    let out = dy.len() / n.max(1);
    if out * picture == 0 {
        return dx;
    }
    chunks(&mut dx, picture, |i, dx| {
        for (&g, &place) in chunk(dy, out, i).iter().zip(chunk(places, out, i)) {
            dx[place as usize] += g;
        }
    });
    dx
}
