//! The sizes of classes.

use taper_data::Dataset;

/// How many pictures each class has.
pub(crate) fn class_counts(pictures: &dyn Dataset) -> Vec<usize> {
    let mut counts = vec![0; pictures.classes().len()];
    (0..pictures.len()).for_each(|i| counts[pictures.label(i)] += 1);
    counts
}
