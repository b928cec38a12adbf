//! A recipe with its pictures and its network.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use candle_core::Tensor;
use taper_nn::Params;
use taper_tensor::Rng;
use taper_trainer::Listener;
use taper_trainer::build::model::weights_bytes;
use taper_trainer::build::pretrained;
use taper_trainer::epochs::SettingError;
use taper_transfer::{Fit, load_weights, sha256};

use super::error::TrainError;
use super::recipe::Recipe;
use crate::data::proposals::Proposals;
use crate::data::{AnnotationError, DetectionSet, Framing, Loading, Sides, Units, open};
use crate::model::{Anchors, Detector, DetectorCard, ModelError};

/// Pictures that the sizes of anchors are measured of, at most.
const LOOKED_AT: usize = 500;

/// The most sizes of anchors that are taken from the pictures.
const SIZES: usize = 5;

/// A network without a past has no mean and standard deviation that pictures should have: with
/// these any are about -2 to 2.
const RANDOM: ([f32; 3], [f32; 3]) = ([0.5; 3], [0.25; 3]);

/// A recipe with all that it names: what a training begins with.
#[derive(Debug)]
pub struct Task {
    /// The recipe, with what was measured of the pictures and the defaults that follow from others.
    pub recipe: Recipe,
    /// The pictures.
    pub sides: Sides,
    /// Boxes from a file, for Fast R-CNN.
    pub proposals: Option<Proposals>,
    /// What the network is.
    pub card: DetectorCard,
    /// The network.
    pub detector: Detector,
    /// Its weights.
    pub params: Params,
    /// What a run of it is a training of.
    pub(super) identity: Vec<(String, String)>,
}

impl Task {
    /// Opens the pictures, measures what is to be measured of them, and builds the network over
    /// pretrained weights or random ones.
    ///
    /// # Errors
    /// When a setting is out of its range, the pictures cannot be opened, the network cannot be
    /// built or its weights are not to be had.
    pub fn new(recipe: &Recipe, listener: &dyn Listener) -> Result<Self, TrainError> {
        recipe.check()?;
        let sides = open(&recipe.data)?;
        let proposals = recipe.proposals.as_deref().map(Proposals::read).transpose()?;
        let mut recipe = recipe.clone();
        let stage = match &recipe.stage {
            Some(stage) => stage.clone(),
            None => DetectorCard::usual_stage(&recipe.model)?.to_owned(),
        };
        recipe.stage = Some(stage.clone());
        recipe.optimize.lr = Some(recipe.optimize.peak());
        let framing = Framing { short: recipe.pictures.short, long: recipe.pictures.long };
        if proposals.is_none() && recipe.anchors.sizes.is_empty() {
            recipe.anchors.sizes = Anchors::sizes_for(&sizes(&sides.train, framing)?, SIZES);
        }
        let (mean, std) = colors(&recipe)?;
        let card = DetectorCard {
            schema: 1,
            model: recipe.model.clone(),
            stage,
            anchors: proposals.is_none().then(|| recipe.anchors.clone()),
            pooling: recipe.pooling,
            pooled: recipe.pooled,
            hidden: recipe.hidden,
            classes: sides.train.classes.clone(),
            framing,
            mean,
            std,
            asking: recipe.asking,
        };
        let mut weights = String::new();
        let rng = Rng::new(recipe.seed).fork("init");
        let (detector, params) = Detector::loaded(&card, rng, |params| {
            if recipe.pretrained {
                load(&recipe, params, listener)?;
                weights = sha256(&weights_bytes(&params.tensors())?);
            }
            Ok(())
        })?;
        let frozen = recipe.training.frozen;
        if frozen > detector.backbone().stages().len() {
            return Err(SettingError::new("training.frozen", "no more than the stages that are used", frozen).into());
        }
        let identity = [
            ("another recipe", placeless(&recipe)?),
            ("other weights of the backbone", weights),
            ("other pictures or boxes", known(&sides)),
        ];
        let identity = identity.map(|(what, text)| (what.to_owned(), text)).to_vec();
        Ok(Self { recipe, sides, proposals, card, detector, params, identity })
    }

    /// How the training pictures become batches.
    ///
    /// # Errors
    /// When the card has impossible colors.
    pub fn training(&self) -> Result<Loading<'_>, TrainError> {
        let augment = Some(self.recipe.pictures.augment);
        Ok(Loading { set: &self.sides.train, augment, ..self.validation()? })
    }

    /// How the validation pictures become batches.
    ///
    /// # Errors
    /// As [`training`](Self::training).
    pub fn validation(&self) -> Result<Loading<'_>, TrainError> {
        Ok(Loading {
            set: &self.sides.val,
            framing: self.card.framing,
            normalize: self.card.normalize()?,
            augment: None,
            proposals: self.proposals.as_ref(),
        })
    }
}

/// The square roots of the areas of objects as the network sees them, of some of the pictures.
fn sizes(set: &DetectionSet, framing: Framing) -> Result<Vec<f32>, AnnotationError> {
    let step = set.pictures.len().div_ceil(LOOKED_AT).max(1);
    let mut all = Vec::new();
    for picture in set.pictures.iter().step_by(step) {
        let size = match picture.size {
            Some(size) => size,
            None => picture.load()?.0.dimensions(),
        };
        let seen = framing.size(size);
        let (x, y) = match picture.units {
            Units::Pixels => (seen.0 as f32 / size.0.max(1) as f32, seen.1 as f32 / size.1.max(1) as f32),
            Units::Fractions => (seen.0 as f32, seen.1 as f32),
        };
        let objects = picture.objects.iter().filter(|object| !object.ignored);
        all.extend(objects.map(|object| object.bbox.scaled(x, y).area().sqrt()));
    }
    Ok(all)
}

/// Mean and standard deviation of the colors that the backbone's weights want.
fn colors(recipe: &Recipe) -> Result<([f32; 3], [f32; 3]), ModelError> {
    if !recipe.pretrained {
        return Ok(RANDOM);
    }
    let manifest = taper_transfer::model(&recipe.model)?.manifest()?;
    Ok((manifest.mean, manifest.std))
}

/// Loads pretrained weights into the parameters of a backbone, of which it may have fewer than the
/// file.
fn load(recipe: &Recipe, params: &Params, listener: &dyn Listener) -> Result<(), ModelError> {
    let model = taper_transfer::model(&recipe.model)?;
    let file = pretrained::weights(model, recipe.weights.as_deref(), listener)?;
    pretrained::tell(&file.report, listener);
    let own = params.tensors();
    let tensors: BTreeMap<String, Tensor> =
        file.tensors.into_iter().filter(|(name, _)| own.contains_key(name)).collect();
    load_weights(params, &tensors, Fit::Exact)?;
    Ok(())
}

/// The recipe without what only says where something lies, which is known by its content.
fn placeless(recipe: &Recipe) -> Result<String, TrainError> {
    let bare = Recipe { data: PathBuf::new(), weights: None, ..recipe.clone() };
    Ok(toml::to_string(&bare)?)
}

/// SHA-256 of what is known of pictures without decoding them.
fn known(sides: &Sides) -> String {
    let mut text = sides.train.classes.join("\n");
    for set in [&sides.train, &sides.val] {
        for picture in &set.pictures {
            let length = picture.path.metadata().map_or(0, |about| about.len());
            // Writing into a string cannot fail.
            let _ = write!(text, "\n{} {length} {:?} {:?}", picture.name(), picture.size, picture.objects);
        }
    }
    sha256(text.as_bytes())
}
