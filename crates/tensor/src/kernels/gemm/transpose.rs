//! Transposition of a stack of matrices, tile by tile: (N,C,H,W) to (N,H,W,C) and back.

use std::mem::MaybeUninit;

use crate::kernels::memory::{chunk, copy, filled, parts, parts_of_each};
use crate::kernels::simd::Real;

/// The side of a tile. Both sides of a tile are whole cache lines; the tile itself stays in the
/// first cache.
const TILE: usize = 16;
/// A row of the copy of a tile: one longer, so that its columns lie in different cache sets.
const ROW: usize = TILE + 1;

/// Each of `n` matrices of `rows` × `columns` as one of `columns` × `rows`.
pub(crate) fn transpose<T: Real>(x: &[T], n: usize, rows: usize, columns: usize) -> Vec<T> {
    assert_eq!(x.len(), n * rows * columns, "matrices of another shape");
    if rows.min(columns) <= 1 {
        return x.to_vec();
    }
    let size = rows * columns;
    let strips = parts_of_each(n, size, TILE * rows);
    // SAFETY: the parts are runs of up to TILE whole rows of one transposed matrix, and `strip`
    // writes all of its run.
    unsafe {
        filled(x.len(), |out| {
            parts(out, &strips, |i, out| {
                let at = strips[i].start;
                strip(chunk(x, size, at / size), at % size / rows, columns, rows, out);
            });
        })
    }
}

/// The columns of x from `from` on as the rows of `out`, which are `rows` long.
fn strip<T: Real>(x: &[T], from: usize, columns: usize, rows: usize, out: &mut [MaybeUninit<T>]) {
    let height = out.len() / rows;
    let mut tile = [T::ZERO; TILE * ROW];
    for row in (0..rows).step_by(TILE) {
        let width = TILE.min(rows - row);
        for (i, tile) in tile.chunks_exact_mut(ROW).take(width).enumerate() {
            let x = &x[(row + i) * columns + from..];
            match (x.first_chunk::<TILE>(), tile.first_chunk_mut::<TILE>()) {
                (Some(x), Some(tile)) if height == TILE => *tile = *x,
                _ => tile[..height].copy_from_slice(&x[..height]),
            }
        }
        for (j, out) in out.chunks_exact_mut(rows).enumerate() {
            let line: [T; TILE] = std::array::from_fn(|i| tile[i * ROW + j.min(TILE - 1)]);
            match out[row..].first_chunk_mut::<TILE>() {
                Some(out) => *out = line.map(MaybeUninit::new),
                None => copy(&mut out[row..], &line[..width]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_goes_to_its_mirror() {
        for (n, rows, columns) in [(1, 1, 5), (3, 5, 1), (2, 31, 33), (2, 64, 32), (1, 70, 5), (2, 3, 200)] {
            let x: Vec<f32> = (0..n * rows * columns).map(|i| i as f32).collect();
            let y = transpose(&x, n, rows, columns);
            for (i, &value) in x.iter().enumerate() {
                let (matrix, row, column) = (i / (rows * columns), i / columns % rows, i % columns);
                assert_eq!(y[(matrix * columns + column) * rows + row], value, "{n}x{rows}x{columns} at {i}");
            }
        }
    }
}
