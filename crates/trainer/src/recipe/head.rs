//! The head.

use serde::{Deserialize, Serialize};
use taper_transfer::MOST_FEATURES;

use super::choice::choices;
use super::field::Takes::{Choice, Number};
use super::field::fields;
use super::range::Range::{Fraction, Whole};

fields! {
    /// The head.
    pub struct HeadRecipe in "head." {
        /// What the head is made of.
        kind: HeadKind = HeadKind::ConcatPool => [Network, "--head KIND", Long, Choice(HeadKind::CHOICES)];
        /// Units of the head's hidden layer; 0 for a linear head: the average of each channel, then
        /// the classes.
        hidden: usize = 512 => [Network, "--hidden UNITS", Long, Number(Whole(0, MOST_FEATURES as i64))];
        /// Dropout of the head before the classes, half of it before the hidden layer of
        /// concat_pool, probability; a linear head has none.
        dropout: f64 = 0.5 => [Network, "--dropout P", Long, Number(Fraction)];
        /// Probability that a weight before the hidden layer of concat_pool is forgotten in a step
        /// (DropConnect).
        drop_connect: f64 = 0.0 => [Network, "--drop-connect P", Long, Number(Fraction)];
        /// How many of the last linear layers of the network's own head begin anew; those before
        /// them have the pretrained weights. VGG's and AlexNet's are stages, fc6 and fc7, as far as
        /// they do not begin anew.
        fresh: usize = 1 => [Network, "--fresh N", Long, Number(Whole(1, 100))];
    }
}

impl HeadRecipe {
    /// The average of each channel, then the classes.
    pub fn linear() -> Self {
        Self { hidden: 0, dropout: 0.0, ..Self::default() }
    }
}

choices! {
    /// What a head is made of.
    pub enum HeadKind, default ConcatPool {
        /// Average and maximum of each channel, batch norm, dropout, a hidden layer, batch norm,
        /// dropout, classes: fastai's.
        ConcatPool = "concat_pool",
        /// Average of each channel, a hidden layer, dropout, classes.
        Mlp = "mlp",
        /// The one that the network was trained with, with its own settings: hidden and dropout say
        /// nothing. VGG and AlexNet have the fully connected layers before it, fc6 and fc7, as
        /// stages.
        Own = "own",
    }
}
