//! The whole network.

use std::fmt;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::Init;
use taper_nn::{Activation, Initialization, Layer, Linear, LinearConfig, Mode, ParamPath, Params, frozen_statistics};
use taper_tensor::{Rng, dropout, global_avg_pool, log_softmax};
use taper_transfer::{Backbone, BackboneConfig};

use super::card::CaptionCard;
use super::error::ModelError;
use super::loss::masked_cross_entropy;
use super::recurrent::Recurrent;
use crate::text::{END, START};

/// Which of a backbone keeps its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frozen {
    /// All of it.
    All,
    /// So many stages, counted from the picture.
    Stages(usize),
}

/// A backbone whose pooled features a recurrent layer is given once, as its first input; after that
/// it is given the words of a caption, and says the next of each.
///
/// ```text
/// x[0] = W pool(CNN(picture)) + b      x[1] = E[<start>]      x[t+1] = E[word t]
/// p(word t) = softmax(U h[t] + d)
/// ```
///
/// Its parameters are the backbone's, by their own names, and below `caption`: `image` W, b;
/// `words` E; `rnn`; `output` U, d.
///
/// # References
/// O. Vinyals, A. Toshev, S. Bengio, D. Erhan, *Show and Tell: A Neural Image Caption Generator*,
/// 2015.
pub struct Captioner {
    backbone: Box<dyn Backbone>,
    image: Linear,
    words: Var,
    rnn: Recurrent,
    output: Linear,
}

impl Captioner {
    /// The network of a card, first values for its weights drawn from `rng`.
    ///
    /// # Errors
    /// When the card has a number out of its range, or names a backbone that is not there.
    pub fn new(card: &CaptionCard, rng: Rng) -> std::result::Result<(Self, Params), ModelError> {
        Self::loaded(card, rng, |_| Ok(()))
    }

    /// The same, with `load` called while there are the parameters of the backbone alone.
    ///
    /// # Errors
    /// As [`new`](Self::new), and those of `load`.
    pub fn loaded(
        card: &CaptionCard,
        rng: Rng,
        load: impl FnOnce(&Params) -> std::result::Result<(), ModelError>,
    ) -> std::result::Result<(Self, Params), ModelError> {
        card.check()?;
        let params = Params::new(rng, DType::F32, Device::Cpu);
        let backbone = taper_transfer::backbone(&card.model, &params.root(), &BackboneConfig::default())?;
        load(&params)?;
        let (root, count) = (Self::root(&params), card.vocabulary.len());
        let linear = |name, inputs, outputs| {
            let init = Initialization::XavierUniform.of(&[outputs, inputs], Activation::Sigmoid);
            let config = LinearConfig { init, ..LinearConfig::default() };
            Linear::new(&root.at(name), inputs, outputs, config)
        };
        let image = linear("image", backbone.channels(), card.embed)?;
        let words = root.at("words").trainable("weight", (count, card.embed), WORDS)?;
        let rnn = Recurrent::new(&root.at("rnn"), card.cell, card.embed, card.hidden)?;
        let output = linear("output", card.hidden, count)?;
        Ok((Self { backbone, image, words, rnn, output }, params))
    }

    /// Where the parameters lie that are not the backbone's.
    fn root(params: &Params) -> ParamPath {
        params.root().at("caption")
    }

    /// Whether a parameter is one of the backbone.
    pub fn is_backbone(name: &str) -> bool {
        !name.starts_with("caption.")
    }

    /// The backbone.
    pub fn backbone(&self) -> &dyn Backbone {
        self.backbone.as_ref()
    }

    /// The table of words, (V,E).
    pub fn words(&self) -> &Var {
        &self.words
    }

    /// The parameters that are trained where this much of the backbone is left alone, by name.
    pub fn trainables(&self, params: &Params, frozen: Frozen) -> Vec<(String, Var)> {
        let stages = self.backbone.stages();
        let still = match frozen {
            Frozen::All => stages,
            Frozen::Stages(count) => &stages[..count.min(stages.len())],
        };
        let mut all = params.trainables();
        all.retain(|(name, _)| !Self::is_backbone(name) || !still.iter().any(|stage| stage.owns(name)));
        all
    }

    /// What the network sees of pictures: the pooled output of its backbone.
    ///
    /// Batch norms normalize by their running statistics in training, too.
    ///
    /// # Shapes
    /// (N,H,W,3) to (N,F).
    ///
    /// # Errors
    /// When the pictures are too small for the backbone.
    pub fn features(&self, pixels: &Tensor, frozen: Frozen, mode: Mode<'_>) -> Result<Tensor> {
        let count = self.backbone.stages().len();
        let still = if let Frozen::Stages(still) = frozen { still } else { count };
        let stage = |x: Tensor, number: usize| match number < still {
            true => Ok(self.backbone.stage(number, &x, Mode::Eval)?.detach()),
            false => frozen_statistics(|| self.backbone.stage(number, &x, mode)),
        };
        global_avg_pool(&(0..count).try_fold(pixels.clone(), stage)?)
    }

    /// The mean cross-entropy of the words of captions, each given those before it (teacher
    /// forcing), and of their ends. `features` has a row a caption; in training a share `p` of what
    /// the recurrent layer is given and gives is dropped.
    ///
    /// # Errors
    /// When there are not as many captions as rows.
    pub fn loss(&self, features: &Tensor, captions: &[&[u32]], p: f64, mode: Mode<'_>) -> Result<Tensor> {
        let rows = captions.len();
        if features.dim(0)? != rows || rows == 0 {
            candle_core::bail!("{rows} captions of {} rows of features", features.dim(0)?);
        }
        let longest = captions.iter().map(|caption| caption.len()).max().unwrap_or(0);
        // Step by step, the words that are given and those that are asked for.
        let (mut given, mut wanted) = (vec![END; (longest + 1) * rows], vec![None; (longest + 2) * rows]);
        for (row, caption) in captions.iter().enumerate() {
            given[row] = START;
            for (step, &word) in caption.iter().enumerate() {
                given[(step + 1) * rows + row] = word;
                wanted[(step + 1) * rows + row] = Some(word);
            }
            wanted[(caption.len() + 1) * rows + row] = Some(END);
        }
        let noise = |x: Tensor, name: &str| match mode.noise() {
            Some(rng) if p > 0.0 => dropout(&x, p, &rng.fork(name)),
            _ => Ok(x),
        };
        let words = self.embedded(&given, mode)?.reshape((longest + 1, rows, ()))?;
        let image = self.image.forward(features, mode)?.unsqueeze(0)?;
        let x = noise(Tensor::cat(&[&image, &words], 0)?, "caption.input")?;
        let sequence = self.rnn.forward(&x, &self.rnn.begin(&x)?, mode)?;
        let hidden = noise(sequence.hidden.contiguous()?, "caption.output")?.flatten(0, 1)?;
        masked_cross_entropy(&wanted, |rows| self.output.forward(&hidden.index_select(rows, 0)?, mode))
    }

    /// The vectors of words, (words, E).
    fn embedded(&self, words: &[u32], mode: Mode<'_>) -> Result<Tensor> {
        mode.param(&self.words).index_select(&Tensor::new(words, &Device::Cpu)?, 0)
    }

    /// The state of the recurrent layer that has seen pictures, (N,S), of their features (N,F).
    ///
    /// # Errors
    /// When the features are not the network's.
    pub fn begin(&self, features: &Tensor) -> Result<Tensor> {
        let x = self.image.forward(features, Mode::Eval)?.unsqueeze(0)?;
        Ok(self.rnn.forward(&x, &self.rnn.begin(&x)?, Mode::Eval)?.state)
    }

    /// The logarithms of the probabilities of the next words, (N,V), and the states then, for
    /// states (N,S) and the word that each is given.
    ///
    /// # Errors
    /// When there are not as many words as states.
    pub fn next(&self, state: &Tensor, words: &[u32]) -> Result<(Tensor, Tensor)> {
        let x = self.embedded(words, Mode::Eval)?.unsqueeze(0)?;
        let sequence = self.rnn.forward(&x, state, Mode::Eval)?;
        let hidden = sequence.hidden.get(0)?.contiguous()?;
        Ok((log_softmax(&self.output.forward(&hidden, Mode::Eval)?)?, sequence.state))
    }
}

/// First values of words without a vector of a file.
const WORDS: Init = Init::Randn { mean: 0.0, stdev: 0.1 };

impl fmt::Debug for Captioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Captioner");
        f.field("stages", &self.backbone.stages()).field("words", &self.words.dims()).field("rnn", &self.rnn);
        f.finish_non_exhaustive()
    }
}
