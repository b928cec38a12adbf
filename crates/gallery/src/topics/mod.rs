//! The topics, in the order of the lecture: one file each.

mod activations;
mod batch_norm;
mod check;
mod first_values;
mod preprocessing;
mod search;

mod momentum;
mod nesterov;
mod noise;
mod ravine;
mod saddles;
mod stuck;

mod adagrad;
mod adam;
mod rates;
mod rmsprop;

mod bfgs;
mod newton;
mod tangents;

mod ensembles;
mod gap;
mod penalties;

mod common_pattern;
mod dropout;

mod colors;
mod crops;
mod transforms;

mod applications;
mod transfer;
mod zoo;

pub(crate) mod timed;

use crate::claim::Slides;
use crate::topic::Topic;

/// A row of the table.
macro_rules! topic {
    ($name:literal, $title:literal, $run:ident, $($low:literal..$high:literal),+) => {
        Topic { name: $name, title: $title, slides: &[$(Slides($low, $high)),+], run: $run::run }
    };
}

/// All topics.
pub static TOPICS: &[Topic] = &[
    topic!("activations", "Activation functions", activations, 5..6),
    topic!("first-weights", "First weights", first_values, 7..7),
    topic!("preprocessing", "Preprocessing", preprocessing, 8..9),
    topic!("batch-norm", "Batch normalization", batch_norm, 10..10),
    topic!("check", "Watching a training", check, 11..11),
    topic!("search", "Searching for settings", search, 12..12),
    topic!("ravine", "Gradient descent in a ravine", ravine, 14..16),
    topic!("stuck", "Local minima and saddle points", stuck, 17..18),
    topic!("saddles", "Saddle points in many dimensions", saddles, 19..19),
    topic!("noise", "Noisy gradients", noise, 20..20),
    topic!("momentum", "Momentum", momentum, 21..22),
    topic!("nesterov", "Nesterov momentum", nesterov, 23..28),
    topic!("adagrad", "AdaGrad", adagrad, 29..31),
    topic!("rmsprop", "RMSProp", rmsprop, 32..33),
    topic!("adam", "Adam", adam, 34..38),
    topic!("rates", "Learning rates and their decay", rates, 39..42),
    topic!("tangents", "First and second order", tangents, 43..45),
    topic!("newton", "Newton's method", newton, 46..48),
    topic!("bfgs", "BFGS and L-BFGS", bfgs, 49..51),
    topic!("gap", "Beyond the training error", gap, 53..53),
    topic!("ensembles", "Ensembles, snapshots, averages", ensembles, 54..57),
    topic!("penalties", "Penalties on weights", penalties, 59..59),
    topic!("dropout", "Dropout", dropout, 60..71),
    topic!("common-pattern", "Noise in training, averaged in testing", common_pattern, 72..73, 82..85),
    topic!("transforms", "Augmentation: flips, and many more", transforms, 75..76, 81..81),
    topic!("crops", "Augmentation: crops and scales", crops, 77..78),
    topic!("colors", "Augmentation: colors", colors, 79..80),
    topic!("transfer", "Transfer learning", transfer, 87..93),
    topic!("applications", "Detection and captioning", applications, 94..96),
    topic!("zoo", "The zoo of models", zoo, 97..97),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slides::{FIRST, LAST, NOTHING};

    #[test]
    fn every_slide_has_one_topic_or_a_reason_to_have_none() {
        for slide in FIRST..=LAST {
            let topics = TOPICS.iter().filter(|topic| topic.has(slide)).count();
            let nothing = NOTHING.iter().filter(|(other, _)| *other == slide).count();
            assert_eq!(topics + nothing, 1, "slide {slide}");
        }
    }

    #[test]
    fn topics_stand_in_the_order_of_their_first_slides_and_have_names_of_their_own() {
        assert!(TOPICS.is_sorted_by_key(|topic| topic.slides[0].0));
        for (i, topic) in TOPICS.iter().enumerate() {
            assert!(TOPICS[..i].iter().all(|other| other.name != topic.name), "{}", topic.name);
        }
    }
}
