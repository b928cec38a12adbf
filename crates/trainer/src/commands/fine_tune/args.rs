//! Flags over a recipe.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::recipe::{Plan, Recipe, RecipeError};

/// Fine-tune a pretrained network on a folder of pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper fine-tune pictures\n  taper fine-tune pictures --plan probe --epochs 20 --out runs/first\n  taper fine-tune -c runs/first/recipe.toml --seed 1\n\nDATA holds train/<class>/* and val/<class>/*, or <class>/* to be split by --seed.\nPNG, JPEG, WebP, GIF and BMP are read."
)]
pub struct FineTuneArgs {
    /// The folder of pictures; may come from the recipe instead
    data: Option<PathBuf>,
    /// A recipe to start from; flags change it
    #[arg(short = 'c', long = "recipe", value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// The pretrained model [default: squeezenet1_1]
    #[arg(long)]
    model: Option<String>,
    /// A safetensors file in place of the model's own weights
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Which layers are trained after the head [default: full]
    #[arg(long)]
    plan: Option<Plan>,
    /// Seed of every random stream [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Epochs with the head alone
    #[arg(long)]
    head_epochs: Option<usize>,
    /// Epochs after that
    #[arg(long)]
    epochs: Option<usize>,
    /// Peak learning rate of the head
    #[arg(long, value_name = "RATE")]
    rate: Option<f64>,
    /// Pictures in a batch
    #[arg(long)]
    batch_size: Option<usize>,
    /// Side of the square that the network sees, pixels
    #[arg(long, value_name = "PIXELS")]
    image_size: Option<u32>,
    /// The run folder [default: the first free runs/NAME-N]
    #[arg(long, value_name = "RUN")]
    pub(super) out: Option<PathBuf>,
    /// Stop at the first picture that cannot be read
    #[arg(long)]
    pub(super) strict: bool,
    /// Print summary.json at the end
    #[arg(long)]
    pub(super) json: bool,
}

impl FineTuneArgs {
    /// The recipe of the file, or the default, with the flags over it.
    pub(super) fn recipe(&self) -> Result<Recipe> {
        let mut recipe = match &self.recipe {
            None => Recipe::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the recipe {}", path.display()))?;
                Recipe::parse(&text, path)?
            }
        };
        fn put<T: Clone>(field: &mut T, flag: &Option<T>) {
            if let Some(value) = flag {
                *field = value.clone();
            }
        }
        put(&mut recipe.data.path, &self.data);
        put(&mut recipe.model, &self.model);
        put(&mut recipe.plan, &self.plan);
        put(&mut recipe.seed, &self.seed);
        put(&mut recipe.optimize.head_epochs, &self.head_epochs);
        put(&mut recipe.optimize.epochs, &self.epochs);
        put(&mut recipe.optimize.rate, &self.rate);
        put(&mut recipe.data.batch_size, &self.batch_size);
        put(&mut recipe.data.image_size, &self.image_size);
        recipe.weights = self.weights.clone().or(recipe.weights);
        if recipe.data.path.as_os_str().is_empty() {
            let (field, wanted) = ("data.path", "a folder of pictures: `taper fine-tune DATA`");
            return Err(RecipeError::Field { field, wanted, got: "nothing".into() }.into());
        }
        recipe.check()?;
        Ok(recipe)
    }
}
