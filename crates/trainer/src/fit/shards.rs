//! The shards of a batch: which rows each has, and which of them this process computes.

use std::ops::Range;

use taper_data::Loader;

use crate::error::Result;
use crate::ranks::{Ranks, RanksError};
use crate::recipe::Recipe;

/// A batch in a fixed number of shards, side by side, of which each of several processes computes
/// as many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shards<'a> {
    /// How many a batch has; 1 where it is in one piece.
    pub(crate) count: usize,
    /// The processes.
    pub(crate) ranks: &'a dyn Ranks,
    /// Whether a row depends on others of its batch before the batch is split.
    mixes: bool,
}

impl<'a> Shards<'a> {
    /// Those of a recipe.
    ///
    /// # Errors
    /// [`RanksError`] when they cannot be shared out evenly.
    pub(crate) fn new(recipe: &Recipe, ranks: &'a dyn Ranks) -> Result<Self, RanksError> {
        let (count, size) = (recipe.optimize.shards.max(1), ranks.size());
        if size > 1 && count == 1 {
            return Err(RanksError::InOnePiece { shards: recipe.optimize.shards, ranks: size });
        }
        if !count.is_multiple_of(size) {
            return Err(RanksError::Uneven { shards: count, ranks: size });
        }
        Ok(Self { count, ranks, mixes: recipe.regularize.mixes() })
    }

    /// Whether batches are in one piece.
    pub(crate) fn is_whole(&self) -> bool {
        self.count == 1
    }

    /// The rows of a shard of a batch of so many.
    pub(crate) fn rows(&self, of: usize, shard: usize) -> Range<usize> {
        rows(of, self.count, shard)
    }

    /// The rows of a batch that this process needs for its shards: theirs, or all where pictures
    /// are mixed, whose partners may lie in any.
    pub(crate) fn needed(&self, of: usize) -> Range<usize> {
        if self.mixes {
            return 0..of;
        }
        let (rank, each) = (self.ranks.rank(), self.count / self.ranks.size());
        let last = self.rows(of, (rank + 1) * each - 1).end;
        self.rows(of, rank * each).start..last
    }

    /// The places in the order of an epoch that this process needs of the batch of a number.
    pub(crate) fn places(&self, loader: &Loader, batch: usize) -> Range<usize> {
        let places = loader.places(batch);
        let needed = self.needed(places.len());
        places.start + needed.start..places.start + needed.end
    }
}

/// The rows of one of `count` shards of a batch of `of` pictures: those with a picture have as many
/// as the others, or one more, and two or more, so that batch norm has a variance; a batch that is
/// too small for that leaves some without one, evenly spread.
fn rows(of: usize, count: usize, shard: usize) -> Range<usize> {
    let filled = count.min((of / 2).max(1));
    let end = |shard: usize| (shard * filled / count) * of / filled;
    end(shard)..end(shard + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::{Alone, Threads};

    #[test]
    fn shards_lie_side_by_side_and_none_has_one_picture() {
        for (of, count) in [(32, 8), (33, 8), (31, 8), (16, 8), (15, 8), (3, 8), (2, 8), (1, 8), (0, 8), (50, 7)] {
            let all: Vec<_> = (0..count).map(|shard| rows(of, count, shard)).collect();
            assert_eq!((all[0].start, all[count - 1].end), (0, of));
            assert!(all.windows(2).all(|pair| pair[0].end == pair[1].start), "{all:?}");
            let sizes: Vec<_> = all.iter().map(Range::len).filter(|len| *len > 0).collect();
            let (least, most) = (sizes.iter().min().copied(), sizes.iter().max().copied());
            assert!(of < 2 || least >= Some(2), "{of}: {all:?}");
            assert!(most.unwrap_or(0) - least.unwrap_or(0) <= 1, "{of}: {all:?}");
        }
        assert_eq!((0..8).map(|shard| rows(9, 8, shard).len()).collect::<Vec<_>>(), [0, 2, 0, 2, 0, 2, 0, 3]);
    }

    #[test]
    fn each_process_needs_the_rows_of_its_shards() {
        let mut recipe = Recipe::default();
        recipe.optimize.shards = 8;
        let ranks = Threads::new(4);
        let needed = |recipe: &Recipe, rank: usize| Shards::new(recipe, &ranks[rank]).unwrap().needed(33);
        assert_eq!((0..4).map(|rank| needed(&recipe, rank)).collect::<Vec<_>>(), [0..8, 8..16, 16..24, 24..33]);
        recipe.regularize.mixup = 0.2;
        assert_eq!(needed(&recipe, 2), 0..33);
        assert!(matches!(Shards::new(&recipe, &Threads::new(3)[0]), Err(RanksError::Uneven { shards: 8, ranks: 3 })));
        recipe.optimize.shards = 0;
        assert!(matches!(Shards::new(&recipe, &ranks[0]), Err(RanksError::InOnePiece { .. })));
        assert!(Shards::new(&recipe, &Alone).unwrap().is_whole());
    }
}
