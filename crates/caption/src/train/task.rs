//! A recipe with its pictures and its network.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use candle_core::{Device, Tensor};
use taper_nn::Params;
use taper_tensor::Rng;
use taper_trainer::Listener;
use taper_trainer::build::model::weights_bytes;
use taper_trainer::build::pretrained;
use taper_trainer::epochs::SettingError;
use taper_transfer::{Fit, load_weights, sha256};

use super::error::TrainError;
use super::measure::numbers;
use super::recipe::Recipe;
use crate::data::{CaptionSet, Part, Parts, karpathy};
use crate::model::{CaptionCard, Captioner, ModelError};
use crate::text::Vocabulary;
use crate::vectors::{VectorError, WordVectors, read};

/// A network without a past has no mean and standard deviation that pictures should have: with
/// these any are about -2 to 2.
const RANDOM: ([f32; 3], [f32; 3]) = ([0.5; 3], [0.25; 3]);

/// Numbers of a word where neither the recipe nor vectors say it.
const EMBED: usize = 256;

/// A recipe with all that it names: what a training begins with.
#[derive(Debug)]
pub struct Task {
    /// The recipe, with the defaults that follow from others.
    pub recipe: Recipe,
    /// The pictures.
    pub parts: Parts,
    /// What the network is.
    pub card: CaptionCard,
    /// The network.
    pub network: Captioner,
    /// Its weights.
    pub params: Params,
    /// How many words have begun with a vector of a file.
    pub with_vectors: usize,
    /// The captions to train on and to validate on, as numbers, by picture.
    pub(super) numbers: [Vec<Vec<Vec<u32>>>; 2],
    pub(super) identity: Vec<(String, String)>,
}

impl Task {
    /// Opens the pictures, counts the words, and builds the network over pretrained weights or
    /// random ones.
    ///
    /// # Errors
    /// When a setting is out of its range, the pictures or the vectors cannot be read, the network
    /// cannot be built or its weights are not to be had.
    pub fn new(recipe: &Recipe, listener: &dyn Listener) -> Result<Self, TrainError> {
        recipe.check()?;
        let parts = karpathy::read(&recipe.data, recipe.images.as_deref())?;
        let train = parts.require(Part::Train, &recipe.data)?;
        parts.require(Part::Val, &recipe.data)?;
        let vocabulary = vocabulary(train, recipe.words.least)?;
        let vectors = vectors(recipe, &vocabulary)?;
        let mut recipe = recipe.clone();
        let embed = recipe.words.embed.unwrap_or_else(|| vectors.as_ref().map_or(EMBED, |vectors| vectors.width));
        (recipe.words.embed, recipe.optimize.lr) = (Some(embed), Some(recipe.optimize.peak()));
        let card = card(&recipe, vocabulary, embed)?;
        let mut weights = String::new();
        let (network, params) = Captioner::loaded(&card, Rng::new(recipe.seed).fork("init"), |params| {
            if recipe.pretrained {
                load(&recipe, params, listener)?;
                weights = sha256(&weights_bytes(&params.tensors())?);
            }
            Ok(())
        })?;
        let stages = network.backbone().stages().len();
        if recipe.fine_tune.frozen > stages {
            let wanted = "no more than the stages of the backbone";
            return Err(SettingError::new("fine_tune.frozen", wanted, recipe.fine_tune.frozen).into());
        }
        let (with_vectors, told) = match &vectors {
            Some(vectors) => (vectors.words.len(), put(vectors, &card.vocabulary, &network)?),
            None => (0, String::new()),
        };
        let numbers = [&parts.train, &parts.val].map(|set| numbers(set, &card.vocabulary));
        let identity = [
            ("another recipe", recipe.placeless()?),
            ("other weights of the backbone", weights),
            ("other word vectors", told),
            ("other pictures or captions", known(&parts)),
        ];
        let identity = identity.into_iter().map(|(what, text)| (what.to_owned(), text)).collect();
        Ok(Self { recipe, parts, card, network, params, with_vectors, numbers, identity })
    }
}

/// The words of the captions to train on.
fn vocabulary(train: &CaptionSet, least: usize) -> Result<Vocabulary, TrainError> {
    let captions = train.pictures.iter().flat_map(|picture| &picture.captions).map(Vec::as_slice);
    let vocabulary = Vocabulary::of(captions, least);
    if vocabulary.is_empty() {
        return Err(TrainError::NoWords { captions: train.captions(), least });
    }
    Ok(vocabulary)
}

/// The vectors of the words, if the recipe names a file.
fn vectors(recipe: &Recipe, vocabulary: &Vocabulary) -> Result<Option<WordVectors>, ModelError> {
    let Some(path) = &recipe.words.vectors else { return Ok(None) };
    let words = &vocabulary.words()[3..];
    let known: std::collections::HashSet<&str> = words.iter().map(String::as_str).collect();
    let vectors = read(path, |word| known.contains(word))?;
    if let Some(wanted) = recipe.words.embed.filter(|wanted| *wanted != vectors.width) {
        return Err(VectorError::Width { path: path.clone(), wanted, got: vectors.width }.into());
    }
    if vectors.words.is_empty() {
        let example = words.first().cloned().unwrap_or_default();
        return Err(VectorError::NoWord { path: path.clone(), words: words.len(), example }.into());
    }
    Ok(Some(vectors))
}

fn card(recipe: &Recipe, vocabulary: Vocabulary, embed: usize) -> Result<CaptionCard, ModelError> {
    let (mean, std) = match recipe.pretrained {
        false => RANDOM,
        true => {
            let manifest = taper_transfer::model(&recipe.model)?.manifest()?;
            (manifest.mean, manifest.std)
        }
    };
    let (cell, hidden, size, search) = (recipe.cell, recipe.hidden, recipe.size, recipe.search);
    let model = recipe.model.clone();
    Ok(CaptionCard { schema: 1, model, cell, hidden, embed, size, mean, std, search, vocabulary })
}

/// Loads pretrained weights into the parameters of a backbone, which has no head as the file may.
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

/// Puts vectors in the rows of their words; SHA-256 of them.
fn put(vectors: &WordVectors, vocabulary: &Vocabulary, network: &Captioner) -> Result<String, TrainError> {
    let mut table = network.words().as_tensor().to_vec2::<f32>()?;
    let mut bytes = Vec::new();
    for (word, row) in vocabulary.words().iter().zip(&mut table) {
        if let Some(vector) = vectors.words.get(word) {
            row.copy_from_slice(vector);
            bytes.extend(word.bytes().chain(vector.iter().flat_map(|x| x.to_le_bytes())));
        }
    }
    let shape = network.words().shape().clone();
    network.words().set(&Tensor::from_vec(table.concat(), shape, &Device::Cpu)?)?;
    Ok(sha256(&bytes))
}

/// SHA-256 of what is known of pictures without decoding them.
fn known(parts: &Parts) -> String {
    let mut text = String::new();
    for set in [&parts.train, &parts.val] {
        for picture in &set.pictures {
            let length = picture.path.metadata().map_or(0, |about| about.len());
            let name = picture.path.file_name().unwrap_or_default();
            // Writing into a string cannot fail.
            let _ = write!(text, "\n{name:?} {length} {:?}", picture.captions);
        }
        text.push('\n');
    }
    sha256(text.as_bytes())
}
