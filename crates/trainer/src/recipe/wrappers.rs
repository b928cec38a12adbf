//! What goes around an update rule.

use serde::{Deserialize, Serialize};

use super::field::Takes::Number;
use super::field::fields;
use super::range::Range::{Real, Whole};

fields! {
    /// Slow weights that follow those of the rule a part of the way.
    #[derive(Copy)]
    pub struct LookaheadRecipe in "optimize.lookahead." {
        /// Lookahead: updates after which slow weights, which are validated and left, follow those
        /// of the rule; 5 is usual, 0 for none.
        k: u64 = 0 => [Optimizer, "--lookahead K", Long, Number(Whole(0, 1_000_000))];
        /// How far they follow, fraction.
        alpha: f64 = 0.5 => [Optimizer, "--lookahead-alpha FRACTION", Long, Number(Real(1e-6, 1.0))];
    }
}

fields! {
    /// Sharpness-aware minimization: the gradient of a step is that of the worst point near by.
    #[derive(Copy)]
    pub struct SamRecipe in "optimize.sam." {
        /// Sharpness-aware minimization, with two gradients a step: how far the point lies at which
        /// the second is taken; 0.05 is usual, 0 for none.
        rho: f64 = 0.0 => [Optimizer, "--sam RHO", Long, Number(Real(0.0, 1e6))];
    }
}
