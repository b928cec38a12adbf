//! The vectors of AVX-512 and AVX2, and those that multiply quads of integers.

use std::arch::x86_64::*;

use half::bf16;

use super::lanes::{Block, Job, Lanes};
use super::x86_integers::{
    product_of_quads_256, product_of_quads_512, store_bytes_256, store_bytes_512, whole_256, whole_512,
};

/// # Safety
/// The processor must have AVX-512F.
#[target_feature(enable = "avx512f,avx2,fma")]
pub(super) unsafe fn on_avx512<J: Job<f32>>(job: J) {
    // SAFETY: the caller's promise.
    unsafe { job.run::<Avx512>() }
}

/// # Safety
/// The processor must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn on_avx2<J: Job<f32>>(job: J) {
    // SAFETY: the caller's promise.
    unsafe { job.run::<Avx2>() }
}

/// # Safety
/// The processor must have AVX-512F and AVX512-VNNI.
#[target_feature(enable = "avx512f,avx512vnni,avx2,fma")]
pub(super) unsafe fn on_avx512_quads<J: Job<f32>>(job: J) {
    // SAFETY: the caller's promise.
    unsafe { job.run::<Avx512Quads>() }
}

/// # Safety
/// The processor must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn on_avx2_quads<J: Job<f32>>(job: J) {
    // SAFETY: the caller's promise.
    unsafe { job.run::<Avx2Quads>() }
}

// SAFETY of all down to the vectors: as of the methods below; elements past the n-th are neither
// read nor written.

#[inline(always)]
unsafe fn load_part_512(p: *const f32, n: usize) -> __m512 {
    unsafe { _mm512_maskz_loadu_ps(((1u32 << n) - 1) as __mmask16, p) }
}

#[inline(always)]
unsafe fn store_part_512(p: *mut f32, n: usize, values: __m512) {
    unsafe { _mm512_mask_storeu_ps(p, ((1u32 << n) - 1) as __mmask16, values) }
}

#[inline(always)]
unsafe fn load_halves_512(p: *const bf16) -> __m512 {
    unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast())))) }
}

/// To the nearest, ties to even, as plain code does it; NaN stays NaN.
#[inline(always)]
unsafe fn store_halves_512(p: *mut bf16, values: __m512) {
    unsafe {
        let bits = _mm512_castps_si512(values);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(values, values);
        let quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x40_0000));
        let halves = _mm512_srli_epi32::<16>(_mm512_mask_mov_epi32(up, nan, quiet));
        _mm256_storeu_si256(p.cast(), _mm512_cvtepi32_epi16(halves));
    }
}

#[inline(always)]
unsafe fn load_halves_256(p: *const bf16) -> __m256 {
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast())))) }
}

#[inline(always)]
unsafe fn store_halves_256(p: *mut bf16, values: __m256) {
    unsafe {
        let bits = _mm256_castps_si256(values);
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(values, values));
        let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x40_0000));
        let halves = _mm256_srli_epi32::<16>(_mm256_blendv_epi8(up, quiet, nan));
        let packed = _mm256_permute4x64_epi64::<0b1000>(_mm256_packus_epi32(halves, halves));
        _mm_storeu_si128(p.cast(), _mm256_castsi256_si128(packed));
    }
}

/// All bits in the first n elements.
#[inline(always)]
unsafe fn first_256(n: usize) -> __m256i {
    unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
}

#[inline(always)]
unsafe fn load_part_256(p: *const f32, n: usize) -> __m256 {
    unsafe { _mm256_maskload_ps(p, first_256(n)) }
}

#[inline(always)]
unsafe fn store_part_256(p: *mut f32, n: usize, values: __m256) {
    unsafe { _mm256_maskstore_ps(p, first_256(n), values) }
}

#[inline(always)]
unsafe fn pass_512(value: __m512, g: __m512) -> __m512 {
    unsafe { only_512(g, signs_512(value)) }
}

#[inline(always)]
unsafe fn pass_256(value: __m256, g: __m256) -> __m256 {
    unsafe { _mm256_and_ps(passes_256(value), g) }
}

#[inline(always)]
unsafe fn signs_512(values: __m512) -> u16 {
    unsafe { _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(values, _mm512_setzero_ps()) }
}

#[inline(always)]
unsafe fn signs_256(values: __m256) -> u16 {
    unsafe { _mm256_movemask_ps(passes_256(values)) as u16 }
}

/// All bits in the elements that are above zero or NaN.
#[inline(always)]
unsafe fn passes_256(values: __m256) -> __m256 {
    unsafe { _mm256_cmp_ps::<_CMP_NLE_UQ>(values, _mm256_setzero_ps()) }
}

#[inline(always)]
unsafe fn only_512(values: __m512, signs: u16) -> __m512 {
    unsafe { _mm512_maskz_mov_ps(signs, values) }
}

#[inline(always)]
unsafe fn only_256(values: __m256, signs: u16) -> __m256 {
    unsafe {
        let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let set = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(signs.into()), bits), bits);
        _mm256_and_ps(_mm256_castsi256_ps(set), values)
    }
}

/// The transpose of a square of 16: pairs of rows, then fours, within lanes of 128 bits, and then
/// the lanes.
#[inline(always)]
unsafe fn transpose_512(rows: [__m512; 16]) -> [__m512; 16] {
    unsafe {
        let zero = _mm512_setzero_ps();
        let (mut pairs, mut fours, mut transpose) = ([zero; 16], [zero; 16], [zero; 16]);
        for i in (0..16).step_by(2) {
            pairs[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
            pairs[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
        }
        for i in (0..16).step_by(4) {
            let [a, b, c, d] = [0, 1, 2, 3].map(|j| _mm512_castps_pd(pairs[i + j]));
            fours[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
            fours[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
            fours[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
            fours[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
        }
        for j in 0..4 {
            let even = [0, 8].map(|i| _mm512_shuffle_f32x4::<0x88>(fours[i + j], fours[i + 4 + j]));
            let odd = [0, 8].map(|i| _mm512_shuffle_f32x4::<0xdd>(fours[i + j], fours[i + 4 + j]));
            transpose[j] = _mm512_shuffle_f32x4::<0x88>(even[0], even[1]);
            transpose[j + 4] = _mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]);
            transpose[j + 8] = _mm512_shuffle_f32x4::<0xdd>(even[0], even[1]);
            transpose[j + 12] = _mm512_shuffle_f32x4::<0xdd>(odd[0], odd[1]);
        }
        transpose
    }
}

/// The transpose of a square of 8.
#[inline(always)]
unsafe fn transpose_256(rows: [__m256; 8]) -> [__m256; 8] {
    unsafe {
        let zero = _mm256_setzero_ps();
        let (mut pairs, mut fours, mut transpose) = ([zero; 8], [zero; 8], [zero; 8]);
        for i in (0..8).step_by(2) {
            pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
            pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
        }
        for i in (0..8).step_by(4) {
            let [a, b, c, d] = [0, 1, 2, 3].map(|j| _mm256_castps_pd(pairs[i + j]));
            fours[i] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, c));
            fours[i + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, c));
            fours[i + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(b, d));
            fours[i + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(b, d));
        }
        for j in 0..4 {
            transpose[j] = _mm256_permute2f128_ps::<0x20>(fours[j], fours[j + 4]);
            transpose[j + 4] = _mm256_permute2f128_ps::<0x31>(fours[j], fours[j + 4]);
        }
        transpose
    }
}

macro_rules! lanes {
    ($name:ident, $tallied:literal, $vector:ident, $n:literal, $rows:literal, $splat:ident, $load:ident, $store:ident, $add:ident,
     $sub:ident, $mul:ident, $fma:ident, $product:path, $fnma:ident, $max:ident, $pass:ident, $signs:ident, $only:ident, $stream:ident, $load_part:ident, $store_part:ident, $transpose:ident, $store_bytes:ident, $whole:ident, $load_halves:ident, $store_halves:ident) => {
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub(super) struct $name($vector);

        // SAFETY of every block: the method is inlined into a job compiled for these instructions,
        // and the caller vouches for the pointers.
        impl Lanes for $name {
            type Real = f32;
            const N: usize = $n;
            const ROWS: usize = $rows;
            const TALLIED: bool = $tallied;
            #[inline(always)]
            unsafe fn splat(x: f32) -> Self {
                unsafe { Self($splat(x)) }
            }
            #[inline(always)]
            unsafe fn load(p: *const f32) -> Self {
                unsafe { Self($load(p)) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut f32) {
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self {
                unsafe { Self($add(self.0, b.0)) }
            }
            #[inline(always)]
            unsafe fn sub(self, b: Self) -> Self {
                unsafe { Self($sub(self.0, b.0)) }
            }
            #[inline(always)]
            unsafe fn mul(self, b: Self) -> Self {
                unsafe { Self($mul(self.0, b.0)) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                unsafe { Self($fma(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            unsafe fn product(self, b: Self, c: Self) -> Self {
                unsafe { Self($product(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            unsafe fn neg_mul_add(self, b: Self, c: Self) -> Self {
                unsafe { Self($fnma(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            unsafe fn max(self, b: Self) -> Self {
                unsafe { Self($max(self.0, b.0)) }
            }
            #[inline(always)]
            unsafe fn pass(self, g: Self) -> Self {
                unsafe { Self($pass(self.0, g.0)) }
            }
            #[inline(always)]
            unsafe fn signs(self) -> u16 {
                unsafe { $signs(self.0) }
            }
            #[inline(always)]
            unsafe fn only(self, signs: u16) -> Self {
                unsafe { Self($only(self.0, signs)) }
            }
            #[inline(always)]
            unsafe fn store_bytes(self, p: *mut u8, n: usize) {
                unsafe { $store_bytes(p, n, self.0) }
            }
            #[inline(always)]
            unsafe fn whole(self, zero: i32, total: Self) -> Self {
                unsafe { Self($whole(self.0, zero, total.0)) }
            }
            #[inline(always)]
            unsafe fn load_halves(p: *const bf16) -> Self {
                unsafe { Self($load_halves(p)) }
            }
            #[inline(always)]
            unsafe fn store_halves(self, p: *mut bf16) {
                unsafe { $store_halves(p, self.0) }
            }
            #[inline(always)]
            unsafe fn load_part(p: *const f32, n: usize) -> Self {
                unsafe { Self($load_part(p, n)) }
            }
            #[inline(always)]
            unsafe fn store_part(self, p: *mut f32, n: usize) {
                unsafe { $store_part(p, n, self.0) }
            }
            #[inline(always)]
            unsafe fn transpose(from: Block<f32>, to: *mut f32, stride: usize) {
                unsafe {
                    let mut rows = [Self::splat(0.0).0; $n];
                    for i in 0..from.rows.min($n) {
                        rows[i] = Self::load_up_to(from.at.add(i * from.stride), from.columns).0;
                    }
                    let rows = $transpose(rows);
                    for j in 0..from.columns.min($n) {
                        Self(rows[j]).store_up_to(to.add(j * stride), from.rows);
                    }
                }
            }
            #[inline(always)]
            unsafe fn prefetch(p: *const f32) {
                unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
            }
            #[inline(always)]
            unsafe fn prefetch_l2(p: *const f32) {
                unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) }
            }
            #[inline(always)]
            unsafe fn stream(self, p: *mut f32) {
                unsafe { $stream(p, self.0) }
            }
            #[inline(always)]
            unsafe fn fence() {
                unsafe { _mm_sfence() }
            }
        }
    };
}

macro_rules! avx512 {
    ($name:ident, $tallied:literal, $product:path) => {
        lanes!(
            $name,
            $tallied,
            __m512,
            16,
            14,
            _mm512_set1_ps,
            _mm512_loadu_ps,
            _mm512_storeu_ps,
            _mm512_add_ps,
            _mm512_sub_ps,
            _mm512_mul_ps,
            _mm512_fmadd_ps,
            $product,
            _mm512_fnmadd_ps,
            _mm512_max_ps,
            pass_512,
            signs_512,
            only_512,
            _mm512_stream_ps,
            load_part_512,
            store_part_512,
            transpose_512,
            store_bytes_512,
            whole_512,
            load_halves_512,
            store_halves_512
        );
    };
}
avx512!(Avx512, true, _mm512_fmadd_ps);
avx512!(Avx512Quads, false, product_of_quads_512);

macro_rules! avx2 {
    ($name:ident, $tallied:literal, $product:path) => {
        lanes!(
            $name,
            $tallied,
            __m256,
            8,
            6,
            _mm256_set1_ps,
            _mm256_loadu_ps,
            _mm256_storeu_ps,
            _mm256_add_ps,
            _mm256_sub_ps,
            _mm256_mul_ps,
            _mm256_fmadd_ps,
            $product,
            _mm256_fnmadd_ps,
            _mm256_max_ps,
            pass_256,
            signs_256,
            only_256,
            _mm256_stream_ps,
            load_part_256,
            store_part_256,
            transpose_256,
            store_bytes_256,
            whole_256,
            load_halves_256,
            store_halves_256
        );
    };
}
avx2!(Avx2, true, _mm256_fmadd_ps);
avx2!(Avx2Quads, false, product_of_quads_256);
