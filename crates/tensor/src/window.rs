//! How a window moves over a map: that of a convolution, and that of a pooling.

/// How a convolution moves over the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Pixels between windows, both directions. Default 1.
    pub stride: usize,
    /// Rows and columns of zeros on each side, pixels. Default 0.
    pub padding: usize,
    /// Whether the zeros are those of TensorFlow's "same" instead, and `padding` 0: as many that
    /// `⌈size / stride⌉` windows reach them, half of them before the map and, where their number is
    /// odd, one more behind it. Default false.
    pub same: bool,
    /// Pixels between the taps of the kernel. Default 1.
    pub dilation: usize,
    /// Parts that the channels are split into; equal to the channels it is a depthwise convolution.
    /// Default 1.
    pub groups: usize,
}

impl Default for Conv {
    fn default() -> Self {
        Self { stride: 1, padding: 0, same: false, dilation: 1, groups: 1 }
    }
}

/// How a pooling window moves over the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Height and width of the window, pixels. At most 256 cells. Default 2x2.
    pub kernel: (usize, usize),
    /// Pixels between windows. Default 2.
    pub stride: usize,
    /// Rows and columns on each side that never win, pixels; at most half the kernel. Default 0.
    pub padding: usize,
    /// Whether a last window that only begins inside the map counts (PyTorch's `ceil_mode`).
    /// Default false.
    pub ceil_mode: bool,
}

impl Default for Pool {
    fn default() -> Self {
        Self { kernel: (2, 2), stride: 2, padding: 0, ceil_mode: false }
    }
}
