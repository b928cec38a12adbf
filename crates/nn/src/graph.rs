//! What a network computes in testing, operation by operation, for programs that are not this one.

use std::collections::HashMap;

use candle_core::{Result, Tensor, TensorId, Var};
use taper_tensor::{Conv, Pool, element_count};

use crate::activation::Activation;
use crate::params::Params;

/// A place in a [`Graph`]: what one of its operations gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(usize);

impl Value {
    /// The number of the operation that gives it, in [`Graph::nodes`].
    pub fn node(self) -> usize {
        self.0
    }
}

/// One operation on maps (C,H,W), features (C) or rows of them (rows,C) of each picture; sizes as
/// in PyTorch, channels before rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GraphOp {
    /// The pictures.
    Input,
    /// A convolution; parameters: weight, and bias where there is one.
    Conv(Conv),
    /// A batch norm by running statistics, with this number added to the variance; parameters:
    /// weight, bias, mean, variance.
    BatchNorm(f64),
    /// A function of each number.
    Activation(Activation),
    /// The largest number of each window.
    MaxPool(Pool),
    /// The mean of windows of so many pixels on a side, one beside the other; what is left at the
    /// edges is left out.
    AveragePool(usize),
    /// The means over a grid of cells, (rows, columns).
    AdaptiveAverage(usize, usize),
    /// The largest number of each channel, as a map of one pixel.
    GlobalMax,
    /// Both inputs, one behind the other by channels.
    Concat,
    /// The sum of both inputs.
    Add,
    /// The first input times the second, a map of one pixel.
    Multiply,
    /// The input times a number.
    Scale(f64),
    /// A map as features, by channel, row and column.
    Flatten,
    /// A matrix times the features, or each row of them; parameters: weight (O,I) or (O,I,1,1), and
    /// bias where there is one.
    Linear,
    /// The pixels of a map as rows of features (pixels,C), as tokens lie.
    Rows,
    /// Rows as the pixels of a map of this height and width.
    Map(usize, usize),
    /// So many rows of zeros before the others.
    PadRows(usize),
    /// The row of this number, as one row.
    Row(usize),
    /// A norm of each row, with this number added to the variance; parameters: weight, bias.
    LayerNorm(f64),
    /// A factor for each feature of all rows; parameters: the factors.
    Factors,
    /// Rows of queries, keys and values side by side: the values weighted by the softmax of the
    /// scaled products of queries and keys, by head.
    SelfAttention {
        /// How many heads.
        heads: usize,
        /// What products are multiplied by.
        scale: f64,
    },
    /// The same for rows of queries, the first input, that look at others: the second has the keys
    /// and values of those side by side.
    Attention {
        /// How many heads.
        heads: usize,
        /// What products are multiplied by.
        scale: f64,
    },
    /// Rows that are the same for all pictures: [`Graph::constant`] of this number.
    Constant(usize),
}

/// An operation at its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What is done.
    pub operation: GraphOp,
    /// To what.
    pub inputs: Vec<Value>,
    /// The names of the parameters.
    pub parameters: Vec<String>,
    /// The shape of the outcome, without the axis of pictures.
    pub shape: Vec<usize>,
}

/// Why a layer cannot be written operation by operation.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// An operation does not take these shapes.
    #[error("{operation:?} does not take maps of {maps:?} with parameters of {parameters:?}")]
    Shapes {
        /// Which.
        operation: GraphOp,
        /// The shapes of its inputs, without the axis of pictures.
        maps: Vec<Vec<usize>>,
        /// The shapes of its parameters.
        parameters: Vec<Vec<usize>>,
    },
    /// A parameter is not of the network that the graph is of.
    #[error("{operation:?} has a parameter of the shape {shape:?} that the network does not have")]
    ForeignParameter {
        /// Whose parameter it is.
        operation: GraphOp,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A layer is not made of the operations of a graph.
    #[error("{layer} cannot be written operation by operation")]
    Opaque {
        /// The type of the layer.
        layer: &'static str,
    },
}

impl From<GraphError> for candle_core::Error {
    fn from(error: GraphError) -> Self {
        Self::wrap(error)
    }
}

/// The operations of a network in an order in which they can be done, for pictures of one size.
///
/// [`Layer::graph`](crate::Layer::graph) adds those of a layer.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::{Activation, Graph, GraphOp, Layer, MaxPool2d, Params};
/// use taper_tensor::{Pool, Rng};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let layers: Vec<Box<dyn Layer>> = vec![Box::new(MaxPool2d::default()), Box::new(Activation::Relu)];
/// let (mut graph, picture) = Graph::new(&params, [3, 8, 6]);
/// let last = layers.graph(&mut graph, picture)?;
/// assert_eq!(graph.shape(last), [3, 4, 3]);
/// assert_eq!(graph.nodes()[1].operation, GraphOp::MaxPool(Pool::default()));
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    names: HashMap<TensorId, (String, Vec<usize>)>,
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
}

impl Graph {
    /// Nothing but pictures of `shape` (channels, height, width), for a network with these
    /// parameters.
    pub fn new(params: &Params, shape: [usize; 3]) -> (Self, Value) {
        let all = params.trainables().into_iter().chain(params.buffers());
        let names = all.map(|(name, var)| (var.id(), (name, var.dims().to_vec()))).collect();
        let input =
            Node { operation: GraphOp::Input, inputs: Vec::new(), parameters: Vec::new(), shape: shape.to_vec() };
        (Self { names, nodes: vec![input], constants: Vec::new() }, Value(0))
    }

    /// All operations, the pictures first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The shape of a value, without the axis of pictures.
    pub fn shape(&self, value: Value) -> &[usize] {
        &self.nodes[value.0].shape
    }

    /// Adds rows (rows,C) that are the same for all pictures.
    ///
    /// # Errors
    /// When they have other than two axes.
    pub fn rows(&mut self, rows: &Tensor) -> Result<Value> {
        let (count, channels) = rows.dims2()?;
        let (operation, shape) = (GraphOp::Constant(self.constants.len()), vec![count, channels]);
        self.constants.push(rows.detach());
        self.nodes.push(Node { operation, inputs: Vec::new(), parameters: Vec::new(), shape });
        Ok(Value(self.nodes.len() - 1))
    }

    /// The rows of a [`GraphOp::Constant`].
    pub fn constant(&self, number: usize) -> Option<&Tensor> {
        self.constants.get(number)
    }

    /// Adds an operation.
    ///
    /// # Errors
    /// When the shapes do not fit it, or a parameter is not in the network.
    pub fn add(&mut self, operation: GraphOp, inputs: &[Value], parameters: &[&Var]) -> Result<Value> {
        let known = parameters.iter().map(|var| match self.names.get(&var.id()) {
            Some((name, shape)) => Ok((name.clone(), shape.as_slice())),
            None => Err(GraphError::ForeignParameter { operation, shape: var.dims().to_vec() }),
        });
        let (parameters, shapes): (Vec<String>, Vec<&[usize]>) =
            known.collect::<std::result::Result<Vec<_>, _>>()?.into_iter().unzip();
        let maps: Vec<&[usize]> = inputs.iter().map(|&input| self.shape(input)).collect();
        let Some(shape) = outcome(operation, &maps, &shapes)? else {
            let owned = |shapes: &[&[usize]]| shapes.iter().map(|shape| shape.to_vec()).collect();
            return Err(GraphError::Shapes { operation, maps: owned(&maps), parameters: owned(&shapes) }.into());
        };
        self.nodes.push(Node { operation, inputs: inputs.to_vec(), parameters, shape });
        Ok(Value(self.nodes.len() - 1))
    }
}

/// The shape that comes out; none where those that go in do not fit.
fn outcome(operation: GraphOp, maps: &[&[usize]], parameters: &[&[usize]]) -> Result<Option<Vec<usize>>> {
    Ok(match (operation, maps, parameters) {
        (GraphOp::Conv(conv), &[&[c, h, w]], &[&[o, i, r, s], ..]) => {
            let [_, h, w, _] = conv.output([1, h, w, c], [o, i, r, s])?;
            Some(vec![o, h, w])
        }
        (GraphOp::BatchNorm(_), [map @ [c, ..]], [[channels], _, _, _]) if c == channels => Some(map.to_vec()),
        (GraphOp::Activation(Activation::Maxout(_)), ..) => None,
        (GraphOp::Activation(_) | GraphOp::Scale(_), [map], []) => Some(map.to_vec()),
        (GraphOp::MaxPool(pool), [[c, h, w]], []) => {
            let [_, h, w, _] = pool.output([1, *h, *w, *c])?;
            Some(vec![*c, h, w])
        }
        (GraphOp::AveragePool(side @ 1..), [[c, h, w]], []) => Some(vec![*c, h / side, w / side]),
        (GraphOp::AdaptiveAverage(rows, columns), [[c, _, _]], []) => Some(vec![*c, rows, columns]),
        (GraphOp::GlobalMax, [[c, _, _]], []) => Some(vec![*c, 1, 1]),
        (GraphOp::Concat, [[a, rest @ ..], [b, others @ ..]], []) if rest == others => {
            a.checked_add(*b).map(|channels| [&[channels][..], rest].concat())
        }
        (GraphOp::Add, [a, b], []) if a == b => Some(a.to_vec()),
        (GraphOp::Multiply, [[c, h, w], [d, 1, 1]], []) if c == d => Some(vec![*c, *h, *w]),
        (GraphOp::Flatten, [map], []) => Some(vec![element_count("flatten", map)?]),
        (GraphOp::Linear, [[rows @ .., c]], [[o, i] | [o, i, 1, 1], ..]) if c == i && rows.len() < 2 => {
            Some([rows, &[*o]].concat())
        }
        _ => of_rows(operation, maps, parameters),
    })
}

/// The same of operations on rows.
fn of_rows(operation: GraphOp, maps: &[&[usize]], parameters: &[&[usize]]) -> Option<Vec<usize>> {
    match (operation, maps, parameters) {
        (GraphOp::Rows, [[c, h, w]], []) => Some(vec![h * w, *c]),
        (GraphOp::Map(h, w), [[rows, c]], []) if h.checked_mul(w) == Some(*rows) => Some(vec![*c, h, w]),
        (GraphOp::PadRows(more), [[rows, c]], []) => rows.checked_add(more).map(|rows| vec![rows, *c]),
        (GraphOp::Row(number), [[rows, c]], []) if number < *rows => Some(vec![1, *c]),
        (GraphOp::LayerNorm(_), [[rows, c]], [[d], [e]]) if [c; 2] == [d, e] => Some(vec![*rows, *c]),
        (GraphOp::Factors, [[rows, c]], [[d]]) if c == d => Some(vec![*rows, *c]),
        (GraphOp::SelfAttention { heads: heads @ 1.., .. }, [[rows, c]], []) if c.is_multiple_of(3 * heads) => {
            Some(vec![*rows, c / 3])
        }
        (GraphOp::Attention { heads: heads @ 1.., .. }, [[queries, c], [_, kv]], [])
            if c.is_multiple_of(heads) && c.checked_mul(2) == Some(*kv) =>
        {
            Some(vec![*queries, *c])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use candle_nn::Init;
    use taper_tensor::Rng;

    use super::*;

    #[test]
    fn shapes_follow_and_what_does_not_fit_is_refused() -> Result<()> {
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        let weight = params.root().trainable("weight", (8, 3, 3, 3), Init::Const(0.0))?;
        let (mut graph, x) = Graph::new(&params, [3, 9, 7]);
        let conv = GraphOp::Conv(Conv { stride: 2, padding: 1, ..Conv::default() });
        let y = graph.add(conv, &[x], &[&weight])?;
        assert_eq!((graph.shape(y), &graph.nodes()[1].parameters[..]), (&[8, 5, 4][..], &["weight".to_owned()][..]));
        let both = graph.add(GraphOp::Concat, &[y, y], &[])?;
        assert_eq!(graph.shape(both), [16, 5, 4]);
        let cells = graph.add(GraphOp::AdaptiveAverage(1, 1), &[both], &[])?;
        let scaled = graph.add(GraphOp::Multiply, &[both, cells], &[])?;
        let flat = graph.add(GraphOp::Flatten, &[scaled], &[])?;
        assert_eq!((graph.shape(scaled), graph.shape(flat)), (&[16, 5, 4][..], &[320][..]));
        assert!(graph.add(conv, &[both], &[&weight]).is_err());
        assert!(graph.add(GraphOp::Add, &[x, y], &[]).is_err());
        assert!(graph.add(GraphOp::Linear, &[flat], &[&weight]).is_err());
        let stranger = Var::zeros((8, 3, 3, 3), DType::F32, &Device::Cpu)?;
        assert!(graph.add(conv, &[x], &[&stranger]).unwrap_err().to_string().contains("does not have"));
        Ok(())
    }
}
