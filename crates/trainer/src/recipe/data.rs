//! Where the pictures come from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use taper_data::{Columns, LabelKind, OpenConfig};

use super::choice::choices;
use super::field::Takes::{Choice, Named, Number, Path, Text};
use super::field::fields;
use super::named::named;
use super::normalize::NormalizeRecipe;
use super::range::Range::{Fraction, Whole};

fields! {
    /// Where the pictures come from.
    pub struct DataRecipe in "data." {
        /// A folder with train/CLASS/* and val/CLASS/*, or with CLASS/* to be split; a table
        /// (.csv, .tsv, .jsonl), .tar, .parquet, .npz or .npy files, several by a pattern such as
        /// train-{000..031}.tar; a folder of these, of CIFAR or of MNIST.
        path: PathBuf = PathBuf::new() => [Data, "DATA", Short, Path];
        /// What is known of each picture: one class, many labels (several, or none) or numbers;
        /// auto is what the pictures come with.
        labels: Labels = Labels::Auto => [Data, "--labels KIND", Long, Choice(Labels::CHOICES)];
        /// The column of a table that has the paths of the pictures; left out, by its name: path,
        /// file_name, image and the like.
        image_column: Option<String> = None => [Data, "--image-column NAME", Long, Text];
        /// The column of a table that has the labels, or several with commas between them: of 0 and
        /// 1, a class each, or of numbers. Left out, by its name: label, class, target and the
        /// like, or all others.
        label_columns: Option<String> = None => [Data, "--label-columns NAMES", Long, Text];
        /// The column of a table that says train, val or test; left out, by its name: split, set,
        /// subset or partition.
        split_column: Option<String> = None => [Data, "--split-column NAME", Long, Text];
        /// The part of each class that validates where the folder has no split, fraction.
        val_fraction: f64 = taper_data::DEFAULT_VAL_FRACTION => [Data, "--val-fraction FRACTION", Long, Number(Fraction)];
        /// The seed by which that part is drawn; left out, that of the run.
        split_seed: Option<u64> = None => [Data, "--split-seed SEED", Long, Number(Whole(0, i64::MAX))];
        /// Side of the square that the network sees, pixels.
        image_size: u32 = 160 => [Data, "--image-size PIXELS", Short, Number(Whole(8, 2048))];
        /// Pictures in a batch.
        batch_size: usize = 32 => [Data, "--batch-size N", Short, Number(Whole(2, 65_536))];
        /// How often an epoch goes through the training pictures, each time in another order and
        /// with each changed anew; left out, as often as makes 16 steps or about.
        passes: Option<u32> = None => [Data, "--passes N", Long, Number(Whole(1, 10_000))];
        /// What is done about classes of different sizes.
        balance: Balance = Balance::None => [Data, "--balance HOW", Long, Choice(Balance::CHOICES)];
        /// What the colors of pictures are normalized with: the mean and the standard deviation
        /// that the network's weights were trained with (random ones: 0.5 and 0.25), those of
        /// ImageNet, or those of the training pictures (data). These are measured once, before the
        /// training, on what the network sees in testing, and the recipe of the run has the
        /// numbers, { name = "values", mean, std }, as any recipe may. Train has data.
        #[serde(deserialize_with = "named")]
        normalize: NormalizeRecipe = NormalizeRecipe::Network {} => [Data, "--normalize HOW", Long, Named(&NormalizeRecipe::NAMES)];
        /// Show the frozen stages N variants of each picture, once, and keep their output: the
        /// first as in testing, the others augmented; 0 for new ones in every epoch. Left out, 1
        /// with the plan probe, else 0.
        variants: Option<u32> = None => [Augmentation, "--variants N", Long, Number(Whole(0, 1000))];
        /// Whether pictures are decoded once and then read from a file in the run folder, which is
        /// there while the training goes on. What is trained is the same.
        cache: CacheRecipe = CacheRecipe::Auto => [Data, "--cache HOW", Long, Choice(CacheRecipe::CHOICES)];
    }
}

impl DataRecipe {
    /// How the pictures are opened.
    pub fn open_config(&self) -> OpenConfig {
        let names = |text: &String| text.split(',').map(|name| name.trim().to_owned()).collect();
        let columns = Columns {
            image: self.image_column.clone(),
            labels: self.label_columns.as_ref().map(names).unwrap_or_default(),
            split: self.split_column.clone(),
        };
        OpenConfig { val_fraction: self.val_fraction, labels: self.labels.kind(), columns }
    }
}

choices! {
    /// Whether pictures are decoded once.
    pub enum CacheRecipe, default Auto {
        /// Through the first epoch, and longer where decoding took 5 % of the processors' time in
        /// it.
        Auto = "auto",
        /// Always.
        Pictures = "pictures",
        /// They are decoded in every epoch.
        None = "none",
    }
}

choices! {
    /// What is known of each picture.
    pub enum Labels, default Auto {
        /// What the pictures come with.
        Auto = "auto",
        /// One class.
        One = "one",
        /// Of each class, whether the picture is of it: probabilities that need not sum to 1, each
        /// class with a threshold of its own.
        Many = "many",
        /// One or several numbers.
        Number = "number",
    }
}

impl Labels {
    /// What each picture is to have; none for what it comes with.
    pub fn kind(self) -> Option<LabelKind> {
        match self {
            Self::Auto => None,
            Self::One => Some(LabelKind::One),
            Self::Many => Some(LabelKind::Many),
            Self::Number => Some(LabelKind::Number),
        }
    }
}

choices! {
    /// What is done about classes of different sizes.
    pub enum Balance, default None {
        /// Nothing: the network learns how often each class is.
        None = "none",
        /// The loss of a picture counts by N/(C n), for n of N pictures in its class of C;
        /// class_weight="balanced" in scikit-learn. The mean over all pictures is 1. With many
        /// labels a picture of a class counts by (N - n)/n for that class, as pos_weight in
        /// PyTorch.
        Weights = "weights",
        /// An epoch, as long as any, has as many pictures of each class.
        Sampling = "sampling",
    }
}
