//! Maps side by side along their channels, and apart again.

use crate::kernels::memory::{chunks, copy, filled};

/// Pixels handed to a thread at once.
const PIXELS: usize = 512;

/// The pixels of each part, `widths` channels wide, one behind the other.
pub(crate) fn join<M: Copy + Send + Sync>(parts: &[(&[M], usize)]) -> Vec<M> {
    let width: usize = parts.iter().map(|(_, c)| c).sum();
    let pixels = parts.iter().find(|(_, c)| *c > 0).map_or(0, |(part, c)| part.len() / c);
    assert!(parts.iter().all(|(part, c)| part.len() == pixels * c), "parts of different sizes");
    // SAFETY: the chunks are whole pixels; the widths of the parts that are copied add up to that
    // of a pixel.
    unsafe {
        filled(pixels * width, |out| {
            chunks(out, (PIXELS * width).max(1), |block, out| {
                for (i, mut out) in out.chunks_exact_mut(width).enumerate() {
                    let pixel = block * PIXELS + i;
                    for (part, c) in parts {
                        let (here, rest) = out.split_at_mut(*c);
                        copy(here, &part[pixel * c..][..*c]);
                        out = rest;
                    }
                }
            });
        })
    }
}

/// The channels `from..from + c` of every pixel, of `width`.
pub(crate) fn cut<M: Copy + Send + Sync>(whole: &[M], width: usize, from: usize, c: usize) -> Vec<M> {
    assert!(from + c <= width, "channels beyond the last");
    let pixels = whole.len() / width.max(1);
    // SAFETY: the chunks are whole pixels of the part, and every pixel is written.
    unsafe {
        filled(pixels * c, |out| {
            chunks(out, (PIXELS * c).max(1), |block, out| {
                for (i, out) in out.chunks_exact_mut(c).enumerate() {
                    copy(out, &whole[(block * PIXELS + i) * width + from..][..c]);
                }
            });
        })
    }
}
