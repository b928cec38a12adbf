//! The flags of `taper caption train`.

use std::path::PathBuf;

use anyhow::Result;
use taper_caption::model::Cell;
use taper_caption::train::Recipe;
use taper_trainer::store::checkpoint::Every;

use crate::commands::epochs_flags::{set, set_rule};

/// Train a captioner on pictures with captions.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper caption train scenes\n  taper caption train scenes --size 128 --epochs 30 --fine-tune 10\n  taper caption train flickr8k/dataset_flickr8k.json --images flickr8k/Images --vectors glove.6B.300d.txt\n  taper caption train scenes --cell gru --vectors GoogleNews-vectors-negative300.bin --keep-vectors\n  taper caption train -c runs/caption-scenes-1/recipe.toml --seed 1\n\nDATA is a file of captions as A. Karpathy's of Flickr8k, Flickr30k and COCO (images[].filename, filepath, split,\nsentences[].tokens or raw), or a folder with captions.json or one dataset*.json in it. The pictures lie beside it, in its\nfolder images, or where --images says."
)]
pub(super) struct TrainArgs {
    /// The file of captions, or its folder
    #[arg(required_unless_present = "config")]
    data: Option<PathBuf>,
    /// A recipe of a captioner; flags change it
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the pictures [default: that of the file, or its images]
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// The backbone
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Begin with random weights of the backbone
    #[arg(long)]
    no_pretrained: bool,
    /// A file in place of the backbone's own weights
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Side of a picture as the network sees it, pixels; pictures are made square
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(16..=2048))]
    size: Option<u32>,
    /// The recurrent cell
    #[arg(long, value_enum, value_name = "CELL")]
    cell: Option<Which>,
    /// Numbers of its hidden state
    #[arg(long, value_name = "N")]
    hidden: Option<usize>,
    /// The share of what the cell is given and gives that is dropped
    #[arg(long, value_name = "FRACTION")]
    dropout: Option<f64>,
    /// Numbers of a word [default: those of the vectors, else 256]
    #[arg(long, value_name = "N")]
    embed: Option<usize>,
    /// Vectors that words begin with: GloVe's text, or word2vec's text or binary file
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// Leave the words' vectors as they begin
    #[arg(long)]
    keep_vectors: bool,
    /// How often a word must occur to be known
    #[arg(long, value_name = "TIMES")]
    min_count: Option<usize>,
    /// Passes over the training pictures with the backbone left alone
    #[arg(long, value_name = "EPOCHS")]
    epochs: Option<usize>,
    /// Passes after them in which the backbone is trained, too
    #[arg(long, value_name = "EPOCHS")]
    fine_tune: Option<usize>,
    /// Stages of the backbone that keep their weights in these
    #[arg(long, value_name = "STAGES")]
    freeze: Option<usize>,
    /// The factor of the learning rate for the backbone
    #[arg(long, value_name = "FACTOR")]
    backbone_lr_scale: Option<f64>,
    /// Pictures of a step, each with all its captions
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// The update rule, such as adamw or sgd
    #[arg(long, value_name = "NAME")]
    optimizer: Option<String>,
    /// The course of the learning rate, such as cosine
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// Peak learning rate
    #[arg(long, value_name = "LR")]
    lr: Option<f64>,
    /// Epochs between two measures on the validation pictures
    #[arg(long, value_name = "EPOCHS")]
    measure_every: Option<usize>,
    /// How many captions the search for one keeps; 1 takes the most likely word each time
    #[arg(long, value_name = "N")]
    beam: Option<usize>,
    /// What all that is random follows from
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The folder of the run [default: runs/caption-DATA-1 or the next that is free]
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
    /// Write down where the training stands after so many steps (200) or minutes (5m), beside the
    /// ends of epochs
    #[arg(long, value_name = "STEPS|MINUTESm")]
    pub(super) checkpoint_every: Option<Every>,
    /// Print summary.json at the end
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Which {
    /// Long short-term memory
    Lstm,
    /// The gated recurrent unit
    Gru,
}

impl TrainArgs {
    /// The recipe of a file, or the usual one, changed by the flags.
    pub(super) fn recipe(&self) -> Result<Recipe> {
        let mut recipe = match &self.config {
            Some(path) => Recipe::read(path)?,
            None => Recipe::default(),
        };
        set(&mut recipe.data, &self.data);
        set(&mut recipe.model, &self.model);
        set(&mut recipe.seed, &self.seed);
        set(&mut recipe.size, &self.size);
        set(&mut recipe.hidden, &self.hidden);
        set(&mut recipe.dropout, &self.dropout);
        set(&mut recipe.words.least, &self.min_count);
        set(&mut recipe.optimize.epochs, &self.epochs);
        set(&mut recipe.optimize.batch_size, &self.batch_size);
        set(&mut recipe.optimize.measure_every, &self.measure_every);
        set(&mut recipe.fine_tune.epochs, &self.fine_tune);
        set(&mut recipe.fine_tune.frozen, &self.freeze);
        set(&mut recipe.fine_tune.backbone_lr_scale, &self.backbone_lr_scale);
        set(&mut recipe.search.beam, &self.beam);
        if self.vectors.is_some() {
            // A width of the recipe was for its vectors.
            recipe.words.embed = None;
        }
        recipe.words.embed = self.embed.or(recipe.words.embed);
        let vectors = &mut recipe.words.vectors;
        for (to, from) in
            [(&mut recipe.weights, &self.weights), (&mut recipe.images, &self.images), (vectors, &self.vectors)]
        {
            *to = from.clone().or(to.take());
        }
        recipe.pretrained &= !self.no_pretrained;
        recipe.words.tuned &= !self.keep_vectors;
        if let Some(cell) = self.cell {
            recipe.cell = if let Which::Gru = cell { Cell::Gru } else { Cell::Lstm };
        }
        let how = &mut recipe.optimize;
        let of = (&mut how.rule, &mut how.schedule, &mut how.lr);
        set_rule(of, (&self.optimizer, &self.schedule, self.lr))?;
        Ok(recipe)
    }
}
