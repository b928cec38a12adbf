//! What a linear classifier makes of each stage of a network that stays as it is.
//!
//! ```console
//! $ cargo run --release --example linear_probe -- tests/data/emoji
//! ```

use std::path::Path;

use taper_data::OpenConfig;
use taper_tensor::Rng;
use taper_trainer::Silent;
use taper_trainer::build::network::{FeatureExtractor, Reach, backbone};
use taper_trainer::evaluate::linear_probe::probe;
use taper_trainer::evaluate::metrics::interval;
use taper_trainer::evaluate::stage_features::StageFeatures;

/// The accuracy on each stage, from the picture to the last map.
pub fn run(pictures: &Path, size: u32) -> taper_trainer::Result<Vec<f64>> {
    let all = (Some(size), Reach::All);
    let FeatureExtractor { classifier, params, input } = backbone("squeezenet1_1", None, all, &Silent)?;
    let rng = Rng::new(7);
    let splits = taper_data::open(pictures, &OpenConfig::default(), &rng.fork("split"))?;
    let stages = classifier.backbone().stages();
    let learned = StageFeatures::of((&classifier, &params), stages.len(), &splits.train, input, 2)?;
    let tested = StageFeatures::of((&classifier, &params), stages.len(), &splits.val, input, 2)?;
    let mut accuracies = Vec::new();
    for (i, stage) in stages.iter().enumerate() {
        let sides = ((&learned.stages[i], &*learned.labels), (&tested.stages[i], &*tested.labels));
        let found = probe(sides.0, sides.1, splits.train.classes().len(), &rng)?;
        let [low, high] = interval(found.accuracy, tested.labels.len());
        println!("{:<10} {:.3} ({low:.3} to {high:.3})", stage.name, found.accuracy);
        accuracies.push(found.accuracy);
    }
    Ok(accuracies)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pictures = std::env::args_os().nth(1).ok_or("name a folder of pictures")?;
    run(Path::new(&pictures), 160)?;
    Ok(())
}
