//! Batch normalization with running statistics.

use candle_core::{Result, Tensor, Var};
use candle_nn::Init;
use taper_tensor::{
    BatchMoments, Epilogue, Measured, batch_norm_eval, batch_norm_train, concat_batch_norm_relu_eval,
    concat_batch_norm_relu_train, conv2d_batch_norm_eval, conv2d_batch_norm_train,
};

use super::conv2d::Conv2d;
use super::part::Part;
use super::running_statistics;
use crate::error::{LayerError, check};
use crate::graph::{Graph, GraphOp, Value};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::params::ParamPath;

/// Settings of [`BatchNorm`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormConfig {
    /// The weight of the newest batch in the running statistics, a fraction in (0, 1]; PyTorch's
    /// 0.1.
    pub momentum: f64,
    /// Added to the variance, positive; PyTorch's 1e-5.
    pub eps: f64,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        Self { momentum: 0.1, eps: 1e-5 }
    }
}

/// Normalizes each channel, the last axis, over all the others:
///
/// ```text
/// y = weight * (x - mean) / sqrt(variance + eps) + bias
/// training:  mean, variance (divided by n) of this batch, and
///            running_mean <- (1 - momentum) * running_mean + momentum * mean
///            running_var  <- (1 - momentum) * running_var  + momentum * variance * n / (n - 1)
/// testing:   running_mean, running_var, which stay as they are to the bit
/// ```
///
/// `weight` (first 1) and `bias` (first 0) are trainables, the running statistics (first 0 and 1)
/// buffers below the given path. Each forward pass in training counts as one batch.
///
/// # Shapes
/// (..., C) to the same: a feature map (N,H,W,C) or features (N,C).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{BatchNorm, BatchNormConfig, Layer, Mode, Params};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let norm = BatchNorm::new(&params.root().at("norm"), 1, BatchNormConfig::default())?;
/// let x = Tensor::new(&[[1f32], [3.0]], &Device::Cpu)?;
/// let y = norm.forward(&x, Mode::Train(&Rng::new(0)))?.flatten_all()?.to_vec1::<f32>()?;
/// assert!((y[0] + 1.0).abs() < 1e-4 && (y[1] - 1.0).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Differs from PyTorch
/// There is no `num_batches_tracked`: it matters only for a momentum that is left out.
///
/// # References
/// S. Ioffe, C. Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing
/// Internal Covariate Shift*, 2015.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    weight: Var,
    bias: Var,
    running_mean: Var,
    running_var: Var,
    config: BatchNormConfig,
    name: String,
}

impl BatchNorm {
    /// A batch norm for `channels` channels with its parameters below `path`.
    ///
    /// # Errors
    /// When a setting is out of range, or a parameter exists with another shape.
    pub fn new(path: &ParamPath, channels: usize, config: BatchNormConfig) -> std::result::Result<Self, LayerError> {
        let BatchNormConfig { momentum, eps } = config;
        check(momentum > 0.0 && momentum <= 1.0, "momentum", "in (0, 1]", momentum)?;
        check(eps > 0.0 && eps.is_finite(), "eps", "positive and finite", eps)?;
        check(channels > 0, "channels", "1 or more", channels as f64)?;
        Ok(Self {
            weight: path.trainable("weight", channels, Init::Const(1.0))?,
            bias: path.trainable("bias", channels, Init::Const(0.0))?,
            running_mean: path.buffer("running_mean", channels, Init::Const(0.0))?,
            running_var: path.buffer("running_var", channels, Init::Const(1.0))?,
            config,
            name: path.name().to_owned(),
        })
    }

    /// [`forward`](Layer::forward) and what follows it, at once.
    ///
    /// # Errors
    /// As there, and when a residual has not the shape of x.
    pub fn forward_then(&self, x: &Tensor, mode: Mode<'_>, epilogue: Epilogue<'_>) -> Result<Tensor> {
        let channels = self.weight.elem_count();
        if x.dims().last() != Some(&channels) {
            let (layer, got) = (self.name.clone(), x.dims().to_vec());
            return Err(LayerError::Channels { layer, wanted: channels, got }.into());
        }
        let (weight, bias) = (mode.param(&self.weight), mode.param(&self.bias));
        if !mode.is_train() || running_statistics::are_frozen() {
            let (mean, variance) = (self.running_mean.as_detached_tensor(), self.running_var.as_detached_tensor());
            return batch_norm_eval(x, &weight, &bias, &mean, &variance, self.config.eps, epilogue);
        }
        self.tracked(batch_norm_train(x, &weight, &bias, self.config.eps, epilogue)?)
    }

    /// [`forward_then`](Self::forward_then) of what a convolution without a bias makes of x: in
    /// training both are one operation, and in testing, where nobody wants a gradient, one pass.
    ///
    /// # Errors
    /// As there, and those of the convolution.
    pub(super) fn forward_convolved(
        &self,
        conv: &Conv2d,
        x: &Tensor,
        mode: Mode<'_>,
        epilogue: Epilogue<'_>,
    ) -> Result<Tensor> {
        let norm = (&mode.param(&self.weight), &mode.param(&self.bias));
        let weight = conv.weight(mode);
        if !mode.is_train() || running_statistics::are_frozen() {
            let (mean, variance) = (self.running_mean.as_detached_tensor(), self.running_var.as_detached_tensor());
            let (geometry, eps) = (conv.geometry(), self.config.eps);
            return conv2d_batch_norm_eval(x, &weight, geometry, norm, (&mean, &variance), eps, epilogue);
        }
        self.tracked(conv2d_batch_norm_train(x, &weight, conv.geometry(), norm, self.config.eps, epilogue)?)
    }

    /// `max(norm(maps side by side), 0)`, without the concatenation in memory: what a layer of a
    /// DenseNet begins with.
    ///
    /// # Errors
    /// As [`forward`](Layer::forward), and when the maps differ in more than their channels.
    pub fn forward_parts_relu(&self, parts: &[Part], mode: Mode<'_>) -> Result<Tensor> {
        let channels: usize = parts.iter().filter_map(|part| part.map().dims().last()).sum();
        if channels != self.weight.elem_count() {
            let mut got = parts.first().map_or_else(Vec::new, |part| part.map().dims().to_vec());
            got.last_mut().into_iter().for_each(|last| *last = channels);
            return Err(LayerError::Channels { layer: self.name.clone(), wanted: self.weight.elem_count(), got }.into());
        }
        let norm = (&mode.param(&self.weight), &mode.param(&self.bias));
        if !mode.is_train() || running_statistics::are_frozen() {
            let (mean, variance) = (self.running_mean.as_detached_tensor(), self.running_var.as_detached_tensor());
            let maps: Vec<&Tensor> = parts.iter().map(Part::map).collect();
            return concat_batch_norm_relu_eval(&maps, norm, (&mean, &variance), self.config.eps);
        }
        let measured = parts.iter().map(Part::moments).collect::<Result<Vec<Measured>>>()?;
        self.tracked(concat_batch_norm_relu_train(&measured.iter().collect::<Vec<_>>(), norm, self.config.eps)?)
    }

    /// The output of a batch that counts.
    fn tracked(&self, (y, moments): (Tensor, BatchMoments)) -> Result<Tensor> {
        let n = moments.count;
        if n < 2 {
            let (layer, shape) = (self.name.clone(), y.dims().to_vec());
            return Err(LayerError::TooFewValues { layer, got: n, shape }.into());
        }
        let weight = running_statistics::weight(self.config.momentum, &self.running_mean, &self.running_var)?;
        if let Some(weight) = weight {
            track(&self.running_mean, &moments.mean, weight)?;
            track(&self.running_var, &(moments.variance * (n as f64 / (n as f64 - 1.0)))?, weight)?;
        }
        Ok(y)
    }
}

fn track(running: &Var, batch: &Tensor, weight: f64) -> Result<()> {
    if weight == 1.0 {
        return running.set(&batch.detach());
    }
    let keep = (running.as_detached_tensor() * (1.0 - weight))?;
    running.set(&(keep + (batch.detach() * weight)?)?)
}

impl Layer for BatchNorm {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.forward_then(x, mode, Epilogue::None)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let parameters = [&self.weight, &self.bias, &self.running_mean, &self.running_var];
        graph.add(GraphOp::BatchNorm(self.config.eps), &[x], &parameters)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_tensor::Rng;

    use super::*;
    use crate::Params;

    fn norm(channels: usize) -> (Params, BatchNorm) {
        let params = Params::new(Rng::new(0), DType::F64, Device::Cpu);
        let norm = BatchNorm::new(&params.root().at("norm"), channels, BatchNormConfig::default()).unwrap();
        (params, norm)
    }

    #[test]
    fn running_statistics_by_hand() -> Result<()> {
        let (params, norm) = norm(1);
        let x = Tensor::new(&[[2f64], [4.0], [9.0]], &Device::Cpu)?; // mean 5, unbiased variance 13
        norm.forward(&x, Mode::Train(&Rng::new(0)))?;
        let buffer = |i: usize| params.buffers()[i].1.to_vec1::<f64>().unwrap()[0];
        assert!((buffer(0) - 0.5).abs() < 1e-12);
        assert!((buffer(1) - (0.9 + 1.3)).abs() < 1e-12);
        Ok(())
    }

    #[test]
    fn one_value_per_channel_is_an_error_that_says_so() -> Result<()> {
        let (params, norm) = norm(3);
        for x in
            [Tensor::ones((1, 3), DType::F64, &Device::Cpu)?, Tensor::ones((1, 1, 1, 3), DType::F64, &Device::Cpu)?]
        {
            let message = norm.forward(&x, Mode::Train(&Rng::new(0))).unwrap_err().to_string();
            assert!(message.contains("norm needs two or more values per channel"), "{message}");
            assert!(norm.forward(&x, Mode::Eval).is_ok());
        }
        assert_eq!(params.buffers()[0].1.to_vec1::<f64>()?, [0.0; 3]); // nothing was recorded
        Ok(())
    }

    #[test]
    fn settings_and_shapes_out_of_range_are_refused() -> Result<()> {
        let (params, norm) = norm(3);
        let x = Tensor::ones((4, 2), DType::F64, &Device::Cpu)?;
        assert!(norm.forward(&x, Mode::Eval).is_err());
        let default = BatchNormConfig::default();
        for config in [BatchNormConfig { momentum: 0.0, ..default }, BatchNormConfig { eps: f64::NAN, ..default }] {
            assert!(BatchNorm::new(&params.root(), 3, config).is_err());
        }
        Ok(())
    }
}
