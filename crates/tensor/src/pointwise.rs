//! The activation functions that have a kernel.

/// An activation function that the kernels know: alone ([`activate`](crate::activate)), or behind
/// batch norm ([`Epilogue::Activate`](crate::Epilogue::Activate)).
///
/// | name | y | dy/dx |
/// |---|---|---|
/// | `Sigmoid` | σ(x) = 1 / (1 + e^-x) | σ(x)·(1 - σ(x)) |
/// | `Silu` | x·σ(x) | σ(x)·(1 + x·(1 - σ(x))) |
/// | `Gelu` | x·Φ(x), Φ the normal distribution function (the exact form) | Φ(x) + x·φ(x) |
/// | `Relu6` | min(max(x, 0), 6) | 1 inside (0, 6), else 0 |
/// | `HardSigmoid` | min(max(x + 3, 0), 6) / 6 | 1/6 inside (-3, 3), else 0 |
/// | `HardSwish` | x·min(max(x + 3, 0), 6) / 6 | 0 up to -3, 1 from 3 on, x/3 + 1/2 between |
///
/// In float64 exact to rounding; in float32 within 6e-7 of the largest of 1 and |x|.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointwise {
    /// Between 0 and 1.
    Sigmoid,
    /// The sigmoid linear unit, also called swish.
    Silu,
    /// The Gaussian error linear unit.
    Gelu,
    /// The rectifier that ends at 6.
    Relu6,
    /// The sigmoid in three straight pieces.
    HardSigmoid,
    /// `Silu` by way of it.
    HardSwish,
}
