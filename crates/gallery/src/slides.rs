//! The slides of the lecture, by number, in words of our own.

use crate::claim::Slides;

/// The first slide that says something.
pub const FIRST: u8 = 5;
/// The last slide that says something.
pub const LAST: u8 = 97;

/// What each slide from [`FIRST`] on is about.
///
/// # References
/// F.-F. Li, J. Johnson, S. Yeung, *CS231n: Convolutional Neural Networks for Visual Recognition*,
/// lecture 7, *Training Neural Networks, part 2*, Stanford 2017.
pub(crate) const SLIDES: [&str; 93] = [
    "activation functions and where they saturate",
    "the rectifier as the first choice",
    "first weights: too small, too large, just right",
    "preprocessing: centered and scaled inputs",
    "why normalized inputs are easier to train on",
    "batch normalization",
    "watching a training: loss and rate",
    "search: coarse to fine, random rather than grid",
    "contents",
    "gradient descent on a loss with two curvatures",
    "steep one way, shallow the other",
    "the condition number, and zigzag paths",
    "local minima and saddle points",
    "where the gradient is zero, descent is stuck",
    "saddle points are common in many dimensions",
    "gradients of mini-batches are noisy",
    "momentum: a velocity",
    "momentum through minima, saddles, ravines, noise",
    "velocity, gradient and step as arrows",
    "Nesterov momentum: the gradient looked ahead",
    "the formula of Nesterov momentum",
    "the gradient at another place",
    "the same after a change of variables",
    "paths of momentum and Nesterov momentum",
    "AdaGrad: each element by its history",
    "AdaGrad in a ravine",
    "AdaGrad's steps over a long time",
    "RMSProp: a history that leaks",
    "paths with RMSProp",
    "Adam without its correction",
    "Adam's first step",
    "Adam with the correction of its moments",
    "Adam's usual settings",
    "paths with Adam",
    "learning rates: low, high, good",
    "decay: by steps, exponential, by 1/t",
    "a loss falls further where the rate decays",
    "decay matters more with momentum than with Adam",
    "a tangent, and a step along it",
    "a parabola, and a step to its bottom",
    "first and second order beside each other",
    "Newton's step",
    "Newton's step has no learning rate",
    "what Newton's step costs",
    "BFGS: an inverse built step by step",
    "L-BFGS: without the matrix",
    "L-BFGS on the full batch and on mini-batches",
    "in practice",
    "the gap between training and validation",
    "an ensemble of independent models",
    "the answers of an ensemble are averaged",
    "snapshots of one training with a cyclic rate",
    "an average of the weights",
    "regularization: title",
    "penalties on weights",
    "dropout: units set to zero at random",
    "dropout in a forward pass",
    "dropout asks for redundant features",
    "dropout as an ensemble, and its number",
    "in testing the output should not be random",
    "the expectation of one neuron",
    "the expectation written out",
    "the expectation by multiplication",
    "in testing all units are there, scaled",
    "dropout, both passes",
    "inverted dropout",
    "inverted dropout leaves testing as it is",
    "a common pattern: noise in training",
    "batch norm as such noise",
    "augmentation: title",
    "a picture is changed before it is learned",
    "horizontal flips",
    "random crops and scales in training",
    "fixed crops in testing",
    "color jitter: contrast and brightness",
    "color jitter along the principal components",
    "more transforms",
    "the common pattern again",
    "DropConnect",
    "fractional max pooling",
    "stochastic depth",
    "transfer learning: title",
    "a lot of data is not needed",
    "a network trained on much data",
    "few pictures: only the last layer is trained",
    "more pictures: more layers are trained",
    "which layers are specific, which generic",
    "little or much data, similar or different",
    "what to do in each of the four cases",
    "transfer learning is the rule",
    "object detection by transfer",
    "captioning by transfer",
    "the zoo of pretrained models",
];

/// The slides with nothing to show, and why.
pub(crate) const NOTHING: [(u8, &str); 5] = [
    (13, "contents of the lecture"),
    (52, "advice; what it rests on is shown at slides 38 and 51"),
    (58, "title of a part"),
    (74, "title of a part"),
    (86, "title of a part"),
];

/// Reads a choice of slides: a number, or a range such as `14-38`.
///
/// # Errors
/// None where it is neither, or lies outside of the lecture.
pub(crate) fn parse(text: &str) -> Option<Slides> {
    let (low, high) = text.trim().split_once('-').unwrap_or((text.trim(), text.trim()));
    let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (FIRST <= low && low <= high && high <= LAST).then_some(Slides(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slide_has_its_words() {
        assert_eq!(SLIDES.len(), usize::from(LAST - FIRST) + 1);
        for (slide, words) in [(14, "descent"), (40, "decay"), (51, "L-BFGS on"), (60, "dropout:"), (97, "zoo")] {
            assert!(SLIDES[slide - 5].contains(words), "{slide}: {}", SLIDES[slide - 5]);
        }
    }

    #[test]
    fn a_choice_is_a_slide_or_a_range_within_the_lecture() {
        assert_eq!(parse("14-38"), Some(Slides(14, 38)));
        assert_eq!(parse(" 7 "), Some(Slides(7, 7)));
        for wrong in ["", "4", "98", "38-14", "a-b", "5-", "-5", "5-300"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
