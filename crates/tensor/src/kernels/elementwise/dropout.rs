//! Dropout with a mask that is drawn where it is needed and never kept.

use rand::RngCore;

use crate::Rng;
use crate::kernels::memory::{chunk, chunks, filled};
use crate::kernels::simd::Real;

/// Elements with a random stream of their own: fixed, so that the mask does not depend on the
/// number of threads.
const BLOCK: usize = 1 << 13;

/// `x / (1 - p)`, or 0 with probability `p`, for every element apart. The same stream drops the
/// same places.
pub(crate) fn drop<T: Real>(x: &[T], p: f64, rng: &Rng) -> Vec<T> {
    let scale = T::of(1.0 / (1.0 - p));
    // SAFETY: both are cut into chunks of the same lengths, and every element of a chunk is
    // written.
    unsafe {
        filled(x.len(), |out| {
            chunks(out, BLOCK, |block, out| {
                let mut kept = [0u8; BLOCK];
                let kept = &mut kept[..out.len()];
                draw(kept, p, rng.at(block as u64));
                for ((out, &x), &kept) in out.iter_mut().zip(chunk(x, BLOCK, block)).zip(&*kept) {
                    out.write(if kept != 0 { x * scale } else { T::ZERO });
                }
            });
        })
    }
}

/// 0 with probability `p`, else 1, to within 2⁻⁴⁰. A byte of randomness each: it decides unless it
/// is that of p itself, and then 32 bits more do.
fn draw(mask: &mut [u8], p: f64, mut rng: Rng) {
    let scaled = p * 256.0;
    let (whole, rest) = (scaled as u8, ((scaled - scaled.floor()) * 4_294_967_296.0) as u32);
    rng.fill_bytes(mask);
    for bytes in mask.chunks_mut(32) {
        // Most chunks have no tie and are compared as vectors.
        if bytes.iter().fold(false, |tie, &byte| tie | (byte == whole)) {
            for byte in bytes {
                let dropped = if *byte == whole { rng.next_u32() < rest } else { *byte < whole };
                *byte = u8::from(!dropped);
            }
        } else {
            bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte > whole));
        }
    }
}
