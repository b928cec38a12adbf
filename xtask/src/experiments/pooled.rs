//! Both sides of a data set in one.

use std::sync::Arc;

use image::RgbImage;
use taper_data::{DataError, Dataset};

/// The pictures of one data set, then those of another with the same classes.
pub(super) struct Pooled(pub(super) [Arc<dyn Dataset>; 2]);

impl Pooled {
    /// Which of the two has the picture, and its number there.
    fn place(&self, index: usize) -> (&dyn Dataset, usize) {
        let Self([first, second]) = self;
        match index.checked_sub(first.len()) {
            None => (&**first, index),
            Some(index) => (&**second, index),
        }
    }
}

impl Dataset for Pooled {
    fn len(&self) -> usize {
        self.0.iter().map(|set| set.len()).sum()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        let (set, index) = self.place(index);
        set.get(index)
    }

    fn label(&self, index: usize) -> usize {
        let (set, index) = self.place(index);
        set.label(index)
    }

    fn classes(&self) -> &[String] {
        self.0[0].classes()
    }

    fn name(&self, index: usize) -> String {
        let (set, index) = self.place(index);
        set.name(index)
    }
}

#[cfg(test)]
mod tests {
    use taper_data::{OpenConfig, Rng, open};

    use super::*;

    #[test]
    fn the_second_follows_the_first() {
        let splits =
            open(crate::root().unwrap().join("tests/data/emoji"), &OpenConfig::default(), &Rng::new(0)).unwrap();
        let pooled = Pooled([splits.train.clone(), splits.val.clone()]);
        let (first, all) = (splits.train.len(), splits.train.len() + splits.val.len());
        assert_eq!((pooled.len(), pooled.classes()), (all, splits.val.classes()));
        for (index, set, of) in
            [(first - 1, &splits.train, first - 1), (first, &splits.val, 0), (all - 1, &splits.val, all - first - 1)]
        {
            assert_eq!((pooled.name(index), pooled.label(index)), (set.name(of), set.label(of)));
            assert_eq!(pooled.get(index).unwrap(), set.get(of).unwrap());
        }
        assert!(pooled.get(all).is_err());
    }
}
