//! How a map is cut into tiles.
//!
//! A side that is no multiple of 4 is cut into tiles of 4 and, at its end, of 3 outputs: 14 into 4,
//! 4, 3 and 3. Of F(4, 3) the point ∞ makes the fourth output and nothing else, so that a short
//! tile has five products instead of six: F(3, 3). Of the 36 matrices those of the points (∞, ·)
//! have rows only for tall tiles and those of (·, ∞) only for wide ones. Tiles are numbered by
//! their kind, such that each matrix has one run of them: 16 % fewer products at 14x14 and 7x7.

use std::ops::Range;

/// Maps and tiles: pixels outside of (h, w) of the source are zero.
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    pub(super) n: usize,
    /// Source and target sizes.
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) oh: usize,
    pub(super) ow: usize,
    pub(super) padding: usize,
    down: Cuts,
    across: Cuts,
    /// Where each kind of tile ends: tall and narrow, tall and wide, short and wide, short and
    /// narrow.
    ends: [usize; 4],
}

/// A side of the target: tiles of 4, then tiles of at most 3.
#[derive(Clone, Copy)]
struct Cuts {
    side: usize,
    whole: usize,
    all: usize,
}

impl Cuts {
    fn new(side: usize) -> Self {
        let all = side.div_ceil(4);
        Self { side, whole: all.saturating_sub(4 * all - side), all }
    }

    /// The tiles of 4, or the others.
    fn of(self, whole: bool) -> Range<usize> {
        if whole { 0..self.whole } else { self.whole..self.all }
    }

    /// First output and how many.
    fn place(self, tile: usize) -> (usize, usize) {
        if tile < self.whole {
            return (4 * tile, 4);
        }
        let at = 4 * self.whole + 3 * (tile - self.whole);
        (at, 3.min(self.side - at))
    }
}

/// A tile's outputs.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) picture: usize,
    pub(super) y: usize,
    pub(super) x: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Place {
    pub(super) fn pixels(self) -> usize {
        self.height * self.width
    }
}

/// The kinds in their order: whether tall, whether wide.
const KINDS: [(bool, bool); 4] = [(true, false), (true, true), (false, true), (false, false)];

impl Tiling {
    pub(super) fn new(n: usize, (h, w): (usize, usize), (oh, ow): (usize, usize), padding: usize) -> Self {
        let (down, across) = (Cuts::new(oh), Cuts::new(ow));
        let mut end = 0;
        let ends = KINDS.map(|(tall, wide)| {
            end += n * down.of(tall).len() * across.of(wide).len();
            end
        });
        Self { n, h, w, oh, ow, padding, down, across, ends }
    }

    pub(super) fn tiles(&self) -> usize {
        self.ends[3]
    }

    pub(super) fn place(&self, tile: usize) -> Place {
        let kind = self.ends.iter().filter(|&&end| tile >= end).count();
        let tile = if kind == 0 { tile } else { tile - self.ends[kind - 1] };
        let (rows, columns) = (self.down.of(KINDS[kind].0), self.across.of(KINDS[kind].1));
        let (row, column) = (tile / columns.len(), tile % columns.len());
        let (y, height) = self.down.place(rows.start + row % rows.len());
        let (x, width) = self.across.place(columns.start + column);
        Place { picture: row / rows.len(), y, x, height, width }
    }

    /// Those of some tiles that have a product at a point, numbered from the first of them.
    pub(super) fn at_point(&self, point: usize, tiles: Range<usize>) -> Range<usize> {
        let [narrow, tall, wide, all] = self.ends;
        let run = match (point / 6 == 5, point % 6 == 5) {
            (false, false) => 0..all,
            (true, false) => 0..tall,
            (false, true) => narrow..wide,
            (true, true) => narrow..tall,
        };
        let first = run.start.clamp(tiles.start, tiles.end);
        first - tiles.start..run.end.clamp(first, tiles.end) - tiles.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_output_once_and_a_point_has_the_tiles_that_need_it() {
        for (oh, ow) in [(14, 14), (7, 7), (13, 5), (1, 12), (2, 9), (8, 4), (3, 6), (15, 10)] {
            let t = Tiling::new(2, (oh, ow), (oh, ow), 1);
            let mut seen = vec![0; 2 * oh * ow];
            for tile in 0..t.tiles() {
                let p = t.place(tile);
                for (y, x) in (0..p.height).flat_map(|y| (0..p.width).map(move |x| (p.y + y, p.x + x))) {
                    seen[(p.picture * oh + y) * ow + x] += 1;
                }
                for (point, needed) in [(0, true), (33, p.height == 4), (11, p.width == 4), (35, p.pixels() == 16)] {
                    assert_eq!(t.at_point(point, 0..t.tiles()).contains(&tile), needed, "{oh}x{ow} {tile} {point}");
                }
            }
            assert!(seen.iter().all(|&times| times == 1), "{oh}x{ow}: {seen:?}");
            assert_eq!(t.tiles(), 2 * oh.div_ceil(4) * ow.div_ceil(4));
        }
    }

    #[test]
    fn a_part_of_the_tiles_has_its_part_of_a_run() {
        // 2 tall and narrow, 2 tall and wide, 2 short and wide, 2 short and narrow.
        let t = Tiling::new(2, (7, 7), (7, 7), 1);
        let runs = |tiles: Range<usize>| [0, 30, 5, 35].map(|point| t.at_point(point, tiles.clone()));
        assert_eq!(runs(0..8), [0..8, 0..4, 2..6, 2..4]);
        assert_eq!(runs(3..7), [0..4, 0..1, 0..3, 0..1]);
        assert_eq!(runs(6..8).map(|run| run.len()), [2, 0, 0, 0]);
    }
}
