use crate::error::{OptimError, require};
use crate::schedules::schedule::Schedule;

/// The rate falls like one over the time: fast at first, then ever more slowly.
///
/// ```text
/// f(t) = 1 / (1 + kt)
/// ```
///
/// with *k* = `k`. Half of the rate is left after 1/*k* updates. The sum of all rates has no bound
/// and that of their squares has one, which is what stochastic approximation asks of a rate that
/// is to reach a minimum through noise.
///
/// # Examples
/// ```
/// use taper_optim::{InverseTime, Schedule};
///
/// let inverse = InverseTime::new(0.25)?;
/// assert_eq!([0, 4, 12].map(|t| inverse.at(t)), [1.0, 0.5, 0.25]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
///
/// # References
/// H. Robbins, S. Monro, *A Stochastic Approximation Method*, 1951.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InverseTime {
    k: f64,
}

impl InverseTime {
    /// Falls at the speed `k`, above 0.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `k` is not a finite number above 0.
    pub fn new(k: f64) -> Result<Self, OptimError> {
        require(k.is_finite() && k > 0.0, "k", "finite and above 0", k)?;
        Ok(Self { k })
    }
}

impl Schedule for InverseTime {
    fn at(&self, step: u64) -> f64 {
        1.0 / (1.0 + self.k * step as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_falls_like_one_over_the_time() {
        let inverse = InverseTime::new(1.0).unwrap();
        assert_eq!([0, 1, 3, 7, 1023].map(|t| 1.0 / inverse.at(t)), [1.0, 2.0, 4.0, 8.0, 1024.0]);
        let far = inverse.at(u64::MAX);
        assert!(far > 0.0 && far < 1e-18, "{far}");
    }

    #[test]
    fn a_speed_out_of_range_is_refused_by_name() {
        for k in [0.0, -0.1, f64::NAN, f64::INFINITY] {
            let said = InverseTime::new(k).unwrap_err().to_string();
            assert_eq!(said, format!("k must be finite and above 0, got {k}"));
        }
    }
}
