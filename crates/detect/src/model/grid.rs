//! Where the cells of a map lie on the picture.

use std::collections::BTreeMap;

use taper_nn::{Graph, GraphOp, Params, Value};
use taper_transfer::Backbone;

/// The middles of a map's cells on the picture, along each axis: cell i sees the picture around
/// `offset + stride · i`, pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Pixels from one cell to the next.
    pub stride: f32,
    /// The middle of the first cell.
    pub offset: f32,
}

impl Grid {
    /// That of the first `stages` stages of a backbone, from its kernels, strides and paddings: the
    /// middle of a cell is that of all the pixels that it depends on. None where they make no map.
    ///
    /// With padding as in ResNet the first cell lies around the first pixel (offset 1/2);
    /// SqueezeNet, which pads nothing, sees pixel 15 there.
    ///
    /// # Errors
    /// When a stage cannot be written operation by operation.
    ///
    /// # Differs from PyTorch
    /// torchvision's anchors and regions lie as if the first cell saw the first pixel, whatever the
    /// backbone.
    pub fn of(backbone: &dyn Backbone, stages: usize, params: &Params) -> candle_core::Result<Option<Self>> {
        const SIDE: usize = 512;
        let (mut graph, mut x) = Graph::new(params, [3, SIDE, SIDE]);
        for stage in 0..stages {
            x = backbone.graph(stage, &mut graph, x)?;
        }
        let kernels = params.tensors().into_iter().map(|(name, t)| (name, t.dims().get(2).copied().unwrap_or(1)));
        Ok(Self::along(&graph, x, &kernels.collect()))
    }

    /// That of a value, by the way from it to the picture through first inputs.
    fn along(graph: &Graph, last: Value, kernels: &BTreeMap<String, usize>) -> Option<Self> {
        let mut way = Vec::new();
        let mut at = last.node();
        loop {
            let node = &graph.nodes()[at];
            way.push(node);
            match node.inputs.first() {
                Some(input) => at = input.node(),
                None => break,
            }
        }
        // In steps of a pixel, the first of which has its middle at 1/2.
        let (mut stride, mut offset) = (1.0, 0.5);
        for node in way.iter().rev() {
            let window = match node.operation {
                GraphOp::Conv(conv) => {
                    let kernel = *kernels.get(node.parameters.first()?)?;
                    let span = (kernel - 1) * conv.dilation;
                    // Of an even map, whose odd zero lies behind.
                    let same = (span + 1).saturating_sub(conv.stride) / 2;
                    Some((span, conv.stride, if conv.same { same } else { conv.padding }))
                }
                GraphOp::MaxPool(pool) => Some((pool.kernel.0 - 1, pool.stride, pool.padding)),
                GraphOp::AveragePool(side) => Some((side - 1, side, 0)),
                GraphOp::Rows | GraphOp::Flatten | GraphOp::GlobalMax | GraphOp::AdaptiveAverage(..) => return None,
                _ => None,
            };
            if let Some((span, step, padding)) = window {
                offset += stride * (span as f32 / 2.0 - padding as f32);
                stride *= step as f32;
            }
        }
        Some(Self { stride, offset })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor, Var};
    use taper_nn::{Mode, frozen_statistics};
    use taper_tensor::Rng;
    use taper_transfer::BackboneConfig;

    use super::*;

    fn grid(name: &str, stages: usize) -> Option<Grid> {
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        let backbone = taper_transfer::backbone(name, &params.root(), &BackboneConfig::default()).unwrap();
        Grid::of(backbone.as_ref(), stages, &params).unwrap()
    }

    #[test]
    fn strides_and_offsets_are_those_of_the_layers() {
        assert_eq!(grid("squeezenet1_1", 4), Some(Grid { stride: 16.0, offset: 15.5 }));
        assert_eq!(grid("squeezenet1_1", 3), Some(Grid { stride: 8.0, offset: 7.5 }));
        assert_eq!(grid("vit_tiny_patch16_224", 3), None);
    }

    /// Which pixels a cell depends on, by the gradient.
    #[test]
    fn the_middle_of_a_cell_is_that_of_the_pixels_it_sees() {
        for (name, stages, cell) in [("squeezenet1_1", 4, 5), ("small_cnn", 2, 4)] {
            let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
            let backbone = taper_transfer::backbone(name, &params.root(), &BackboneConfig::default()).unwrap();
            let grid = Grid::of(backbone.as_ref(), stages, &params).unwrap().unwrap();
            let values: Vec<f32> = (0..192 * 192 * 3).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
            let x = Var::from_vec(values, (1, 192, 192, 3), &Device::Cpu).unwrap();
            let rng = Rng::new(0);
            // A batch norm of the batch would see all pixels.
            let stage = |y: Tensor, i| frozen_statistics(|| backbone.stage(i, &y, Mode::Train(&rng)).unwrap());
            let y = (0..stages).fold(x.as_tensor().clone(), stage);
            let cell_of = y.narrow(1, cell, 1).unwrap().narrow(2, cell, 1).unwrap().sum_all().unwrap();
            let grads = cell_of.backward().unwrap();
            let rows: Tensor = grads.get(&x).unwrap().abs().unwrap().sum((0, 2, 3)).unwrap();
            let rows: Vec<f32> = rows.to_vec1().unwrap();
            let seen: Vec<usize> = (0..rows.len()).filter(|&i| rows[i] > 0.0).collect();
            let middle = (seen[0] + seen[seen.len() - 1] + 1) as f32 / 2.0;
            let wanted = grid.offset + grid.stride * cell as f32;
            // Random weights and rectifiers may leave out a pixel at an end; max pools let through
            // few.
            assert!((middle - wanted).abs() <= (grid.stride / 2.0).max(2.0), "{name}: {middle}, wanted {wanted}");
        }
    }
}
