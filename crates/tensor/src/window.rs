//! How a window moves over a map: that of a convolution, of a transposed one, and of a pooling.

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

/// How a convolution moves over the map, along its height and along its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvPerAxis {
    /// Pixels between windows, along the height and along the width. Default (1, 1).
    pub stride: (usize, usize),
    /// Rows of zeros above and below, and columns of zeros left and right, pixels. Default (0, 0).
    pub padding: (usize, usize),
    /// Pixels between the taps of the kernel, both directions. Default 1.
    pub dilation: usize,
    /// Parts that the channels are split into. Default 1.
    pub groups: usize,
}

impl Default for ConvPerAxis {
    fn default() -> Self {
        Self { stride: (1, 1), padding: (0, 0), dilation: 1, groups: 1 }
    }
}

/// How a transposed convolution spreads a map: the settings of the convolution whose gradient it
/// is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTranspose {
    /// Pixels of the output between neighboring pixels of the input, both directions. Default 1.
    pub stride: usize,
    /// Rows and columns that are cut off on each side of the output, pixels. Default 0.
    pub padding: usize,
    /// Rows and columns that the output has more below and on the right, pixels: of the sizes that
    /// a strided convolution makes the same of, which one. Smaller than `stride` or `dilation`.
    /// Default 0.
    pub output_padding: usize,
    /// Pixels between the taps of the kernel. Default 1.
    pub dilation: usize,
    /// Parts that the channels are split into. Default 1.
    pub groups: usize,
}

impl Default for ConvTranspose {
    fn default() -> Self {
        Self { stride: 1, padding: 0, output_padding: 0, dilation: 1, groups: 1 }
    }
}

/// How the window of an average pooling moves over the map, along its height and along its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool {
    /// Height and width of the window, pixels. Default (2, 2).
    pub kernel: (usize, usize),
    /// Pixels between windows. Default (2, 2).
    pub stride: (usize, usize),
    /// Rows of zeros above and below, and columns of zeros left and right, pixels; at most half the
    /// kernel. Default (0, 0).
    pub padding: (usize, usize),
    /// Whether those zeros are averaged over, too: else a window is divided by its pixels in the
    /// map. Default true, as in PyTorch.
    pub count_include_pad: bool,
}

impl Default for AvgPool {
    fn default() -> Self {
        Self { kernel: (2, 2), stride: (2, 2), padding: (0, 0), count_include_pad: true }
    }
}
