//! `taper export`: a run for PyTorch.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use serde_json::json;
use taper_tensor::{Params, Rng};
use taper_transfer::{Manifest, architecture, model, read_weights, rename};

use crate::files;
use crate::model::{ModelCard, card, save_weights};
use crate::output::line;

/// Write a run's network for PyTorch: torchvision's names, or timm's with its config.json.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper fine-tune pictures --model resnet18 --head own\n  taper export runs/pictures-1 --format torchvision --out resnet\n  taper export runs/pictures-1 --format timm --out resnet\n\nThen in Python:\n  net = torchvision.models.resnet18(num_classes=N)\n  net.load_state_dict(safetensors.torch.load_file(\"resnet/model.safetensors\"))\nor\n  net = timm.create_model(\"local-dir:resnet\", pretrained=True)\n\nPictures are RGB in 0..1, normalised with the mean and std of classes.json or config.json. The head must be the network's own."
)]
pub struct ExportArgs {
    /// A run folder
    run: PathBuf,
    /// Whose names the parameters get
    #[arg(long, value_enum)]
    format: Names,
    /// The folder to write to
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Names {
    Torchvision,
    Timm,
}

/// Runs the verb.
///
/// # Errors
/// When the run cannot be read, its network is in neither library in this form, or a file cannot be written.
pub fn export(args: &ExportArgs) -> Result<i32> {
    let card = card(&args.run)?;
    let weights = read_weights(args.run.join("model.safetensors"))?;
    let Ok(known) = model(&card.model) else {
        bail!("{} is a network of Taper's alone: neither torchvision nor timm has it", card.model);
    };
    let own = architecture(&card.model)?;
    let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
    let backbone = own.backbone(&params.root(), &card.backbone)?;
    own.head().build(&params.root(), backbone.channels(), card.classes.len())?;
    let shape = |(name, tensor): (&String, &Tensor)| (name.clone(), tensor.dims().to_vec());
    if !params.tensors().iter().map(shape).eq(weights.iter().map(shape)) {
        bail!("the head of {} is not {}'s own: train with --head own", args.run.display(), card.model);
    }
    let (weights, about) = match args.format {
        Names::Torchvision => (
            weights,
            json!({
                "architecture": card.model, "classes": card.classes, "input_size": card.input_size, "mean": card.mean,
                "std": card.std,
            }),
        ),
        Names::Timm => {
            let manifest = known.manifest()?;
            let Some(name) = timm_name(&manifest) else {
                bail!("timm has no {} of torchvision's form; --format torchvision is what can be written", card.model);
            };
            let back: Vec<[String; 2]> = manifest.renames.iter().map(|[from, to]| [to.clone(), from.clone()]).collect();
            let weights = rename(weights, &back).into_iter().map(convolution).collect::<candle_core::Result<_>>()?;
            (weights, config(&card, &name))
        }
    };
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    save_weights(&args.out.join("model.safetensors"), &weights)?;
    let file = args.out.join(if args.format == Names::Timm { "config.json" } else { "classes.json" });
    files::write(&file, serde_json::to_string_pretty(&about)?.as_bytes())?;
    line(format_args!("wrote {} and {}", args.out.join("model.safetensors").display(), file.display()))?;
    Ok(0)
}

/// The name of the architecture in timm.
fn timm_name(manifest: &Manifest) -> Option<String> {
    let repository = &manifest.hub.as_ref()?.repository;
    Some(Path::new(repository).file_stem()?.to_string_lossy().into_owned())
}

/// The fully connected layers of timm's VGG are convolutions over the whole map, 7x7, and over single places.
fn convolution((name, tensor): (String, Tensor)) -> candle_core::Result<(String, Tensor)> {
    if !name.starts_with("pre_logits.") || tensor.rank() != 2 {
        return Ok((name, tensor));
    }
    let (outputs, inputs) = tensor.dims2()?;
    let side = if name.starts_with("pre_logits.fc1") { 7 } else { 1 };
    Ok((name, tensor.reshape((outputs, inputs / (side * side), side, side))?))
}

/// What timm reads beside the weights.
fn config(card: &ModelCard, name: &str) -> serde_json::Value {
    json!({
        "architecture": name, "num_classes": card.classes.len(), "label_names": card.classes,
        "pretrained_cfg": {
            "tag": "taper", "custom_load": false, "input_size": [3, card.input_size, card.input_size],
            "fixed_input_size": false, "interpolation": "bilinear", "crop_pct": 1.0, "crop_mode": "center",
            "mean": card.mean, "std": card.std, "num_classes": card.classes.len(),
        },
    })
}
