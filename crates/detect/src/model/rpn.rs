//! The region proposal network.

use candle_core::{Result, Tensor};
use candle_nn::Init;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use taper_nn::{Conv2d, Conv2dConfig, Layer, LayerError, Mode, ParamPath};
use taper_tensor::{Rng, binary_cross_entropy};

use super::losses::smooth_l1;
use super::matching::{Thresholds, matched};
use super::sampling::sampled;
use super::targets::{indices, nothing_of, rows, values};
use crate::boxes::{BBox, Coder, by_score, nms};
use crate::data::Object;

/// The least side of a proposal, pixels: torchvision's.
const LEAST: f32 = 1e-3;

/// How many proposals there are.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proposing {
    /// Anchors of a picture, best first, that overlap is looked for among.
    pub before: usize,
    /// Boxes of a picture that are left.
    pub after: usize,
    /// The largest IoU of two that are left. Default 0.7, the paper's and torchvision's.
    pub overlap: f32,
}

impl Proposing {
    /// While a network is trained: 2000 of 2000, as in torchvision.
    pub const TRAINING: Self = Self { before: 2000, after: 2000, overlap: 0.7 };
    /// While it answers: 300 of 1000. torchvision's are 1000 of 1000, the paper's 300 of 6000.
    pub const ANSWERS: Self = Self { before: 1000, after: 300, overlap: 0.7 };
}

/// What a region proposal network is trained on.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RpnConfig {
    /// Anchors of a picture. Default 256, the paper's and torchvision's.
    pub anchors: usize,
    /// The most of them that are objects', fraction. Default 1/2.
    pub positive: f64,
}

impl Default for RpnConfig {
    fn default() -> Self {
        Self { anchors: 256, positive: 0.5 }
    }
}

/// Says of each anchor whether there is an object, and how to move its edges: a convolution of 3x3
/// with a rectifier, and two of 1x1 behind it.
///
/// Parameters `conv`, `cls_logits` and `bbox_pred`, with torchvision's first values: normal with
/// standard deviation 0.01, biases 0.
///
/// # Shapes
/// A map (N,H,W,C) to logits (N,H,W,A) and deltas (N,H,W,4A), A anchors in a cell.
///
/// # References
/// S. Ren, K. He, R. Girshick, J. Sun, *Faster R-CNN: Towards Real-Time Object Detection with
/// Region Proposal Networks*, 2015.
#[derive(Clone, Debug)]
pub struct Rpn {
    conv: Conv2d,
    cls_logits: Conv2d,
    bbox_pred: Conv2d,
}

/// What the network says of the anchors of a batch.
#[derive(Clone, Debug)]
pub(super) struct Scored {
    /// (N·M), M anchors of a picture.
    logits: Tensor,
    /// (N·M,4).
    deltas: Tensor,
}

impl Rpn {
    /// A network for maps of so many channels, with its parameters below `path`.
    ///
    /// # Errors
    /// When a size is 0, or a parameter exists with another shape.
    pub fn new(path: &ParamPath, channels: usize, anchors: usize) -> std::result::Result<Self, LayerError> {
        let init = Init::Randn { mean: 0.0, stdev: 0.01 };
        let conv = |name: &str, outputs, kernel: usize| {
            let config = Conv2dConfig { padding: kernel / 2, init, ..Conv2dConfig::default() };
            Conv2d::new(&path.at(name), channels, outputs, kernel, config)
        };
        Ok(Self {
            conv: conv("conv", channels, 3)?,
            cls_logits: conv("cls_logits", anchors, 1)?,
            bbox_pred: conv("bbox_pred", 4 * anchors, 1)?,
        })
    }

    /// What it says of every anchor of a map.
    pub(super) fn scored(&self, map: &Tensor, mode: Mode<'_>) -> Result<Scored> {
        let x = self.conv.forward_relu(map, mode)?;
        let logits = self.cls_logits.forward(&x, mode)?.flatten_all()?;
        let deltas = self.bbox_pred.forward(&x, mode)?;
        let deltas = deltas.reshape((deltas.elem_count() / 4, 4))?;
        Ok(Scored { logits, deltas })
    }
}

impl Scored {
    /// The boxes that are left of each picture, best first; `sizes` are the pictures' in their
    /// slots.
    pub(super) fn proposals(
        &self,
        anchors: &[BBox],
        sizes: &[(f32, f32)],
        proposing: Proposing,
    ) -> Result<Vec<Vec<BBox>>> {
        let (logits, deltas) = (values(&self.logits)?, values(&self.deltas)?);
        let count = anchors.len();
        let of = |(picture, &(width, height)): (usize, &(f32, f32))| {
            let logits = &logits[picture * count..(picture + 1) * count];
            let (mut boxes, mut scores) = (Vec::new(), Vec::new());
            for anchor in by_score(logits).into_iter().take(proposing.before) {
                let at = 4 * (picture * count + anchor);
                let delta = [deltas[at], deltas[at + 1], deltas[at + 2], deltas[at + 3]];
                let bbox = Coder::PROPOSALS.decode(&anchors[anchor], delta).clipped(width, height);
                if bbox.is_finite() && bbox.is_at_least(LEAST) {
                    boxes.push(bbox);
                    scores.push(logits[anchor]);
                }
            }
            let kept = nms(&boxes, &scores, proposing.overlap);
            kept.into_iter().take(proposing.after).map(|place| boxes[place]).collect()
        };
        Ok(sizes.par_iter().enumerate().map(of).collect())
    }

    /// The loss of whether there is an object, and that of its edges.
    pub(super) fn losses(
        &self,
        anchors: &[BBox],
        objects: &[Vec<Object>],
        config: RpnConfig,
        rng: &Rng,
    ) -> Result<[Tensor; 2]> {
        let (mut places, mut positive, mut deltas) = (Vec::new(), Vec::new(), Vec::new());
        let mut labels: Vec<f32> = Vec::new();
        for (picture, objects) in objects.iter().enumerate() {
            let (ignored, present): (Vec<&Object>, Vec<&Object>) = objects.iter().partition(|o| o.ignored);
            let [ignored, present] = [ignored, present].map(|all| all.iter().map(|o| o.bbox).collect::<Vec<_>>());
            let matches = matched(anchors, &present, &ignored, Thresholds::PROPOSALS);
            let sample = sampled(&matches, config.anchors, config.positive, &mut rng.at(picture as u64));
            let first = picture * anchors.len();
            for &(anchor, object) in &sample.objects {
                positive.push(first + anchor);
                deltas.push(Coder::PROPOSALS.encode(&anchors[anchor], &present[object]));
            }
            labels.extend(sample.objects.iter().map(|_| 1.0).chain(sample.background.iter().map(|_| 0.0)));
            places.extend(sample.objects.iter().map(|(anchor, _)| first + anchor));
            places.extend(sample.background.iter().map(|anchor| first + anchor));
        }
        let count = places.len();
        if count == 0 {
            return Ok([nothing_of(&self.logits)?, nothing_of(&self.deltas)?]);
        }
        let logits = self.logits.index_select(&indices(&places)?, 0)?.reshape((count, 1))?;
        let labels = Tensor::from_vec(labels, (count, 1), logits.device())?;
        let objectness = binary_cross_entropy(&logits, &labels, None)?;
        if positive.is_empty() {
            return Ok([objectness, nothing_of(&self.deltas)?]);
        }
        let said = self.deltas.index_select(&indices(&positive)?, 0)?;
        Ok([objectness, smooth_l1(&said, &rows(deltas)?, count)?])
    }
}
