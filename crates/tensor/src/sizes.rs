//! The arithmetic of sizes, all of it: what the sizes of an operation's inputs make of its output.
//!
//! Kernels compute addresses from sizes, so a product that wraps around would be a memory fault.
//! Their entry points take [`Checked`] sizes, which only this file and those of its folder make,
//! with checked arithmetic and once a call. For all of them these products and sums hold no
//! surprise:
//!
//! - the elements of the input and of the output, of any of their axes together (axes of 0 count as
//!   1), and their bytes;
//! - `size + 2·padding`, `dilation·(kernel - 1) + 1` and every position in between, as signed
//!   numbers too;
//! - `size · cells` of each side of an adaptive pool, and twice that of a map that is resized.
//!
//! The composed forms ask here as well, so that both paths refuse the same.

use std::ops::Deref;

use candle_core::{Result, Tensor, bail};

use crate::size_error::SizeError;
use crate::window::Conv;

mod averaging;
mod per_axis;
mod pooling;
mod resizing;
mod transposed;

pub(crate) use averaging::{Averaging, Cells};
pub(crate) use pooling::Pooling;
pub(crate) use resizing::{Blend, Resizing};

/// Bytes of an element of the widest type.
const WIDEST: usize = 8;
/// Pixels, at most, of a padded side or of a window: sums of a few stay signed numbers.
const LONGEST: usize = isize::MAX as usize / 8;
/// Tensors of more bytes are asked of the system before they are made: a refused allocation would
/// end the process.
const ASKED: usize = 1 << 30;

/// How many elements a tensor of this shape has. Axes of 0 count as 1 where it is checked, so that
/// every part of the product can be computed.
///
/// # Errors
/// When their bytes could not be counted.
pub(crate) fn elements(operation: &'static str, shape: &[usize]) -> std::result::Result<usize, SizeError> {
    let most = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size.max(1)));
    match most.is_some_and(|most| most <= isize::MAX as usize / WIDEST) {
        true => Ok(shape.iter().product()),
        false => Err(SizeError::Elements { operation, shape: shape.to_vec() }),
    }
}

/// As [`elements`], of a tensor that is about to be made of elements of so many bytes.
///
/// # Errors
/// When the system does not give the memory, too.
pub(crate) fn made(operation: &'static str, shape: &[usize], width: usize) -> std::result::Result<usize, SizeError> {
    let count = elements(operation, shape)?;
    let bytes = count.saturating_mul(width);
    if bytes > ASKED && Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
        return Err(SizeError::Memory { operation, shape: shape.to_vec(), bytes });
    }
    Ok(count)
}

/// As [`elements`], of an input: one whose elements do not all lie in memory (a broadcast one) is
/// about to be copied.
///
/// # Errors
/// As [`made`].
pub(crate) fn given(operation: &'static str, x: &Tensor) -> std::result::Result<usize, SizeError> {
    let all = elements(operation, x.dims())?;
    if x.is_contiguous() { Ok(all) } else { made(operation, x.dims(), x.dtype().size_in_bytes()) }
}

/// Sizes that have been checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked<S>(S);

impl<S> Deref for Checked<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

/// What the products of a convolution are of, where its algorithm leaves the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Products {
    /// The map's elements.
    Floats,
    /// Pairs of bfloat16, which are float32's and AVX-512's.
    Pairs,
    /// Those of a map of bfloat16, in blocks.
    Halves,
    /// Integers of 8 bits, which are float32's.
    Quads,
}

/// The sizes of one convolution, and what its products are of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution {
    pub(crate) n: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    /// Input channels, all groups.
    pub(crate) c: usize,
    /// Output height, width and channels (all groups).
    pub(crate) oh: usize,
    pub(crate) ow: usize,
    pub(crate) o: usize,
    /// Kernel height and width.
    pub(crate) r: usize,
    pub(crate) s: usize,
    pub(crate) stride: usize,
    /// Rows of zeros above the map, and columns of them on its left.
    pub(crate) top: usize,
    pub(crate) left: usize,
    pub(crate) dilation: usize,
    pub(crate) groups: usize,
    pub(crate) products: Products,
}

impl Convolution {
    pub(crate) fn output(&self) -> [usize; 4] {
        [self.n, self.oh, self.ow, self.o]
    }

    /// The row of the map that a tap of a window lies on, if not in the padding.
    pub(crate) fn row(&self, window: usize, tap: usize) -> Option<usize> {
        (window * self.stride + tap * self.dilation).checked_sub(self.top).filter(|&at| at < self.h)
    }

    /// The same of columns.
    pub(crate) fn column(&self, window: usize, tap: usize) -> Option<usize> {
        (window * self.stride + tap * self.dilation).checked_sub(self.left).filter(|&at| at < self.w)
    }
}

impl Checked<Convolution> {
    /// Of a map (N,H,W,C) with a weight (O, C/groups, R, S), in elements of `width` bytes.
    ///
    /// # Errors
    /// When they do not fit each other, or a size is impossible.
    pub(crate) fn convolution(
        x @ [n, h, w, c]: [usize; 4],
        weight @ [o, i, r, s]: [usize; 4],
        conv: Conv,
        (width, products): (usize, Products),
    ) -> Result<Self> {
        let Conv { stride, padding, same, dilation, groups } = conv;
        if same && padding != 0 {
            bail!("conv2d: the padding of \"same\" follows from the sizes, so that none can be given; got {padding}");
        }
        if [stride, dilation, groups, r, s, i].contains(&0) {
            bail!(
                "conv2d: stride, dilation, groups, kernel and channels must be at least 1; got {conv:?}, weight {weight:?}"
            );
        }
        if i.checked_mul(groups) != Some(c) || o % groups != 0 {
            let wanted = i as u128 * groups as u128;
            bail!("conv2d: weight {weight:?} in {groups} groups wants {wanted} channels (N,H,W,C); got {x:?}");
        }
        let side = |size, kernel| windows("conv2d", size, kernel, conv);
        let (Some((oh, top)), Some((ow, left))) = (side(h, r)?, side(w, s)?) else {
            let (r, s) = (dilation * (r - 1) + 1, dilation * (s - 1) + 1);
            bail!("conv2d: the window {r}x{s} is larger than the map {h}x{w} with padding {padding}");
        };
        elements("conv2d", &x)?;
        elements("conv2d", &weight)?;
        if made("conv2d", &[n, oh, ow, o], width)? > 0 && h * w == 0 {
            bail!("conv2d: a map needs pixels; got {x:?}");
        }
        // Past any padded side a longer stride makes no difference, and a kernel counts with it.
        let stride = stride.min(LONGEST);
        Ok(Self(Convolution { n, h, w, c, oh, ow, o, r, s, stride, top, left, dilation, groups, products }))
    }
}

impl Checked<Convolution> {
    /// With as many times fewer groups, a divisor of them. Only the weight has more elements, and
    /// no more than a map of its outputs with this many channels would.
    pub(crate) fn merged(self, groups: usize) -> Self {
        Self(Convolution { groups: self.0.groups / groups, ..self.0 })
    }
}

/// How many windows of a convolution there are along a side, and how many zeros lie before it; none
/// where the window is larger than the padded side.
fn windows(
    operation: &'static str,
    size: usize,
    kernel: usize,
    conv: Conv,
) -> std::result::Result<Option<(usize, usize)>, SizeError> {
    let Conv { stride, padding, same, dilation, .. } = conv;
    if !same {
        let free = free(operation, size, kernel, padding, dilation)?;
        return Ok(free.map(|free| (free / stride + 1, padding)));
    }
    let reach = kernel.saturating_sub(1).checked_mul(dilation).and_then(|last| last.checked_add(1));
    let (count, Some(reach @ ..=LONGEST), ..=LONGEST) = (size.div_ceil(stride), reach, size) else {
        return Err(SizeError::Side { operation, size, padding, kernel, dilation });
    };
    // The last window begins before the side ends, so that the product is no larger than it.
    let zeros = (count.saturating_sub(1) * stride + reach).saturating_sub(size);
    Ok(Some((count, zeros / 2)))
}

/// Pixels that a window has to move along a side, unless it is larger than that.
fn free(
    operation: &'static str,
    size: usize,
    kernel: usize,
    padding: usize,
    dilation: usize,
) -> std::result::Result<Option<usize>, SizeError> {
    let padded = padding.checked_mul(2).and_then(|both| both.checked_add(size));
    let reach = kernel.saturating_sub(1).checked_mul(dilation).and_then(|last| last.checked_add(1));
    match (padded, reach) {
        (Some(padded @ ..=LONGEST), Some(reach @ ..=LONGEST)) => Ok(padded.checked_sub(reach)),
        _ => Err(SizeError::Side { operation, size, padding, kernel, dilation }),
    }
}

/// Batch, inputs and outputs of a fully connected layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) n: usize,
    pub(crate) i: usize,
    pub(crate) o: usize,
}

impl Checked<Connection> {
    /// Of samples (N,I) to (N,O), in elements of `width` bytes.
    ///
    /// # Errors
    /// When one of the three matrices is too large.
    pub(crate) fn connection([n, i, o]: [usize; 3], width: usize) -> Result<Self> {
        elements("linear", &[n, i])?;
        elements("linear", &[o, i])?;
        made("linear", &[n, o], width)?;
        Ok(Self(Connection { n, i, o }))
    }
}

/// Pictures, heads, tokens and the width of a head of an attention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    pub(crate) n: usize,
    pub(crate) heads: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    /// Elements of a row of one head.
    pub(crate) width: usize,
}

impl Checked<Attention> {
    /// Of queries (N,queries,C) and keys (N,keys,C) in so many heads, in elements of `size` bytes.
    ///
    /// # Errors
    /// When the heads do not divide the channels, or a matrix is too large: rows of a head are
    /// rounded up to whole vectors, and there is a number for each head and query.
    pub(crate) fn attention([n, queries, keys, c]: [usize; 4], heads: usize, size: usize) -> Result<Self> {
        if heads == 0 || c == 0 || !c.is_multiple_of(heads) {
            bail!("attention: {heads} heads want a multiple of that many channels, and not none; got {c}");
        }
        made("attention", &[n, queries, c], size)?;
        elements("attention", &[n, keys, c])?;
        let width = c / heads;
        for tokens in [queries, keys] {
            elements("attention", &[16, tokens.saturating_add(512), width.saturating_add(64)])?;
            elements("attention", &[n, heads, tokens])?;
        }
        Ok(Self(Attention { n, heads, queries, keys, width }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_counted_or_had_is_refused() {
        assert_eq!(elements("x", &[3, 0, 5]), Ok(0));
        assert!(matches!(elements("x", &[0, 1 << 31, 1 << 31]), Err(SizeError::Elements { .. })));
        assert!(matches!(elements("x", &[usize::MAX, usize::MAX]), Err(SizeError::Elements { .. })));
        let said = made("x", &[1 << 30, 1 << 20], 4).unwrap_err().to_string();
        assert!(said.contains("[1073741824, 1048576]") && said.contains("4503599627370496 bytes"), "{said}");
        let conv = |padding, dilation| {
            let conv = Conv { padding, dilation, ..Conv::default() };
            Checked::convolution([1, 5, 5, 3], [4, 3, 3, 3], conv, (4, Products::Floats)).map(|d| d.output())
        };
        assert_eq!(conv(1, 1).unwrap(), [1, 5, 5, 4]);
        let same = |padding, dilation| {
            let conv = Conv { stride: 2, padding, same: true, dilation, ..Conv::default() };
            Checked::convolution([1, 6, 5, 3], [4, 3, 3, 3], conv, (4, Products::Floats))
        };
        assert!(same(1, 1).is_err() && same(0, 1 << 62).is_err() && same(0, usize::MAX).is_err());
        for (padding, dilation) in [(1 << 62, 1), (1 << 63, 1), (0, 1 << 63), (usize::MAX, usize::MAX), (0, 1 << 62)] {
            assert!(conv(padding, dilation).is_err(), "padding {padding}, dilation {dilation}");
        }
    }
}
