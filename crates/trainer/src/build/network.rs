//! From a recipe to the network that it trains.

use std::path::Path;

use candle_core::{DType, Device};
use taper_augment::Normalize;
use taper_data::Dataset;
use taper_nn::{LoadReport, Params};
use taper_tensor::Rng;
use taper_transfer::{
    BackboneConfig, Classifier, ConcatPoolHeadConfig, Fit, Head, MlpHeadConfig, Part, PretrainedModel, ReadReport,
    Stage, WeightsFile, architecture, load_weights,
};

use crate::build::error::{BuildError, Unfit};
use crate::build::framing::Framing;
use crate::build::labels::objective;
use crate::build::model::{ModelCard, input_size};
use crate::build::phases::numbered;
use crate::build::pipeline::Input;
use crate::build::pretrained::{tell, weights};
use crate::build::regularize::backbone_config;
use crate::error::Result;
use crate::listener::Listener;
use crate::recipe::{HeadKind, HeadRecipe, NormalizeRecipe, Recipe, RecipeError};

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

/// The classifier with a new head, over pretrained weights or random ones, for what is known of
/// these pictures; with its card, which names their classes.
///
/// # Errors
/// When the model is unknown, a setting out of its range or still to be
/// [measured](crate::build::colors::measured), it does not fit the labels of the pictures, or a
/// file of weights does not fit.
pub fn network(recipe: &Recipe, pictures: &dyn Dataset, listener: &dyn Listener) -> Result<Network> {
    let head = head(recipe)?;
    let said = normalization(&recipe.data.normalize)?;
    let Colors { mean, std } = said.unwrap_or(RANDOM);
    let mut card = ModelCard {
        schema: 1,
        model: recipe.model.clone(),
        backbone: BackboneConfig { stages: stages_until_cut(recipe)?, ..backbone_config(&recipe.regularize) },
        head,
        classes: pictures.classes().to_vec(),
        objective: objective(recipe, pictures)?,
        input_size: recipe.data.image_size,
        framing: Framing::USUAL,
        mean,
        std,
    };
    let rng = Rng::new(recipe.seed).fork("init");
    if !recipe.pretrained {
        let (classifier, params) = card.build(rng)?;
        return Ok(Network { card, classifier, params, loaded: None });
    }
    let pretrained = taper_transfer::model(&recipe.model)?;
    let manifest = pretrained.manifest()?;
    if said.is_none() {
        (card.mean, card.std) = (manifest.mean, manifest.std);
    }
    let (classifier, params) = card.build(rng)?;
    let kept = match recipe.head.kind {
        HeadKind::Own => inherited(&params, recipe.head.fresh),
        _ => of_stages(&classifier, &params),
    };
    let how = How { kept: &kept, cut: recipe.cut.is_some(), partial: recipe.partial, may_be_partial: true };
    let loaded = Some(load(pretrained, recipe.weights.as_deref(), (&params, how), listener)?);
    Ok(Network { card, classifier, params, loaded })
}

/// Without a past a network has no mean and standard deviation that pictures should have: with
/// these any are about -2 to 2.
const RANDOM: Colors = Colors { mean: [0.5; 3], std: [0.25; 3] };

/// What the colors of pictures are normalized with.
#[derive(Clone, Copy)]
struct Colors {
    mean: [f32; 3],
    std: [f32; 3],
}

/// The mean and the standard deviation that a recipe asks for; none for the network's own.
fn normalization(said: &NormalizeRecipe) -> Result<Option<Colors>, RecipeError> {
    Ok(match said {
        NormalizeRecipe::Network {} => None,
        NormalizeRecipe::Imagenet {} => Some(Colors { mean: Normalize::IMAGENET_MEAN, std: Normalize::IMAGENET_STD }),
        NormalizeRecipe::Values { mean, std } => {
            Some(Colors { mean: mean.map(|x| x as f32), std: std.map(|x| x as f32) })
        }
        NormalizeRecipe::Data {} => return Err(RecipeError::Unmeasured { field: "data.normalize" }),
    })
}

/// How many stages there are up to the one that the recipe names; 0 for all.
fn stages_until_cut(recipe: &Recipe) -> Result<usize> {
    let Some(name) = &recipe.cut else { return Ok(0) };
    let found = numbered(recipe, &architecture(&recipe.model)?.stages(), name);
    let unknown = |known| RecipeError::Stage { field: "cut", got: name.clone(), known }.into();
    found.map(|stage| stage + 1).map_err(unknown)
}

/// The stages of the recipe's network, from the picture to its head: up to the one where it is cut;
/// VGG's and AlexNet's fully connected layers among them where the network ends behind them, or in
/// its own head.
///
/// # Errors
/// When there is no network, or no stage, of the recipe's name.
pub fn stages(recipe: &Recipe) -> Result<Vec<Stage>> {
    let all = architecture(&recipe.model)?.stages();
    let maps = all.iter().filter(|stage| stage.stride > 0).count();
    let end = match (stages_until_cut(recipe)?, recipe.head.kind) {
        // Layers that begin anew are the head's.
        (0, HeadKind::Own) => maps.max((all.len() + 1).saturating_sub(recipe.head.fresh)),
        (0, _) => maps,
        (cut, _) => cut,
    };
    Ok(all.into_iter().take(end).collect())
}

fn head(recipe: &Recipe) -> Result<Head> {
    let HeadRecipe { kind, hidden, dropout, drop_connect, fresh } = recipe.head;
    Ok(match (kind, hidden) {
        (HeadKind::Own, _) => architecture(&recipe.model)?.head().with_layers(fresh),
        (HeadKind::Mlp, _) => Head::Mlp(MlpHeadConfig { hidden, dropout }),
        (HeadKind::ConcatPool, 0) => Head::Linear,
        (HeadKind::ConcatPool, _) => Head::ConcatPool(ConcatPoolHeadConfig { hidden, dropout, drop_connect }),
    })
}

/// Whether a parameter of this name is one of a head.
fn of_head(name: &str) -> bool {
    Head::PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The parameters of fully connected layers that are stages of the network.
fn of_stages(classifier: &Classifier, params: &Params) -> Vec<String> {
    let names = params.tensors().into_keys();
    names.filter(|name| of_head(name) && classifier.part(name) != Part::Head).collect()
}

/// The parameters of a head, and of fully connected layers before it, that have the pretrained
/// weights when the last `fresh` of all these layers begin anew.
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

/// How far a network is wanted that is there for its stages alone.
#[derive(Clone, Copy, Debug)]
pub enum Reach<'a> {
    /// To its last feature map.
    Maps,
    /// To its last stage, which VGG's and AlexNet's fully connected layers are.
    All,
    /// To the last of these stages; what has another name is passed over.
    Stages(&'a [String]),
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

/// A run's network, or a pretrained backbone as far as it is wanted, for pictures of this size or
/// of its own.
///
/// # Errors
/// When `what` is neither, or a file of weights does not fit.
pub fn backbone(
    what: &str,
    weights: Option<&Path>,
    (size, reach): (Option<u32>, Reach<'_>),
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
    let network = architecture(what)?;
    let all = network.stages();
    let named = |stage: &Stage, names: &[String]| names.iter().any(|name| network.stage_name(name) == stage.name);
    let last = match reach {
        Reach::Maps => None,
        Reach::All => Some(all.len() - 1),
        Reach::Stages(names) => all.iter().rposition(|stage| named(stage, names)),
    };
    let config = BackboneConfig { stages: last.map_or(0, |last| last + 1), ..BackboneConfig::default() };
    let classifier = network.classifier(&params, &config, &Head::Linear, 1)?;
    let kept = of_stages(&classifier, &params);
    let how = How { kept: &kept, cut: last.is_some(), ..How::default() };
    tell(&load(pretrained, weights, (&params, how), listener)?.read, listener);
    let framing = Framing::of(&manifest);
    let input = Input { size: input_size(manifest.input_size)?, framing, mean: manifest.mean, std: manifest.std };
    Ok(FeatureExtractor { classifier, params, input: sized(input) })
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
            let network = architecture("vgg11").unwrap();
            network.classifier(&params, &BackboneConfig::default(), &head, 3).unwrap();
            inherited(&params, fresh)
        };
        let vgg = Head::Vgg(taper_transfer::VggHeadConfig { hidden: 5, ..Default::default() });
        assert_eq!(
            names(vgg, 1),
            ["classifier.0.bias", "classifier.0.weight", "classifier.3.bias", "classifier.3.weight"]
        );
        assert_eq!(names(vgg, 2), ["classifier.0.bias", "classifier.0.weight"]);
        assert!(names(vgg, 3).is_empty() && names(vgg, 9).is_empty() && names(Head::Linear, 1).is_empty());
    }
}
