//! The arguments of `cargo xtask experiments`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Train with and without each technique, and write the table of what came out. Takes about an hour
/// on two cores.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  cargo xtask experiments regularize --seeds 1 --out table.md\n  cargo xtask experiments augment --only color,default\n  cargo xtask experiments recipe --sets textures,digits --recipes quick,default --seeds 1 --out table.md"
)]
pub struct ExperimentsArgs {
    /// Which techniques.
    #[command(subcommand)]
    pub topic: Topic,
    /// Trainings of each case
    #[arg(long, global = true, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Only these cases, by name; their baselines come along
    #[arg(long, global = true, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// The file [default: EXPERIMENTS.md of the crate]
    #[arg(long, global = true, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Which techniques are studied.
#[derive(Clone, Debug, Subcommand)]
pub enum Topic {
    /// Those of taper-regularize, on a small part of Fashion-MNIST:
    /// crates/regularize/EXPERIMENTS.md
    Regularize {
        /// The folder with the four IDX files
        #[arg(long, default_value = "/usr/share/datasets/fashion-mnist", value_name = "DATA")]
        data: PathBuf,
        /// Training pictures, drawn by the seed
        #[arg(long, default_value_t = 5000, value_name = "N")]
        pictures: usize,
        /// Epochs of each training
        #[arg(long, default_value_t = 15, value_name = "N")]
        epochs: usize,
    },
    /// Those of taper-augment, fine-tuning on few pictures: crates/augment/EXPERIMENTS.md
    Augment {
        /// The folder of pictures, with train and val
        #[arg(long, default_value = "tests/data/emoji", value_name = "DATA")]
        data: PathBuf,
    },
    /// What `taper advise` advises, beside every plan on the sets emoji, mixed (both sides of it in
    /// one), fashion and digits: crates/transfer/EXPERIMENTS.md
    Transfer {
        /// The folder of emoji, with train and val
        #[arg(long, default_value = "tests/data/emoji", value_name = "DATA")]
        emoji: PathBuf,
        /// The folder with the four IDX files of Fashion-MNIST
        #[arg(long, default_value = "/usr/share/datasets/fashion-mnist", value_name = "DATA")]
        fashion: PathBuf,
        /// The file digits.csv.gz of scikit-learn
        #[arg(long, default_value = "digits.csv.gz", value_name = "FILE")]
        digits: PathBuf,
    },
    /// Whether 20 trials find what a grid of 100 finds: crates/trainer/SEARCH.md
    Search {
        /// The folder of pictures, with train and val
        #[arg(long, default_value = "tests/data/emoji", value_name = "DATA")]
        data: PathBuf,
        /// Where the runs are kept, so that a call that is broken off goes on
        #[arg(long, default_value = "target/experiments/search", value_name = "FOLDER")]
        runs: PathBuf,
    },
    /// What an average of the weights is worth on few pictures: crates/trainer/AVERAGES.md
    Averages {
        /// The folder of pictures, with train and val
        #[arg(long, default_value = "tests/data/emoji", value_name = "DATA")]
        data: PathBuf,
        /// Where the runs are kept, so that a call that is broken off goes on
        #[arg(long, default_value = "target/experiments/averages", value_name = "FOLDER")]
        runs: PathBuf,
        /// How many of the training pictures
        #[arg(long, default_values_t = [40, 100, 531], value_name = "N,...", value_delimiter = ',')]
        pictures: Vec<usize>,
        /// A binary of another version to be compared with
        #[arg(long, value_name = "NAME=FILE")]
        beside: Vec<Beside>,
    },
    /// Recipes for fine-tuning on several data sets, beside those of other programs:
    /// crates/trainer/RECIPES.md
    Recipe {
        /// Only these data sets: textures, photographs, digits, emoji, fashion
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        sets: Vec<String>,
        /// Only these recipes, such as quick,default,mixup
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        recipes: Vec<String>,
        /// Where the pictures are, or are made
        #[arg(long, default_value = "target/experiments/recipe/data", value_name = "FOLDER")]
        data: PathBuf,
        /// Where the runs are kept, so that a call that is broken off goes on
        #[arg(long, default_value = "target/experiments/recipe/runs", value_name = "FOLDER")]
        runs: PathBuf,
        /// The folder with the four IDX files of Fashion-MNIST
        #[arg(long, default_value = "/usr/share/datasets/fashion-mnist", value_name = "DATA")]
        fashion: PathBuf,
        /// A Python with scikit-learn and scikit-image, which makes the pictures
        #[arg(long, default_value = "python3", value_name = "PYTHON")]
        python: PathBuf,
        /// A Python with fastai and torchvision, whose recipes are left out without it
        #[arg(long, value_name = "PYTHON")]
        peers: Option<PathBuf>,
    },
    /// Several labels a picture: scenes of emoji, beside PyTorch with the same recipe:
    /// crates/trainer/SCENES.md
    Scenes {
        /// Where the pictures are, or are made
        #[arg(long, default_value = "target/experiments/scenes/data", value_name = "FOLDER")]
        data: PathBuf,
        /// Where the runs are kept, so that a call that is broken off goes on
        #[arg(long, default_value = "target/experiments/scenes/runs", value_name = "FOLDER")]
        runs: PathBuf,
        /// Epochs of each training
        #[arg(long, default_value_t = 12, value_name = "N")]
        epochs: usize,
        /// A Python with Pillow, which makes the pictures
        #[arg(long, default_value = "python3", value_name = "PYTHON")]
        python: PathBuf,
        /// A Python with torch and torchvision, which are left out without it
        #[arg(long, value_name = "PYTHON")]
        torch: Option<PathBuf>,
    },
    /// Captions by features and word vectors, on scenes of emoji: crates/caption/CAPTIONS.md
    Captions {
        /// Where the scenes are, or are made
        #[arg(long, default_value = "target/experiments/captions/data", value_name = "FOLDER")]
        data: PathBuf,
        /// Where the runs are kept, so that a call that is broken off goes on
        #[arg(long, default_value = "target/experiments/captions/runs", value_name = "FOLDER")]
        runs: PathBuf,
        /// GloVe's file with 50 numbers a word
        #[arg(long, default_value = "glove.6B.50d.txt", value_name = "FILE")]
        vectors: PathBuf,
        /// Scenes to train on, if they are made
        #[arg(long, default_value_t = 600, value_name = "N")]
        train: usize,
        /// Epochs of the language model
        #[arg(long, default_value_t = 20, value_name = "N")]
        epochs: usize,
        /// Epochs of fine-tuning after them
        #[arg(long, default_value_t = 10, value_name = "N")]
        fine_tune: usize,
    },
    /// What ensembles, snapshots and averages are worth on Fashion-MNIST:
    /// crates/trainer/EXPERIMENTS.md
    Ensemble {
        /// The folder with the four IDX files
        #[arg(long, default_value = "/usr/share/datasets/fashion-mnist", value_name = "DATA")]
        data: PathBuf,
        /// Where the runs are kept, so that a call that is broken off goes on
        #[arg(long, default_value = "target/experiments/ensemble", value_name = "FOLDER")]
        runs: PathBuf,
        /// Epochs of a single network
        #[arg(long, default_value_t = 6, value_name = "N")]
        epochs: usize,
        /// Threads to compute with [default: all cores]
        #[arg(long, value_name = "N")]
        threads: Option<usize>,
    },
}

/// A binary of another version, to be compared with: `NAME=FILE`.
#[derive(Clone, Debug)]
pub struct Beside {
    /// What its columns are called.
    pub name: String,
    /// The file.
    pub binary: PathBuf,
}

impl std::str::FromStr for Beside {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() => Ok(Self { name: name.into(), binary: file.into() }),
            _ => Err(format!("wanted NAME=FILE, got {text:?}")),
        }
    }
}

impl ExperimentsArgs {
    /// The arguments that matter for the table and are not the default ones, as they are typed.
    #[cfg(feature = "bench")]
    pub(super) fn changed(&self) -> String {
        let mut all = vec![("seeds", self.seeds as usize, 3)];
        if let Topic::Regularize { pictures, epochs, .. } = self.topic {
            all.extend([("pictures", pictures, 5000), ("epochs", epochs, 15)]);
        }
        if let Topic::Ensemble { epochs, .. } = self.topic {
            all.push(("epochs", epochs, 6));
        }
        if let Topic::Captions { train, epochs, fine_tune, .. } = self.topic {
            all.extend([("train", train, 600), ("epochs", epochs, 20), ("fine-tune", fine_tune, 10)]);
        }
        let mut others = String::new();
        if let Topic::Scenes { epochs, torch, .. } = &self.topic {
            all.push(("epochs", *epochs, 12));
            others.extend(torch.iter().map(|_| " --torch PYTHON".to_owned()));
        }
        if let Topic::Averages { pictures, beside, .. } = &self.topic {
            if pictures != &[40, 100, 531] {
                others = format!(" --pictures {}", pictures.iter().map(usize::to_string).collect::<Vec<_>>().join(","));
            }
            others.extend(beside.iter().map(|other| format!(" --beside {}=FILE", other.name)));
        }
        if let Topic::Recipe { sets, recipes, peers, .. } = &self.topic {
            let names = [("sets", sets), ("recipes", recipes)];
            let some = names.into_iter().filter(|(_, names)| !names.is_empty());
            others.extend(some.map(|(flag, names)| format!(" --{flag} {}", names.join(","))));
            others.extend(peers.iter().map(|_| " --peers PYTHON".to_owned()));
        }
        let changed = all.iter().filter(|(_, value, usual)| value != usual);
        let some = if self.only.is_empty() { String::new() } else { format!(" --only {:?}", self.only.join(",")) };
        changed.map(|(name, value, _)| format!(" --{name} {value}")).chain([others, some]).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn another_binary_has_a_name() {
        let other: Beside = "old=/bin/taper".parse().unwrap();
        assert_eq!((&*other.name, &*other.binary), ("old", Path::new("/bin/taper")));
        assert!("old".parse::<Beside>().is_err() && "=x".parse::<Beside>().is_err());
    }
}
