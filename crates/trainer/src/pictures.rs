//! The pictures that a run is made of.

use std::sync::Arc;

use anyhow::{Result, bail};
use taper_data::{Checked, Dataset, Known, LeftOut, Seen, Splits, Stamp, Subset, check_again};
use taper_tensor::Rng;

use crate::ledger::{self, Ledger};
use crate::output::note;
use crate::progress::reading;
use crate::recipe::Recipe;
use crate::sanity::{self, Finding};

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
    /// What lies among them and is not read.
    pub left_out: LeftOut,
    /// What is there to know of them before a training.
    pub findings: Vec<Finding>,
    /// Each of them, as it was when it was read.
    pub ledger: Arc<Ledger>,
}

impl Pictures {
    /// Finds those of a recipe and reads each once; tells on stderr of those that cannot be read.
    ///
    /// # Errors
    /// When there are none, too many cannot be read, or any with `strict`.
    pub fn open(recipe: &Recipe, strict: bool) -> Result<Self> {
        Self::open_again(recipe, strict, &Ledger::default())
    }

    /// [`open`](Self::open), without reading those again whose files are as they were when they were last read.
    ///
    /// # Errors
    /// As there.
    pub fn open_again(recipe: &Recipe, strict: bool, known: &Ledger) -> Result<Self> {
        let (looked, root, known) = (ledger::now(), &recipe.data.path, known.known());
        let Splits { train, val, left_out, .. } = splits(recipe)?;
        let side = |pictures: Arc<dyn Dataset>| {
            let names = Arc::clone(&pictures);
            read_once(pictures, strict, |i, stamp| known(&ledger::relative(&names.name(i), root), stamp))
        };
        let (train, val) = (side(train)?, side(val)?);
        let mut findings = sanity::pictures(&train, &val, recipe);
        findings.push(sanity::left_out(&left_out));
        let sides = [(&*train.dataset, &*train.seen), (&*val.dataset, &*val.seen)];
        let ledger = Arc::new(Ledger::new(looked, sides, root)?);
        let unreadable = train.unreadable + val.unreadable;
        Ok(Self { train: train.dataset, val: val.dataset, unreadable, left_out, findings, ledger })
    }
}

/// The pictures of a recipe, those that cannot be read among them; tells on stderr of what else lies there.
///
/// # Errors
/// When there are none.
pub fn splits(recipe: &Recipe) -> Result<Splits> {
    let rng = Rng::new(recipe.split_seed()).fork("split");
    let splits = taper_data::open(&recipe.data.path, recipe.data.val_fraction, &rng)?;
    tell(&splits.left_out);
    Ok(splits)
}

/// Tells on stderr what lies among the pictures and is not read.
pub fn tell(left_out: &LeftOut) {
    if !left_out.is_empty() {
        note(format_args!("left out: {left_out}"));
    }
}

/// Pictures that can be read.
pub struct Readable {
    /// They alone.
    pub dataset: Arc<dyn Dataset>,
    /// How many others there were.
    pub unreadable: usize,
    /// Size and content of each, in their order.
    pub seen: Vec<Seen>,
}

/// How many pictures each class has.
pub(crate) fn class_counts(pictures: &dyn Dataset) -> Vec<usize> {
    let mut counts = vec![0; pictures.classes().len()];
    (0..pictures.len()).for_each(|i| counts[pictures.label(i)] += 1);
    counts
}

/// Reads every picture once. Returns the set without the unreadable ones, which are listed on stderr.
///
/// # Errors
/// When too many cannot be read, or any with `strict`.
pub fn readable(dataset: Arc<dyn Dataset>, strict: bool) -> Result<Readable> {
    read_once(dataset, strict, |_, _| None)
}

/// [`readable`], without those that `known` has something to say of, by number and stamp.
fn read_once(
    dataset: Arc<dyn Dataset>,
    strict: bool,
    known: impl Fn(usize, Stamp) -> Option<Known> + Sync,
) -> Result<Readable> {
    let bar = reading(dataset.len());
    let Checked { seen, unreadable: bad } = check_again(&*dataset, known, |_| bar.inc(1));
    bar.finish_and_clear();
    if bad.is_empty() {
        return Ok(Readable { dataset, unreadable: 0, seen });
    }
    if strict {
        bail!(
            "{}\n(--strict stops at the first unreadable picture; without it a run goes on without them)",
            bad[0].reason
        );
    }
    for picture in bad.iter().take(20) {
        note(format_args!("left out: {}", picture.reason));
    }
    if bad.len() > 20 {
        note(format_args!("... and {} more", bad.len() - 20));
    }
    let (count, all) = (bad.len(), dataset.len());
    if count as f64 > TOLERATED * all as f64 {
        bail!(
            "{count} of {all} pictures cannot be read, more than {:.0} %: mend or remove them (listed above)",
            100.0 * TOLERATED
        );
    }
    note(format_args!("going on without {count} of {all} pictures that cannot be read"));
    let indices: Vec<usize> = bad.iter().map(|picture| picture.index).collect();
    Ok(Readable { dataset: Arc::new(Subset::without(dataset, &indices)?), unreadable: count, seen })
}
