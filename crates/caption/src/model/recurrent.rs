//! A recurrent layer.

use candle_core::{Result, Tensor, Var};
use candle_nn::Init;
use serde::{Deserialize, Serialize};
use taper_nn::{Mode, ParamPath};
use taper_tensor::linear;

use crate::ops::{gru, lstm};

/// Which cell a recurrent layer has.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// [`lstm`](lstm()), as Vinyals et al. have it.
    #[default]
    Lstm,
    /// [`gru`](gru()): a quarter fewer weights.
    Gru,
}

impl Cell {
    /// Gates, and parts of a state, each as wide as the hidden values.
    fn parts(self) -> (usize, usize) {
        match self {
            Self::Lstm => (4, 2),
            Self::Gru => (3, 1),
        }
    }
}

/// A layer of cells: PyTorch's `nn.LSTM` or `nn.GRU` of one layer and direction. Its parameters
/// have PyTorch's names (`weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`), shapes, order
/// of gates and first values, uniform in `±1/√H`.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_caption::model::{Cell, Recurrent};
/// use taper_nn::{Mode, Params};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0).fork("init"), DType::F32, Device::Cpu);
/// let layer = Recurrent::new(&params.root().at("lstm"), Cell::Lstm, 8, 16)?;
/// let x = Tensor::zeros((5, 2, 8), DType::F32, &Device::Cpu)?;
/// let sequence = layer.forward(&x, &layer.begin(&x)?, Mode::Eval)?;
/// assert_eq!(sequence.hidden.dims(), [5, 2, 16]);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recurrent {
    cell: Cell,
    hidden: usize,
    weight_ih: Var,
    weight_hh: Var,
    bias_ih: Var,
    bias_hh: Var,
}

/// What a recurrent layer makes of a sequence.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// The hidden values after each step, (steps, rows, H).
    pub hidden: Tensor,
    /// The state after the last, to go on with.
    pub state: Tensor,
}

impl Recurrent {
    /// A layer with its parameters below `path`.
    ///
    /// # Errors
    /// When a parameter exists with another shape or is larger than the parameters may be.
    pub fn new(path: &ParamPath, cell: Cell, inputs: usize, hidden: usize) -> Result<Self> {
        let (wide, most) = (cell.parts().0 * hidden, 1.0 / (hidden.max(1) as f64).sqrt());
        let first = Init::Uniform { lo: -most, up: most };
        Ok(Self {
            cell,
            hidden,
            weight_ih: path.trainable("weight_ih_l0", (wide, inputs), first)?,
            weight_hh: path.trainable("weight_hh_l0", (wide, hidden), first)?,
            bias_ih: path.trainable("bias_ih_l0", wide, first)?,
            bias_hh: path.trainable("bias_hh_l0", wide, first)?,
        })
    }

    /// The state before the first step, zeros, for as many rows as x has.
    ///
    /// # Errors
    /// When x is no sequence.
    pub fn begin(&self, x: &Tensor) -> Result<Tensor> {
        let (_, rows, _) = x.dims3()?;
        Tensor::zeros((rows, self.cell.parts().1 * self.hidden), x.dtype(), x.device())
    }

    /// Goes over a sequence from a state. The product of the inputs is one for all steps.
    ///
    /// # Shapes
    /// x (steps, rows, inputs), state (rows, 2H) of h and c for an LSTM, (rows, H) for a GRU.
    ///
    /// # Errors
    /// When they do not fit the layer.
    pub fn forward(&self, x: &Tensor, state: &Tensor, mode: Mode<'_>) -> Result<Sequence> {
        let [wi, wh, bi, bh] =
            [&self.weight_ih, &self.weight_hh, &self.bias_ih, &self.bias_hh].map(|var| mode.param(var));
        let steps = x.dim(0)?;
        match self.cell {
            Cell::Lstm => {
                let all = lstm(&linear(x, &wi, Some(&(bi + bh)?))?, &wh, state)?;
                let state = all.get(steps - 1)?;
                Ok(Sequence { hidden: all.narrow(2, 0, self.hidden)?, state })
            }
            Cell::Gru => {
                let hidden = gru(&linear(x, &wi, Some(&bi))?, &wh, &bh, state)?;
                let state = hidden.get(steps - 1)?;
                Ok(Sequence { hidden, state })
            }
        }
    }
}
