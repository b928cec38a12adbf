//! The examples of the trainer, on a few pictures.

use std::path::Path;

use taper_trainer::recipe::Recipe;

use crate::support::small;

#[allow(dead_code, unreachable_pub)] // a program of its own, whose `run` is called
#[path = "../crates/trainer/examples/fine_tune.rs"]
mod fine_tune;
#[allow(dead_code, unreachable_pub)] // a program of its own, whose `run` is called
#[path = "../crates/trainer/examples/linear_probe.rs"]
mod linear_probe;
#[allow(dead_code, unreachable_pub)] // a program of its own, whose `run` is called
#[path = "../crates/trainer/examples/own_network.rs"]
mod own_network;

fn short(mut recipe: Recipe, folder: &Path) -> Recipe {
    recipe.data.path = small(folder, 12);
    (recipe.data.batch_size, recipe.optimize.epochs) = (8, 3);
    recipe
}

#[test]
fn a_pretrained_network_learns_a_few_pictures() {
    let place = tempfile::tempdir().unwrap();
    let mut recipe = short(Recipe::default(), place.path());
    recipe.data.image_size = 64;
    let weights = place.path().join("model.safetensors");
    assert!(fine_tune::run(&recipe, &weights).unwrap() > 0.6);
    assert!(weights.is_file());
}

#[test]
fn later_stages_tell_more() {
    let place = tempfile::tempdir().unwrap();
    let accuracies = linear_probe::run(&small(place.path(), 12), 64).unwrap();
    assert!(accuracies.len() == 4 && accuracies[3] > 0.6, "{accuracies:?}");
}

#[test]
fn a_network_of_ones_own_learns() {
    let place = tempfile::tempdir().unwrap();
    let mut recipe = short(Recipe::from_scratch(), place.path());
    recipe.optimize.epochs = 12;
    assert!(own_network::run(&recipe).unwrap() > 0.5);
}
