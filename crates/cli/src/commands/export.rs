//! `taper export`: a run for other programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use taper_nn::Params;
use taper_tensor::Rng;
use taper_transfer::{
    OnnxConfig, OnnxWeights, WeightsFile, architecture, int8_weights, model, onnx, read_weights, rename,
};

use crate::output::{line, regardless};
use crate::terminal::Terminal;
use taper_trainer::build::model::{ModelCard, card, folder, weights_bytes, weights_file};
use taper_trainer::build::pretrained::tell;
use taper_trainer::files;
use taper_trainer::files::json;
use taper_trainer::objective::Objective;

/// Write a run's network for other programs: torchvision's names, timm's with its config.json,
/// ONNX, or a folder that predict and serve open.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper fine-tune pictures --model resnet18 --head own\n  taper export runs/pictures-1 --format torchvision --out resnet\n  taper export runs/pictures-1 --format timm --out resnet\n  taper export runs/pictures-1 --format onnx --out resnet\n  taper export runs/pictures-1 --format taper --int8 --out small\n  taper predict small cat.jpg --precision int8\n\nThen in Python:\n  net = torchvision.models.resnet18(num_classes=N)\n  net.load_state_dict(safetensors.torch.load_file(\"resnet/model.safetensors\"))\nor\n  net = timm.create_model(\"local-dir:resnet\", pretrained=True)\nor\n  net = onnxruntime.InferenceSession(\"resnet/model.onnx\")\n  logits, = net.run(None, {\"pixels\": pictures})\n\nclasses.json, and the metadata of ONNX, say under objective what the outputs stand for: logits of one class or of several labels with\ntheir thresholds, or numbers with what they are to be multiplied with. preprocess.json says how a picture becomes the input, and ONNX has it in its metadata too: the short side is scaled to the input size\n(bilinear, antialiased), the middle is cropped to a square, and RGB in 0..1 is normalized with mean and std, (N,3,H,W). In Python, with N\nthe input size:\n  torchvision.transforms.Compose([Resize(N), CenterCrop(N), ToTensor(), Normalize(mean, std)])\n\nRUN may be a file of weights in a run, such as runs/pictures-1/checkpoint/best.safetensors. For torchvision and timm the head must be the\nnetwork's own; ONNX (operations of version 17) takes any."
)]
pub struct ExportArgs {
    /// A run folder, or a file of weights in it
    run: PathBuf,
    /// Whose names the parameters get; onnx; or taper, a folder to predict and serve from
    #[arg(long, value_enum)]
    format: Format,
    /// Weights of convolutions and linear layers as integers of 8 bits, with a scale for each
    /// output channel: a quarter of the size (taper and onnx)
    #[arg(long)]
    int8: bool,
    /// The folder to write to
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Torchvision,
    Timm,
    Onnx,
    Taper,
}

/// Runs the verb.
///
/// # Errors
/// When the run cannot be read, its network cannot be written in this form, or a file cannot be
/// written.
pub fn export(args: &ExportArgs) -> Result<i32> {
    let run = folder(&args.run);
    let card = card(run)?;
    let WeightsFile { tensors: weights, report } = read_weights(weights_file(&args.run))?;
    tell(&report, &Terminal);
    let stored = if args.int8 { OnnxWeights::Int8 } else { OnnxWeights::Float32 };
    let (name, bytes) = match args.format {
        Format::Torchvision | Format::Timm if args.int8 => {
            bail!("neither torchvision nor timm reads weights in integers: --format taper and onnx can be written so")
        }
        Format::Taper if args.int8 => ("model.safetensors", int8_weights(&weights)?),
        Format::Taper => ("model.safetensors", weights_bytes(&weights)?),
        Format::Torchvision => ("model.safetensors", weights_bytes(&torchvisions(&card, own(&card, run, weights)?)?)?),
        Format::Timm => ("model.safetensors", weights_bytes(&renamed(&card, own(&card, run, weights)?)?)?),
        Format::Onnx => ("model.onnx", operations(&card, &weights, stored)?),
    };
    let (beside, about) = match args.format {
        Format::Timm => ("config.json", config(&card)?),
        Format::Torchvision | Format::Onnx => ("classes.json", facts(&card)),
        Format::Taper => ("model.json", serde_json::to_value(&card)?),
    };
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let [file, beside, input] = [name, beside, "preprocess.json"].map(|name| args.out.join(name));
    files::write(&file, &bytes)?;
    files::write(&beside, &json(&about)?)?;
    files::write(&input, &json(&card.input().described())?)?;
    let files = [&file, &beside, &input].map(|path| path.display());
    regardless(line(format_args!("wrote {}, {} and {}", files[0], files[1], files[2])))?;
    Ok(0)
}

type Weights = BTreeMap<String, Tensor>;

/// The weights, where they are those of a network that other libraries have, with its own head.
fn own(card: &ModelCard, run: &Path, weights: Weights) -> Result<Weights> {
    if model(&card.model).is_err() {
        bail!(
            "{} is a network of Taper's alone: neither torchvision nor timm has it; --format onnx can be written",
            card.model
        );
    }
    let own = architecture(&card.model)?;
    let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
    own.classifier(&params, &card.backbone, &own.head(), card.classes.len())?;
    let shape = |(name, tensor): (&String, &Tensor)| (name.clone(), tensor.dims().to_vec());
    if !params.tensors().iter().map(shape).eq(weights.iter().map(shape)) {
        bail!(
            "the head of {} is not {}'s own: train with --head own, or write --format onnx, which takes any",
            run.display(),
            card.model
        );
    }
    Ok(weights)
}

/// The network as ONNX, with what is to be known of it.
fn operations(card: &ModelCard, weights: &Weights, stored: OnnxWeights) -> Result<Vec<u8>> {
    let (classifier, params) = card.with_weights(weights)?;
    let facts = facts(card);
    let about = ["architecture", "classes", "input_size", "mean", "std", "preprocess", "objective"]
        .map(|key| (key, facts[key].to_string()));
    let about: Vec<(&str, &str)> = about.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let config = OnnxConfig { size: card.input_size as usize, weights: stored, about: &about };
    Ok(onnx(&classifier, &params, config)?)
}

/// What to know of the network beside its weights.
fn facts(card: &ModelCard) -> Value {
    json!({
        "architecture": network_name(card), "classes": card.classes, "input_size": card.input_size, "mean": card.mean, "std": card.std,
        "preprocess": card.input().described(), "objective": described(&card.objective),
    })
}

/// What becomes of the logits that the network gives, and what that says.
fn described(objective: &Objective) -> Value {
    match objective {
        Objective::One => json!({"labels": "one", "summary": "probabilities are the softmax of the logits"}),
        Objective::Many { thresholds } => json!({
            "labels": "many", "thresholds": thresholds,
            "summary": "probabilities are the sigmoid of the logits; a label is there from its threshold on",
        }),
        Objective::Number { mean, deviation, .. } => json!({
            "labels": "number", "mean": mean, "deviation": deviation,
            "summary": "numbers are the outputs times deviation plus mean",
        }),
    }
}

/// The name of the network, whichever set of weights it began with.
fn network_name(card: &ModelCard) -> &str {
    architecture(&card.model).map_or(&card.model, |network| network.name)
}

/// The weights of a network that torchvision has.
fn torchvisions(card: &ModelCard, weights: Weights) -> Result<Weights> {
    if model(&card.model)?.manifest()?.timm.is_some() {
        bail!("torchvision has no {}; --format timm is what can be written", card.model);
    }
    Ok(weights)
}

/// The weights by timm's names.
fn renamed(card: &ModelCard, weights: Weights) -> Result<Weights> {
    let back: Vec<[String; 2]> =
        model(&card.model)?.manifest()?.renames.iter().map(|[from, to]| [to.clone(), from.clone()]).collect();
    Ok(rename(weights, &back, &card.model)?.into_iter().map(convolution).collect::<candle_core::Result<_>>()?)
}

/// Fully connected layers that are convolutions in timm: VGG's over the whole map, 7x7, and over
/// single places, MobileNetV3's over a single one.
fn convolution((name, tensor): (String, Tensor)) -> candle_core::Result<(String, Tensor)> {
    if !["pre_logits.", "conv_head."].iter().any(|layer| name.starts_with(layer)) || tensor.rank() != 2 {
        return Ok((name, tensor));
    }
    let (outputs, inputs) = tensor.dims2()?;
    let side = if name.starts_with("pre_logits.fc1") { 7 } else { 1 };
    Ok((name, tensor.reshape((outputs, inputs / (side * side), side, side))?))
}

/// What timm reads beside the weights.
fn config(card: &ModelCard) -> Result<Value> {
    let manifest = model(&card.model)?.manifest()?;
    let Some(name) = &manifest.timm_name else {
        bail!("timm has no {} of torchvision's form; --format torchvision is what can be written", card.model);
    };
    let mut config = json!({
        "architecture": name, "num_classes": card.classes.len(), "label_names": card.classes,
        "pretrained_cfg": {
            "tag": "taper", "custom_load": false, "input_size": [3, card.input_size, card.input_size],
            "fixed_input_size": false, "interpolation": card.framing.filter, "crop_pct": card.framing.crop, "crop_mode": "center",
            "mean": card.mean, "std": card.std, "num_classes": card.classes.len(),
        },
    });
    if name.starts_with("vit_") || name.starts_with("deit_") {
        // The positions are those of the network's own size, and resampled for pictures of another.
        config["model_args"] = json!({"img_size": manifest.input_size, "dynamic_img_size": true});
    }
    Ok(config)
}
