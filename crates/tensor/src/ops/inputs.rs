//! What the inputs of an operation must be, asked by the path of the kernels and by the composed
//! one alike.

use candle_core::{D, DType, Result, Tensor, bail};

use super::epilogue::Epilogue;
use super::precision::Precision;
use crate::sizes::{Checked, Convolution, Products, given};
use crate::window::{Conv, ConvPerAxis, ConvTranspose};

/// The sizes of a convolution of these tensors.
pub(crate) fn convolution(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: Conv,
) -> Result<Checked<Convolution>> {
    let products = weighted("conv2d", x, weight, bias)?;
    let d = Checked::convolution(x.dims4()?.into(), weight.dims4()?.into(), conv, products)?;
    fits_channels("conv2d", bias, d.o)?;
    Ok(d)
}

/// As [`convolution`], of one that moves by its own along each axis; and of how many rows and
/// columns of its output the first is kept.
pub(crate) fn convolution_per_axis(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: ConvPerAxis,
) -> Result<(Checked<Convolution>, (usize, usize))> {
    const NAME: &str = "conv2d_per_axis";
    let products = weighted(NAME, x, weight, bias)?;
    let (d, keep) = Checked::per_axis(x.dims4()?.into(), weight.dims4()?.into(), conv, products)?;
    fits_channels(NAME, bias, d.o)?;
    Ok((d, keep))
}

/// As [`convolution`], of rows (N,L,C) by a weight (O,C/groups,K): these as maps of one row, too.
pub(crate) fn convolution_of_rows(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: Conv,
) -> Result<(Checked<Convolution>, Tensor, Tensor)> {
    const NAME: &str = "conv1d";
    let (&[n, l, c], &[o, i, k]) = (x.dims(), weight.dims()) else {
        bail!("{NAME}: wanted x (N,L,C) and a weight (O,C/groups,K); got {:?} and {:?}", x.dims(), weight.dims());
    };
    let products = weighted(NAME, x, weight, bias)?;
    let d = Checked::of_rows([n, 1, l, c], [o, i, 1, k], conv, products)?;
    fits_channels(NAME, bias, o)?;
    Ok((d, x.unsqueeze(1)?, weight.unsqueeze(2)?))
}

/// The sizes of the convolution that a transposed one is the gradient of.
pub(crate) fn transposed(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: ConvTranspose,
) -> Result<Checked<Convolution>> {
    const NAME: &str = "conv_transpose2d";
    let products = match weighted(NAME, x, weight, bias)? {
        // Integers are for outputs of convolutions alone.
        (width, Products::Quads) => (width, Products::Floats),
        products => products,
    };
    let d = Checked::transposed(x.dims4()?.into(), weight.dims4()?.into(), conv, products)?;
    fits_channels(NAME, bias, d.c)?;
    Ok(d)
}

/// The bytes of an element, and what products are of, for what may be copied.
fn weighted(operation: &'static str, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<(usize, Products)> {
    given(operation, x)?;
    given(operation, weight)?;
    let learns = [x, weight].into_iter().chain(bias).any(Tensor::track_op);
    Ok((x.dtype().size_in_bytes(), products(x, learns)))
}

fn fits_channels(operation: &'static str, bias: Option<&Tensor>, channels: usize) -> Result<()> {
    match bias.filter(|bias| bias.dims() != [channels]) {
        Some(bias) => bail!("{operation}: bias must have the shape [{channels}]; got {:?}", bias.dims()),
        None => Ok(()),
    }
}

/// The sizes of the product of the rows of x (..,I), of three axes or more, with a matrix (O,I), as
/// a convolution of single pixels.
pub(crate) fn rows(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Checked<Convolution>> {
    given("linear", x)?;
    given("linear", weight)?;
    let ([.., tokens, i], &([o, wanted] | [o, wanted, 1, 1])) = (x.dims(), weight.dims()) else {
        bail!("linear: wanted x (..,I) and a weight (O,I) or (O,I,1,1); got {:?} and {:?}", x.dims(), weight.dims());
    };
    if *i != wanted || bias.is_some_and(|b| b.dims() != [o]) {
        let bias = bias.map(Tensor::dims);
        bail!("linear: weight {:?} wants x (..,{wanted}) and bias [{o}]; got {:?}, {bias:?}", weight.dims(), x.dims());
    }
    // Rows of a map are units of work: of a map its own, of tokens a picture's.
    let lines = x.dims()[..x.rank() - 2].iter().product();
    let learns = [x, weight].into_iter().chain(bias).any(Tensor::track_op);
    let products = (x.dtype().size_in_bytes(), products(x, learns));
    Checked::convolution([1, lines, *tokens, *i], [o, wanted, 1, 1], Conv::default(), products)
}

/// What products are of, for inputs some of which a gradient is wanted for.
fn products(x: &Tensor, learns: bool) -> Products {
    match Precision::current() {
        _ if x.dtype() == DType::BF16 => Products::Halves,
        Precision::Bf16 if x.dtype() == DType::F32 => Products::Pairs,
        Precision::Int8 if x.dtype() == DType::F32 && !learns => Products::Quads,
        _ => Products::Floats,
    }
}

/// The channels of x, where all shapes fit.
pub(crate) fn batch_norm(x: &Tensor, vectors: [&Tensor; 2], epilogue: Epilogue<'_>) -> Result<usize> {
    given("batch_norm", x)?;
    let c = x.dim(D::Minus1)?;
    if let Some(other) = vectors.iter().find(|v| v.dims() != [c]) {
        bail!("batch_norm: x {:?} wants vectors of the shape [{c}]; got {:?}", x.dims(), other.dims());
    }
    epilogue.check(x)?;
    Ok(c)
}

/// The channels of x, where vectors have as many.
pub(crate) fn channels(name: &'static str, x: &Tensor, vectors: [&Tensor; 2]) -> Result<usize> {
    let c = x.dim(D::Minus1)?;
    given(name, x)?;
    match vectors.iter().find(|v| v.dims() != [c]) {
        Some(other) => bail!("{name}: x {:?} wants vectors of the shape [{c}]; got {:?}", x.dims(), other.dims()),
        None => Ok(c),
    }
}

/// The classes of logits that fit their targets.
pub(crate) fn classes(logits: &Tensor, targets: &Tensor) -> Result<usize> {
    let (n, c) = logits.dims2()?;
    if targets.dims() != [n, c] || given("cross_entropy", logits)? == 0 {
        bail!(
            "cross_entropy: logits and targets must have one shape (N,C), not empty; got {:?} and {:?}",
            logits.dims(),
            targets.dims()
        );
    }
    given("cross_entropy", targets)?;
    Ok(c)
}

/// Refuses tensors of two shapes, and empty ones.
pub(crate) fn same(name: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    if a.dims() != b.dims() || given(name, a)? == 0 {
        let (a, b) = (a.dims(), b.dims());
        bail!("{name}: predictions and targets must have one shape, not empty; got {a:?} and {b:?}");
    }
    given(name, b)?;
    Ok(())
}

/// The columns of logits that fit their targets and weights.
pub(crate) fn binary(logits: &Tensor, targets: &Tensor, pos_weight: Option<&Tensor>) -> Result<usize> {
    const NAME: &str = "binary_cross_entropy";
    same(NAME, logits, targets)?;
    let (_, c) = logits.dims2()?;
    match pos_weight.filter(|weights| weights.dims() != [c]) {
        Some(weights) => bail!("{NAME}: pos_weight must have the shape [{c}]; got {:?}", weights.dims()),
        None => Ok(c),
    }
}

/// Refuses a probability outside [0, 1), and an input whose copy is larger than memory.
pub(crate) fn probability(x: &Tensor, p: f64) -> Result<()> {
    if !(0.0..1.0).contains(&p) {
        bail!("dropout: the probability must be in [0, 1); got {p}");
    }
    given("dropout", x)?;
    Ok(())
}
