//! What the algorithms of a convolution share: its sizes as products see them, the weight as a
//! matrix, and which algorithm it is.

use crate::kernels::gemm::Operands;
use crate::kernels::simd::{Real, Simd, Unit, simd_of_quads};
use crate::sizes::{Convolution, Products};

/// A matrix (taps × inputs) × outputs inside a weight: element (tap, i, o) at
/// `first + i·input + o·output + tap`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) first: usize,
    pub(crate) input: usize,
    pub(crate) output: usize,
}

/// Steps of k from which rounding a window is less than what its products are spared.
const WORTH: usize = 32;
/// Products of integers of 8 bits that 32 bits hold the sum of.
const SUMMED: usize = i32::MAX as usize / (u8::MAX as usize * i8::MAX as usize);

/// Where the outputs of a convolution go: channels of a map of the same size that may have more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Channels of the map.
    pub(crate) channels: usize,
    /// The first that the convolution writes.
    pub(crate) from: usize,
}

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Algorithm {
    Depthwise,
    Winograd,
    Direct,
    /// Direct, with integers.
    Quantized,
}

impl Convolution {
    pub(crate) fn c_group(&self) -> usize {
        self.c / self.groups
    }

    pub(crate) fn o_group(&self) -> usize {
        self.o / self.groups
    }

    /// A group's weight as the matrix from inputs to outputs.
    pub(crate) fn forward_matrix(&self, group: usize) -> Matrix {
        let (inputs, outputs, taps) = (self.c_group(), self.o_group(), self.r * self.s);
        Matrix { inputs, outputs, first: group * outputs * inputs * taps, input: taps, output: inputs * taps }
    }

    /// A group's weight as the matrix from outputs to inputs.
    pub(crate) fn backward_matrix(&self, group: usize) -> Matrix {
        let m = self.forward_matrix(group);
        Matrix { inputs: m.outputs, outputs: m.inputs, input: m.output, output: m.input, ..m }
    }

    /// The instruction set that it runs on, of that which all kernels run on.
    pub(crate) fn simd(&self, simd: Simd) -> Simd {
        if self.algorithm() == Algorithm::Quantized { simd.min(simd_of_quads()) } else { simd }
    }

    pub(crate) fn operands(&self, simd: Simd) -> Operands {
        match self.products {
            Products::Pairs | Products::Halves => Operands::Blocks(Unit::of(simd)),
            _ => Operands::Floats,
        }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        if self.groups == self.c && self.groups == self.o && self.groups > 1 {
            Algorithm::Depthwise
        } else if self.suits_winograd() {
            Algorithm::Winograd
        } else if self.products == Products::Quads
            && self.groups == 1
            && (WORTH..=SUMMED).contains(&(self.c_group() * self.r * self.s))
        {
            Algorithm::Quantized
        } else {
            Algorithm::Direct
        }
    }

    /// Where Winograd's algorithm is the faster one: it spares products, of which a unit for pairs
    /// does several times as many.
    fn suits_winograd(&self) -> bool {
        if matches!(self.products, Products::Pairs | Products::Halves) {
            return false;
        }
        (self.r, self.s, self.stride, self.dilation, self.groups) == (3, 3, 1, 1, 1)
            && self.top == self.left
            && self.top <= 2
            && self.c.min(self.o) >= 16
            && self.oh * self.ow >= 12
    }

    /// Whether a product that writes so many channels takes tallies of them.
    pub(crate) fn tallied<T: Real>(&self, simd: Simd, channels: usize) -> bool {
        self.groups == 1
            && self.algorithm() != Algorithm::Quantized
            && self.products != Products::Pairs
            && channels.is_multiple_of(T::lanes(simd))
            && self.y_len() > 0
    }

    pub(crate) fn x_len(&self) -> usize {
        self.n * self.h * self.w * self.c
    }

    pub(crate) fn y_len(&self) -> usize {
        self.n * self.oh * self.ow * self.o
    }

    pub(crate) fn weight_len(&self) -> usize {
        self.o * self.c_group() * self.r * self.s
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::Checked;
    use crate::window::Conv;

    #[test]
    fn the_zeros_of_same_lie_behind_where_their_number_is_odd() {
        let conv = Conv { stride: 2, same: true, ..Conv::default() };
        for (kernel, [h, w], output, before) in [
            (3, [6, 5], [3, 3], (0, 1)),
            (5, [6, 5], [3, 3], (1, 2)),
            (2, [6, 5], [3, 3], (0, 0)),
            (1, [6, 5], [3, 3], (0, 0)),
            (7, [1, 2], [1, 1], (3, 2)),
        ] {
            let weight = [4, 3, kernel, kernel];
            let d = Checked::convolution([1, h, w, 3], weight, conv, (4, Products::Floats)).unwrap();
            assert_eq!(([d.oh, d.ow], (d.top, d.left)), (output, before), "kernel {kernel}");
        }
        let d = Checked::convolution([1, 0, 5, 3], [4, 3, 3, 3], conv, (4, Products::Floats)).unwrap();
        assert_eq!(d.output(), [1, 0, 3, 4]);
    }
}
