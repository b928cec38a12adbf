//! Addresses to prefetch while a product runs.

/// Elements that lie together: the first, and how many.
pub(crate) type Run<T> = (*const T, usize);

/// Addresses to prefetch while a product runs: as many rows as it has steps of k.
#[derive(Clone, Copy)]
pub(crate) struct Ahead<T> {
    pub(crate) at: *const T,
    /// Elements from row to row, and those of a row that are wanted.
    pub(crate) stride: usize,
    pub(crate) columns: usize,
}

impl<T> Ahead<T> {
    pub(crate) const NOTHING: Self = Self { at: std::ptr::null(), stride: 0, columns: 0 };

    /// A column of cache lines; the first is 0. What is left of the number where there are not so
    /// many.
    #[inline(always)]
    pub(crate) fn line(&self, number: usize) -> Result<(*const T, usize), usize> {
        let a_line = 64 / size_of::<T>();
        let lines = self.columns.div_ceil(a_line);
        if number < lines { Ok((self.at.wrapping_add(number * a_line), self.stride)) } else { Err(number - lines) }
    }
}
