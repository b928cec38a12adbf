/// What can go wrong when a regularizer is built or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegularizeError {
    /// A setting lies outside its range.
    #[error("{field} must be {wanted}, got {got}")]
    BadConfig {
        /// The name of the field or argument.
        field: &'static str,
        /// The range it must lie in.
        wanted: &'static str,
        /// The value that was given.
        got: f64,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// Refuses a setting outside its range; the condition is written so that NaN fails it.
pub(crate) fn check(ok: bool, field: &'static str, wanted: &'static str, got: f64) -> Result<(), RegularizeError> {
    if ok { Ok(()) } else { Err(RegularizeError::BadConfig { field, wanted, got }) }
}
