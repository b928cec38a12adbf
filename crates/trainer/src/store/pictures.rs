//! The pictures that a run is made of.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use taper_data::{Dataset, LeftOut, Look, Splits};
use taper_tensor::Rng;

use crate::error::Result;
use crate::finding::Finding;
use crate::listener::Listener;
use crate::notice::Notice;
use crate::recipe::Recipe;
use crate::store::hub_data;
use crate::store::ledger::{self, Ledger};
use crate::store::readable::{Readable, Unreadable, look_once};
use crate::store::sanity;

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
    /// Each of them, as it was when it was looked at.
    pub ledger: Arc<Ledger>,
    /// How well they were looked at.
    pub look: Look,
}

impl fmt::Debug for Pictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (train, val) = (self.train.len(), self.val.len());
        f.debug_struct("Pictures").field("train", &train).field("val", &val).finish_non_exhaustive()
    }
}

/// More pictures than these are not looked at one by one before a training: what is known of them
/// is their names and labels, and what is damaged is found in the first epoch.
const MANY: usize = 200_000;

impl Pictures {
    /// Finds those of a recipe and decodes each once; `listener` hears of those that cannot be
    /// read.
    ///
    /// # Errors
    /// When there are none, too many cannot be read, or any with [`Unreadable::Refuse`].
    pub fn open(recipe: &Recipe, policy: Unreadable, listener: &dyn Listener) -> Result<Self> {
        Self::open_again(recipe, policy, (&Ledger::default(), Look::Decode), listener)
    }

    /// [`open`](Self::open), without reading those again whose files are as they were when they
    /// were last looked at. With [`Look::Glance`] nothing is decoded but what could not be the last
    /// time: what is damaged behind its header is found by who trains on it.
    ///
    /// # Errors
    /// As there.
    pub fn open_again(
        recipe: &Recipe,
        policy: Unreadable,
        (ledger, look): (&Ledger, Look),
        listener: &dyn Listener,
    ) -> Result<Self> {
        let (looked, known) = (ledger::now(), ledger.known());
        let damaged = |name: &String| ledger.unreadable().contains(name);
        let path = hub_data::local(&recipe.data.path, listener)?;
        let root = &taper_data::folder_of(&path);
        let Splits { train, val, left_out, .. } = splits_at(&path, recipe, listener)?;
        let many = train.len() + val.len() > MANY;
        let side = |pictures: Arc<dyn Dataset>| {
            let names = Arc::clone(&pictures);
            let name = |i| ledger::relative(&names.name(i), root);
            if many && look == Look::Glance {
                let all = if ledger.unreadable().is_empty() { 0 } else { pictures.len() };
                let suspects = (0..all).filter(|&i| damaged(&name(i))).collect();
                return Readable::unseen(pictures, suspects, policy, listener);
            }
            let look = |i| if damaged(&name(i)) { Look::Decode } else { look };
            look_once(pictures, policy, listener, (|i, stamp| known(&name(i), stamp), look))
        };
        let (train, val) = (side(train)?, side(val)?);
        let mut findings =
            if many { sanity::many(&train, &val, recipe) } else { sanity::pictures(&train, &val, recipe) };
        findings.push(sanity::left_out(&left_out));
        let without = train.names.iter().chain(&val.names).map(|name| ledger::relative(name, root)).collect();
        let ledger = match many {
            true => Ledger::many(looked, [&*train.dataset, &*val.dataset], root)?,
            false => Ledger::new(looked, [(&*train.dataset, &*train.seen), (&*val.dataset, &*val.seen)], root)?,
        };
        let ledger = Arc::new(ledger.without(without));
        let unreadable = train.unreadable + val.unreadable;
        Ok(Self { train: train.dataset, val: val.dataset, unreadable, left_out, findings, ledger, look })
    }
}

/// The pictures of a recipe, those that cannot be read among them; `listener` hears of what else
/// lies there.
///
/// # Errors
/// When there are none.
pub fn splits(recipe: &Recipe, listener: &dyn Listener) -> Result<Splits> {
    splits_at(&hub_data::local(&recipe.data.path, listener)?, recipe, listener)
}

fn splits_at(path: &Path, recipe: &Recipe, listener: &dyn Listener) -> Result<Splits> {
    let rng = Rng::new(recipe.split_seed()).fork("split");
    let splits = taper_data::open(path, &recipe.data.open_config(), &rng)?;
    tell(&splits.left_out, listener);
    Ok(splits)
}

/// Tells what lies among the pictures and is not read.
pub fn tell(left_out: &LeftOut, listener: &dyn Listener) {
    if !left_out.is_empty() {
        listener.notice(&Notice::LeftOut(left_out.clone()));
    }
}
