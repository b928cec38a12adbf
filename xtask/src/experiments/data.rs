//! The pictures that an experiment trains on, validates with and tests on.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use taper_data::{Dataset, OpenConfig, Splits, split};
use taper_tensor::Rng;

/// Training pictures, those that early stopping looks at, and those that are looked at once, at the
/// end.
pub type Sets = [Arc<dyn Dataset>; 3];

/// Fashion-MNIST, of which each seed draws pictures of its own, the same for all cases.
pub(super) struct FashionMnist {
    splits: Splits,
    pictures: usize,
}

impl FashionMnist {
    /// The four files in a folder, of which `pictures` are drawn to train on.
    ///
    /// # Errors
    /// When they are not there or have fewer.
    pub(super) fn open(folder: &Path, pictures: usize) -> Result<Self> {
        let splits = taper_data::open(folder, &OpenConfig::default(), &Rng::new(0))
            .context("Debian's package dataset-fashion-mnist installs the data set; --data names another folder")?;
        let needed = pictures + pictures / 6;
        ensure!(splits.train.len() >= needed, "{} has {} training pictures", folder.display(), splits.train.len());
        Ok(Self { splits, pictures })
    }

    /// The pictures of a seed; a sixth more than are trained on validates.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub(super) fn sets(&self, seed: u64) -> Result<Sets> {
        let (rng, all) = (Rng::new(seed).fork("experiments"), self.splits.train.len() as f64);
        let (_, some) = split(self.splits.train.clone(), self.pictures as f64 * 7.0 / 6.0 / all, &rng)?;
        let (train, val) = split(Arc::new(some), 1.0 / 7.0, &rng)?;
        Ok([Arc::new(train), Arc::new(val), self.splits.val.clone()])
    }
}

/// The parts that a folder has; `val` is what is tested on too.
///
/// # Errors
/// When it cannot be read.
pub fn parts(folder: &Path) -> Result<Sets> {
    let splits = taper_data::open(folder, &OpenConfig::default(), &Rng::new(0))?;
    Ok([splits.train, splits.val.clone(), splits.val])
}
