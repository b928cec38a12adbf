//! Writing into memory that has not been cleared.

use std::mem::MaybeUninit;

/// Copies `values`, all of them, into the beginning of `out`.
pub(crate) fn copy<T: Copy>(out: &mut [MaybeUninit<T>], values: &[T]) {
    // SAFETY: MaybeUninit<T> has the layout of T, and memory with values may be read as memory that may have none.
    let values = unsafe { &*(std::ptr::from_ref(values) as *const [MaybeUninit<T>]) };
    out[..values.len()].copy_from_slice(values);
}
