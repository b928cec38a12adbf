//! Spreading units of work over the threads, and memory that each thread keeps for its intermediate
//! results.

use std::cell::RefCell;
use std::ops::Range;
use std::slice::from_raw_parts_mut;

use rayon::prelude::*;

use crate::kernels::simd::Real;

/// Runs `f` for `0..n`, on all threads, each unit on one. Results must not depend on who runs what.
///
/// The one place where work is spread, compiled once: what rayon makes of every closure and chain
/// of iterators was 40 % of this crate.
pub(crate) fn each(n: usize, f: impl Fn(usize) + Sync) {
    spread(n, &f);
}

fn spread(n: usize, f: &(dyn Fn(usize) + Sync)) {
    if n == 1 || rayon::current_num_threads() == 1 {
        (0..n).for_each(f);
    } else {
        (0..n).into_par_iter().with_max_len(1).for_each(f);
    }
}

/// The results of `f` for `0..n`, in their order.
pub(crate) fn collect<R: Send>(n: usize, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let mut results: Vec<Option<R>> = (0..n).map(|_| None).collect();
    let at = Shared::new(results.as_mut_ptr());
    each(n, |i| {
        let result = Some(f(i));
        // SAFETY: the place of this unit's result.
        unsafe { *at.at(i) = result }
    });
    results.into_iter().flatten().collect()
}

/// Chunk `i` of those of `size` elements, the last of which may be shorter.
pub(crate) fn chunk<T>(all: &[T], size: usize, i: usize) -> &[T] {
    &all[bounds(all.len(), size, i)]
}

fn bounds(len: usize, size: usize, i: usize) -> Range<usize> {
    i * size..len.min((i + 1) * size)
}

/// The results of `f` on the chunks of `size` elements, with their numbers.
pub(crate) fn chunks<T: Send, R: Send>(all: &mut [T], size: usize, f: impl Fn(usize, &mut [T]) -> R + Sync) -> Vec<R> {
    let len = all.len();
    pieces(all, len.div_ceil(size), |i| bounds(len, size, i), f)
}

/// [`chunks`] of two slices of one length, cut alike.
pub(crate) fn chunks_of_two<A: Send, B: Send>(
    a: &mut [A],
    b: &mut [B],
    size: usize,
    f: impl Fn(usize, &mut [A], &mut [B]) + Sync,
) {
    assert_eq!(a.len(), b.len(), "slices that are cut alike");
    let at = Shared::new(b.as_mut_ptr());
    chunks(a, size, |i, a| {
        // SAFETY: the same chunk of the other slice, which this unit alone has.
        let b = unsafe { from_raw_parts_mut(at.at(i * size), a.len()) };
        f(i, a, b);
    });
}

/// [`chunks`] from the last to the first, the results too: of a map larger than the cache, the end
/// is what whoever wrote it has left there.
pub(crate) fn chunks_back<T: Send, R: Send>(
    all: &mut [T],
    size: usize,
    f: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Vec<R> {
    let (len, n) = (all.len(), all.len().div_ceil(size));
    pieces(all, n, |i| bounds(len, size, n - 1 - i), |i, chunk| f(n - 1 - i, chunk))
}

/// The results of `f` on parts that follow each other, with their numbers.
pub(crate) fn parts<T: Send, R: Send>(
    all: &mut [T],
    parts: &[Range<usize>],
    f: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Vec<R> {
    let follow = parts.windows(2).all(|pair| pair[0].end <= pair[1].start);
    assert!(follow && parts.iter().all(|part| part.start <= part.end && part.end <= all.len()), "parts of a slice");
    pieces(all, parts.len(), |i| parts[i].clone(), f)
}

/// The results of `f` on `n` pieces, no two of which have an element in common.
fn pieces<T: Send, R: Send>(
    all: &mut [T],
    n: usize,
    piece: impl Fn(usize) -> Range<usize> + Sync,
    f: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Vec<R> {
    let at = Shared::new(all.as_mut_ptr());
    collect(n, |i| {
        let Range { start, end } = piece(i);
        // SAFETY: a piece of the slice, which this unit alone has.
        f(i, unsafe { from_raw_parts_mut(at.at(start), end - start) })
    })
}

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

thread_local! {
    static SCRATCH: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Lends `f` memory for `len` elements, of any content, on a cache-line boundary. It is this
/// thread's, kept from call to call; `f` must not call this again.
pub(crate) fn scratch<T: Real>(len: usize, f: impl FnOnce(*mut T)) {
    SCRATCH.with_borrow_mut(|lines| {
        let wanted = (len * size_of::<T>()).div_ceil(size_of::<Line>());
        if lines.len() < wanted {
            *lines = Vec::new();
            lines.resize(wanted, Line([0; 64]));
        }
        f(lines.as_mut_ptr().cast());
    });
}

/// [`scratch`] memory in pieces of these lengths, one behind the other.
pub(crate) fn scratch_pieces<T: Real, const N: usize>(lens: [usize; N], f: impl FnOnce([*mut T; N])) {
    scratch::<T>(lens.iter().sum(), |memory| {
        let mut next = memory;
        f(lens.map(|len| {
            let piece = next;
            next = next.wrapping_add(len);
            piece
        }));
    });
}

/// A pointer that units on several threads write through, each to a part of its own.
pub(crate) struct Shared<T>(*mut T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Shared<T> {}

// SAFETY: it is only a number; the units that write through it keep to disjoint parts, as each use
// says.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) fn new(p: *mut T) -> Self {
        Self(p)
    }
    /// A method, so that a closure takes the whole wrapper and not the bare pointer.
    pub(crate) fn at(self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}

/// Adds all parts to the first, in their order.
pub(crate) fn reduce<T: Real>(parts: &mut [T], size: usize) {
    const CHUNK: usize = 1 << 14;
    if size == 0 {
        return;
    }
    let (count, all) = (parts.len() / size, Shared::new(parts.as_mut_ptr()));
    each(size.div_ceil(CHUNK), |unit| {
        for part in 1..count {
            for i in unit * CHUNK..size.min((unit + 1) * CHUNK) {
                // SAFETY: index i of every part is this unit's own.
                unsafe { *all.at(i) += *all.at(part * size + i) }
            }
        }
    });
}
