//! Regions of one or two pixels, for pooling by ratios between 1 and 2.

use std::ops::Range;

use candle_core::{Result, Tensor, bail};

use crate::rng::Rng;
use crate::sizes::{Cells, Checked, elements, given, made};

/// How the regions of a side follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sequence {
    /// Steps of 1 and 2 in random order.
    #[default]
    Random,
    /// Steps of 1 and 2 as evenly as can be, from a random start: `⌊α(i + u)⌋ - ⌊αu⌋`, u uniform in
    /// [0, 1).
    PseudoRandom,
}

/// Whether neighboring regions share pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Neighbors {
    /// They share a row or column of pixels, which the paper finds better.
    #[default]
    Overlapping,
    /// They share none.
    Disjoint,
}

/// What is pooled together: the cells of a grid of rows by columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regions {
    /// The pixels of each row of cells.
    pub rows: Vec<Range<usize>>,
    /// The pixels of each column of cells.
    pub columns: Vec<Range<usize>>,
}

impl Regions {
    /// Random regions of a map of `(height, width)`: `⌈side / ratio⌉` on each side, each one or two
    /// pixels, and where neighbors overlap one more, which the next has too. Read from the
    /// beginning of `rng`.
    ///
    /// # Errors
    /// When the ratio is outside (1, 2], or a side is 0 or has more pixels than 2³².
    pub fn draw(
        (h, w): (usize, usize),
        ratio: f64,
        sequence: Sequence,
        neighbors: Neighbors,
        rng: &Rng,
    ) -> Result<Self> {
        let shared = usize::from(neighbors == Neighbors::Overlapping);
        let side = |size: usize| size > 0 && u32::try_from(size).is_ok();
        let sides = side(h) && side(w);
        if !(sides && ratio > 1.0 && ratio <= 2.0) {
            bail!(
                "fractional pooling wants a ratio in (1, 2] and a map with sides of 1 to 2^32 pixels; got {ratio} and {h}x{w}"
            );
        }
        made("fractional pooling", &[h, 2], size_of::<Range<usize>>())?;
        made("fractional pooling", &[w, 2], size_of::<Range<usize>>())?;
        let side = |size: usize, mut rng: Rng| {
            let cells = (size as f64 / ratio).ceil() as usize;
            let ends = match sequence {
                Sequence::Random => {
                    let mut steps: Vec<usize> = (0..cells).map(|i| 1 + usize::from(i < size - cells)).collect();
                    rng.shuffle(&mut steps);
                    steps
                        .iter()
                        .scan(0, |at, step| {
                            *at += step;
                            Some(*at)
                        })
                        .collect::<Vec<_>>()
                }
                Sequence::PseudoRandom => {
                    let (alpha, u) = (size as f64 / cells as f64, rng.uniform(0.0, 1.0));
                    let at = |i: usize| (alpha * (i as f64 + u)) as usize - (alpha * u) as usize;
                    // The last ends where the map does, whatever the rounding.
                    (1..=cells).map(|i| if i == cells { size } else { at(i) }).collect()
                }
            };
            let starts = std::iter::once(0).chain(ends.iter().copied());
            starts.zip(&ends).map(|(start, &end)| start..size.min(end + shared)).collect()
        };
        Ok(Self { rows: side(h, rng.fork("rows")), columns: side(w, rng.fork("columns")) })
    }

    /// The cells of an adaptive pooling of a map.
    ///
    /// # Errors
    /// When a side of the map or of the output is 0, or the output larger than memory.
    pub(crate) fn adaptive(x: &Tensor, output: (usize, usize)) -> Result<Self> {
        const NAME: &str = "adaptive_max_pool2d";
        given(NAME, x)?;
        let d = Checked::adaptive(NAME, x.dims4()?.into(), output, x.dtype().size_in_bytes())?;
        if d.output().contains(&0) {
            // Of nothing there may be more cells than fit memory.
            made(NAME, &[d.oh, 2], size_of::<Range<usize>>())?;
            made(NAME, &[d.ow, 2], size_of::<Range<usize>>())?;
        }
        let cells = |cells: Cells, out| (0..out).map(|i| cells.span(i)).collect();
        Ok(Self { rows: cells(d.rows, d.oh), columns: cells(d.columns, d.ow) })
    }

    /// The shape of what they make of a map, if they lie in it.
    pub(crate) fn check(&self, x: &Tensor) -> Result<[usize; 4]> {
        let (n, h, w, c) = x.dims4()?;
        given("fractional_max_pool2d", x)?;
        let fit =
            |sides: &[Range<usize>], size: usize| sides.iter().all(|side| side.start < side.end && side.end <= size);
        if !fit(&self.rows, h) || !fit(&self.columns, w) {
            bail!("fractional_max_pool2d: regions must have pixels and lie in the map {h}x{w}; got {self:?}");
        }
        if u32::try_from(elements("fractional_max_pool2d", &[h, w, c])?).is_err() {
            bail!("fractional_max_pool2d: a picture may have 2^32 numbers; got {h}x{w} of {c} channels");
        }
        let shape = [n, self.rows.len(), self.columns.len(), c];
        made("fractional_max_pool2d", &shape, x.dtype().size_in_bytes().max(size_of::<u32>()))?;
        Ok(shape)
    }
}
