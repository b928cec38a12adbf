//! Blocks that end in a sum and a rectifier: ResNet's and RegNet's.

use candle_core::{Result, Tensor};
use taper_nn::{Activation, ConvNorm, Graph, Layer, Mode, Value};
use taper_regularize::{Depth, StochasticDepth};
use taper_tensor::{add_relu, relu};

use crate::backbones::staged::Layers;

/// A block: `relu(F(x) + shortcut(x))`.
pub(crate) struct Residual {
    /// F but for its end.
    pub(crate) before: Layers,
    /// What F ends with.
    pub(crate) last: ConvNorm,
    /// None where the shape stays.
    pub(crate) shortcut: Option<ConvNorm>,
    /// Whether F is sometimes left out.
    pub(crate) depth: StochasticDepth,
}

impl Layer for Residual {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.forward(x, mode)?,
            None => x.clone(),
        };
        let depth = self.depth.draw(x, mode)?;
        if let Depth::Whole = depth {
            // In one pass.
            return self.last.forward_add_relu(&self.before.forward(x, mode)?, &shortcut, mode);
        }
        match depth.apply(|| self.last.forward(&self.before.forward(x, mode)?, mode))? {
            None => relu(&shortcut),
            Some(f) => add_relu(&f, &shortcut),
        }
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.graph(graph, x)?,
            None => x,
        };
        let f = self.before.graph(graph, x)?;
        let f = self.last.graph(graph, f)?;
        let sum = self.depth.graph(graph, (shortcut, f))?;
        Activation::Relu.graph(graph, sum)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_nn::{BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, Params};
    use taper_regularize::DropPer;
    use taper_tensor::Rng;

    use super::*;

    /// With a weight of 4 and a norm that halves, by its eps: F(x) = 2x.
    #[test]
    fn a_block_is_the_rectified_sum() -> Result<()> {
        let params = Params::new(Rng::new(0), DType::F64, Device::Cpu);
        let path = params.root();
        let conv = Conv2d::new(&path.at("conv"), 1, 1, 1, Conv2dConfig { bias: false, ..Default::default() })?;
        let norm = BatchNorm::new(&path.at("norm"), 1, BatchNormConfig { momentum: 0.1, eps: 3.0 })?;
        let weight = params.trainables().into_iter().find(|(name, _)| name == "conv.weight").unwrap().1;
        weight.set(&Tensor::full(4.0, (1, 1, 1, 1), &Device::Cpu)?)?;
        let last = ConvNorm { conv, norm };
        let depth = StochasticDepth::new(1.0, DropPer::Batch, "depth").unwrap();
        let block = Residual { before: Layers::new(), last, shortcut: None, depth };
        let x = Tensor::new(&[[[[1f64], [-3.0]]]], &Device::Cpu)?;
        assert_eq!(block.forward(&x, Mode::Eval)?.flatten_all()?.to_vec1::<f64>()?, [3.0, 0.0]);
        Ok(())
    }
}
