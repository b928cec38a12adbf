//! Fine-tunes a pretrained network on a folder of pictures, and names what is on one of them.
//!
//! ```console
//! $ cargo run --release --example fine_tune -- tests/data/emoji
//! ```

use std::path::Path;

use taper_tensor::Rng;
use taper_trainer::Silent;
use taper_trainer::build::model::save_weights;
use taper_trainer::build::network::{Network, network};
use taper_trainer::build::pipeline::{eval_loader, train_loader};
use taper_trainer::evaluate::ranked;
use taper_trainer::fit::fit;
use taper_trainer::recipe::Recipe;

/// Trains by a recipe, writes the weights, and returns the share of validation pictures that are
/// named rightly.
pub fn run(recipe: &Recipe, weights: &Path) -> taper_trainer::Result<f64> {
    recipe.check()?;
    let splits = taper_data::open(&recipe.data.path, &recipe.data.open_config(), &Rng::new(recipe.seed).fork("split"))?;
    let Network { card, mut classifier, params, .. } = network(recipe, &*splits.train, &Silent)?;
    let train = train_loader(splits.train, recipe, card.input(), 2)?;
    let val = eval_loader(splits.val.clone(), recipe.data.batch_size, card.input(), 2)?;

    // Observers may look on: a progress bar, Ctrl-C, what you like.
    let outcome = fit(&mut classifier, &params, (&train, &val), recipe, &mut [])?;
    for epoch in &outcome.history {
        println!("{} {:.3} {:.3} {:.3}", epoch.phase, epoch.train_loss, epoch.val_loss, epoch.val_accuracy);
    }
    let probabilities = &outcome.evaluation.probabilities[0];
    let answer = ranked(probabilities)[0];
    println!("{} is {} ({:.2})", splits.val.name(0), card.classes[answer], probabilities[answer]);
    save_weights(weights, &params.tensors())?;
    Ok(outcome.evaluation.accuracy())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut recipe = Recipe { seed: 7, ..Recipe::default() };
    recipe.data.path = std::env::args_os().nth(1).ok_or("name a folder of pictures")?.into();
    println!("accuracy {:.3}", run(&recipe, Path::new("model.safetensors"))?);
    Ok(())
}
