//! Normalization that needs no batch.

use candle_core::{Result, Tensor, Var};
use candle_nn::Init;
use taper_tensor::{group_norm, layer_norm, rms_norm};

use crate::error::{LayerError, check};
use crate::graph::{Graph, GraphOp, Value};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::params::ParamPath;

/// PyTorch's `eps`.
const EPS: f64 = 1e-5;

/// [`layer_norm`] with a trainable `weight` (first 1) and `bias` (first 0). Training and testing
/// are the same.
///
/// # Shapes
/// (..,C) to the same.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Layer, LayerNorm, Mode, Params};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let norm = LayerNorm::new(&params.root().at("norm"), 2)?;
/// let y = norm.forward(&Tensor::new(&[[1f32, 3.0]], &Device::Cpu)?, Mode::Eval)?.to_vec2::<f32>()?;
/// assert!((y[0][0] + 1.0).abs() < 1e-4 && (y[0][1] - 1.0).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// J. L. Ba, J. R. Kiros, G. E. Hinton, *Layer Normalization*, 2016.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Var,
    bias: Var,
    eps: f64,
}

impl LayerNorm {
    /// A layer norm of `channels` channels with its parameters below `path`; eps is PyTorch's 1e-5.
    ///
    /// # Errors
    /// When there are no channels, or a parameter exists with another shape.
    pub fn new(path: &ParamPath, channels: usize) -> std::result::Result<Self, LayerError> {
        Self::with_eps(path, channels, EPS)
    }

    /// The same with another eps, such as the 1e-6 of ViT and ConvNeXt.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when eps is not finite or below 0.
    pub fn with_eps(path: &ParamPath, channels: usize, eps: f64) -> std::result::Result<Self, LayerError> {
        check(eps.is_finite() && eps >= 0.0, "eps", "a number from 0 on", eps)?;
        let (weight, bias) = affine(path, channels)?;
        Ok(Self { weight, bias, eps })
    }
}

impl Layer for LayerNorm {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        layer_norm(x, &mode.param(&self.weight), &mode.param(&self.bias), self.eps)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        graph.add(GraphOp::LayerNorm(self.eps), &[x], &[&self.weight, &self.bias])
    }
}

/// [`rms_norm`] with a trainable `weight` (first 1). Training and testing are the same.
///
/// # Shapes
/// (..,C) to the same.
///
/// # References
/// B. Zhang, R. Sennrich, *Root Mean Square Layer Normalization*, 2019.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    weight: Var,
    eps: f64,
}

impl RmsNorm {
    /// An RMS norm of `channels` channels with its weight below `path`.
    ///
    /// # Errors
    /// When there are no channels, eps is not finite or below 0, or the parameter exists with
    /// another shape.
    pub fn new(path: &ParamPath, channels: usize, eps: f64) -> std::result::Result<Self, LayerError> {
        check(channels > 0, "channels", "1 or more", channels as f64)?;
        check(eps.is_finite() && eps >= 0.0, "eps", "a number from 0 on", eps)?;
        Ok(Self { weight: path.trainable("weight", channels, Init::Const(1.0))?, eps })
    }
}

impl Layer for RmsNorm {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        rms_norm(x, &mode.param(&self.weight), self.eps)
    }
}

/// [`group_norm`] with a trainable `weight` (first 1) and `bias` (first 0). Training and testing
/// are the same: no batch is too small for it.
///
/// # Shapes
/// (N,..,C) to the same.
///
/// # References
/// Y. Wu, K. He, *Group Normalization*, 2018.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    groups: usize,
    weight: Var,
    bias: Var,
}

impl GroupNorm {
    /// A group norm of `channels` channels in `groups` groups with its parameters below `path`; eps
    /// is PyTorch's 1e-5. The paper has 32 groups.
    ///
    /// # Errors
    /// When the channels are no multiple of the groups, or a parameter exists with another shape.
    pub fn new(path: &ParamPath, channels: usize, groups: usize) -> std::result::Result<Self, LayerError> {
        let divides = groups > 0 && channels.is_multiple_of(groups);
        check(divides, "groups", "1 or more, and a divisor of the channels", groups as f64)?;
        let (weight, bias) = affine(path, channels)?;
        Ok(Self { groups, weight, bias })
    }
}

impl Layer for GroupNorm {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        group_norm(x, self.groups, &mode.param(&self.weight), &mode.param(&self.bias), EPS)
    }
}

fn affine(path: &ParamPath, channels: usize) -> std::result::Result<(Var, Var), LayerError> {
    check(channels > 0, "channels", "1 or more", channels as f64)?;
    let weight = path.trainable("weight", channels, Init::Const(1.0))?;
    Ok((weight, path.trainable("bias", channels, Init::Const(0.0))?))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_tensor::Rng;

    use super::*;
    use crate::Params;

    #[test]
    fn one_picture_of_one_value_gives_the_bias() -> Result<()> {
        let params = Params::new(Rng::new(0), DType::F64, Device::Cpu);
        let layer = LayerNorm::new(&params.root().at("a"), 4).unwrap();
        let group = GroupNorm::new(&params.root().at("b"), 4, 2).unwrap();
        let x = Tensor::full(7f64, (1, 2, 2, 4), &Device::Cpu)?;
        for norm in [&layer as &dyn Layer, &group] {
            let y = norm.forward(&x, Mode::Train(&Rng::new(0)))?.flatten_all()?.to_vec1::<f64>()?;
            assert!(y.iter().all(|&v| v == 0.0), "{y:?}");
        }
        Ok(())
    }

    #[test]
    fn weights_are_trained_and_pictures_do_not_see_each_other() -> Result<()> {
        let params = Params::new(Rng::new(0), DType::F64, Device::Cpu);
        let group = GroupNorm::new(&params.root().at("b"), 4, 2).unwrap();
        let values: Vec<f64> = (0..32).map(|i| f64::from(i * i % 7)).collect();
        let x = Tensor::from_vec(values, (2, 2, 2, 4), &Device::Cpu)?;
        let y = group.forward(&x, Mode::Train(&Rng::new(0)))?;
        let alone = group.forward(&x.narrow(0, 1, 1)?, Mode::Eval)?;
        assert_eq!(y.narrow(0, 1, 1)?.flatten_all()?.to_vec1::<f64>()?, alone.flatten_all()?.to_vec1::<f64>()?);
        let grads = y.sqr()?.sum_all()?.backward()?;
        assert!(params.trainables().iter().all(|(_, var)| grads.get(var).is_some()));
        Ok(())
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        for eps in [f64::NAN, -1e-6] {
            assert!(LayerNorm::with_eps(&params.root(), 4, eps).unwrap_err().to_string().starts_with("eps"));
            assert!(RmsNorm::new(&params.root(), 4, eps).unwrap_err().to_string().starts_with("eps"));
        }
        assert!(LayerNorm::new(&params.root(), 0).unwrap_err().to_string().starts_with("channels"));
        for groups in [0, 3] {
            let refused = GroupNorm::new(&params.root(), 4, groups).unwrap_err().to_string();
            assert!(refused.starts_with("groups"), "{refused}");
        }
    }
}
