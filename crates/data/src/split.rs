//! A part of each class set aside, by seed.

use std::sync::Arc;

use taper_tensor::Rng;

use crate::dataset::{Dataset, LabelKind};
use crate::error::DataError;
use crate::subset::Subset;

/// How much of each class is set aside for validation unless something else is said: a fifth.
pub const DEFAULT_VAL_FRACTION: f64 = 0.2;

/// Draws a part of each class for validation: the rounded fraction, at least one picture and not
/// all.
///
/// A class is drawn from the key of `rng`, `"split"` and its name; both sides keep the order of the
/// whole. Pictures of several classes are drawn among those with the same first class, and one that
/// is alone there is trained on; those with numbers are drawn among all. The same seed on the same
/// files gives the same split, and a class added later leaves the others as they were.
///
/// # Errors
/// When the fraction does not lie between 0 and 1, or a class has fewer than two pictures.
pub fn split(dataset: Arc<dyn Dataset>, val_fraction: f64, rng: &Rng) -> Result<(Subset, Subset), DataError> {
    check_fraction(val_fraction)?;
    let rng = rng.fork("split");
    let mut in_val = vec![false; dataset.len()];
    let (kind, classes) = (dataset.label_kind(), dataset.classes());
    let mut by_class = vec![Vec::new(); classes.len()];
    for index in 0..dataset.len() {
        let label = if kind == LabelKind::Number { 0 } else { dataset.label(index) };
        let members = by_class.get_mut(label).ok_or_else(|| DataError::Label {
            name: dataset.name(index),
            label,
            classes: classes.len(),
        })?;
        members.push(index);
    }
    for (mut members, class) in by_class.into_iter().zip(classes) {
        let got = members.len();
        if got < 2 && kind != LabelKind::One {
            continue;
        }
        if got < 2 {
            return Err(DataError::TooFew { class: class.clone(), got });
        }
        rng.fork(class).shuffle(&mut members);
        let aside = (got as f64 * val_fraction).round() as usize;
        for &index in &members[..aside.clamp(1, got - 1)] {
            in_val[index] = true;
        }
    }
    let (val, train) = (0..dataset.len()).partition(|&index| in_val[index]);
    Ok((Subset::new(dataset.clone(), train)?, Subset::new(dataset, val)?))
}

pub(crate) fn check_fraction(got: f64) -> Result<(), DataError> {
    if got > 0.0 && got < 1.0 { Ok(()) } else { Err(DataError::Fraction { got }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::counts;
    use crate::fixture::Numbers;

    #[test]
    fn a_split_is_stratified_disjoint_and_repeatable() {
        let whole: Arc<dyn Dataset> = Arc::new(Numbers(531));
        let drawn = |seed| split(whole.clone(), 0.2, &Rng::new(seed)).unwrap();
        let (train, val) = drawn(1);
        let mut all = [train.indices(), val.indices()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..531).collect::<Vec<_>>());
        for (part, class) in counts(&val).into_iter().zip(counts(&*whole)) {
            assert_eq!(part, (class as f64 * 0.2).round() as usize);
        }
        assert_eq!(drawn(1).1.indices(), val.indices());
        assert_ne!(drawn(2).1.indices(), val.indices());
        assert!(val.indices().is_sorted());
    }

    #[test]
    fn both_sides_keep_one_of_each_class() {
        for fraction in [0.001, 0.999] {
            let (train, val) = split(Arc::new(Numbers(4)), fraction, &Rng::new(1)).unwrap();
            assert_eq!((counts(&train), counts(&val)), (vec![1, 1], vec![1, 1]));
        }
        let lone = split(Arc::new(Numbers(3)), 0.5, &Rng::new(1)).err().unwrap();
        assert!(matches!(&lone, DataError::TooFew { class, got: 1 } if class == "odd"), "{lone}");
        for fraction in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(split(Arc::new(Numbers(4)), fraction, &Rng::new(1)).is_err());
        }
    }
}
