//! From a recipe to the network that it trains.

use anyhow::{Context, Result};
use taper_tensor::{Params, Rng};
use taper_transfer::{Classifier, ConcatPoolHeadConfig, Fit, Head, load_weights};

use crate::model::ModelCard;
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
    let mut tensors = match &recipe.weights {
        Some(path) => pretrained.weights_in(path)?,
        None => crate::pretrained::weights(pretrained)?,
    };
    // The head is new whatever the file holds: its first values come from the seed.
    tensors.retain(|name, _| !Head::PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
    load_weights(&params, &tensors, Fit::NewHead(&Head::PREFIXES)).with_context(|| match &recipe.weights {
        Some(path) => format!("{} holds no weights of {}", path.display(), recipe.model),
        None => format!("the weights of {} are not its own", recipe.model),
    })?;
    Ok((card, classifier, params))
}
