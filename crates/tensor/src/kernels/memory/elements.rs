//! Elements that may, or may not, be written over.

/// The elements of a gradient, or of a map that a gradient is written over.
pub(crate) enum Elements<'a, T> {
    /// Which others hold, too.
    Shared(&'a [T]),
    /// Which may be written over.
    Own(&'a mut [T]),
}

impl<T> Elements<'_, T> {
    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Elements::Shared(g) => g,
            Elements::Own(g) => g,
        }
    }
}
