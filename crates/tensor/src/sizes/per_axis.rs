//! The sizes of convolutions that move differently along height and width.

use candle_core::{Result, bail};

use super::{Checked, Convolution, LONGEST, Products, elements, free, made, windows};
use crate::window::{Conv, ConvPerAxis};

/// Windows along a side.
#[derive(Clone, Copy)]
struct Side {
    count: usize,
    stride: usize,
    /// Zeros before the first pixel.
    before: usize,
}

impl Checked<Convolution> {
    /// Of a map (N,H,W,C) with a weight (O, C/groups, R, S): the sizes of a convolution of one
    /// stride, and of how many of its rows and columns the first is to be kept.
    ///
    /// # Errors
    /// As [`convolution`](Self::convolution).
    pub(crate) fn per_axis(
        x @ [_, h, w, _]: [usize; 4],
        weight @ [_, _, r, s]: [usize; 4],
        conv: ConvPerAxis,
        products: (usize, Products),
    ) -> Result<(Self, (usize, usize))> {
        const NAME: &str = "conv2d_per_axis";
        let ConvPerAxis { stride, padding, dilation, groups } = conv;
        if [stride.0, stride.1, dilation, groups, r, s].contains(&0) {
            bail!("{NAME}: stride, dilation, groups and kernel must be at least 1; got {conv:?}, weight {weight:?}");
        }
        let side = |size, kernel, stride: usize, padding| -> Result<Option<Side>> {
            let free = free(NAME, size, kernel, padding, dilation)?;
            Ok(free.map(|free| Side { count: free / stride + 1, stride: stride.min(LONGEST), before: padding }))
        };
        let sides = (side(h, r, stride.0, padding.0)?, side(w, s, stride.1, padding.1)?);
        let (Some(rows), Some(columns)) = sides else {
            let (r, s) = (dilation * (r - 1) + 1, dilation * (s - 1) + 1);
            bail!("{NAME}: the window {r}x{s} is larger than the map {h}x{w} with padding {padding:?}");
        };
        // Of a single window the stride does not matter.
        let stride = match (rows.count, columns.count) {
            (1, _) => columns.stride,
            (_, 1) => rows.stride,
            _ => greatest_common_divisor(rows.stride, columns.stride),
        };
        let kept = |side: Side| if side.count == 1 { 1 } else { side.stride / stride };
        let keep = (kept(rows), kept(columns));
        let every = |side: Side, kept: usize| Side { count: (side.count - 1) * kept + 1, stride, ..side };
        let sides = [every(rows, keep.0), every(columns, keep.1)];
        Ok((Self::of_sides(NAME, (x, weight), sides, (dilation, groups), products)?, keep))
    }

    /// Of rows (N,1,L,C) with a weight (O, C/groups, 1, K), along the length alone.
    ///
    /// # Errors
    /// As [`convolution`](Self::convolution).
    pub(crate) fn of_rows(
        x @ [_, _, length, _]: [usize; 4],
        weight @ [_, _, _, k]: [usize; 4],
        conv: Conv,
        products: (usize, Products),
    ) -> Result<Self> {
        const NAME: &str = "conv1d";
        let Conv { stride, padding, same, dilation, groups } = conv;
        if same && padding != 0 {
            bail!("{NAME}: the padding of \"same\" follows from the sizes, so that none can be given; got {padding}");
        }
        if [stride, dilation, groups, k].contains(&0) {
            bail!("{NAME}: stride, dilation, groups and kernel must be at least 1; got {conv:?}, weight {weight:?}");
        }
        let Some((count, before)) = windows(NAME, length, k, conv)? else {
            let k = dilation * (k - 1) + 1;
            bail!("{NAME}: the window of {k} is longer than the rows of {length} with padding {padding}");
        };
        let stride = stride.min(LONGEST);
        let sides = [Side { count: 1, stride, before: 0 }, Side { count, stride, before }];
        Self::of_sides(NAME, (x, weight), sides, (dilation, groups), products)
    }

    /// Of sides whose windows fit, and have one stride.
    fn of_sides(
        name: &'static str,
        (x @ [n, h, w, c], weight @ [o, i, r, s]): ([usize; 4], [usize; 4]),
        [rows, columns]: [Side; 2],
        (dilation, groups): (usize, usize),
        (width, products): (usize, Products),
    ) -> Result<Self> {
        if i == 0 || i.checked_mul(groups) != Some(c) || o % groups != 0 {
            let wanted = i as u128 * groups as u128;
            bail!("{name}: weight {weight:?} in {groups} groups wants {wanted} channels, at least 1; got x {x:?}");
        }
        elements(name, &x)?;
        elements(name, &weight)?;
        if made(name, &[n, rows.count, columns.count, o], width)? > 0 && h * w == 0 {
            bail!("{name}: a map needs pixels; got {x:?}");
        }
        let (oh, ow, top, left) = (rows.count, columns.count, rows.before, columns.before);
        let stride = columns.stride;
        Ok(Self(Convolution { n, h, w, c, oh, ow, o, r, s, stride, top, left, dilation, groups, products }))
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stride_for_both_sides_and_what_is_kept() {
        let of = |stride, [h, w]: [usize; 2]| {
            let conv = ConvPerAxis { stride, padding: (1, 0), ..ConvPerAxis::default() };
            let (d, keep) = Checked::per_axis([1, h, w, 2], [4, 2, 3, 3], conv, (4, Products::Floats)).unwrap();
            (d.stride, [d.oh, d.ow], keep)
        };
        assert_eq!(of((2, 2), [8, 9]), (2, [4, 4], (1, 1)));
        assert_eq!(of((2, 1), [8, 9]), (1, [7, 7], (2, 1)));
        assert_eq!(of((4, 6), [11, 16]), (2, [5, 7], (2, 3)));
        // One row of windows: nothing is computed in vain.
        assert_eq!(of((5, 2), [3, 9]), (2, [1, 4], (1, 1)));
    }
}
