//! The network of a first tutorial, on pictures of 28x28: much overhead, little arithmetic.

use anyhow::Result;
use candle_core::{Tensor, Var};
use candle_nn::Init;
use candle_nn::init::DEFAULT_KAIMING_UNIFORM;
use taper_nn::{Layer, Mode, ParamPath, Params};
use taper_optim::{AdamW, AdamWConfig};
use taper_regularize::Dropout;
use taper_tensor::{Conv, Pool, conv2d_relu, linear, max_pool2d, relu};

use super::clock;
use super::networks::{Training, noise, params, targets};

/// Steps that are timed together.
const STEPS: usize = 20;

/// ```text
/// (N,28,28,1)  convolution 3x3 to 32, ReLU, max pool 2x2
/// (N,14,14,32) convolution 3x3 to 64, ReLU, max pool 2x2
/// (N,3136)     linear to 128, ReLU, dropout 0.5
/// (N,128)      linear to 10
/// ```
struct SmallCnn {
    convolutions: [(Var, Var); 2],
    hidden: (Var, Var),
    dropout: Dropout,
    last: (Var, Var),
}

fn weights(path: ParamPath, shape: &[usize]) -> Result<(Var, Var)> {
    let weight = path.trainable("weight", shape, DEFAULT_KAIMING_UNIFORM)?;
    Ok((weight, path.trainable("bias", shape[0], Init::Const(0.0))?))
}

impl SmallCnn {
    fn new(params: &Params) -> Result<Self> {
        let path = params.root();
        Ok(Self {
            convolutions: [weights(path.at("conv1"), &[32, 1, 3, 3])?, weights(path.at("conv2"), &[64, 32, 3, 3])?],
            hidden: weights(path.at("fc1"), &[128, 7 * 7 * 64])?,
            dropout: Dropout::new(0.5, "dropout")?,
            last: weights(path.at("fc2"), &[10, 128])?,
        })
    }
}

impl Layer for SmallCnn {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> candle_core::Result<Tensor> {
        let mut x = x.clone();
        for (weight, bias) in &self.convolutions {
            let geometry = Conv { padding: 1, ..Conv::default() };
            x = conv2d_relu(&x, &mode.param(weight), Some(&mode.param(bias)), geometry)?;
            x = max_pool2d(&x, Pool::default())?;
        }
        let (weight, bias) = &self.hidden;
        let h = relu(&linear(&x.flatten_from(1)?, &mode.param(weight), Some(&mode.param(bias)))?)?;
        let h = self.dropout.forward(&h, mode)?;
        let (weight, bias) = &self.last;
        linear(&h, &mode.param(weight), Some(&mode.param(bias)))
    }
}

/// Pictures a second of training with Adam, rate 0.001.
pub(super) fn train(n: usize, repeat: u32) -> Result<f64> {
    let params = params();
    let net = SmallCnn::new(&params)?;
    let rule = AdamW::new(AdamWConfig::default())?; // Adam, as nothing decays
    let batch = (noise(&[n, 28, 28, 1])?, targets(n, 10)?);
    let mut training = Training::new(&net, &params, rule, 1e-3, batch)?;
    let seconds = clock::seconds(repeat, || (0..STEPS).try_for_each(|_| training.step()))?;
    Ok((n * STEPS) as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_parameters_of_its_twin_in_pytorch_and_runs() {
        let params = params();
        SmallCnn::new(&params).unwrap();
        let count: usize = params.trainables().iter().map(|(_, var)| var.elem_count()).sum();
        assert_eq!(count, 320 + 18_496 + 401_536 + 1_290);
        assert!(train(2, 1).unwrap() > 0.0);
    }
}
