//! The pictures that a run is made of.

use std::sync::Arc;

use anyhow::{Result, bail};
use taper_data::{Dataset, Splits, Subset, check};
use taper_tensor::Rng;
use taper_transfer::sha256;

use crate::progress::reading;
use crate::recipe::Recipe;

/// The share of unreadable pictures that a run goes on without, fraction.
const TOLERATED: f64 = 0.05;

/// The pictures of a run that can be read, and how many cannot.
#[derive(Clone)]
pub struct Pictures {
    /// To train on.
    pub train: Arc<dyn Dataset>,
    /// To validate on.
    pub val: Arc<dyn Dataset>,
    /// How many cannot be read.
    pub unreadable: usize,
}

impl Pictures {
    /// Finds those of a recipe and reads each once; tells on stderr of those that cannot be read.
    ///
    /// # Errors
    /// When there are none, too many cannot be read, or any with `strict`.
    pub fn open(recipe: &Recipe, strict: bool) -> Result<Self> {
        let splits = splits(recipe)?;
        let ((train, bad_train), (val, bad_val)) = (readable(splits.train, strict)?, readable(splits.val, strict)?);
        Ok(Self { train, val, unreadable: bad_train + bad_val })
    }

    /// The SHA-256 of the names and the classes of all.
    ///
    /// # Errors
    /// None that is known.
    pub fn name(&self) -> Result<String> {
        let names = |set: &dyn Dataset| (0..set.len()).map(|i| (set.name(i), set.label(i))).collect::<Vec<_>>();
        let all = (self.train.classes(), names(&*self.train), names(&*self.val));
        Ok(sha256(&serde_json::to_vec(&all)?))
    }
}

/// The pictures of a recipe, those that cannot be read among them.
///
/// # Errors
/// When there are none.
pub fn splits(recipe: &Recipe) -> Result<Splits> {
    let rng = Rng::new(recipe.split_seed()).fork("split");
    Ok(taper_data::open(&recipe.data.path, recipe.data.val_fraction, &rng)?)
}

/// Reads every picture once. Returns the set without the unreadable ones, which are listed on stderr, and their number.
///
/// # Errors
/// When too many cannot be read, or any with `strict`.
pub fn readable(dataset: Arc<dyn Dataset>, strict: bool) -> Result<(Arc<dyn Dataset>, usize)> {
    let bar = reading(dataset.len());
    let bad = check(&*dataset, |_| bar.inc(1));
    bar.finish_and_clear();
    if bad.is_empty() {
        return Ok((dataset, 0));
    }
    if strict {
        bail!(
            "{}\n(--strict stops at the first unreadable picture; without it a run goes on without them)",
            bad[0].reason
        );
    }
    for picture in bad.iter().take(20) {
        eprintln!("left out: {}", picture.reason);
    }
    if bad.len() > 20 {
        eprintln!("... and {} more", bad.len() - 20);
    }
    let (count, all) = (bad.len(), dataset.len());
    if count as f64 > TOLERATED * all as f64 {
        bail!(
            "{count} of {all} pictures cannot be read, more than {:.0} %: mend or remove them (listed above)",
            100.0 * TOLERATED
        );
    }
    eprintln!("going on without {count} of {all} pictures that cannot be read");
    let indices: Vec<usize> = bad.iter().map(|picture| picture.index).collect();
    Ok((Arc::new(Subset::without(dataset, &indices)?), count))
}
