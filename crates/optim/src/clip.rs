use crate::error::{OptimError, require};

/// How gradients that are too large are made smaller, before the rule or weight decay sees them.
///
/// What is not too large passes unchanged, to the bit.
///
/// # Differs from PyTorch
/// `clip_grad_norm_` and `clip_grad_value_` are calls that one may forget or make twice; here they
/// are part of the step. Clipping never meets a NaN or an infinity: these are
/// [found before](crate::NonFinite).
///
/// # References
/// - R. Pascanu, T. Mikolov, Y. Bengio, *On the difficulty of training recurrent neural networks*,
///   2013 (the global norm).
/// - A. Brock, S. De, S. L. Smith, K. Simonyan, *High-Performance Large-Scale Image Recognition
///   Without Normalization*, 2021 (adaptive).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Clip {
    /// Not at all; the step then reads each gradient once.
    #[default]
    None,
    /// By one factor for all: the gradients of all parameters, taken as one vector, are as long as
    /// this at most. *g* ← *g*·min(1, *c*/(‖*g*‖ + 1e-6)), as PyTorch has it.
    GlobalNorm(f64),
    /// Element by element, to between minus this and this.
    Value(f64),
    /// Adaptively: the gradient of each unit (the weights of one output) is at most *λ* times as
    /// long as the unit itself.
    ///
    /// ```text
    /// gᵢ ← gᵢ·min(1, λ·max(‖wᵢ‖, ε)/‖gᵢ‖)
    /// ```
    ///
    /// A unit *wᵢ* is one row of the first axis, which counts the outputs in the weights of linear
    /// layers (O,I) and convolutions (O,I,H,W); a vector or scalar, such as a bias, is one unit as
    /// a whole. The paper leaves the last linear layer out, here it takes part; for a network of
    /// its kind, without normalization, *λ* = 0.01 and *ε* = 1e-3, and *λ* smaller for larger
    /// batches.
    Adaptive {
        /// *λ*: the greatest length of a gradient, as a fraction of the length of what it changes.
        ratio: f64,
        /// *ε*: the length that a unit has at least in the comparison, or zeros would stay zeros.
        eps: f64,
    },
}

impl Clip {
    /// Refuses limits that are not finite numbers above 0.
    pub(crate) fn check(self) -> Result<(), OptimError> {
        let positive =
            |field, limit: f64| require(limit.is_finite() && limit > 0.0, field, "finite and above 0", limit);
        match self {
            Self::None => Ok(()),
            Self::GlobalNorm(limit) | Self::Value(limit) => positive("clip", limit),
            Self::Adaptive { ratio, eps } => positive("ratio", ratio).and_then(|()| positive("eps", eps)),
        }
    }
}

/// The factor that brings gradients of the length `norm` down to `max_norm`.
///
/// `min(1, max_norm / (norm + 1e-6))`, as in PyTorch's `clip_grad_norm_`; the small summand keeps
/// an all-zero gradient from a division by zero and costs a clipped one a millionth of its length.
pub(crate) fn clip_factor(norm: f64, max_norm: f64) -> f64 {
    (max_norm / (norm + 1e-6)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_too_long_is_shortened() {
        assert_eq!(clip_factor(4.0, 5.0), 1.0);
        assert_eq!(clip_factor(0.0, 5.0), 1.0);
        assert_eq!(clip_factor(10.0, 5.0), 5.0 / 10.000001);
    }
}
