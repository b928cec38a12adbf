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

/// `Ok` where `fits` holds of the number.
pub(crate) fn check_number(
    field: &'static str,
    got: f64,
    wanted: &'static str,
    fits: impl Fn(f64) -> bool,
) -> Result<(), AugmentError> {
    if fits(got) { Ok(()) } else { Err(AugmentError::Number { field, got, wanted }) }
}

/// `Ok` where the ends are finite, in order, and `fits` holds of both.
pub(crate) fn check_range(
    field: &'static str,
    got: (f64, f64),
    wanted: &'static str,
    fits: impl Fn(f64) -> bool,
) -> Result<(), AugmentError> {
    let (low, high) = got;
    if low.is_finite() && high.is_finite() && low <= high && fits(low) && fits(high) {
        Ok(())
    } else {
        Err(AugmentError::Range { field, got, wanted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_field_got_and_wanted() {
        let number = check_number("p", 2.0, "within [0, 1]", |p| p <= 1.0).unwrap_err();
        assert_eq!(number.to_string(), "p is 2; wanted within [0, 1]");
        let range = check_range("scale", (0.5, 0.25), "low <= high", |_| true).unwrap_err();
        assert_eq!(range.to_string(), "scale is (0.5, 0.25); wanted low <= high");
        let length = AugmentError::Length { field: "out", got: 2, wanted: 3 };
        assert_eq!(length.to_string(), "out has length 2; wanted 3");
    }

    #[test]
    fn what_is_not_a_number_fits_nowhere() {
        assert!(check_range("zoom", (f64::NAN, 1.0), "", |_| true).is_err());
        assert!(check_range("zoom", (1.0, f64::INFINITY), "", |_| true).is_err());
        assert!(check_number("p", f64::NAN, "", |p| (0.0..=1.0).contains(&p)).is_err());
    }
}
