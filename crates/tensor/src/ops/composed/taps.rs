//! Windows over a map, tap by tap.

use candle_core::{Result, Tensor};

use super::axis::every;
use crate::sizes::made;

/// What each window reads under each tap of its kernel, along both sides.
pub(super) struct Taps {
    /// For each row of taps, the row of the map that each window finds there, if it is in the map.
    pub(super) rows: Vec<Vec<Option<usize>>>,
    /// The same of columns.
    pub(super) columns: Vec<Vec<Option<usize>>>,
}

impl Taps {
    /// What the windows read of a map (N,H,W,C) times the matrix (taps · C/groups) x outputs of
    /// each group: (N, windows down, windows along, outputs of all groups).
    ///
    /// # Errors
    /// When the maps of all taps are larger than memory.
    pub(super) fn product(
        &self,
        operation: &'static str,
        x: &Tensor,
        groups: usize,
        matrix: impl Fn(usize) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let ((n, h, w, c), [r, s]) = (x.dims4()?, [self.rows.len(), self.columns.len()]);
        let ([oh, ow], i) = ([&self.rows, &self.columns].map(|side| side[0].len()), c / groups);
        made(operation, &[n, oh, ow, r, s, i], x.dtype().size_in_bytes())?;
        let outside = self.rows.iter().chain(&self.columns).flatten().any(Option::is_none);
        let x = match outside {
            false => x.clone(),
            true => x.pad_with_zeros(1, 0, 1)?.pad_with_zeros(2, 0, 1)?,
        };
        let mut parts = Vec::with_capacity(groups);
        for group in 0..groups {
            let own = x.narrow(3, group * i, i)?;
            let mut maps = Vec::with_capacity(r * s);
            for row in &self.rows {
                let rows = every(&own, 1, h, row.iter().copied())?;
                for column in &self.columns {
                    maps.push(every(&rows, 2, w, column.iter().copied())?);
                }
            }
            let maps = Tensor::cat(&maps, 3)?.reshape((n * oh * ow, r * s * i))?;
            parts.push(maps.matmul(&matrix(group)?)?);
        }
        Tensor::cat(&parts, 1)?.reshape((n, oh, ow, ()))
    }
}
