//! What an operation makes of sizes, asked without a tensor.

use candle_core::{Result, Tensor};

use crate::size_error::SizeError;
use crate::sizes::{Checked, Products, elements, given, made};
use crate::{Conv, Pool};

impl Conv {
    /// The shape that [`conv2d`](crate::conv2d) makes of a map (N,H,W,C) with a weight
    /// (O,C/groups,R,S).
    ///
    /// # Errors
    /// When they do not fit each other, or a size is impossible.
    ///
    /// # Examples
    /// ```
    /// use taper_tensor::Conv;
    /// let conv = Conv { stride: 2, padding: 3, ..Conv::default() };
    /// assert_eq!(conv.output([1, 224, 224, 3], [64, 3, 7, 7])?, [1, 112, 112, 64]);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn output(self, x: [usize; 4], weight: [usize; 4]) -> Result<[usize; 4]> {
        Ok(Checked::convolution(x, weight, self, (1, Products::Floats))?.output())
    }

    /// How many rows and columns of zeros lie above a map (N,H,W,C), left of it, below it and right
    /// of it, for a weight (O,C/groups,R,S).
    ///
    /// # Errors
    /// As [`output`](Self::output).
    ///
    /// # Examples
    /// ```
    /// use taper_tensor::Conv;
    /// let conv = Conv { stride: 2, same: true, ..Conv::default() };
    /// assert_eq!(conv.zeros([1, 224, 75, 3], [32, 3, 3, 3])?, [0, 1, 1, 1]);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn zeros(self, x: [usize; 4], weight: [usize; 4]) -> Result<[usize; 4]> {
        let d = Checked::convolution(x, weight, self, (1, Products::Floats))?;
        if !self.same {
            return Ok([self.padding; 4]);
        }
        let behind = |count: usize, kernel: usize, before: usize, size: usize| {
            (count.saturating_sub(1) * d.stride + (kernel - 1) * d.dilation + 1).saturating_sub(before + size)
        };
        Ok([d.top, d.left, behind(d.oh, d.r, d.top, d.h), behind(d.ow, d.s, d.left, d.w)])
    }
}

impl Pool {
    /// The shape that [`max_pool2d`](crate::max_pool2d) makes of a map (N,H,W,C).
    ///
    /// # Errors
    /// When the configuration is impossible, or the window larger than the padded map.
    pub fn output(self, x: [usize; 4]) -> Result<[usize; 4]> {
        Ok(Checked::pooling(x, self, 1)?.output())
    }
}

/// How many elements a tensor of this shape has; `what` names it in the error.
///
/// # Errors
/// When their bytes could not be counted.
pub fn element_count(what: &'static str, shape: &[usize]) -> std::result::Result<usize, SizeError> {
    elements(what, shape)
}

/// As [`element_count`], of a tensor that is about to be made of elements of `width` bytes.
///
/// # Errors
/// When the system does not give the memory, too.
pub fn check_memory(what: &'static str, shape: &[usize], width: usize) -> std::result::Result<usize, SizeError> {
    made(what, shape, width)
}

/// As [`element_count`], of an input that may be copied: one whose elements do not all lie in
/// memory (a broadcast one) would take more than it does.
///
/// # Errors
/// As [`check_memory`].
pub fn check_input(what: &'static str, x: &Tensor) -> std::result::Result<usize, SizeError> {
    given(what, x)
}
