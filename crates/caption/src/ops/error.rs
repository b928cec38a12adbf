//! What a recurrent cell does not take.

use candle_core::{DType, Tensor};

/// Arguments of a recurrent cell that do not fit each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SequenceError {
    /// A tensor has another shape.
    #[error("{cell}: {what} must be {wanted}; got {got:?}")]
    Shape {
        /// The cell.
        cell: &'static str,
        /// Which tensor.
        what: &'static str,
        /// What it must be.
        wanted: String,
        /// What it is.
        got: Vec<usize>,
    },
    /// A tensor is of another type.
    #[error("{cell}: all tensors must be float32, or all float64; got {got:?}")]
    Type {
        /// The cell.
        cell: &'static str,
        /// The type.
        got: DType,
    },
}

impl From<SequenceError> for candle_core::Error {
    fn from(error: SequenceError) -> Self {
        Self::wrap(error)
    }
}

/// The sizes of a sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) steps: usize,
    pub(super) rows: usize,
    pub(super) hidden: usize,
}

impl Sizes {
    /// Those of products (steps, rows, `gates` times hidden), with a weight (gates times hidden,
    /// hidden) and a state (rows, `states` times hidden).
    pub(super) fn of(
        cell: &'static str,
        [x, weight, state]: [&Tensor; 3],
        (gates, states): (usize, usize),
    ) -> Result<Self, SequenceError> {
        for tensor in [x, weight, state] {
            let got = tensor.dtype();
            if !matches!(got, DType::F32 | DType::F64) || got != x.dtype() {
                return Err(SequenceError::Type { cell, got });
            }
        }
        let shape = |what, wanted: String, got: &Tensor| {
            Err(SequenceError::Shape { cell, what, wanted, got: got.dims().to_vec() })
        };
        let (steps, rows, hidden) = match *x.dims() {
            [steps, rows, wide] if steps > 0 && rows > 0 && wide > 0 && wide.is_multiple_of(gates) => {
                (steps, rows, wide / gates)
            }
            _ => return shape("x", format!("(steps, rows, {gates} x hidden), none of them 0"), x),
        };
        if weight.dims() != [gates * hidden, hidden] {
            return shape("the weight", format!("[{}, {hidden}]", gates * hidden), weight);
        }
        if state.dims() != [rows, states * hidden] {
            return shape("the state", format!("[{rows}, {}]", states * hidden), state);
        }
        Ok(Self { steps, rows, hidden })
    }
}
