//! The vectors of plain code, which the compiler makes into those of the target.

use super::element::{Element, pass, passes};
use super::lanes::Lanes;

/// Plain code over an array, whose products are of `QUADS` or of floats.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Portable<T, const N: usize, const QUADS: bool = false>([T; N]);

impl<T: Element, const N: usize, const QUADS: bool> Portable<T, N, QUADS> {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(T, T) -> T) -> Self {
        let mut out = self;
        for i in 0..N {
            out.0[i] = f(self.0[i], b.0[i]);
        }
        out
    }
}

impl<T: Element, const N: usize, const QUADS: bool> Lanes for Portable<T, N, QUADS> {
    type Real = T;
    const N: usize = N;
    const ROWS: usize = 6;
    const TALLIED: bool = !QUADS;
    #[inline(always)]
    unsafe fn splat(x: T) -> Self {
        Self([x; N])
    }
    #[inline(always)]
    unsafe fn load(p: *const T) -> Self {
        // SAFETY: N elements may be read at p.
        unsafe { Self(p.cast::<[T; N]>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut T) {
        // SAFETY: N elements may be written at p.
        unsafe { p.cast::<[T; N]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        self.zip(b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        self.zip(b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        self.zip(b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        let mut out = self;
        for i in 0..N {
            out.0[i] = T::fused(self.0[i], b.0[i], c.0[i]);
        }
        out
    }
    #[inline(always)]
    unsafe fn product(self, b: Self, c: Self) -> Self {
        if QUADS {
            let mut out = c;
            for i in 0..N {
                out.0[i] = T::quads(self.0[i], b.0[i], c.0[i]);
            }
            return out;
        }
        // SAFETY: as there.
        unsafe { self.mul_add(b, c) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(self, b: Self, c: Self) -> Self {
        let mut out = self;
        for i in 0..N {
            out.0[i] = T::fused(-self.0[i], b.0[i], c.0[i]);
        }
        out
    }
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        self.zip(b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn pass(self, g: Self) -> Self {
        self.zip(g, pass)
    }
    #[inline(always)]
    unsafe fn signs(self) -> u16 {
        let mut signs = 0;
        for i in 0..N {
            signs |= u16::from(passes(self.0[i])) << i;
        }
        signs
    }
    #[inline(always)]
    unsafe fn store_bytes(self, p: *mut u8, n: usize) {
        for i in 0..n.min(N) {
            // SAFETY: the caller vouches for n bytes.
            unsafe { *p.add(i) = self.0[i].wide().round_ties_even() as u8 }
        }
    }
    #[inline(always)]
    unsafe fn whole(self, zero: i32, total: Self) -> Self {
        let mut out = self;
        for i in 0..N {
            out.0[i] = T::whole(self.0[i], zero, total.0[i]);
        }
        out
    }
    #[inline(always)]
    unsafe fn only(self, signs: u16) -> Self {
        let mut out = self;
        for i in 0..N {
            out.0[i] = if signs >> i & 1 == 1 { self.0[i] } else { T::ZERO };
        }
        out
    }
}
