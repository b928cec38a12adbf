//! What keeps a network from learning by heart.

use serde::{Deserialize, Serialize};
use taper_regularize::DropPer;

use super::choice::Choice;
use super::field::Takes::{self, Number};
use super::field::fields;
use super::range::EPOCHS;
use super::range::Range::{Fraction, Real};

fields! {
    /// What keeps the network from learning by heart. Biases and norm scales are left out of all
    /// that acts on weights.
    #[derive(Copy)]
    pub struct RegularizeRecipe in "regularize." {
        /// Decay of weights, decoupled or coupled as the rule has it.
        weight_decay: f64 = 0.01 => [Regularization, "--weight-decay DECAY", Long, Number(Fraction)];
        /// Part of the target spread over all classes, fraction; left out, 0.1 where pictures have
        /// one class (from random weights 0.05), else 0. With many labels half of it is what
        /// remains of a label that is there not, and what a label that is there lacks.
        label_smoothing: Option<f64> = None => [Regularization, "--label-smoothing FRACTION", Long, Number(Fraction)];
        /// Mix pictures with mixup: its alpha, 0.2 is usual; 0 for none.
        mixup: f64 = 0.0 => [Augmentation, "--mixup ALPHA", Long, Number(Real(0.0, 1e6))];
        /// Mix pictures with CutMix: its alpha, 1 is usual; 0 for none. With mixup each has half of
        /// the batches.
        cutmix: f64 = 0.0 => [Augmentation, "--cutmix ALPHA", Long, Number(Real(0.0, 1e6))];
        /// L1 penalty: the factor of the sum of |w|, by a proximal step that makes weights exactly
        /// 0.
        l1: f64 = 0.0 => [Regularization, "--l1 FACTOR", Long, Number(Real(0.0, 1e6))];
        /// L2 penalty: the factor of half the sum of w^2, in the gradient, whatever the rule makes
        /// of it.
        l2: f64 = 0.0 => [Regularization, "--l2 FACTOR", Long, Number(Real(0.0, 1e6))];
        /// The longest that the weights of a unit may be; 0 for any length.
        max_norm: f64 = 0.0 => [Regularization, "--max-norm LENGTH", Long, Number(Real(0.0, 1e9))];
        /// Probability that the last residual block of the backbone is left out of a step, those
        /// before it less often; for the ResNets, 0.5 is usual, 0 for never.
        stochastic_depth: f64 = 0.0 => [Regularization, "--stochastic-depth P", Long, Number(Fraction)];
        /// Whether a block is left out for a whole batch, which saves its time, or for each sample.
        drop_per: DropPer = DropPer::Batch => [Regularization, "--drop-per WHAT", Long, Takes::Choice(DROP_PER)];
        /// How many times smaller small_cnn pools a side, by random regions: in (1, 2], or 0 for
        /// max pooling.
        fractional_pooling: f64 = 0.0 => [Regularization, "--fractional-pooling RATIO", Long, Number(Real(0.0, 2.0))];
        /// Epochs without a lower validation loss after which a phase ends with the network of its
        /// best epoch; 0 for never.
        patience: usize = 0 => [Regularization, "--patience EPOCHS", Long, Number(EPOCHS)];
        /// By how much a loss must be lower to count, nats.
        min_delta: f64 = 0.0 => [Regularization, "--min-delta NATS", Long, Number(Real(0.0, 1e9))];
    }
}

/// The names of [`DropPer`].
const DROP_PER: &[Choice] = &[
    Choice { name: "batch", help: "For a whole batch, which saves its time." },
    Choice { name: "sample", help: "For each picture apart." },
];

impl RegularizeRecipe {
    /// Whether pictures of a batch are mixed.
    pub(crate) fn mixes(&self) -> bool {
        self.mixup != 0.0 || self.cutmix != 0.0
    }
}
