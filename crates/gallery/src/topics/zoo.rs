//! Slide 97: the zoo of pretrained models.

use candle_core::{DType, Device, Tensor};
use taper_nn::{Mode, Params};
use taper_tensor::Rng;
use taper_transfer::MODELS;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::setting::Setting;

pub(super) fn run(_: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let mut table = Table::of(["model", "input, pixels", "license", "weights"]);
    let mut ran = 0usize;
    for model in MODELS {
        let manifest = model.manifest()?;
        let within = model.embedded().is_some();
        if within {
            // It runs, without any download.
            let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
            let net = model.pretrained(&params)?;
            let logits = net.forward(&Tensor::zeros((1, 64, 64, 3), DType::F32, &Device::Cpu)?, Mode::Eval)?;
            ran += usize::from(logits.dims() == [1, 1000]);
        }
        let place = if within { "in the binary" } else { "fetched once" };
        table.rows.push(vec![model.name.into(), manifest.input_size.to_string(), manifest.license, place.into()]);
    }
    let families =
        ["squeezenet", "alexnet", "vgg", "resnet", "mobilenet", "efficientnet", "densenet", "convnext", "vit"];
    let there = families.iter().filter(|family| MODELS.iter().any(|model| model.name.contains(*family))).count();
    Ok(vec![
        Claim::new(
            Slides(97, 97),
            "A zoo of models, so that nobody begins from nothing",
            "Every network that taper has pretrained weights of. Those in the binary have just answered a picture; the \
             others are fetched once, and checked against the digest of their file.",
        )
        .by("taper models list")
        .and(table)
        .expects(Check::at_least("models with pretrained weights", MODELS.len() as f64, 50.0))
        .expects(Check::within("of nine families those that are there", there as f64, 9.0, 9.0))
        .expects(Check::at_least("models in the binary that answered a picture", ran as f64, 1.0)),
    ])
}
