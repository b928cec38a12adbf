//! What can be wrong with a transform: data, not text.

/// A setting that was refused, or a buffer of the wrong length.
///
/// # Examples
/// ```
/// use taper_augment::{AugmentError, HorizontalFlip};
/// let refused = HorizontalFlip::new(1.5).err();
/// assert!(matches!(refused, Some(AugmentError::Number { field: "p", got: 1.5, .. })));
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AugmentError {
    /// A number lies outside what the field takes.
    #[error("{field} is {got}; wanted {wanted}")]
    Number {
        /// The field that was refused.
        field: &'static str,
        /// Its value.
        got: f64,
        /// What it takes.
        wanted: &'static str,
    },
    /// A range `(low, high)` is reversed or lies outside what the field takes.
    #[error("{field} is ({}, {}); wanted {wanted}", got.0, got.1)]
    Range {
        /// The field that was refused.
        field: &'static str,
        /// Its two ends.
        got: (f64, f64),
        /// What it takes.
        wanted: &'static str,
    },
    /// A buffer has another length than the picture needs.
    #[error("{field} has length {got}; wanted {wanted}")]
    Length {
        /// The buffer.
        field: &'static str,
        /// Its length.
        got: usize,
        /// The length the picture needs: width x height x 3.
        wanted: usize,
    },
}
