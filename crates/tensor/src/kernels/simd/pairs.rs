//! Pairs of bfloat16 where a processor multiplies them: two elements side by side in the place of
//! one float32.

use super::element::Element;
use super::lanes::Block;

/// What makes and multiplies pairs: float32 on a processor that can.
///
/// # Safety of the methods
/// Products only where [`Pairs::exist`]; for pointers, the caller vouches.
pub(crate) trait Pairs: Element {
    /// Whether the processor multiplies pairs of such elements.
    fn exist() -> bool {
        false
    }

    /// Pairs of neighbors in each row, to rows `stride` apart; in place, too.
    unsafe fn along(_: Block<Self>, _to: *mut Self, _stride: usize) {
        unreachable!("there are no such pairs")
    }

    /// Pairs of what lies in two rows, one above the other, to half as many rows `stride` apart; in
    /// place, too.
    unsafe fn across(_: Block<Self>, _to: *mut Self, _stride: usize) {
        unreachable!("there are no such pairs")
    }
}

impl Pairs for f64 {}

#[cfg(not(target_arch = "x86_64"))]
impl Pairs for f32 {
    unsafe fn along(from: Block<f32>, to: *mut f32, stride: usize) {
        // SAFETY: the caller's promise.
        unsafe { plain_along(from, to, stride) }
    }

    unsafe fn across(from: Block<f32>, to: *mut f32, stride: usize) {
        // SAFETY: the caller's promise.
        unsafe { plain_across(from, to, stride) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Pairs for f32 {
    fn exist() -> bool {
        use std::arch::is_x86_feature_detected as has;
        has!("avx512f") && has!("avx512bw") && has!("avx512bf16")
    }

    unsafe fn along(from: Block<f32>, to: *mut f32, stride: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match Self::exist() {
                true => super::bf16::pairs_along(from, to, stride),
                false => plain_along(from, to, stride),
            }
        }
    }

    unsafe fn across(from: Block<f32>, to: *mut f32, stride: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match Self::exist() {
                true => super::bf16::pairs_across(from, to, stride),
                false => plain_across(from, to, stride),
            }
        }
    }
}

/// The nearest bfloat16, ties to even, by arithmetic on the bits.
#[inline(always)]
pub(super) fn rounded(x: f32) -> u32 {
    let bits = x.to_bits();
    if x.is_nan() { bits >> 16 | 0x40 } else { (bits + 0x7fff + (bits >> 16 & 1)) >> 16 }
}

fn pair(low: f32, high: f32) -> f32 {
    f32::from_bits(rounded(low) | rounded(high) << 16)
}

/// [`Pairs::along`] in plain code.
unsafe fn plain_along(from: Block<f32>, to: *mut f32, stride: usize) {
    for row in 0..from.rows {
        for at in (0..from.columns).step_by(2) {
            // SAFETY: elements of the row; what is written in place has been read.
            unsafe {
                let x = from.at.add(row * from.stride + at);
                let high = if at + 1 < from.columns { *x.add(1) } else { 0.0 };
                *to.add(row * stride + at / 2) = pair(*x, high);
            }
        }
    }
}

/// [`Pairs::across`] in plain code.
unsafe fn plain_across(from: Block<f32>, to: *mut f32, stride: usize) {
    for row in (0..from.rows).step_by(2) {
        for column in 0..from.columns {
            // SAFETY: elements of rows that there are; what is written in place has been read.
            unsafe {
                let x = from.at.add(row * from.stride + column);
                let high = if row + 1 < from.rows { *x.add(from.stride) } else { 0.0 };
                *to.add(row / 2 * stride + column) = pair(*x, high);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(len: usize) -> Vec<f32> {
        let mut rng = crate::Rng::new(1);
        (0..len).map(|_| rng.normal() as f32).collect()
    }

    #[test]
    fn pairs_are_rounded_neighbors_along_a_row_or_across_two() {
        // On a processor without the instructions it is plain code that is tested.
        for (rows, columns) in [(1, 1), (2, 16), (5, 33), (8, 70), (3, 32)] {
            let stride = columns + 7;
            let from = draw(rows * stride);
            let block = |at| Block { at, stride, rows, columns };
            let number = |row: usize, column: usize| {
                if row < rows && column < columns { rounded(from[row * stride + column]) } else { 0 }
            };
            for in_place in [false, true] {
                let (mut along, mut across) = (from.clone(), from.clone());
                let mut other = vec![0.0; from.len()];
                // SAFETY: each matrix has the rows and columns of the block.
                unsafe {
                    let (to, source) = (along.as_mut_ptr(), if in_place { along.as_ptr() } else { from.as_ptr() });
                    f32::along(block(source), to, stride);
                    if in_place {
                        f32::across(block(across.as_ptr()), across.as_mut_ptr(), stride);
                    } else {
                        f32::across(block(from.as_ptr()), other.as_mut_ptr(), stride);
                        across.copy_from_slice(&other);
                    }
                }
                for row in 0..rows {
                    for pair in 0..columns.div_ceil(2) {
                        let wanted = number(row, 2 * pair) | number(row, 2 * pair + 1) << 16;
                        assert_eq!(along[row * stride + pair].to_bits(), wanted, "{rows}x{columns}, {row}, {pair}");
                    }
                }
                for pair in 0..rows.div_ceil(2) {
                    for column in 0..columns {
                        let wanted = number(2 * pair, column) | number(2 * pair + 1, column) << 16;
                        assert_eq!(across[pair * stride + column].to_bits(), wanted, "{rows}x{columns}, {pair}");
                    }
                }
            }
        }
    }
}
