//! `taper models`: the pretrained networks there are.

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use taper_transfer::{MODELS, Manifest, PretrainedModel, Source, Sources, architecture, model};

use crate::output::{line, regardless};
use crate::terminal::Terminal;
use taper_trainer::build::fetch::pull;

/// The pretrained networks there are: list them, fetch their weights.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper models list\n  taper models info resnet18\n  taper models pull vgg16\n  taper models pull vgg16 --from torchvision\n  taper fine-tune pictures --model resnet18\n\nWeights come from the Hugging Face hub or from torchvision when they are first needed, and stay in the caches that Python uses too\n(~/.cache/huggingface and ~/.cache/torch). A file is kept when its SHA-256 is right, and checked again when it is next used.\nHF_HUB_CACHE, HF_HOME, HF_ENDPOINT, HF_TOKEN, TORCH_HOME, XDG_CACHE_HOME, TAPER_TORCHVISION_ENDPOINT and HF_HUB_OFFLINE (for both) are honored."
)]
pub struct ModelsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What there is, and what of it is on this machine
    List {
        /// Print a line of JSON for each model
        #[arg(long)]
        json: bool,
    },
    /// What is known about a model
    Info {
        /// The name
        model: String,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch weights, if they are not on this machine, and print where they are
    Pull {
        /// The names
        #[arg(required = true, value_name = "MODEL")]
        models: Vec<String>,
        /// Where from; without it what is on this machine, else the hub before torchvision
        #[arg(long, value_name = "SOURCE")]
        from: Option<SourceArg>,
        /// Take a file also when nobody says what its SHA-256 must be
        #[arg(long)]
        unverified: bool,
    },
    /// Print where the weights are on this machine
    Path {
        /// The name
        model: String,
    },
}

/// Where weights come from.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SourceArg {
    /// The Hugging Face hub
    Hub,
    /// torchvision's own files
    Torchvision,
}

impl SourceArg {
    fn source(self) -> Source {
        match self {
            SourceArg::Hub => Source::Hub,
            SourceArg::Torchvision => Source::Torchvision,
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// When there is no such model, or its weights cannot be had.
pub fn models(args: &ModelsArgs) -> Result<i32> {
    match &args.what {
        What::List { json } => list(*json)?,
        What::Info { model: name, json } => info(model(name)?, *json)?,
        What::Pull { models, from, unverified } => {
            let models = models.iter().map(|name| model(name)).collect::<Result<Vec<_>, _>>()?;
            let mut sources = Sources::from_env()?;
            sources.hub.fetch.unverified = *unverified;
            for model in models {
                regardless(match pull(model, &sources, from.map(SourceArg::source), &Terminal)? {
                    Some(path) => line(path.display()),
                    None => line(format_args!("{} is part of this program", model.name)),
                })?;
            }
        }
        What::Path { model: name } => {
            let model = model(name)?;
            match model.find(&Sources::from_env()?)? {
                Some(path) => line(path.display())?,
                None if model.embedded().is_some() => bail!("{name} is part of this program and has no file"),
                None => bail!("the weights of {name} are not on this machine; `taper models pull {name}` fetches them"),
            }
        }
    }
    Ok(0)
}

fn list(json: bool) -> Result<()> {
    let sources = Sources::from_env()?;
    if !json {
        line("name                           parameters  GFLOPs  top 1  top 5       MB  license       weights")?;
    }
    for model in MODELS {
        let manifest = model.manifest()?;
        let place = place(model, &sources)?;
        if json {
            line(facts(model, &manifest, place))?;
            continue;
        }
        let percent = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
        line(format_args!(
            "{:<29} {:>9.2} M  {:>6.2}  {:>5}  {:>5}  {:>7.1}  {:<12}  {place}",
            model.name,
            manifest.parameters as f64 / 1e6,
            manifest.gflops,
            percent(manifest.top1),
            percent(manifest.top5),
            megabytes(model, &manifest),
            manifest.license,
        ))?;
    }
    if json {
        return Ok(());
    }
    line("")?;
    line(
        "GFLOPs: multiply-adds for one picture; top 1 and 5: percent of ImageNet's validation pictures; MB: as float32.",
    )
}

/// The size of the weights: of the embedded ones as they are, of others as float32.
fn megabytes(model: &PretrainedModel, manifest: &Manifest) -> f64 {
    model.embedded().map_or(4 * manifest.parameters, <[u8]>::len) as f64 / 1e6
}

fn place(model: &PretrainedModel, sources: &Sources) -> Result<String> {
    Ok(match model.manifest()?.sources().first() {
        _ if model.embedded().is_some() => "embedded".to_owned(),
        _ if model.find(sources)?.is_some() => "here".to_owned(),
        Some(Source::Hub) => "on the hub".to_owned(),
        Some(Source::Torchvision) => "at torchvision".to_owned(),
        None => "from a file".to_owned(),
    })
}

fn facts(model: &PretrainedModel, manifest: &Manifest, place: String) -> Value {
    json!({
        "schema": 1, "name": model.name, "parameters": manifest.parameters, "gflops": manifest.gflops,
        "top1": manifest.top1, "top5": manifest.top5, "megabytes": megabytes(model, manifest),
        "license": manifest.license, "weights": place, "input_size": manifest.input_size, "mean": manifest.mean,
        "std": manifest.std, "source": manifest.source,
        "repository": manifest.hub.as_ref().map(|file| &file.repository),
        "revision": manifest.hub.as_ref().map(|file| &file.revision),
        "torchvision": manifest.torchvision.as_ref().map(|file| &file.file),
    })
}

fn info(model: &PretrainedModel, json: bool) -> Result<()> {
    let (manifest, sources) = (model.manifest()?, Sources::from_env()?);
    let place = place(model, &sources)?;
    let stages = architecture(model.name)?.stages();
    if json {
        let mut facts = facts(model, &manifest, place);
        facts["stages"] = stages
            .iter()
            .map(|stage| json!({"name": stage.name, "channels": stage.channels, "stride": stage.stride}))
            .collect();
        return line(facts);
    }
    line(format_args!(
        "{}: {:.2} million parameters, {} GFLOPs",
        model.name,
        manifest.parameters as f64 / 1e6,
        manifest.gflops
    ))?;
    if let (Some(top1), Some(top5)) = (manifest.top1, manifest.top5) {
        line(format_args!("ImageNet    top 1 {top1:.2} %, top 5 {top5:.2} %"))?;
    }
    let [mean, std] = [manifest.mean, manifest.std].map(|values| values.map(|value| value.to_string()).join(", "));
    line(format_args!("input       {} pixels, mean {mean}, deviation {std}", manifest.input_size))?;
    line(format_args!("license     {}", manifest.license))?;
    match model.find(&sources)? {
        Some(path) => line(format_args!("weights     {}", path.display()))?,
        None => line(format_args!("weights     {place}"))?,
    }
    if let Some(file) = &manifest.hub {
        line(format_args!("hub         {file} at {}", file.revision))?;
    }
    if let Some(file) = &manifest.torchvision {
        line(format_args!("torchvision {}", file.file))?;
    }
    line(format_args!("source      {}", manifest.source.trim()))?;
    line("stages      name, channels, pixels of the picture per pixel of the map, 0 for one map of the whole")?;
    for stage in stages {
        line(format_args!("            {:<12} {:>5} {:>3}", stage.name, stage.channels, stage.stride))?;
    }
    Ok(())
}
