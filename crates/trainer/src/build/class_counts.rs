//! The sizes of classes.

use taper_data::{Dataset, LabelKind};

/// How many pictures each class has. A picture of several counts for each of them; of numbers, and
/// of a picture without a label, nothing is counted.
pub(crate) fn class_counts(pictures: &dyn Dataset) -> Vec<usize> {
    let mut counts = vec![0; pictures.classes().len()];
    for index in 0..pictures.len() {
        match pictures.label_kind() {
            LabelKind::One => counts[pictures.label(index)] += 1,
            LabelKind::Many => {
                let mut row = vec![0.0; counts.len()];
                if pictures.target(index, &mut row).is_ok() {
                    counts.iter_mut().zip(row).for_each(|(count, target)| *count += usize::from(target > 0.5));
                }
            }
            LabelKind::Number => {}
        }
    }
    counts
}
