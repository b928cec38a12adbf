//! From a recipe to the network that it trains.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device};
use taper_tensor::{Params, Rng};
use taper_transfer::{Classifier, ConcatPoolHeadConfig, Fit, Head, Model, load_weights};

use crate::model::ModelCard;
use crate::pipeline::Input;
use crate::recipe::{HeadRecipe, Recipe};
use crate::regularize::backbone_config;

/// The classifier with a new head, over pretrained weights or random ones; with its card, which names `classes`.
///
/// # Errors
/// When the model is unknown, a setting out of its range, or a file of weights does not fit.
pub fn network(recipe: &Recipe, classes: &[String]) -> Result<(ModelCard, Classifier, Params)> {
    let head = match recipe.head {
        HeadRecipe { hidden: 0, .. } => Head::Linear,
        HeadRecipe { hidden, dropout, drop_connect } => {
            Head::ConcatPool(ConcatPoolHeadConfig { hidden, dropout, drop_connect })
        }
    };
    // Without a past a network has no statistics that pictures should have: about -2 to 2 serves any.
    let mut card = ModelCard {
        schema: 1,
        model: recipe.model.clone(),
        backbone: backbone_config(&recipe.regularize),
        head,
        classes: classes.to_vec(),
        input_size: recipe.data.image_size,
        mean: [0.5; 3],
        std: [0.25; 3],
    };
    let rng = Rng::new(recipe.seed).fork("init");
    if !recipe.pretrained {
        let (classifier, params) = card.build(rng)?;
        return Ok((card, classifier, params));
    }
    let pretrained = taper_transfer::model(&recipe.model)?;
    let manifest = pretrained.manifest()?;
    (card.mean, card.std) = (manifest.mean, manifest.std);
    let (classifier, params) = card.build(rng)?;
    load_backbone(pretrained, recipe.weights.as_deref(), &params)?;
    Ok((card, classifier, params))
}

/// A run's network, or a pretrained backbone that is there for its stages alone; with what pictures it takes.
///
/// # Errors
/// When `what` is neither, or a file of weights does not fit.
pub fn backbone(what: &str, weights: Option<&Path>) -> Result<(Classifier, Input)> {
    if Path::new(what).is_dir() {
        ensure!(weights.is_none(), "{what} is a run, which has weights of its own: leave out --weights");
        let model = crate::model::open(what)?;
        return Ok((model.classifier, model.card.input()));
    }
    let pretrained = taper_transfer::model(what)?;
    let manifest = pretrained.manifest()?;
    let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
    let backbone = pretrained.backbone(&params.root())?;
    let head = Head::Linear.build(&params.root(), backbone.channels(), 1)?;
    load_backbone(pretrained, weights, &params)?;
    let input = Input { size: u32::try_from(manifest.input_size)?, mean: manifest.mean, std: manifest.std };
    Ok((Classifier::new(backbone, head), input))
}

/// Copies a model's own weights, or those of a file, into a backbone. The head keeps its first values whatever the file holds.
fn load_backbone(model: &Model, file: Option<&Path>, params: &Params) -> Result<()> {
    let mut tensors = match file {
        Some(path) => model.weights_in(path)?,
        None => crate::pretrained::weights(model)?,
    };
    tensors.retain(|name, _| !Head::PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
    load_weights(params, &tensors, Fit::NewHead(&Head::PREFIXES)).with_context(|| match file {
        Some(path) => format!("{} holds no weights of {}", path.display(), model.name),
        None => format!("the weights of {} are not its own", model.name),
    })?;
    Ok(())
}
