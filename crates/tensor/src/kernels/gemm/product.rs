//! What a product multiplies.

/// `C = A B`, or `C += A B`.
#[derive(Clone, Copy)]
pub(crate) struct Product<T> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Steps of k.
    pub(crate) kc: usize,
    pub(crate) a: *const T,
    /// Elements from row to row of A; of Aᵀ, from k to k.
    pub(crate) lda: usize,
    pub(crate) b: *const T,
    pub(crate) c: *mut T,
    pub(crate) ldc: usize,
    /// Whether C is added to.
    pub(crate) add: bool,
}
