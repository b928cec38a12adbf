//! Convolution.

use candle_core::{Result, Tensor, Var};
use candle_nn::Init;
use candle_nn::init::{FanInOut, NonLinearity, NormalOrUniform};
use taper_tensor::{Branch, Conv, concat, conv2d, conv2d_measured, conv2d_relu, conv2d_relu_concat};

use super::part::Part;
use crate::activation::Activation;
use crate::error::{LayerError, check};
use crate::graph::{Graph, GraphOp, Value};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::params::ParamPath;

/// Settings of [`Conv2d`].
#[derive(Clone, Copy, Debug)]
pub struct Conv2dConfig {
    /// Pixels between windows, both directions, 1 or more; PyTorch's 1.
    pub stride: usize,
    /// Rows and columns of zeros on each side, pixels; PyTorch's 0.
    pub padding: usize,
    /// Whether the zeros are those of TensorFlow's "same" instead, and `padding` 0: as many that
    /// the output has `⌈size / stride⌉` pixels along a side, an odd one behind the map. PyTorch's
    /// no.
    pub same: bool,
    /// Pixels between the taps of the kernel, 1 or more; PyTorch's 1.
    pub dilation: usize,
    /// Parts that the channels are split into, a divisor of inputs and outputs; equal to the inputs
    /// it is a depthwise convolution. PyTorch's 1.
    pub groups: usize,
    /// Whether there is a bias, first 0; a norm behind the convolution shifts anyway. PyTorch's
    /// yes.
    pub bias: bool,
    /// What the weight is drawn from. Default normal with variance `2 / (outputs/groups · K²)`, He
    /// et al.'s for the gradient, with which torchvision's VGG and ResNet begin.
    pub init: Init,
}

impl Default for Conv2dConfig {
    fn default() -> Self {
        let init =
            Init::Kaiming { dist: NormalOrUniform::Normal, fan: FanInOut::FanOut, non_linearity: NonLinearity::ReLU };
        Self { stride: 1, padding: 0, same: false, dilation: 1, groups: 1, bias: true, init }
    }
}

/// Cross-correlation with trainable weights, as every framework's convolution:
///
/// ```text
/// y[n,i,j,o] = bias[o] + Σ weight[o,c,r,s] · x[n, at(i,r), at(j,s), c]
/// at(i,r)    = i · stride + r · dilation - padding
/// ```
///
/// summed over the taps r, s and the channels c of o's group; x is 0 outside the map. `weight`
/// (outputs, inputs/groups, K, K) and, where there is one, `bias` (outputs) are trainables below
/// the given path, in PyTorch's shapes.
///
/// # Shapes
/// (N,H,W,inputs) to (N,OH,OW,outputs), `OH = (H + 2·padding - dilation·(K - 1) - 1) / stride + 1`,
/// rounded down; `⌈H / stride⌉` where the padding is `same`.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Conv2d, Conv2dConfig, Layer, Mode, Params};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0).fork("init"), DType::F32, Device::Cpu);
/// let config = Conv2dConfig { stride: 2, padding: 3, bias: false, ..Conv2dConfig::default() };
/// let conv1 = Conv2d::new(&params.root().at("conv1"), 3, 64, 7, config)?;
/// let y = conv1.forward(&Tensor::zeros((1, 32, 32, 3), DType::F32, &Device::Cpu)?, Mode::Eval)?;
/// assert_eq!(y.dims(), [1, 16, 16, 64]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Differs from PyTorch
/// Maps have their channels last. Weights begin normal (He et al.), there uniform in
/// `±1/√(inputs/groups · K²)`, and biases 0, there uniform too. Kernels, strides and paddings are
/// square; PyTorch's "same" takes no stride.
///
/// # References
/// Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, *Gradient-Based Learning Applied to Document
/// Recognition*, 1998. K. He, X. Zhang, S. Ren, J. Sun, *Delving Deep into Rectifiers*, 2015.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Var,
    bias: Option<Var>,
    geometry: Conv,
}

impl Conv2d {
    /// A convolution with a kernel of `kernel` x `kernel` taps and its parameters below `path`.
    ///
    /// # Errors
    /// When a size is 0, the groups do not divide the channels, or a parameter exists with another
    /// shape or is larger than the parameters may be.
    pub fn new(
        path: &ParamPath,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        config: Conv2dConfig,
    ) -> std::result::Result<Self, LayerError> {
        let Conv2dConfig { stride, padding, same, dilation, groups, bias, init } = config;
        for (field, size) in [
            ("inputs", inputs),
            ("outputs", outputs),
            ("kernel", kernel),
            ("stride", stride),
            ("dilation", dilation),
            ("groups", groups),
        ] {
            check(size > 0, field, "1 or more", size as f64)?;
        }
        check(!same || padding == 0, "padding", "0 where it is to be \"same\"", padding as f64)?;
        let divides = inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups);
        check(divides, "groups", "a divisor of the inputs and the outputs", groups as f64)?;
        let bias = bias.then(|| path.trainable("bias", outputs, Init::Const(0.0))).transpose()?;
        let weight = path.trainable("weight", (outputs, inputs / groups, kernel, kernel), init)?;
        Ok(Self { weight, bias, geometry: Conv { stride, padding, same, dilation, groups } })
    }

    /// `max(weight * x + bias, 0)`, in one pass over memory.
    ///
    /// # Errors
    /// As [`forward`](Layer::forward).
    pub fn forward_relu(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        conv2d_relu(x, &self.weight(mode), self.bias(mode).as_ref(), self.geometry)
    }

    /// `max(weight * x + bias, 0)` of several convolutions of one group each, side by side, which
    /// are not concatenated: each writes its channels.
    ///
    /// # Errors
    /// As [`forward`](Layer::forward), when the sizes of the outputs differ, and where there is
    /// none.
    pub fn forward_relu_concat(all: &[&Self], x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let parameters = |conv: &&Self| Some((conv.weight(mode), conv.bias(mode)?, conv.geometry));
        let Some(parameters) = all.iter().map(parameters).collect::<Option<Vec<_>>>() else {
            let maps = all.iter().map(|conv| conv.forward_relu(x, mode)).collect::<Result<Vec<_>>>()?;
            return concat(&maps.iter().collect::<Vec<_>>());
        };
        let branches = parameters.iter().map(|(weight, bias, conv)| Branch { weight, bias, conv: *conv });
        conv2d_relu_concat(x, &branches.collect::<Vec<_>>())
    }

    /// [`forward`](Layer::forward) to a [`Part`], measured in training while it is computed.
    ///
    /// # Errors
    /// As there.
    pub fn forward_part(&self, x: &Tensor, mode: Mode<'_>) -> Result<Part> {
        match mode {
            Mode::Train(_) if self.bias.is_none() => {
                Ok(Part::measured(conv2d_measured(x, &self.weight(mode), self.geometry)?))
            }
            mode => Part::new(self.forward(x, mode)?, mode),
        }
    }

    pub(super) fn has_bias(&self) -> bool {
        self.bias.is_some()
    }

    pub(super) fn weight(&self, mode: Mode<'_>) -> Tensor {
        mode.param(&self.weight)
    }

    pub(super) fn geometry(&self) -> Conv {
        self.geometry
    }

    fn bias(&self, mode: Mode<'_>) -> Option<Tensor> {
        self.bias.as_ref().map(|bias| mode.param(bias))
    }
}

impl Layer for Conv2d {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        conv2d(x, &self.weight(mode), self.bias(mode).as_ref(), self.geometry)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let parameters: Vec<&Var> = [&self.weight].into_iter().chain(&self.bias).collect();
        graph.add(GraphOp::Conv(self.geometry), &[x], &parameters)
    }
}

/// A convolution and the rectifier behind it, in one pass: [`Conv2d::forward_relu`] as a layer.
#[derive(Clone, Debug)]
pub struct ConvRelu(pub Conv2d);

impl Layer for ConvRelu {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.0.forward_relu(x, mode)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = self.0.graph(graph, x)?;
        Activation::Relu.graph(graph, y)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_tensor::Rng;

    use super::*;
    use crate::Params;

    fn new(inputs: usize, outputs: usize, kernel: usize, config: Conv2dConfig) -> (Params, Result<Conv2d>) {
        let params = Params::new(Rng::new(0), DType::F64, Device::Cpu);
        let conv = Conv2d::new(&params.root().at("conv"), inputs, outputs, kernel, config);
        (params, conv.map_err(Into::into))
    }

    #[test]
    fn parameters_have_pytorchs_names_and_shapes_and_the_bias_begins_at_0() {
        let (params, conv) = new(6, 4, 3, Conv2dConfig { groups: 2, ..Conv2dConfig::default() });
        assert!(conv.unwrap().has_bias());
        let tensors = params.tensors();
        assert_eq!(tensors["conv.weight"].dims(), [4, 3, 3, 3]);
        assert_eq!(tensors["conv.bias"].to_vec1::<f64>().unwrap(), [0.0; 4]);
        let (params, conv) = new(6, 4, 3, Conv2dConfig { bias: false, ..Conv2dConfig::default() });
        assert!(!conv.unwrap().has_bias() && params.trainables().len() == 1);
    }

    #[test]
    fn sizes_out_of_range_are_refused_by_name() {
        let default = Conv2dConfig::default();
        for (wanted, refused) in [
            ("inputs must be 1 or more", new(0, 4, 3, default)),
            ("kernel must be 1 or more", new(3, 4, 0, default)),
            ("stride must be 1 or more", new(3, 4, 3, Conv2dConfig { stride: 0, ..default })),
            ("groups must be 1 or more", new(3, 4, 3, Conv2dConfig { groups: 0, ..default })),
            ("padding must be 0", new(3, 4, 3, Conv2dConfig { padding: 1, same: true, ..default })),
            ("groups must be a divisor", new(4, 6, 3, Conv2dConfig { groups: 4, ..default })),
        ] {
            let said = refused.1.unwrap_err().to_string();
            assert!(said.starts_with(wanted) && refused.0.trainables().is_empty(), "{said}");
        }
    }
}
