//! AVX512-BF16: the product of pairs of bfloat16, and how they are made
//! ([`Pairs`](super::pairs::Pairs)).

use std::arch::x86_64::*;
use std::mem::transmute;

use super::lanes::Block;
use super::tiles::{SIDE, STEP, Tiles};

/// Rows of a block of sums that are in registers at a time.
const ROWS: usize = 8;

/// Multiplies a block ([`Tiles`]).
///
/// # Safety
/// The processor must have AVX-512F and AVX512-BF16; the pointers hold what [`Tiles`] says.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn multiply(tiles: &Tiles) {
    for row in (0..tiles.rows).step_by(ROWS) {
        // SAFETY: the caller's promise; of 16 or 32 rows all may be read.
        unsafe { if tiles.ldb == SIDE { rows::<2>(tiles, row) } else { rows::<1>(tiles, row) } }
    }
}

/// Some rows of a block of so many vectors of columns.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn rows<const VECTORS: usize>(tiles: &Tiles, first: usize) {
    // SAFETY: the caller's promise; words and pairs are 32 bits of any value.
    unsafe {
        let pairs = |words: __m512| transmute::<__m512, __m512bh>(words);
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
        let a = tiles.a.add(first * tiles.lda);
        for p in 0..tiles.steps * STEP {
            let mut b = [_mm512_setzero_ps(); VECTORS];
            for (v, b) in b.iter_mut().enumerate() {
                *b = _mm512_loadu_ps(tiles.b.add(p * tiles.ldb + v * 16));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = _mm512_set1_ps(*a.add(i * tiles.lda + p));
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = _mm512_dpbf16_ps(*sum, pairs(a), pairs(b));
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                _mm512_storeu_ps(tiles.to.add((first + i) * SIDE + v * 16), *sum);
            }
        }
    }
}

/// The first `n` elements, at most 16; zeros after them.
#[inline(always)]
unsafe fn load(p: *const f32, n: usize) -> __m512 {
    // SAFETY: the caller vouches for n elements.
    unsafe { _mm512_maskz_loadu_ps(first(n), p) }
}

/// Bits for the first `n` of 16.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    if n >= 16 { !0 } else { (1 << n) - 1 }
}

/// Pairs of neighbors in each row: element 2j and 2j + 1 of a row to `to + row·stride + j`.
///
/// # Safety
/// The processor must have AVX-512F and AVX512-BF16; the caller vouches for both blocks.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(crate) unsafe fn pairs_along(from: Block<f32>, to: *mut f32, stride: usize) {
    for row in 0..from.rows {
        for pair in (0..from.columns.div_ceil(2)).step_by(16) {
            let n = from.columns - 2 * pair;
            // SAFETY: elements of the row; what is written in place has been read.
            unsafe {
                let at = from.at.add(row * from.stride + 2 * pair);
                let (low, high) = (load(at, n), load(at.wrapping_add(16), n.saturating_sub(16)));
                let pairs = transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(high, low));
                _mm512_mask_storeu_ps(to.add(row * stride + pair), first(n.div_ceil(2)), pairs);
            }
        }
    }
}

/// Pairs of two rows: element j of rows 2i and 2i + 1 to `to + i·stride + j`.
///
/// # Safety
/// The processor must have AVX-512F, AVX-512BW and AVX512-BF16; the caller vouches for both blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(crate) unsafe fn pairs_across(from: Block<f32>, to: *mut f32, stride: usize) {
    // Words 0, 16, 1, 17, ...: those of the low row beside those of the high one.
    let mut zip = [0u16; 32];
    for (word, at) in zip.iter_mut().enumerate() {
        *at = (word / 2 + word % 2 * 16) as u16;
    }
    // SAFETY: 512 bits of any value.
    let zip = unsafe { transmute::<[u16; 32], __m512i>(zip) };
    for pair in 0..from.rows.div_ceil(2) {
        let both = 2 * pair + 1 < from.rows;
        for column in (0..from.columns).step_by(16) {
            let n = from.columns - column;
            // SAFETY: elements of rows that there are; what is written in place has been read.
            unsafe {
                let at = from.at.add(2 * pair * from.stride + column);
                let (low, high) = (load(at, n), load(at.wrapping_add(from.stride), if both { n } else { 0 }));
                let halves = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
                let pairs = _mm512_castsi512_ps(_mm512_permutexvar_epi16(zip, halves));
                _mm512_mask_storeu_ps(to.add(pair * stride + column), first(n), pairs);
            }
        }
    }
}
