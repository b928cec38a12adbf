//! A block of a small network as timm builds and names it, from a line of a table.

use candle_core::Result;
use taper_nn::{Activation, BatchNormConfig, Conv2dConfig, ConvNorm, ConvNormAct, ParamPath};
use taper_regularize::StochasticDepth;

use crate::backbones::conv_norm::centered;
use crate::backbones::inverted_residual::InvertedResidual;
use crate::backbones::staged::Layers;

/// What a block is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A convolution, which no input is added to.
    Plain { kernel: usize },
    /// Depthwise, pointwise.
    Separable { kernel: usize },
    /// Pointwise to so many times the channels, depthwise, pointwise to fewer.
    Inverted { kernel: usize, expansion: usize },
    /// The same whose first two convolutions are one.
    Fused { kernel: usize, expansion: usize },
    /// Inverted with depthwise convolutions of these kernels before the first pointwise one and
    /// behind it; 0 for none.
    Universal { before: usize, between: usize, expansion: usize },
}

/// A block: a line of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MobileBlock {
    pub(crate) kind: Kind,
    pub(crate) stride: usize,
    pub(crate) outputs: usize,
}

/// What the convolutions of a network have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MobileStyle {
    pub(crate) activation: Activation,
    pub(crate) norm: BatchNormConfig,
    /// Whether there are as many zeros around a map as in TensorFlow, else half the kernel.
    pub(crate) same: bool,
}

/// A convolution of a block with its norm.
struct Step {
    /// What they are called.
    names: [&'static str; 2],
    /// Whether each channel has a window of its own.
    depthwise: bool,
    kernel: usize,
    stride: usize,
    outputs: usize,
    /// Whether an activation follows.
    active: bool,
}

/// A pointwise convolution.
const fn pointwise(names: [&'static str; 2], outputs: usize, active: bool) -> Step {
    Step { names, depthwise: false, kernel: 1, stride: 1, outputs, active }
}

impl MobileBlock {
    /// The convolutions, for so many inputs.
    fn steps(self, inputs: usize) -> Vec<Step> {
        let Self { kind, stride, outputs } = self;
        let whole = |names, kernel, outputs| Step { names, depthwise: false, kernel, stride, outputs, active: true };
        let depthwise = |names, kernel, outputs| Step { depthwise: true, ..whole(names, kernel, outputs) };
        match kind {
            Kind::Plain { kernel } => vec![whole(["conv", "bn1"], kernel, outputs)],
            Kind::Separable { kernel } => {
                vec![depthwise(["conv_dw", "bn1"], kernel, inputs), pointwise(["conv_pw", "bn2"], outputs, false)]
            }
            Kind::Inverted { kernel, expansion } => vec![
                pointwise(["conv_pw", "bn1"], expansion * inputs, true),
                depthwise(["conv_dw", "bn2"], kernel, expansion * inputs),
                pointwise(["conv_pwl", "bn3"], outputs, false),
            ],
            Kind::Fused { kernel, expansion } => vec![
                whole(["conv_exp", "bn1"], kernel, expansion * inputs),
                pointwise(["conv_pwl", "bn2"], outputs, false),
            ],
            Kind::Universal { before, between, expansion } => {
                let wide = expansion * inputs;
                let first = depthwise(["dw_start.conv", "dw_start.bn"], before, inputs);
                // The map is halved as late as can be.
                let first = Step { active: false, stride: if between > 0 { 1 } else { stride }, ..first };
                let middle = depthwise(["dw_mid.conv", "dw_mid.bn"], between, wide);
                let mut steps = vec![first, pointwise(["pw_exp.conv", "pw_exp.bn"], wide, true), middle];
                steps.retain(|step| step.kernel > 0);
                steps.push(pointwise(["pw_proj.conv", "pw_proj.bn"], outputs, false));
                steps
            }
        }
    }

    /// The block below `path`, with what is at random in its training.
    pub(crate) fn build(
        self,
        path: &ParamPath,
        inputs: usize,
        style: MobileStyle,
        depth: StochasticDepth,
    ) -> Result<InvertedResidual> {
        let (mut channels, mut layers) = (inputs, Layers::new());
        for Step { names, depthwise, kernel, stride, outputs, active } in self.steps(inputs) {
            let at = names.map(|name| path.at(name));
            let groups = if depthwise { channels } else { 1 };
            let conv = conv_norm(at, (channels, outputs, kernel), (stride, groups), style)?;
            layers.push(if active { Box::new(ConvNormAct(conv, style.activation)) } else { Box::new(conv) });
            channels = outputs;
        }
        let stays = self.stride == 1 && inputs == self.outputs && !matches!(self.kind, Kind::Plain { .. });
        Ok(InvertedResidual::of(layers, stays.then_some(depth)))
    }
}

/// A convolution without a bias, and its norm.
pub(crate) fn conv_norm(
    at: [ParamPath; 2],
    sizes: (usize, usize, usize),
    (stride, groups): (usize, usize),
    MobileStyle { norm, same, .. }: MobileStyle,
) -> Result<ConvNorm> {
    centered(at.each_ref(), sizes, Conv2dConfig { stride, same, groups, ..Conv2dConfig::default() }, norm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_depthwise_convolution_has_the_stride() {
        let of = |before, between| {
            let kind = Kind::Universal { before, between, expansion: 4 };
            let steps = MobileBlock { kind, stride: 2, outputs: 9 }.steps(3);
            steps.into_iter().map(|s| (s.names[0], s.kernel, s.stride, s.outputs, s.active)).collect::<Vec<_>>()
        };
        let (start, mid) = ("dw_start.conv", "dw_mid.conv");
        let ends = [("pw_exp.conv", 1, 1, 12, true), ("pw_proj.conv", 1, 1, 9, false)];
        assert_eq!(of(5, 3), [(start, 5, 1, 3, false), ends[0], (mid, 3, 2, 12, true), ends[1]]);
        assert_eq!(of(5, 0), [(start, 5, 2, 3, false), ends[0], ends[1]]);
        assert_eq!(of(0, 3), [ends[0], (mid, 3, 2, 12, true), ends[1]]);
    }
}
