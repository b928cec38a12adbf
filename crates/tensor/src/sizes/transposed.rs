//! The sizes of transposed convolution.

use candle_core::{Result, bail};

use super::{Checked, Convolution, LONGEST, Products, elements, made};
use crate::size_error::SizeError;
use crate::window::ConvTranspose;

const NAME: &str = "conv_transpose2d";

impl Checked<Convolution> {
    /// Of a map (N,H,W,C) with a weight (C, O/groups, R, S): the sizes of the convolution, of
    /// (N,OH,OW,O) to (N,H,W,C), that this is the gradient of.
    ///
    /// # Errors
    /// When they do not fit each other, or a size is impossible.
    pub(crate) fn transposed(
        x @ [n, h, w, c]: [usize; 4],
        weight @ [i, o_group, r, s]: [usize; 4],
        conv: ConvTranspose,
        (width, products): (usize, Products),
    ) -> Result<Self> {
        let ConvTranspose { stride, padding, output_padding, dilation, groups } = conv;
        if [stride, dilation, groups, r, s, o_group, i].contains(&0) {
            bail!(
                "{NAME}: stride, dilation, groups, kernel and channels must be at least 1; got {conv:?}, weight {weight:?}"
            );
        }
        if i != c || !c.is_multiple_of(groups) {
            bail!("{NAME}: weight {weight:?} wants {i} channels (N,H,W,C), a multiple of {groups} groups; got {x:?}");
        }
        if output_padding >= stride.max(dilation) {
            bail!("{NAME}: output_padding must be smaller than stride or dilation; got {conv:?}");
        }
        if h * w == 0 {
            bail!("{NAME}: a map needs pixels; got {x:?}");
        }
        let [oh, ow] = [side(h, r, conv)?, side(w, s, conv)?];
        let Some(o) = o_group.checked_mul(groups) else {
            return Err(SizeError::Elements { operation: NAME, shape: weight.to_vec() }.into());
        };
        elements(NAME, &x)?;
        elements(NAME, &weight)?;
        made(NAME, &[n, oh, ow, o], width)?;
        let (stride, top, left) = (stride.min(LONGEST), padding, padding);
        // What is input of the one is output of the other.
        let (map, output) = ((oh, ow, o), (h, w, c));
        let ((h, w, c), (oh, ow, o)) = (map, output);
        Ok(Self(Convolution { n, h, w, c, oh, ow, o, r, s, stride, top, left, dilation, groups, products }))
    }
}

/// Pixels along a side of the output.
fn side(size: usize, kernel: usize, conv: ConvTranspose) -> Result<usize> {
    let ConvTranspose { stride, padding, output_padding, dilation, .. } = conv;
    let reach = (kernel - 1).checked_mul(dilation).and_then(|last| last.checked_add(1));
    let last = (size - 1).checked_mul(stride);
    let padded = reach.zip(last).and_then(|(reach, last)| reach.checked_add(last)?.checked_add(output_padding));
    match (padded, padding.checked_mul(2)) {
        (Some(padded @ ..=LONGEST), Some(cut)) if cut < padded => Ok(padded - cut),
        (Some(padded @ ..=LONGEST), _) => {
            bail!("{NAME}: the padding of {padding} on both sides leaves nothing of {padded} pixels; got {conv:?}")
        }
        _ => Err(SizeError::Side { operation: NAME, size, padding, kernel, dilation }.into()),
    }
}
