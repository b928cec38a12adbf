//! The head that looks at each region.

use candle_core::{Result, Tensor};
use candle_nn::Init;
use candle_nn::init::DEFAULT_KAIMING_NORMAL;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use taper_nn::{Activation, Layer, LayerError, Linear, LinearConfig, Mode, ParamPath};
use taper_tensor::{Rng, cross_entropy, softmax};

use super::card::Asking;
use super::losses::smooth_l1;
use super::matching::{Thresholds, matched};
use super::sampling::sampled;
use super::targets::{indices, nothing_of, rows, values};
use crate::boxes::{BBox, Coder, batched_nms};
use crate::data::Object;
use crate::ops::Roi;

/// The least side of a detection, pixels: torchvision's.
const LEAST: f32 = 1e-2;

/// What a head is trained on.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadConfig {
    /// Regions of a picture. Default 128, as in the papers' code; torchvision's is 512.
    pub regions: usize,
    /// The most of them that are objects', fraction. Default 1/4, the paper's and torchvision's.
    pub positive: f64,
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self { regions: 128, positive: 0.25 }
    }
}

/// An object that has been found.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Detection {
    /// Where, pixels.
    pub bbox: BBox,
    /// The number of its class.
    pub class: usize,
    /// The probability of that class, in [0, 1].
    pub score: f32,
}

/// Two fully connected layers with rectifiers over a region's map, and behind them the logits of
/// background and the classes, and for each of these how to move the region's edges.
///
/// Parameters `fc6`, `fc7`, `cls_score` and `bbox_pred`. They begin normal: the first two by He et
/// al., the others with the papers' standard deviations 0.01 and 0.001; biases 0.
///
/// # Shapes
/// Regions (R,h,w,C) to logits (R,K+1) and deltas (R,4(K+1)), background first.
///
/// # References
/// R. Girshick, *Fast R-CNN*, 2015.
#[derive(Clone, Debug)]
pub struct BoxHead {
    fc6: Linear,
    fc7: Linear,
    cls_score: Linear,
    bbox_pred: Linear,
    outputs: usize,
}

/// Regions of a batch that a step looks at.
#[derive(Clone, Debug, Default)]
pub(super) struct Regions {
    /// Where they are, by picture, in each those of objects first.
    pub(super) rois: Vec<Roi>,
    /// What each is: 0 for background, else one more than the class.
    labels: Vec<usize>,
    /// Where to move the edges of those of objects: their places, and deltas.
    moves: Vec<(usize, [f32; 4])>,
}

impl BoxHead {
    /// A head for regions of so many numbers, with its parameters below `path`.
    ///
    /// # Errors
    /// When a size is 0, or a parameter exists with another shape.
    pub fn new(
        path: &ParamPath,
        inputs: usize,
        hidden: usize,
        classes: usize,
    ) -> std::result::Result<Self, LayerError> {
        let normal = |stdev| Init::Randn { mean: 0.0, stdev };
        let linear = |name: &str, inputs, outputs, init| {
            Linear::new(&path.at(name), inputs, outputs, LinearConfig { init, ..LinearConfig::default() })
        };
        let outputs = classes + 1;
        Ok(Self {
            fc6: linear("fc6", inputs, hidden, DEFAULT_KAIMING_NORMAL)?,
            fc7: linear("fc7", hidden, hidden, DEFAULT_KAIMING_NORMAL)?,
            cls_score: linear("cls_score", hidden, outputs, normal(0.01))?,
            bbox_pred: linear("bbox_pred", hidden, 4 * outputs, normal(0.001))?,
            outputs,
        })
    }

    /// Logits (R,K+1) and deltas (R·(K+1),4) of regions.
    pub(super) fn scored(&self, regions: &Tensor, mode: Mode<'_>) -> Result<(Tensor, Tensor)> {
        let x = self.fc6.forward_activate(&regions.flatten_from(1)?, mode, Activation::Relu)?;
        let x = self.fc7.forward_activate(&x, mode, Activation::Relu)?;
        let (logits, deltas) = (self.cls_score.forward(&x, mode)?, self.bbox_pred.forward(&x, mode)?);
        let rows = deltas.dim(0)? * self.outputs;
        Ok((logits, deltas.reshape((rows, 4))?))
    }

    /// The loss of what regions are, and that of their edges.
    pub(super) fn losses(&self, (logits, deltas): &(Tensor, Tensor), regions: &Regions) -> Result<[Tensor; 2]> {
        let count = regions.labels.len();
        let mut targets = vec![0f32; count * self.outputs];
        for (region, label) in regions.labels.iter().enumerate() {
            targets[region * self.outputs + label] = 1.0;
        }
        let targets = Tensor::from_vec(targets, (count, self.outputs), logits.device())?;
        let class = cross_entropy(logits, &targets)?;
        if regions.moves.is_empty() {
            return Ok([class, nothing_of(deltas)?]);
        }
        let place = |&(region, _): &(usize, [f32; 4])| region * self.outputs + regions.labels[region];
        let said = deltas.index_select(&indices(&regions.moves.iter().map(place).collect::<Vec<_>>())?, 0)?;
        let wanted = rows(regions.moves.iter().map(|(_, deltas)| *deltas).collect())?;
        Ok([class, smooth_l1(&said, &wanted, count)?])
    }

    /// What is found in regions of a batch.
    pub(super) fn found(
        &self,
        (logits, deltas): &(Tensor, Tensor),
        rois: &[Roi],
        sizes: &[(f32, f32)],
        asking: &Asking,
    ) -> Result<Vec<Vec<Detection>>> {
        let (scores, deltas) = (values(&softmax(logits)?)?, values(deltas)?);
        let of = |(picture, &size): (usize, &(f32, f32))| {
            let mine = (0..rois.len()).filter(|&region| rois[region].picture == picture);
            let mut all = Vec::new();
            for region in mine {
                for label in 1..self.outputs {
                    let at = region * self.outputs + label;
                    let delta = [deltas[4 * at], deltas[4 * at + 1], deltas[4 * at + 2], deltas[4 * at + 3]];
                    let bbox = Coder::HEAD.decode(&rois[region].bbox, delta).clipped(size.0, size.1);
                    let score = scores[at];
                    if score > asking.score && bbox.is_finite() && bbox.is_at_least(LEAST) {
                        all.push(Detection { bbox, class: label - 1, score });
                    }
                }
            }
            best(&all, asking)
        };
        Ok(sizes.par_iter().enumerate().map(of).collect())
    }
}

/// The best of those that overlap, best first.
fn best(all: &[Detection], asking: &Asking) -> Vec<Detection> {
    let boxes: Vec<BBox> = all.iter().map(|found| found.bbox).collect();
    let scores: Vec<f32> = all.iter().map(|found| found.score).collect();
    let classes: Vec<usize> = all.iter().map(|found| found.class).collect();
    let kept = batched_nms(&boxes, &scores, &classes, asking.overlap);
    kept.into_iter().take(asking.most).map(|place| all[place]).collect()
}

impl Regions {
    /// Draws regions among proposals, and the boxes of the objects themselves.
    pub(super) fn drawn(proposals: &[Vec<BBox>], objects: &[Vec<Object>], config: HeadConfig, rng: &Rng) -> Self {
        let mut regions = Self::default();
        for (picture, (proposals, objects)) in proposals.iter().zip(objects).enumerate() {
            let (ignored, present): (Vec<&Object>, Vec<&Object>) = objects.iter().partition(|o| o.ignored);
            let ignored: Vec<BBox> = ignored.iter().map(|o| o.bbox).collect();
            let own: Vec<BBox> = present.iter().map(|o| o.bbox).collect();
            let boxes: Vec<BBox> = proposals.iter().chain(&own).copied().collect();
            let matches = matched(&boxes, &own, &ignored, Thresholds::HEAD);
            let sample = sampled(&matches, config.regions, config.positive, &mut rng.at(picture as u64));
            for (place, object) in sample.objects {
                regions.moves.push((regions.rois.len(), Coder::HEAD.encode(&boxes[place], &own[object])));
                regions.rois.push(Roi { picture, bbox: boxes[place] });
                regions.labels.push(present[object].class + 1);
            }
            for place in sample.background {
                regions.rois.push(Roi { picture, bbox: boxes[place] });
                regions.labels.push(0);
            }
        }
        regions
    }
}
