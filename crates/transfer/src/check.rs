//! What sizes and fractions of settings may be.

use crate::TransferError;

/// The most channels or features of a layer that a configuration may ask for, and the most classes.
pub const MOST_FEATURES: usize = 1 << 16;

/// Refuses a size of 0, and one beyond [`MOST_FEATURES`].
pub(crate) fn check_size(field: &'static str, got: usize) -> Result<(), TransferError> {
    if (1..=MOST_FEATURES).contains(&got) {
        return Ok(());
    }
    Err(TransferError::BadConfig { field, wanted: "from 1 to 65536", got: got as f64 })
}

/// Refuses a fraction to drop outside [0, 1).
pub(crate) fn check_fraction(field: &'static str, got: f64) -> Result<(), TransferError> {
    if (0.0..1.0).contains(&got) { Ok(()) } else { Err(TransferError::BadConfig { field, wanted: "in [0, 1)", got }) }
}
