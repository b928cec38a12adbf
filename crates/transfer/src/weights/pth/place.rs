//! Where in a file something lies.

/// A range of the bytes of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) len: u64,
}
