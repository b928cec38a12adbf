//! A choice of a dataset.

use std::fmt;
use std::sync::Arc;

use image::RgbImage;

use crate::dataset::{Dataset, Known, LabelKind, counts};
use crate::decode::Need;
use crate::error::DataError;
use crate::stamp::Stamp;

/// Some pictures of a dataset, in a chosen order; the classes stay those of the whole.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use taper_data::{Dataset, Folder, Subset};
/// let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures/train");
/// let all: Arc<dyn Dataset> = Arc::new(Folder::open(root)?);
/// let two = Subset::new(all.clone(), vec![7, 3])?;
/// assert_eq!(two.name(1), all.name(3));
/// assert_eq!(Subset::without(all.clone(), &[0, 1])?.len(), all.len() - 2);
/// # Ok::<(), taper_data::DataError>(())
/// ```
#[derive(Clone)]
pub struct Subset {
    whole: Arc<dyn Dataset>,
    indices: Vec<usize>,
}

impl Subset {
    /// The pictures of these indices, in this order; an index may come more than once.
    ///
    /// # Errors
    /// When an index is out of range.
    pub fn new(whole: Arc<dyn Dataset>, indices: Vec<usize>) -> Result<Self, DataError> {
        let len = whole.len();
        match indices.iter().find(|&&index| index >= len) {
            Some(&index) => Err(DataError::Index { index, len }),
            None => Ok(Self { whole, indices }),
        }
    }

    /// All pictures but those of these indices, in their order.
    ///
    /// # Errors
    /// When an index is out of range, or a class that had pictures would have none.
    pub fn without(whole: Arc<dyn Dataset>, indices: &[usize]) -> Result<Self, DataError> {
        let len = whole.len();
        let mut keep = vec![true; len];
        for &index in indices {
            *keep.get_mut(index).ok_or(DataError::Index { index, len })? = false;
        }
        let before = counts(&*whole);
        let rest = Self { indices: (0..len).filter(|&index| keep[index]).collect(), whole };
        let after = counts(&rest);
        for (class, (&had, &has)) in rest.classes().iter().zip(before.iter().zip(&after)) {
            if had > 0 && has == 0 {
                return Err(DataError::ClassLost { class: class.clone() });
            }
        }
        Ok(rest)
    }

    fn inner(&self, index: usize) -> Result<usize, DataError> {
        self.indices.get(index).copied().ok_or(DataError::Index { index, len: self.indices.len() })
    }

    /// The indices of the pictures in the whole.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl fmt::Debug for Subset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subset").field("indices", &self.indices).finish_non_exhaustive()
    }
}

impl Dataset for Subset {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        self.whole.get(self.inner(index)?)
    }

    fn get_needed(&self, index: usize, need: Need) -> Result<RgbImage, DataError> {
        self.whole.get_needed(self.inner(index)?, need)
    }

    fn glance(&self, index: usize) -> Result<Known, DataError> {
        self.whole.glance(self.inner(index)?)
    }

    fn file(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        self.whole.file(self.inner(index)?)
    }

    fn label(&self, index: usize) -> usize {
        self.whole.label(self.indices[index])
    }

    fn label_kind(&self) -> LabelKind {
        self.whole.label_kind()
    }

    fn target(&self, index: usize, row: &mut [f32]) -> Result<(), DataError> {
        self.whole.target(self.indices[index], row)
    }

    fn classes(&self) -> &[String] {
        self.whole.classes()
    }

    fn name(&self, index: usize) -> String {
        self.whole.name(self.indices[index])
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        self.whole.stamp(self.indices[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Numbers;

    #[test]
    fn numbers_out_of_range_are_refused() {
        let whole: Arc<dyn Dataset> = Arc::new(Numbers(4));
        let refused = Subset::new(whole.clone(), vec![1, 4]).err();
        assert!(matches!(refused, Some(DataError::Index { index: 4, len: 4 })));
        assert!(Subset::without(whole.clone(), &[9]).is_err());
        let two = Subset::new(whole, vec![3, 1]).unwrap();
        assert!(two.get(2).is_err());
        assert_eq!((two.name(0), two.label(0)), ("picture 3".into(), 1));
    }

    #[test]
    fn a_class_is_not_lost_silently() {
        let whole: Arc<dyn Dataset> = Arc::new(Numbers(4));
        assert_eq!(Subset::without(whole.clone(), &[3, 0]).unwrap().indices(), [1, 2]);
        let error = Subset::without(whole, &[0, 2]).err().unwrap().to_string();
        assert!(error.contains("\"even\""), "{error}");
    }
}
