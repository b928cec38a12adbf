use crate::engine::number::Number;
use crate::error::{OptimError, require_fraction};
use crate::rule::Step;

/// The running means of a gradient and of its square.
///
/// ```text
/// m ← β₁m + (1 - β₁)g
/// v ← β₂v + (1 - β₂)g²
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moments {
    beta1: f64,
    beta2: f64,
}

impl Moments {
    /// Where *m* and *v* are kept.
    pub(crate) const SLOTS: &[&str] = &["first_moment", "second_moment"];

    pub(crate) fn new(beta1: f64, beta2: f64) -> Result<Self, OptimError> {
        require_fraction("beta1", beta1)?;
        require_fraction("beta2", beta2)?;
        Ok(Self { beta1, beta2 })
    }

    /// The moments of an update, whose momentum may take the place of *β₁*.
    pub(crate) fn at(self, step: Step) -> Self {
        Self { beta1: step.momentum.unwrap_or(self.beta1), ..self }
    }

    #[inline]
    pub(crate) fn next<T: Number>(self, grad: T, [m, v]: [T; 2]) -> [T; 2] {
        let Self { beta1, beta2 } = self;
        [m * beta1 + grad.clone() * (1.0 - beta1), v * beta2 + grad.square() * (1.0 - beta2)]
    }

    /// 1 - *β₁ᵗ* and 1 - *β₂ᵗ*: what part of *m* and *v* is not yet the zeros that they began with.
    pub(crate) fn corrections(self, t: u64) -> [f64; 2] {
        [self.beta1, self.beta2].map(|beta| 1.0 - beta.powf(t as f64))
    }
}
