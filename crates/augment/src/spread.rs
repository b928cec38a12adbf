//! Sums weighted by distance, along rows and then down columns: blurs.

/// Sums that are made together: they stay in registers while the weights go by.
pub(crate) const SUMS: usize = 64;

/// Rows of values to be blurred.
pub(crate) struct Rows<'a> {
    /// How many.
    pub(crate) rows: usize,
    /// Places of a row.
    pub(crate) columns: usize,
    /// Values of a place.
    pub(crate) channels: usize,
    /// From the middle outwards; those but the first count on both sides.
    pub(crate) weights: &'a [f32],
}

impl Rows<'_> {
    /// Blurs rows that `read` puts into a slice, one after the other, and hands the sums to `write`
    /// with their row and the place of the first: rows up to it have been read by then.
    /// `edge` says which of so many places stands for one beyond them.
    ///
    /// A row is blurred across as soon as it is read, into one of as many rows as the weights reach
    /// over; from these come the sums down.
    #[inline(always)]
    pub(crate) fn spread<S: ?Sized>(
        &self,
        state: &mut S,
        edge: impl Fn(isize, usize) -> usize,
        mut read: impl FnMut(&mut S, usize, &mut [f32]),
        mut write: impl FnMut(&mut S, usize, usize, &[f32; SUMS]),
    ) {
        let &Rows { rows, columns, channels, weights } = self;
        let (length, reach) = (columns * channels, weights.len() - 1);
        let (padded, border) = (length.next_multiple_of(SUMS), reach * channels);
        let mut line = vec![0.0; padded + 2 * border];
        let kept = (2 * reach + 1).min(rows);
        let mut window = vec![0.0; kept * padded];
        let at = |row: usize| row % kept * padded;
        let mut around = vec![(0, 0); reach + 1];
        for row in 0..rows + reach {
            if row < rows {
                read(state, row, &mut line[border..border + length]);
                self.pad(&edge, &mut line);
                let across = &mut window[at(row)..][..padded];
                for (i, to) in across.as_chunks_mut::<SUMS>().0.iter_mut().enumerate() {
                    let shifted = |d: usize| &line[i * SUMS + channels * d..];
                    *to = sums(
                        weights,
                        #[inline(always)]
                        |d| (shifted(reach - d), shifted(reach + d)),
                    );
                }
            }
            let Some(middle) = row.checked_sub(reach) else { continue };
            for (d, both) in (0..).zip(&mut around) {
                let [before, behind] = [-d, d].map(|d| at(edge(middle as isize + d, rows)));
                *both = (before, behind);
            }
            for first in (0..length).step_by(SUMS) {
                let sums = sums(
                    weights,
                    #[inline(always)]
                    |d| (&window[around[d].0 + first..], &window[around[d].1 + first..]),
                );
                write(state, middle, first, &sums);
            }
        }
    }

    /// Fills a row's places beyond its ends.
    fn pad(&self, edge: &impl Fn(isize, usize) -> usize, line: &mut [f32]) {
        let (channels, reach) = (self.channels, self.weights.len() - 1);
        for d in 1..=reach {
            for place in [-(d as isize), (self.columns + d) as isize - 1] {
                let from = (reach + edge(place, self.columns)) * channels;
                line.copy_within(from..from + channels, (reach as isize + place) as usize * channels);
            }
        }
    }
}

/// Weighted sums of what lies at each distance on both sides.
#[inline(always)]
fn sums<'a>(weights: &[f32], at: impl Fn(usize) -> (&'a [f32], &'a [f32])) -> [f32; SUMS] {
    let (middle, _) = at(0);
    let mut sums: [f32; SUMS] = [0.0; SUMS];
    for (sum, value) in sums.iter_mut().zip(&middle[..SUMS]) {
        *sum = weights[0] * value;
    }
    for (d, &weight) in weights.iter().enumerate().skip(1) {
        let (before, behind) = at(d);
        let (before, behind) = (&before[..SUMS], &behind[..SUMS]);
        for i in 0..SUMS {
            sums[i] += weight * (before[i] + behind[i]);
        }
    }
    sums
}
