//! Writing into memory that has not been cleared.

use std::mem::MaybeUninit;

/// Copies `values`, all of them, into the beginning of `out`.
pub(crate) fn copy<T: Copy>(out: &mut [MaybeUninit<T>], values: &[T]) {
    // SAFETY: MaybeUninit<T> has the layout of T, and memory with values may be read as memory that
    // may have none.
    let values = unsafe { &*(std::ptr::from_ref(values) as *const [MaybeUninit<T>]) };
    out[..values.len()].copy_from_slice(values);
}

/// A vector of `len` elements without clearing it first.
///
/// # Safety
/// `fill` must write every element.
pub(crate) unsafe fn filled<T: Copy>(len: usize, fill: impl FnOnce(&mut [MaybeUninit<T>])) -> Vec<T> {
    let mut values = Vec::with_capacity(len);
    fill(&mut values.spare_capacity_mut()[..len]);
    // SAFETY: the capacity is at least len and the caller's promise makes the elements initialized.
    unsafe { values.set_len(len) };
    values
}
