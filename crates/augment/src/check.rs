//! The checks of settings: every `new` of a transform goes through these.

use crate::error::AugmentError;

/// The longest side, in pixels, that a transform can be asked to make.
pub const MAX_SIZE: u32 = 8192;

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

/// `Ok` for a side that a transform can make.
pub(crate) fn check_size(field: &'static str, side: u32) -> Result<(), AugmentError> {
    let fits = |_: f64| (1..=MAX_SIZE).contains(&side);
    check_number(field, f64::from(side), "1 to 8192 pixels", fits)
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
        assert!(check_range("scale", (f64::NAN, 1.0), "", |_| true).is_err());
        assert!(check_range("scale", (1.0, f64::INFINITY), "", |_| true).is_err());
        assert!(check_number("p", f64::NAN, "", |p| (0.0..=1.0).contains(&p)).is_err());
    }
}
