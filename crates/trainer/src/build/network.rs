//! From a recipe to the network that it trains.

use std::path::Path;

use candle_core::{DType, Device};
use taper_nn::{LoadReport, Params};
use taper_tensor::Rng;
use taper_transfer::{
    BackboneConfig, Classifier, ConcatPoolHeadConfig, Fit, Head, MlpHeadConfig, PretrainedModel, ReadReport,
    WeightsFile, architecture, load_weights,
};

use crate::build::error::{BuildError, Unfit};
use crate::build::model::{ModelCard, input_size};
use crate::build::pipeline::Input;
use crate::build::pretrained::{tell, weights};
use crate::build::regularize::backbone_config;
use crate::error::Result;
use crate::listener::Listener;
use crate::recipe::{HeadKind, HeadRecipe, Recipe, RecipeError};

/// A classifier before its training.
#[derive(Debug)]
pub struct Network {
    /// What it is.
    pub card: ModelCard,
    /// The network.
    pub classifier: Classifier,
    /// Its weights.
    pub params: Params,
    /// What came of a file of weights; none where all are random.
    pub loaded: Option<Loaded>,
}

/// What came of a file of weights.
#[derive(Debug)]
pub struct Loaded {
    /// What lay around them.
    pub read: ReadReport,
    /// Which parameters are those of the file, and what else was in it.
    pub fit: LoadReport,
}

/// The classifier with a new head, over pretrained weights or random ones; with its card, which
/// names `classes`.
///
/// # Errors
/// When the model is unknown, a setting out of its range, or a file of weights does not fit.
pub fn network(recipe: &Recipe, classes: &[String], listener: &dyn Listener) -> Result<Network> {
    let head = head(recipe)?;
    // Without a past a network has no statistics that pictures should have: about -2 to 2 serves
    // any.
    let mut card = ModelCard {
        schema: 1,
        model: recipe.model.clone(),
        backbone: BackboneConfig { stages: stages(recipe)?, ..backbone_config(&recipe.regularize) },
        head,
        classes: classes.to_vec(),
        input_size: recipe.data.image_size,
        mean: [0.5; 3],
        std: [0.25; 3],
    };
    let rng = Rng::new(recipe.seed).fork("init");
    if !recipe.pretrained {
        let (classifier, params) = card.build(rng)?;
        return Ok(Network { card, classifier, params, loaded: None });
    }
    let pretrained = taper_transfer::model(&recipe.model)?;
    let manifest = pretrained.manifest()?;
    (card.mean, card.std) = (manifest.mean, manifest.std);
    let (classifier, params) = card.build(rng)?;
    let kept = match recipe.head.kind {
        HeadKind::Own => inherited(&params, recipe.head.fresh),
        _ => Vec::new(),
    };
    let how = How { kept: &kept, cut: recipe.cut.is_some(), partial: recipe.partial, may_be_partial: true };
    let loaded = Some(load(pretrained, recipe.weights.as_deref(), (&params, how), listener)?);
    Ok(Network { card, classifier, params, loaded })
}

/// How many stages there are up to the one that the recipe names; 0 for all.
fn stages(recipe: &Recipe) -> Result<usize> {
    let Some(name) = &recipe.cut else { return Ok(0) };
    let names = stage_names(recipe)?;
    match names.iter().position(|known| known == name) {
        Some(stage) => Ok(stage + 1),
        None => Err(RecipeError::Stage { field: "cut", got: name.clone(), known: names.join(", ") }.into()),
    }
}

/// How many stages of the recipe's network are frozen when `last` is the last of them; 0 for
/// `none`.
///
/// # Errors
/// Lists the stages when the recipe does not use this one.
pub fn frozen_stages(recipe: &Recipe, last: &str) -> Result<usize> {
    let mut names = stage_names(recipe)?;
    names.truncate(stages(recipe).map(|stages| if stages == 0 { names.len() } else { stages })?);
    names.insert(0, "none");
    let known = || names.join(", ");
    let found = names.iter().position(|known| *known == last);
    found.ok_or_else(|| RecipeError::Stage { field: "--freeze", got: last.to_owned(), known: known() }.into())
}

/// The stages of the recipe's network, from the picture.
fn stage_names(recipe: &Recipe) -> Result<Vec<&'static str>> {
    let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
    let backbone = architecture(&recipe.model)?.backbone(&params.root(), &BackboneConfig::default())?;
    Ok(backbone.stages().iter().map(|stage| stage.name).collect())
}

fn head(recipe: &Recipe) -> Result<Head> {
    let HeadRecipe { kind, hidden, dropout, drop_connect, .. } = recipe.head;
    Ok(match (kind, hidden) {
        (HeadKind::Own, _) => architecture(&recipe.model)?.head(),
        (HeadKind::Mlp, _) => Head::Mlp(MlpHeadConfig { hidden, dropout }),
        (HeadKind::ConcatPool, 0) => Head::Linear,
        (HeadKind::ConcatPool, _) => Head::ConcatPool(ConcatPoolHeadConfig { hidden, dropout, drop_connect }),
    })
}

/// Whether a parameter of this name is one of a head.
fn of_head(name: &str) -> bool {
    Head::PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The parameters of a head that have the pretrained weights when the last `fresh` of its layers
/// begin anew.
fn inherited(params: &Params, fresh: usize) -> Vec<String> {
    let tensors = params.tensors();
    let names: Vec<&String> = tensors.keys().filter(|name| of_head(name)).collect();
    let number = |name: &str| name.split('.').find_map(|part| part.parse::<usize>().ok()).unwrap_or(0);
    let mut layers: Vec<usize> = names.iter().map(|name| number(name)).collect();
    layers.sort_unstable();
    layers.dedup();
    layers.truncate(layers.len().saturating_sub(fresh));
    names.into_iter().filter(|name| layers.contains(&number(name))).cloned().collect()
}

/// A network that is there for its stages alone.
#[derive(Debug)]
pub struct FeatureExtractor {
    /// The network.
    pub classifier: Classifier,
    /// Its weights.
    pub params: Params,
    /// What pictures it takes.
    pub input: Input,
}

/// A run's network, or a pretrained backbone, for pictures of this size or of its own.
///
/// # Errors
/// When `what` is neither, or a file of weights does not fit.
pub fn backbone(
    what: &str,
    weights: Option<&Path>,
    size: Option<u32>,
    listener: &dyn Listener,
) -> Result<FeatureExtractor> {
    let sized = |input: Input| Input { size: size.unwrap_or(input.size), ..input };
    if Path::new(what).is_dir() {
        let model = crate::build::model::open(what, weights, listener)?;
        return Ok(FeatureExtractor {
            input: sized(model.card.input()),
            classifier: model.classifier,
            params: model.params,
        });
    }
    let pretrained = taper_transfer::model(what)?;
    let manifest = pretrained.manifest()?;
    let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
    let backbone = pretrained.backbone(&params.root())?;
    let head = Head::Linear.build(&params.root(), backbone.channels(), 1)?;
    tell(&load(pretrained, weights, (&params, How::default()), listener)?.read, listener);
    let input = Input { size: input_size(manifest.input_size)?, mean: manifest.mean, std: manifest.std };
    Ok(FeatureExtractor { classifier: Classifier::new(backbone, head), params, input: sized(input) })
}

/// What is taken of a file of weights.
#[derive(Clone, Copy, Default)]
struct How<'a> {
    /// The parameters of the head that have its values too; the others keep their first ones
    /// whatever the file holds.
    kept: &'a [String],
    /// Whether the network ends early, so that the file has more stages.
    cut: bool,
    /// Whether the file may lack some, or have others.
    partial: bool,
    /// Whether a recipe says so.
    may_be_partial: bool,
}

/// Copies a model's own weights, or those of a file, into a backbone, and into what is kept of its
/// head.
fn load(
    model: &PretrainedModel,
    file: Option<&Path>,
    (params, how): (&Params, How<'_>),
    listener: &dyn Listener,
) -> Result<Loaded> {
    let How { kept, cut, partial, may_be_partial } = how;
    let WeightsFile { mut tensors, report: read } = weights(model, file, listener)?;
    let (name, path) = (|| model.name.to_owned(), || file.map(Path::to_owned));
    if let Some(parameter) = kept.iter().find(|name| !tensors.contains_key(*name)) {
        let parameter = parameter.clone();
        return Err(BuildError::NoHead { model: name(), file: path(), parameter }.into());
    }
    let own = params.tensors();
    if let Some(parameter) = kept.iter().find(|name| tensors[*name].elem_count() != own[*name].elem_count()) {
        let [got, wanted] = [&tensors, &own].map(|all| all[parameter].dims().to_vec());
        let parameter = parameter.clone();
        return Err(BuildError::OtherHead { model: name(), file: path(), parameter, got, wanted }.into());
    }
    let whole = params.compare(&tensors);
    tensors.retain(|name, _| kept.contains(name) || !of_head(name));
    if cut {
        tensors.retain(|name, _| own.contains_key(name));
    }
    let fit = if partial { Fit::Partial } else { Fit::NewHead(&Head::PREFIXES) };
    let LoadReport { loaded, .. } = load_weights(params, &tensors, fit).map_err(|source| {
        let unfit = Unfit { model: name(), file: path(), read: read.clone(), classes: None, may_be_partial, source };
        BuildError::Unfit(unfit)
    })?;
    let mut reshaped = whole.reshaped;
    reshaped.retain(|tensor| !loaded.contains(&tensor.name));
    let missing =
        own.into_keys().filter(|name| !loaded.contains(name) && reshaped.iter().all(|tensor| tensor.name != *name));
    Ok(Loaded { read, fit: LoadReport { missing: missing.collect(), unexpected: whole.unexpected, reshaped, loaded } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_layers_of_an_own_head_begin_anew() {
        let names = |head: Head, fresh| {
            let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
            head.build(&params.root(), 4, 3).unwrap();
            inherited(&params, fresh)
        };
        let vgg = Head::Vgg(taper_transfer::VggHeadConfig { hidden: 5, dropout: 0.5 });
        assert_eq!(
            names(vgg, 1),
            ["classifier.0.bias", "classifier.0.weight", "classifier.3.bias", "classifier.3.weight"]
        );
        assert_eq!(names(vgg, 2), ["classifier.0.bias", "classifier.0.weight"]);
        assert!(names(vgg, 3).is_empty() && names(vgg, 9).is_empty() && names(Head::Linear, 1).is_empty());
    }
}
