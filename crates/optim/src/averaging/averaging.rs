use crate::error::{OptimError, require};

/// Which parameters an [`Average`](crate::Average) is of, and how much each counts.
///
/// *t* is the number of the update, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Averaging {
    /// Polyak-Ruppert averaging: the mean of the parameters after every update.
    ///
    /// ```text
    /// m ← m + (θ - m)/t
    /// ```
    ///
    /// The noise of the gradients averages out, and so does the way from the start; for a run with
    /// such a way begin to average when it is over.
    PolyakRuppert,
    /// The exponential moving average, which forgets.
    ///
    /// ```text
    /// m ← m + (1 - d)(θ - m)
    /// d = decay                              without warm-up
    /// d = min(decay, (1 + n)/(10 + n))       with it, n = t - 1
    /// ```
    ///
    /// It spans about the last 1/(1 - *decay*) updates. The warm-up is that of TensorFlow's
    /// `ExponentialMovingAverage`, with the earlier updates *n* for its `num_updates`: the average
    /// of a young run is not held back at its start.
    Exponential {
        /// *d*: the fraction of the average that survives an update, in [0, 1). Usually 0.999 or
        /// 0.9999, the larger the longer the run.
        decay: f64,
        /// Whether young averages forget faster. Usually yes.
        warm_up: bool,
    },
    /// Stochastic weight averaging: the mean of snapshots, one at update `start` and one every
    /// `every` updates from there on.
    ///
    /// ```text
    /// m ← m + (θ - m)/k      for snapshot k = 1, 2, ...
    /// ```
    ///
    /// With a rate that is constant and large, or cyclic, from `start` on, so that snapshots lie
    /// apart. Usually `start` is at three quarters of the run and `every` is an epoch.
    Snapshots {
        /// The update whose parameters are the first snapshot, at least 1.
        start: u64,
        /// How many updates lie between two snapshots, at least 1.
        every: u64,
    },
}

impl Averaging {
    /// Refuses settings out of range.
    pub(crate) fn check(self) -> Result<(), OptimError> {
        match self {
            Self::PolyakRuppert => Ok(()),
            Self::Exponential { decay, .. } => require((0.0..1.0).contains(&decay), "decay", "in [0, 1)", decay),
            Self::Snapshots { start, every } => {
                require(start > 0, "start", "at least 1", start as f64)?;
                require(every > 0, "every", "at least 1", every as f64)
            }
        }
    }

    /// How many values have entered after `updates` updates.
    pub(crate) fn entered(self, updates: u64) -> u64 {
        match self {
            Self::PolyakRuppert | Self::Exponential { .. } => updates,
            Self::Snapshots { start, every } => updates.checked_sub(start).map_or(0, |since| since / every + 1),
        }
    }

    /// How much the next value counts after `before` values.
    pub(crate) fn weight(self, before: u64) -> f64 {
        let n = before as f64;
        match self {
            Self::PolyakRuppert | Self::Snapshots { .. } => 1.0 / (n + 1.0),
            Self::Exponential { decay, warm_up: false } => 1.0 - decay,
            Self::Exponential { decay, warm_up: true } => 1.0 - decay.min((1.0 + n) / (10.0 + n)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_enter_when_it_is_their_turn() {
        let averaging = Averaging::Snapshots { start: 3, every: 2 };
        let entered: Vec<u64> = (0..9).map(|updates| averaging.entered(updates)).collect();
        assert_eq!(entered, [0, 0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(averaging.weight(3), 0.25);
    }

    #[test]
    fn young_averages_forget_faster() {
        let averaging = Averaging::Exponential { decay: 0.5, warm_up: true };
        assert_eq!(averaging.weight(1), 1.0 - 2.0 / 11.0);
        assert_eq!([8, 9, 1000].map(|n| averaging.weight(n)), [0.5; 3]);
        let averaging = Averaging::Exponential { decay: 0.75, warm_up: false };
        assert_eq!([1, 1000].map(|n| averaging.weight(n)), [0.25; 2]);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |averaging: Averaging| averaging.check().unwrap_err().to_string();
        for decay in [1.0, -0.1, f64::NAN] {
            let averaging = Averaging::Exponential { decay, warm_up: true };
            assert_eq!(said(averaging), format!("decay must be in [0, 1), got {decay}"));
        }
        assert_eq!(said(Averaging::Snapshots { start: 0, every: 1 }), "start must be at least 1, got 0");
        assert_eq!(said(Averaging::Snapshots { start: 1, every: 0 }), "every must be at least 1, got 0");
    }
}
