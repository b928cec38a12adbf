//! DropConnect.

use candle_core::{Result, Tensor, Var, bail};
use taper_nn::{Activation, Graph, GraphOp, Layer, Mode, Value};
use taper_tensor::{Conv, Rng, conv2d, dropout, linear};

use crate::RegularizeError;
use crate::error::check;

/// What a layer with [`DropConnect`] does with its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Product {
    /// `W x + b`, W (O,I).
    Linear,
    /// A convolution, W (O,I,R,S).
    Conv(Conv),
}

/// How a [`DropConnect`] layer is tested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inference {
    /// With the mean of the weights, which are the weights themselves.
    #[default]
    MeanWeights,
    /// With the mean of the activation over this many draws of its input, each from the normal
    /// distribution that has the input's mean and variance: what a network makes of the noise, and
    /// not of the mean. 1 or more.
    Moments(usize),
}

/// A linear layer or convolution that forgets each *weight*, not each feature, with probability `p`
/// while it is trained, and the activation behind it:
///
/// ```text
/// training:          y = a(u),  u = (W * M / (1 - p)) x + b
///                    M = 0 with probability p, else 1, for every weight
/// testing by mean:   y = a(W x + b)
/// testing by moments: y = mean of a(u) over draws of u, normal with
///                    mean W x + b and variance p / (1 - p) · W² x²
/// ```
///
/// One mask *M* holds for a step; the paper draws one for each picture, which would take a copy of
/// the weights for each. The bias is kept. Draws of the mask come from the stream of the step
/// forked by `name`; those of testing are keyed by `name` alone, so that a test repeats.
///
/// # Shapes
/// As [`linear`] or [`conv2d`].
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_regularize::{DropConnect, Inference, Product};
/// use taper_nn::{Activation, Layer, Mode};
/// let (weight, bias) =
///     (Var::ones((1, 8), DType::F32, &Device::Cpu)?, Var::zeros(1, DType::F32, &Device::Cpu)?);
/// let (half, mean) = (0.5, Inference::MeanWeights);
/// let weights = (weight, Some(bias));
/// let layer = DropConnect::new(Product::Linear, weights, half, Activation::Relu, mean, "fc")?;
/// let x = Tensor::ones((1, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(layer.forward(&x, Mode::Eval)?.to_vec2::<f32>()?, [[8.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Differs from the paper
/// Weights are divided by 1 - p in training and not multiplied by it in testing, as with
/// [`Dropout`](crate::Dropout).
///
/// # References
/// L. Wan, M. Zeiler, S. Zhang, Y. LeCun, R. Fergus, *Regularization of Neural Networks using
/// DropConnect*, 2013.
#[derive(Clone, Debug)]
pub struct DropConnect {
    product: Product,
    weight: Var,
    bias: Option<Var>,
    p: f64,
    activation: Activation,
    inference: Inference,
    name: String,
}

impl DropConnect {
    /// A layer over a weight and, where there is one, a bias (O).
    ///
    /// # Errors
    /// When `p` is outside [0, 1), or moments are to be taken of no draw.
    pub fn new(
        product: Product,
        (weight, bias): (Var, Option<Var>),
        p: f64,
        activation: Activation,
        inference: Inference,
        name: impl Into<String>,
    ) -> std::result::Result<Self, RegularizeError> {
        check((0.0..1.0).contains(&p), "p", "in [0, 1)", p)?;
        check(inference != Inference::Moments(0), "inference", "of 1 draw or more", 0.0)?;
        Ok(Self { product, weight, bias, p, activation, inference, name: name.into() })
    }

    fn product(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        match self.product {
            Product::Linear => linear(x, weight, bias),
            Product::Conv(conv) => conv2d(x, weight, bias, conv),
        }
    }

    /// The mean of the activation over draws of its input.
    fn by_moments(&self, x: &Tensor, draws: usize) -> Result<Tensor> {
        let (weight, bias) = (Mode::Eval.param(&self.weight), self.bias.as_ref().map(|bias| Mode::Eval.param(bias)));
        let mean = self.product(x, &weight, bias.as_ref())?;
        let variance = (self.product(&x.sqr()?, &weight.sqr()?, None)? * (self.p / (1.0 - self.p)))?;
        let (deviation, rng) = (variance.sqrt()?, Rng::new(0).fork("drop_connect").fork(&self.name));
        let mut sum = mean.zeros_like()?;
        for draw in 0..draws {
            let mut rng = rng.at(draw as u64);
            let normal: Vec<f32> = (0..mean.elem_count()).map(|_| rng.normal() as f32).collect();
            let normal = Tensor::from_vec(normal, mean.shape(), mean.device())?.to_dtype(mean.dtype())?;
            sum = (sum + self.activation.apply(&(&mean + normal * &deviation)?)?)?;
        }
        sum / draws as f64
    }
}

impl Layer for DropConnect {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let (weight, bias) = (mode.param(&self.weight), self.bias.as_ref().map(|bias| mode.param(bias)));
        let weight = match (mode.noise(), self.inference) {
            (None, Inference::Moments(draws)) if self.p > 0.0 => return self.by_moments(x, draws),
            (Some(rng), _) => dropout(&weight, self.p, &rng.fork(&self.name))?,
            (None, _) => weight,
        };
        self.activation.apply(&self.product(x, &weight, bias.as_ref())?)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        if self.p > 0.0 && self.inference != Inference::MeanWeights {
            bail!("{}: testing by moments draws numbers, which cannot be written operation by operation", self.name);
        }
        let operation = match self.product {
            Product::Linear => GraphOp::Linear,
            Product::Conv(conv) => GraphOp::Conv(conv),
        };
        let parameters: Vec<&Var> = [&self.weight].into_iter().chain(&self.bias).collect();
        let u = graph.add(operation, &[x], &parameters)?;
        self.activation.graph(graph, u)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_tensor::check_gradients;

    use super::*;

    fn random(shape: &[usize], rng: &mut Rng) -> Tensor {
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn layer(p: f64, product: Product, inference: Inference) -> DropConnect {
        let mut rng = Rng::new(1);
        let shape: &[usize] = if product == Product::Linear { &[3, 6] } else { &[3, 6, 3, 3] };
        let weights = [random(shape, &mut rng), random(&[3], &mut rng)].map(|t| Var::from_tensor(&t).unwrap());
        let [weight, bias] = weights;
        DropConnect::new(product, (weight, Some(bias)), p, Activation::Relu, inference, "fc").unwrap()
    }

    fn inputs(product: Product) -> Tensor {
        random(if product == Product::Linear { &[2, 6] } else { &[2, 4, 5, 6] }, &mut Rng::new(2))
    }

    const PRODUCTS: [Product; 2] =
        [Product::Linear, Product::Conv(Conv { stride: 1, padding: 1, same: false, dilation: 1, groups: 1 })];

    /// The mean of the output over draws of the mask, and its standard error, element by element.
    fn sampled(layer: &DropConnect, x: &Tensor, draws: u64) -> (Vec<f64>, Vec<f64>) {
        let root = Rng::new(3);
        let all: Vec<Vec<f64>> = (0..draws)
            .map(|k| layer.forward(x, Mode::Sample(&root.at(k))).unwrap().flatten_all().unwrap().to_vec1().unwrap())
            .collect();
        let n = draws as f64;
        let mean: Vec<f64> = (0..all[0].len()).map(|i| all.iter().map(|y| y[i]).sum::<f64>() / n).collect();
        let error = |i: usize| (all.iter().map(|y| (y[i] - mean[i]).powi(2)).sum::<f64>() / n / n).sqrt();
        let errors = (0..mean.len()).map(error).collect();
        (mean, errors)
    }

    #[test]
    fn without_an_activation_the_mean_over_masks_is_that_of_the_mean_weights() -> Result<()> {
        for product in PRODUCTS {
            let mut layer = layer(0.4, product, Inference::MeanWeights);
            layer.activation = Activation::LeakyRelu(1.0); // does nothing
            let x = inputs(product);
            let (mean, errors) = sampled(&layer, &x, 2000);
            let wanted = layer.forward(&x, Mode::Eval)?.flatten_all()?.to_vec1::<f64>()?;
            for ((mean, error), wanted) in mean.iter().zip(errors).zip(wanted) {
                assert!((mean - wanted).abs() < 5.0 * error + 1e-9, "{product:?}: {mean} is not {wanted}");
            }
        }
        Ok(())
    }

    #[test]
    fn moments_come_nearer_to_the_mean_over_masks_than_mean_weights() -> Result<()> {
        for product in PRODUCTS {
            let x = inputs(product);
            let (mean, _) = sampled(&layer(0.5, product, Inference::MeanWeights), &x, 4000);
            let off = |inference| -> Result<f64> {
                let y = layer(0.5, product, inference).forward(&x, Mode::Eval)?.flatten_all()?.to_vec1::<f64>()?;
                Ok(y.iter().zip(&mean).map(|(y, mean)| (y - mean).abs()).sum())
            };
            let (by_moments, by_mean) = (off(Inference::Moments(4000))?, off(Inference::MeanWeights)?);
            assert!(by_moments < 0.5 * by_mean, "{product:?}: {by_moments} and {by_mean}");
        }
        Ok(())
    }

    #[test]
    fn gradients_agree_with_finite_differences() -> std::result::Result<(), taper_tensor::GradientError> {
        let mut rng = Rng::new(4);
        let tensors = [random(&[2, 6], &mut rng), random(&[3, 6], &mut rng), random(&[3], &mut rng)];
        check_gradients(&tensors, 1e-6, |t| linear(&t[0], &dropout(&t[1], 0.4, &Rng::new(9))?, Some(&t[2])))
    }

    #[test]
    fn one_key_is_one_mask_and_a_test_repeats() -> Result<()> {
        let (x, step, next) = (inputs(Product::Linear), Rng::new(8), Rng::new(8).at(1));
        let layer = layer(0.5, Product::Linear, Inference::Moments(5));
        let run = |mode| layer.forward(&x, mode)?.to_vec2::<f64>();
        assert_eq!(run(Mode::Train(&step))?, run(Mode::Train(&step))?);
        assert_ne!(run(Mode::Train(&step))?, run(Mode::Train(&next))?);
        assert_eq!(run(Mode::Eval)?, run(Mode::Eval)?);
        Ok(())
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let new = |p, inference| {
            let var = |shape: &[usize]| Var::zeros(shape, DType::F32, &Device::Cpu).unwrap();
            DropConnect::new(Product::Linear, (var(&[1, 1]), None), p, Activation::Relu, inference, "fc")
        };
        for p in [1.0, -0.5, f64::NAN] {
            assert!(matches!(new(p, Inference::MeanWeights), Err(RegularizeError::BadConfig { field: "p", .. })));
        }
        let none = new(0.5, Inference::Moments(0));
        assert!(matches!(none, Err(RegularizeError::BadConfig { field: "inference", .. })));
    }
}
