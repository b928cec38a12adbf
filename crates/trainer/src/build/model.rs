//! A classifier with what is needed to use it: class names, input, architecture; as files and back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use taper_augment::{Normalize, Transform};
use taper_data::{Need, RgbImage};
use taper_nn::Params;
use taper_tensor::Rng;
use taper_transfer::{
    BackboneConfig, Classifier, Fit, Head, ReadReport, TransferError, WeightsFile, architecture, load_weights, model,
    read_weights,
};

use crate::build::error::{BuildError, CardError, Unfit};
use crate::build::framing::Framing;
use crate::build::memory::enough_to_look;
use crate::build::pipeline::Input;
use crate::build::pretrained::{self, tell};
use crate::error::Result;
use crate::files::{self, FileError};
use crate::listener::Listener;
use crate::objective::Objective;
use crate::recipe::{RecipeError, limits};

/// `model.json`: what the weights beside it are weights of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Version of this file: 1.
    pub schema: u32,
    /// The backbone, a name that [`taper_transfer::backbone`] knows.
    pub model: String,
    /// What the backbone does at random in training, which testing takes the mean of.
    #[serde(default)]
    pub backbone: BackboneConfig,
    /// What lies between the last feature map and the classes.
    pub head: Head,
    /// The classes in the order of the outputs.
    pub classes: Vec<String>,
    /// What the outputs stand for; left out where a picture is of one class.
    #[serde(default, skip_serializing_if = "Objective::is_one")]
    pub objective: Objective,
    /// Side of the square that the network sees, pixels.
    pub input_size: u32,
    /// How a picture becomes such a square; left out where it is the usual way.
    #[serde(default, skip_serializing_if = "Framing::is_usual")]
    pub framing: Framing,
    /// Mean of each channel, of values in 0..1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel.
    pub std: [f32; 3],
}

impl ModelCard {
    /// Reads the text of a `model.json`.
    ///
    /// # Errors
    /// With line and column where the text is no card; names a number outside the range that
    /// its place takes.
    pub fn parse(text: &str) -> Result<Self, CardError> {
        let card: Self = serde_json::from_str(text)?;
        limits::check(&limits::of_json(&serde_json::from_str(text)?), limits::CARD)?;
        if let Some(wanted) = card.objective.mistake(card.classes.len()) {
            return Err(CardError::Objective { wanted });
        }
        if card.classes.is_empty() { Err(CardError::NoClasses) } else { Ok(card) }
    }

    /// How pictures are prepared for this model.
    pub fn input(&self) -> Input {
        Input { size: self.input_size, framing: self.framing, mean: self.mean, std: self.std }
    }

    /// What [`prepare`](Self::prepare) needs of a picture.
    pub fn need(&self) -> Need {
        self.framing.need(self.input_size)
    }

    /// A picture as the network sees it, and as a batch of one, (1,H,W,3). Of one that is decoded
    /// for this alone no more is needed than [`need`](Self::need) says.
    ///
    /// # Errors
    /// When the card has impossible numbers.
    pub fn prepare(&self, picture: RgbImage) -> Result<(RgbImage, Tensor)> {
        let (input, side) = (self.input(), self.input_size as usize);
        let picture = input.framing.transform(input.size)?.apply(picture, &mut Rng::new(0));
        let mut pixels = vec![0.0; side * side * 3];
        Normalize::new(input.mean, input.std)?.write(&picture, &mut pixels)?;
        Ok((picture, Tensor::from_vec(pixels, (1, side, side, 3), &Device::Cpu)?))
    }

    /// The network with first values for its weights.
    ///
    /// # Errors
    /// When the backbone is unknown or a size impossible.
    pub fn build(&self, rng: Rng) -> Result<(Classifier, Params), TransferError> {
        self.build_at_most(rng, Params::MOST)
    }

    /// The network with these weights. A card is a file as any other, and its head may ask for
    /// anything: no more memory is taken for it than for the weights.
    ///
    /// # Errors
    /// When they are not those of the network, and as [`build`](Self::build).
    pub fn with_weights(&self, tensors: &BTreeMap<String, Tensor>) -> Result<(Classifier, Params), TransferError> {
        let numbers = tensors.values().map(Tensor::elem_count).sum();
        let (classifier, params) = self.build_at_most(Rng::new(0), numbers)?;
        load_weights(&params, tensors, Fit::Exact)?;
        Ok((classifier, params))
    }

    fn build_at_most(&self, rng: Rng, numbers: usize) -> Result<(Classifier, Params), TransferError> {
        let params = Params::new(rng, DType::F32, Device::Cpu);
        let (network, bounded) = (architecture(&self.model)?, params.clone().at_most(numbers));
        let classifier = network.classifier(&bounded, &self.backbone, &self.head, self.classes.len())?;
        Ok((classifier, params))
    }
}

/// A trained network from a run folder, or a pretrained one as it is.
#[derive(Debug)]
pub struct Model {
    /// What it is.
    pub card: ModelCard,
    /// The network.
    pub classifier: Classifier,
    /// Its weights.
    pub params: Params,
}

impl Model {
    /// A picture as the network sees it, and as a batch of one, (1,H,W,3).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn prepare(&self, path: &Path) -> Result<(RgbImage, Tensor)> {
        self.card.prepare(taper_data::decode_needed(path, self.card.need())?)
    }

    /// Refuses a batch of so many pictures that this machine has no memory for.
    ///
    /// # Errors
    /// Names what is needed, what there is, and what fits.
    pub fn require_memory(&self, pictures: usize) -> Result<(), RecipeError> {
        let stages = self.classifier.backbone().stages().len();
        enough_to_look((&self.classifier, &self.params), (self.card.input_size as usize, pictures), stages)
    }
}

/// The card of a run folder.
///
/// # Errors
/// When the file is missing, or is not a model card.
pub fn card(run: &Path) -> Result<ModelCard> {
    let path = run.join("model.json");
    let text = files::read_text(&path)?;
    Ok(ModelCard::parse(&text).map_err(|source| BuildError::NoCard { path, source })?)
}

/// The run that a path is one of or lies in: `checkpoint/best.safetensors` and
/// `snapshots/1.safetensors` are files of one.
pub fn folder(path: &Path) -> &Path {
    let is_run = |folder: &&Path| folder.join("recipe.toml").is_file();
    if path.is_file() { path.ancestors().skip(1).take(2).find(is_run).unwrap_or(path) } else { path }
}

/// The file of a run's weights: of a folder that of the model it left, of a file in it the file.
pub fn weights_file(path: &Path) -> PathBuf {
    if folder(path) == path { path.join("model.safetensors") } else { path.into() }
}

/// Opens `what`: a run folder where there is one of this path, or a file of weights in it; a
/// model's name otherwise, with the weights of a file in place of its own where one is given.
///
/// # Errors
/// When it is neither, or its files do not fit together.
pub fn open(what: impl AsRef<Path>, weights: Option<&Path>, listener: &dyn Listener) -> Result<Model> {
    let path = what.as_ref();
    // No model has another name.
    let what = &*path.to_string_lossy();
    let run = folder(path);
    if run.join("model.json").is_file() {
        if weights.is_some() {
            return Err(BuildError::OwnWeights { what: what.into() }.into());
        }
        let card = card(run)?;
        let path = weights_file(path);
        let WeightsFile { tensors, report } = read_weights(&path)?;
        tell(&report, listener);
        let apart = |source| BuildError::Apart { card: run.join("model.json"), weights: path, source };
        let (classifier, params) = card.with_weights(&tensors).map_err(apart)?;
        return Ok(Model { card, classifier, params });
    }
    if run.is_dir() {
        return Err(BuildError::Unfinished { what: what.into() }.into());
    }
    let pretrained = model(what).map_err(|source| BuildError::NoModel { what: what.into(), source })?;
    let manifest = pretrained.manifest()?;
    let card = ModelCard {
        schema: 1,
        model: manifest.name.clone(),
        backbone: BackboneConfig::default(),
        head: pretrained.own_head()?,
        classes: pretrained.class_names().into_iter().map(str::to_owned).collect(),
        objective: Objective::One,
        input_size: input_size(manifest.input_size)?,
        framing: Framing::of(&manifest),
        mean: manifest.mean,
        std: manifest.std,
    };
    let WeightsFile { tensors, report } = pretrained::weights(pretrained, weights, listener)?;
    tell(&report, listener);
    let (classifier, params) = card.build(Rng::new(0))?;
    load_weights(&params, &tensors, Fit::Exact).map_err(|source| {
        let (model, file, classes) = (what.to_owned(), weights.map(Path::to_owned), Some(card.classes.len()));
        let unfit = Unfit { model, file, read: ReadReport::default(), classes, may_be_partial: false, source };
        BuildError::Unfit(unfit)
    })?;
    Ok(Model { card, classifier, params })
}

/// The side of the square that a model takes, as a card has it.
pub(crate) fn input_size(side: usize) -> Result<u32> {
    Ok(u32::try_from(side).map_err(|_| BuildError::InputSize { side })?)
}

/// Named tensors as the bytes of a safetensors file; the same tensors give the same bytes.
///
/// # Errors
/// When a tensor is on a device that fails.
pub fn weights_bytes(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, FileError> {
    safetensors::serialize(tensors.iter(), None).map_err(|source| FileError::Tensors { what: "the weights", source })
}

/// Writes named tensors as a safetensors file, whole or not at all; the same tensors give the same
/// bytes.
///
/// # Errors
/// Names the file.
pub fn save_weights(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<(), FileError> {
    files::write(path, &weights_bytes(tensors)?)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// As they were written while fully connected layers were parts of the head.
    #[test]
    fn a_card_of_before_is_read() {
        let text = r#"{"schema": 1, "model": "alexnet", "backbone": {"channels": 3, "stochastic_depth": 0.0,
            "drop_per": "batch", "fractional_pooling": 0.0, "stages": 0}, "head": {"alex_net": {"hidden": 8,
            "dropout": 0.5}}, "classes": ["a", "b"], "input_size": 64, "mean": [0.5, 0.5, 0.5], "std": [1, 1, 1]}"#;
        let card = ModelCard::parse(text).unwrap();
        let (classifier, params) = card.build(Rng::new(0)).unwrap();
        let mut names: Vec<String> = params.tensors().into_keys().filter(|name| name.contains("classifier")).collect();
        names.retain(|name| name.ends_with("weight"));
        assert_eq!(names, ["classifier.1.weight", "classifier.4.weight", "classifier.6.weight"]);
        assert_eq!(classifier.backbone().stages().len(), 5);
        let (again, _) = card.with_weights(&params.tensors()).unwrap();
        let x = Tensor::ones((1, 64, 64, 3), DType::F32, &Device::Cpu).unwrap();
        let logits = |net: &Classifier| net.forward(&x, taper_nn::Mode::Eval).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(logits(&classifier), logits(&again));
        // No more is taken for a head than there are weights.
        let huge = ModelCard::parse(&text.replace("\"hidden\": 8", "\"hidden\": 60000")).unwrap();
        assert!(huge.with_weights(&params.tensors()).unwrap_err().to_string().contains("classifier.1.weight"));
    }

    #[test]
    fn a_pipe_is_no_model_card() {
        let run = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo").arg(run.path().join("model.json")).status();
        assert!(made.unwrap().success());
        assert!(card(run.path()).unwrap_err().to_string().contains("no file"));
    }
}
