//! A damaged picture of a training of several processes.
//!
//! An error of one would leave the others waiting. So none fails: who finds a picture damaged takes
//! a black one in its place and asks for the end of the training, which all come to after the same
//! step; and then all have the error.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use taper_data::{DataError, Dataset, Loader, Need, RgbImage, View};
use taper_nn::Params;

use crate::error::{ObserverError, Result};
use crate::fit::{EpochInfo, Observer, StepInfo};
use crate::ranks::{Ranks, RanksError, broadcast, gather};

/// Side of the picture that stands for a damaged one, pixels.
const SIDE: u32 = 64;

/// What this process has found damaged first.
#[derive(Clone, Debug, Default)]
pub(super) struct Damage(Arc<OnceLock<String>>);

impl Damage {
    /// What is found by loaders of the same batches, in which a black picture stands for each
    /// damaged one; by these where there is one process.
    pub(super) fn looked_for((train, val): (Loader, Loader), ranks: &dyn Ranks) -> Result<(Self, (Loader, Loader))> {
        let damage = Self::default();
        let loaders = if ranks.size() > 1 { (damage.over(&train)?, damage.over(&val)?) } else { (train, val) };
        Ok((damage, loaders))
    }

    fn over(&self, loader: &Loader) -> Result<Loader> {
        Ok(loader.over(Arc::new(Forgiving { whole: Arc::clone(loader.dataset()), damage: self.clone() }))?)
    }

    /// Fails, on all of them, where any has found a damaged picture.
    pub(super) fn require_none(&self, ranks: &dyn Ranks) -> Result<(), RanksError> {
        let own = self.0.get().cloned().unwrap_or_default();
        let all = gather(ranks, own.into_bytes())?;
        let first = (0..).zip(&all).find(|(_, said)| !said.is_empty());
        let first: (usize, String) =
            first.map(|(rank, said)| (rank, String::from_utf8_lossy(said).into_owned())).unwrap_or_default();
        let said = broadcast(ranks, format!("{} {}", first.0, first.1).into_bytes())?;
        match String::from_utf8_lossy(&said).split_once(' ') {
            Some((rank, said)) if !said.is_empty() => {
                Err(RanksError::Damaged { rank: rank.parse().unwrap_or_default(), said: said.into() })
            }
            _ => Ok(()),
        }
    }

    fn wanted(&self) -> ControlFlow<()> {
        if self.0.get().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Observer for Damage {
    fn step(&mut self, _: &StepInfo) -> ControlFlow<()> {
        self.wanted()
    }

    fn epoch(&mut self, _: &EpochInfo, _: &Params) -> Result<ControlFlow<()>, ObserverError> {
        Ok(self.wanted())
    }
}

/// Pictures of which damaged ones are black.
struct Forgiving {
    whole: Arc<dyn Dataset>,
    damage: Damage,
}

impl fmt::Debug for Forgiving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forgiving").field("damage", &self.damage).finish_non_exhaustive()
    }
}

impl Forgiving {
    fn forgive(&self, picture: Result<RgbImage, DataError>) -> Result<RgbImage, DataError> {
        match picture {
            Err(error) if error.is_damage() => {
                self.damage.0.get_or_init(|| crate::chain::chain(&error));
                Ok(RgbImage::new(SIDE, SIDE))
            }
            picture => picture,
        }
    }
}

impl View for Forgiving {
    fn whole(&self) -> &dyn Dataset {
        &*self.whole
    }

    fn view(&self, index: usize) -> Result<RgbImage, DataError> {
        self.forgive(self.whole.get(index))
    }

    fn view_needed(&self, index: usize, need: Need) -> Result<RgbImage, DataError> {
        self.forgive(self.whole.get_needed(index, need))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::{Alone, Threads};

    #[test]
    fn all_have_the_error_of_one() {
        let work = |ranks: Threads| {
            let damage = Damage::default();
            assert_eq!(damage.require_none(&ranks).err().map(|error| error.to_string()), None);
            if ranks.rank() > 0 {
                damage.0.get_or_init(|| format!("a.png of {}", ranks.rank()));
            }
            assert_eq!(damage.wanted().is_break(), ranks.rank() > 0);
            damage.require_none(&ranks).unwrap_err().to_string()
        };
        let threads: Vec<_> =
            Threads::new(3).into_iter().map(|ranks| std::thread::spawn(move || work(ranks))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), "rank 1: a.png of 1");
        }
        assert!(Damage::default().require_none(&Alone).is_ok());
    }
}
