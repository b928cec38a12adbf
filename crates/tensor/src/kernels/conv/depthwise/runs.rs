//! Outputs along a row that read with the same taps, at places that follow each other evenly: what
//! [`Rows`](super::rows::Rows) computes several of at a time.

use crate::sizes::Convolution;

/// Outputs `first, first + step, ...`, `count` of them. With its tap `t` the output number `j`
/// reads the source position `source + (j·stride + t)·pace`, which may lie outside the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: usize,
    pub(super) step: usize,
    pub(super) count: usize,
    pub(super) source: isize,
    pub(super) pace: usize,
    pub(super) stride: usize,
    /// The columns of the window, in the order of the positions that they read.
    pub(super) taps: Vec<usize>,
}

/// The outputs of a row, in runs; none where they do not lie evenly.
pub(super) fn forward(d: &Convolution) -> Option<Vec<Run>> {
    let taps: Vec<usize> = (0..d.s).collect();
    let left = -(d.left as isize);
    match (d.stride, d.dilation) {
        (1, pace) => Some(
            (0..pace.min(d.ow))
                .map(|first| {
                    let (count, source) = ((d.ow - first).div_ceil(pace), first as isize + left);
                    Run { first, step: pace, count, source, pace, stride: 1, taps: taps.clone() }
                })
                .collect(),
        ),
        (stride, 1) => Some(vec![Run { first: 0, step: 1, count: d.ow, source: left, pace: 1, stride, taps }]),
        _ => None,
    }
}

/// The gradients of a row of inputs, in runs over a row of outputs; none where they do not lie
/// evenly.
pub(super) fn backward(d: &Convolution) -> Option<Vec<Run>> {
    let (left, last) = (d.left as isize, d.s as isize - 1);
    match (d.stride, d.dilation) {
        (1, pace) => Some(
            (0..pace.min(d.w))
                .map(|first| {
                    let source = first as isize + left - last * pace as isize;
                    let count = (d.w - first).div_ceil(pace);
                    Run { first, step: pace, count, source, pace, stride: 1, taps: (0..d.s).rev().collect() }
                })
                .collect(),
        ),
        // Inputs whose distance is the stride have the same taps: those that fall on an output.
        (stride, 1) if stride <= d.s => Some(
            (0..stride.min(d.w))
                .map(|first| {
                    let taps: Vec<usize> = (0..d.s).rev().filter(|t| (first + d.left) % stride == t % stride).collect();
                    let source = (first as isize + left - taps[0] as isize) / stride as isize;
                    let count = (d.w - first).div_ceil(stride);
                    Run { first, step: stride, count, source, pace: 1, stride: 1, taps }
                })
                .collect(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Conv;
    use crate::sizes::{Checked, Products};

    /// Every pair of an output and a tap that a run names, and the source position it reads.
    fn pairs(runs: &[Run], size: usize) -> Vec<(usize, usize, usize)> {
        let mut pairs = Vec::new();
        for run in runs {
            for j in 0..run.count {
                for (t, &tap) in run.taps.iter().enumerate() {
                    let at = run.source + ((j * run.stride + t) * run.pace) as isize;
                    if let Some(at) = usize::try_from(at).ok().filter(|&at| at < size) {
                        pairs.push((run.first + j * run.step, tap, at));
                    }
                }
            }
        }
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn runs_name_each_pair_of_the_definition_once() {
        for w in 1..14 {
            for (s, stride, dilation, padding) in [
                (3, 1, 1, Some(1)),
                (5, 1, 2, Some(4)),
                (3, 2, 1, Some(1)),
                (5, 2, 1, Some(2)),
                (7, 2, 1, Some(0)),
                (3, 3, 1, Some(1)),
                (2, 1, 3, Some(0)),
                (4, 3, 1, Some(3)),
                (3, 2, 1, None),
                (5, 2, 1, None),
                (5, 1, 2, None),
            ] {
                let (padding, same) = (padding.unwrap_or(0), padding.is_none());
                let conv = Conv { stride, padding, same, dilation, groups: 2 };
                let Ok(d) = Checked::convolution([1, 20, w, 2], [2, 1, s, s], conv, (4, Products::Floats)) else {
                    continue;
                };
                let mut right: Vec<_> =
                    (0..d.ow).flat_map(|o| (0..s).filter_map(move |t| Some((o, t, d.column(o, t)?)))).collect();
                right.sort_unstable();
                assert_eq!(pairs(&forward(&d).unwrap(), d.w), right, "{d:?}");
                let mut back: Vec<_> = right.iter().map(|&(o, t, i)| (i, t, o)).collect();
                back.sort_unstable();
                assert_eq!(pairs(&backward(&d).unwrap(), d.ow), back, "{d:?}");
            }
        }
        let odd = Conv { stride: 2, dilation: 2, groups: 2, ..Conv::default() };
        let d = Checked::convolution([1, 9, 9, 2], [2, 1, 3, 3], odd, (4, Products::Floats)).unwrap();
        assert!(forward(&d).is_none() && backward(&d).is_none());
    }
}
