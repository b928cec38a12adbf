//! The whole network.

use std::fmt;

use candle_core::{DType, Result, Tensor};
use serde::{Deserialize, Serialize};
use taper_nn::{Mode, Params, frozen_statistics};
use taper_tensor::Rng;
use taper_transfer::Backbone;

use super::anchors::{Anchors, anchors};
use super::card::{Asking, DetectorCard, Pooling};
use super::error::ModelError;
use super::grid::Grid;
use super::head::{BoxHead, Detection, HeadConfig, Regions};
use super::rpn::{Proposing, Rpn, RpnConfig};
use crate::boxes::BBox;
use crate::data::Batch;
use crate::ops::{Roi, RoiAlign, RoiPool, roi_align, roi_pool};

/// What a step of training looks at.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Stages of the backbone that keep their weights, counted from the picture. Default 2, as the
    /// papers and torchvision leave the first filters of a pretrained network alone.
    pub frozen: usize,
    /// Anchors for the region proposal network.
    pub rpn: RpnConfig,
    /// Regions for the head.
    pub head: HeadConfig,
    /// Proposals that these are drawn among.
    pub proposing: Proposing,
}

impl Default for Training {
    fn default() -> Self {
        let (rpn, head) = (RpnConfig::default(), HeadConfig::default());
        Self { frozen: 2, rpn, head, proposing: Proposing::TRAINING }
    }
}

/// The four losses of a batch, whose sum is trained; scalars.
#[derive(Clone, Debug)]
pub struct Losses {
    /// Whether an anchor has an object: binary cross-entropy. None where proposals are given.
    pub objectness: Option<Tensor>,
    /// The edges of proposals: smooth L1. None where proposals are given.
    pub proposals: Option<Tensor>,
    /// What is in a region: cross-entropy.
    pub class: Tensor,
    /// The edges of detections: smooth L1.
    pub boxes: Tensor,
}

impl Losses {
    /// Their sum.
    ///
    /// # Errors
    /// When the tensors cannot be added.
    pub fn total(&self) -> Result<Tensor> {
        let all = [Some(&self.class), Some(&self.boxes), self.objectness.as_ref(), self.proposals.as_ref()];
        let mut all = all.into_iter().flatten();
        let first = all.next().map_or_else(|| self.class.zeros_like(), |first| Ok(first.clone()))?;
        all.try_fold(first, |sum, loss| sum + loss)
    }

    /// Each as a number: objectness, proposals, class, boxes; those that there are not are 0.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn numbers(&self) -> Result<[f64; 4]> {
        let number = |loss: Option<&Tensor>| loss.map_or(Ok(0.0), |loss| loss.to_dtype(DType::F64)?.to_scalar());
        let Self { objectness, proposals, class, boxes } = self;
        Ok([number(objectness.as_ref())?, number(proposals.as_ref())?, number(Some(class))?, number(Some(boxes))?])
    }
}

/// Faster R-CNN: a backbone's map, a region proposal network on it, and a head that looks at each
/// proposed region of the map. Without the second, and with proposals from elsewhere, Fast R-CNN.
///
/// Batch norms normalize by their running statistics in training, too
/// ([`frozen_statistics`]), as batches of a few pictures have no good ones of their own.
///
/// # References
/// S. Ren, K. He, R. Girshick, J. Sun, *Faster R-CNN: Towards Real-Time Object Detection with
/// Region Proposal Networks*, 2015. R. Girshick, *Fast R-CNN*, 2015.
pub struct Detector {
    backbone: Box<dyn Backbone>,
    stages: usize,
    grid: Grid,
    rpn: Option<(Anchors, Rpn)>,
    head: BoxHead,
    pooling: Pooling,
    pooled: usize,
}

impl Detector {
    /// The network of a card, first values for its weights drawn from `rng`.
    ///
    /// # Errors
    /// When the card has a number out of its range, or names a backbone or stage that is not there
    /// or makes no maps.
    pub fn new(card: &DetectorCard, rng: Rng) -> std::result::Result<(Self, Params), ModelError> {
        Self::loaded(card, rng, |_| Ok(()))
    }

    /// The same, with `load` called while there are the parameters of the backbone alone.
    ///
    /// # Errors
    /// As [`new`](Self::new), and those of `load`.
    pub fn loaded(
        card: &DetectorCard,
        rng: Rng,
        load: impl FnOnce(&Params) -> std::result::Result<(), ModelError>,
    ) -> std::result::Result<(Self, Params), ModelError> {
        card.check()?;
        let (backbone, params) = card.backbone(rng)?;
        load(&params)?;
        let all = backbone.stages();
        let (stages, last) = (all.len(), all[all.len() - 1]);
        let grid = if last.stride == 0 { None } else { Grid::of(backbone.as_ref(), stages, &params)? };
        let none = || ModelError::NoMaps { model: card.model.clone(), stage: last.name };
        let grid = grid.ok_or_else(none)?;
        let root = params.root();
        let rpn = |anchors: &Anchors| -> std::result::Result<_, ModelError> {
            Ok((anchors.clone(), Rpn::new(&root.at("rpn"), last.channels, anchors.per_cell())?))
        };
        let rpn = card.anchors.as_ref().map(rpn).transpose()?;
        let inputs = card.pooled * card.pooled * last.channels;
        let head = BoxHead::new(&root.at("roi_heads"), inputs, card.hidden, card.classes.len())?;
        let (pooling, pooled) = (card.pooling, card.pooled);
        Ok((Self { backbone, stages, grid, rpn, head, pooling, pooled }, params))
    }

    /// The backbone.
    pub fn backbone(&self) -> &dyn Backbone {
        self.backbone.as_ref()
    }

    /// Where the cells of the map lie on the picture.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Whether it proposes regions by itself.
    pub fn proposes(&self) -> bool {
        self.rpn.is_some()
    }

    /// The parameters that are trained with the first `frozen` stages left alone, by name.
    pub fn trainables(&self, params: &Params, frozen: usize) -> Vec<(String, candle_core::Var)> {
        let still = &self.backbone.stages()[..frozen.min(self.stages)];
        let mut all = params.trainables();
        all.retain(|(name, _)| !still.iter().any(|stage| stage.owns(name)));
        all
    }

    /// The losses of a batch. What is random follows from the key of `rng`.
    ///
    /// # Errors
    /// When the batch has no proposals and the network proposes none, or the other way round, or a
    /// picture is too small for the backbone.
    pub fn losses(&self, batch: &Batch, training: &Training, rng: &Rng) -> std::result::Result<Losses, ModelError> {
        let noise = rng.fork("noise");
        let mode = Mode::Train(&noise);
        let map = self.map(&batch.pixels, training.frozen, mode)?;
        let (proposals, first) = match (&self.rpn, &batch.proposals) {
            (Some((shapes, rpn)), None) => {
                let anchors = self.anchors(shapes, &map)?;
                let scored = rpn.scored(&map, mode)?;
                let losses = scored.losses(&anchors, &batch.objects, training.rpn, &rng.fork("anchors"))?;
                (scored.proposals(&anchors, &batch.sizes, training.proposing)?, Some(losses))
            }
            (None, Some(given)) => (given.clone(), None),
            (own, _) => return Err(unlike(own.is_some())),
        };
        let regions = Regions::drawn(&proposals, &batch.objects, training.head, &rng.fork("regions"));
        let [class, boxes] = match regions.rois.is_empty() {
            true => [map.sum_all()?.affine(0.0, 0.0)?, map.sum_all()?.affine(0.0, 0.0)?],
            false => {
                let pooled = self.regions(&map, &regions.rois)?;
                self.head.losses(&self.head.scored(&pooled, mode)?, &regions)?
            }
        };
        let (objectness, proposals) = first.map_or((None, None), |[a, b]| (Some(a), Some(b)));
        Ok(Losses { objectness, proposals, class, boxes })
    }

    /// What is on each picture of a batch, best first, in the pixels of its file.
    ///
    /// # Errors
    /// As [`losses`](Self::losses).
    pub fn detect(&self, batch: &Batch, asking: &Asking) -> std::result::Result<Vec<Vec<Detection>>, ModelError> {
        let map = self.map(&batch.pixels, 0, Mode::Eval)?;
        let proposals = match (&self.rpn, &batch.proposals) {
            (Some((shapes, rpn)), None) => {
                let anchors = self.anchors(shapes, &map)?;
                rpn.scored(&map, Mode::Eval)?.proposals(&anchors, &batch.sizes, asking.proposing)?
            }
            (None, Some(given)) => given.clone(),
            (own, _) => return Err(unlike(own.is_some())),
        };
        let of = |(picture, boxes): (usize, &Vec<BBox>)| {
            boxes.iter().map(move |&bbox| Roi { picture, bbox }).collect::<Vec<_>>()
        };
        let rois: Vec<Roi> = proposals.iter().enumerate().flat_map(of).collect();
        if rois.is_empty() {
            return Ok(vec![Vec::new(); batch.sizes.len()]);
        }
        let scored = self.head.scored(&self.regions(&map, &rois)?, Mode::Eval)?;
        let mut found = self.head.found(&scored, &rois, &batch.sizes, asking)?;
        for (found, &(x, y)) in found.iter_mut().zip(&batch.scales) {
            found.iter_mut().for_each(|found| found.bbox = found.bbox.scaled(1.0 / x, 1.0 / y));
        }
        Ok(found)
    }

    /// The map of pictures, (N,h,w,C), of which frozen stages run in testing and end in a detach.
    fn map(&self, pixels: &Tensor, frozen: usize, mode: Mode<'_>) -> Result<Tensor> {
        let stage = |x: Tensor, number: usize| match number < frozen {
            true => Ok(self.backbone.stage(number, &x, Mode::Eval)?.detach()),
            false => frozen_statistics(|| self.backbone.stage(number, &x, mode)),
        };
        (0..self.stages).try_fold(pixels.clone(), stage)
    }

    fn anchors(&self, shapes: &Anchors, map: &Tensor) -> Result<Vec<BBox>> {
        let (_, height, width, _) = map.dims4()?;
        Ok(anchors(shapes, self.grid, (height, width)))
    }

    /// Regions of pictures as small maps.
    fn regions(&self, map: &Tensor, rois: &[Roi]) -> Result<Tensor> {
        // A cell of the map is read at its place in the row: 0 is the middle of the first.
        let by = -self.grid.offset;
        let rois: Vec<Roi> = rois.iter().map(|roi| Roi { bbox: roi.bbox.moved(by, by), ..*roi }).collect();
        let (output, scale) = ((self.pooled, self.pooled), 1.0 / f64::from(self.grid.stride));
        match self.pooling {
            Pooling::Align => roi_align(map, &rois, RoiAlign { output, scale, ..RoiAlign::default() }),
            Pooling::Max => roi_pool(map, &rois, RoiPool { output, scale }),
        }
    }
}

/// Proposals are given to who has its own, or not to who has none.
fn unlike(own: bool) -> ModelError {
    let words = ["takes proposals from a file (Fast R-CNN)", "proposes regions by itself (Faster R-CNN)"];
    let (has, wanted) = if own { (words[1], words[0]) } else { (words[0], words[1]) };
    ModelError::Proposals { has, wanted }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Detector");
        f.field("stages", &self.backbone.stages()).field("grid", &self.grid).field("proposes", &self.proposes());
        f.finish_non_exhaustive()
    }
}
