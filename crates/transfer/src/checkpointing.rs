//! Training with the maps of one stage in memory at a time.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};
use taper_nn::{Mode, keep_statistics};
use taper_tensor::{backward, backward_from};

use crate::Classifier;

/// What a forward pass leaves for its backward pass: what each stage that is trained began with,
/// from which all within the stage is computed again.
///
/// Made by [`Classifier::forward_checkpointed`] and used up by
/// [`Classifier::backward_checkpointed`].
#[derive(Debug)]
pub struct Checkpoints {
    /// The first stage that is trained.
    first: usize,
    /// The input of each stage from there on, the last one's included.
    inputs: Vec<Var>,
}

impl Classifier {
    /// The logits, as [`forward_from`](Self::forward_from) computes them, and what
    /// [`backward_checkpointed`](Self::backward_checkpointed) takes the gradients from. Of every
    /// stage but the last, what lies between its input and its output is dropped at once.
    ///
    /// # Errors
    /// As there.
    pub fn forward_checkpointed(&self, first: usize, x: &Tensor, mode: Mode<'_>) -> Result<(Tensor, Checkpoints)> {
        let stages = self.backbone().stages().len();
        let trained = self.frozen().max(first).min(stages);
        let mut x = (first..trained).try_fold(x.detach(), |x, i| self.stage(i, &x, mode))?;
        let mut inputs = Vec::new();
        for i in trained..stages {
            let input = Var::from_tensor(&x)?;
            x = self.stage(i, input.as_tensor(), mode)?;
            inputs.push(input);
            if i + 1 < stages {
                x = x.detach();
            }
        }
        Ok((self.head().forward(&x, mode)?, Checkpoints { first: trained, inputs }))
    }

    /// The gradients of `loss`, which follows from the logits that came with `checkpoints`, by the
    /// same mode: stage by stage from the last, each computed again from its input first. The noise
    /// is the same; running statistics, which have seen the batch, stay.
    ///
    /// The gradients are those of [`taper_tensor::backward`] but for rounding.
    ///
    /// # Errors
    /// As those of [`forward_checkpointed`](Self::forward_checkpointed) and of a backward pass.
    ///
    /// # Examples
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use taper_nn::{Mode, Params};
    /// use taper_tensor::{Rng, cross_entropy};
    /// use taper_transfer::{BackboneConfig, Classifier, Head, architecture};
    /// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
    /// let backbone = architecture("squeezenet1_1")?.backbone(&params.root(), &BackboneConfig::default())?;
    /// let head = Head::default().build(&params.root(), backbone.channels(), 2)?;
    /// let net = Classifier::new(backbone, head);
    /// let (noise, x) = (Rng::new(0), Tensor::zeros((2, 64, 64, 3), DType::F32, &Device::Cpu)?);
    /// let (logits, checkpoints) = net.forward_checkpointed(0, &x, Mode::Train(&noise))?;
    /// let loss = cross_entropy(&logits, &Tensor::new(&[[1f32, 0.0], [0.0, 1.0]], &Device::Cpu)?)?;
    /// let grads = net.backward_checkpointed(checkpoints, &loss, Mode::Train(&noise))?;
    /// assert!(params.trainables().iter().all(|(_, var)| grads.get(var).is_some()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # References
    /// T. Chen, B. Xu, C. Zhang, C. Guestrin, *Training Deep Nets with Sublinear Memory Cost*,
    /// 2016.
    pub fn backward_checkpointed(&self, checkpoints: Checkpoints, loss: &Tensor, mode: Mode<'_>) -> Result<GradStore> {
        let Checkpoints { first, mut inputs } = checkpoints;
        let mut grads = backward(loss)?;
        let Some(last) = inputs.pop() else { return Ok(grads) };
        let mut gradient = grads.remove(last.as_tensor());
        while let (Some(input), Some(of_output)) = (inputs.pop(), gradient.take()) {
            let output = keep_statistics(|| self.stage(first + inputs.len(), input.as_tensor(), mode))?;
            let mut of_stage = backward_from(&output, &of_output)?;
            gradient = of_stage.remove(input.as_tensor());
            grads.extend(of_stage)?;
        }
        Ok(grads)
    }
}
