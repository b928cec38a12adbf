//! Spreading units of work over the threads, and memory that each thread keeps for its intermediate
//! results.

use std::cell::RefCell;

use rayon::prelude::*;

use crate::kernels::simd::Real;

/// Runs `f` for `0..n`, on all threads, each unit on one. Results must not depend on who runs what.
pub(crate) fn each(n: usize, f: impl Fn(usize) + Sync + Send) {
    if n == 1 || rayon::current_num_threads() == 1 {
        (0..n).for_each(f);
    } else {
        (0..n).into_par_iter().with_max_len(1).for_each(f);
    }
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
