//! What a size cannot be.

use candle_core::Error;

/// A size that follows from those of the inputs and cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeError {
    /// More elements than there are addresses.
    #[error("{operation}: a tensor of the shape {shape:?} has more elements than can be addressed")]
    Elements {
        /// Whose tensor it is.
        operation: &'static str,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// More bytes than the system gives.
    #[error("{operation}: a tensor of the shape {shape:?} takes {bytes} bytes, which the system does not give")]
    Memory {
        /// Whose tensor it is.
        operation: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// What it takes.
        bytes: usize,
    },
    /// A side of a padded map, or of a window, that is too long to count.
    #[error(
        "{operation}: a side of {size} with padding {padding}, under a kernel of {kernel} with dilation {dilation}, is too \
         long to count"
    )]
    Side {
        /// Which operation it is.
        operation: &'static str,
        /// Pixels of the map's side.
        size: usize,
        /// Pixels added at each end.
        padding: usize,
        /// Taps of the kernel along it.
        kernel: usize,
        /// Pixels between taps.
        dilation: usize,
    },
}

impl From<SizeError> for Error {
    fn from(error: SizeError) -> Self {
        Error::wrap(error)
    }
}
