//! Integers in the vectors of AVX-512 and AVX2: bytes that are rounded, words that are summed.

use std::arch::x86_64::*;

// SAFETY of all: inlined into a job that is compiled for these instructions; the caller vouches for
// the pointers.

#[inline(always)]
pub(super) unsafe fn store_bytes_512(p: *mut u8, n: usize, values: __m512) {
    unsafe {
        let mask = ((1u32 << n.min(16)) - 1) as __mmask16;
        _mm512_mask_cvtepi32_storeu_epi8(p.cast(), mask, _mm512_cvtps_epi32(values));
    }
}

#[inline(always)]
pub(super) unsafe fn store_bytes_256(p: *mut u8, n: usize, values: __m256) {
    unsafe {
        let words = _mm256_cvtps_epi32(values);
        let halves = _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
        let mut bytes = [0u8; 16];
        _mm_storeu_si128(bytes.as_mut_ptr().cast(), _mm_packus_epi16(halves, halves));
        if n >= 8 {
            p.cast::<[u8; 8]>().write_unaligned(*bytes.first_chunk().unwrap_unchecked());
        } else {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), p, n);
        }
    }
}

#[inline(always)]
pub(super) unsafe fn whole_512(sums: __m512, zero: i32, totals: __m512) -> __m512 {
    unsafe {
        let off = _mm512_mullo_epi32(_mm512_set1_epi32(zero), _mm512_castps_si512(totals));
        _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_castps_si512(sums), off))
    }
}

#[inline(always)]
pub(super) unsafe fn whole_256(sums: __m256, zero: i32, totals: __m256) -> __m256 {
    unsafe {
        let off = _mm256_mullo_epi32(_mm256_set1_epi32(zero), _mm256_castps_si256(totals));
        _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_castps_si256(sums), off))
    }
}

/// `c + Σ aᵢ·bᵢ` of quads.
#[inline(always)]
pub(super) unsafe fn product_of_quads_512(a: __m512, b: __m512, c: __m512) -> __m512 {
    // SAFETY: inlined into a job of `on_avx512_quads`.
    unsafe {
        let (a, b, c) = (_mm512_castps_si512(a), _mm512_castps_si512(b), _mm512_castps_si512(c));
        _mm512_castsi512_ps(_mm512_dpbusd_epi32(c, a, b))
    }
}

/// The same by sums of two products of 16 bits, which hold any.
#[inline(always)]
pub(super) unsafe fn product_of_quads_256(a: __m256, b: __m256, c: __m256) -> __m256 {
    // SAFETY: inlined into a job of `on_avx2_quads`.
    unsafe {
        let (a, b, c) = (_mm256_castps_si256(a), _mm256_castps_si256(b), _mm256_castps_si256(c));
        let even = _mm256_and_si256(a, _mm256_set1_epi16(0xff));
        let even = _mm256_madd_epi16(even, _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(b)));
        let odd = _mm256_madd_epi16(_mm256_srli_epi16::<8>(a), _mm256_srai_epi16::<8>(b));
        _mm256_castsi256_ps(_mm256_add_epi32(c, _mm256_add_epi32(even, odd)))
    }
}
