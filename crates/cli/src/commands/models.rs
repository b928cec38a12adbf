//! `taper models`: the pretrained networks there are.

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use taper_transfer::{
    Interpolation, MODELS, Manifest, PretrainedModel, Source, Sources, architecture, model, models_of_sets,
};

use crate::output::{line, regardless};
use crate::terminal::Terminal;
use taper_trainer::build::fetch::pull;

/// The pretrained networks there are: list them, fetch their weights.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper models list\n  taper models list --all\n  taper models info resnet50.a1\n  taper models pull vgg16\n  taper models pull vgg16 --from torchvision\n  taper fine-tune pictures --model resnet18\n  taper fine-tune pictures --model resnet50.a1\n\nOf several sets of weights of a network the one with the best published top 1 is taken, by published top 1 alone: of those that anybody may\nuse, for pictures of the network's own size. NETWORK.SET names another, by timm's tag; its last _in1k may be left out.\n\nWeights come from the Hugging Face hub or from torchvision when they are first needed, and stay in the caches that Python uses too\n(~/.cache/huggingface and ~/.cache/torch). A file is kept when its SHA-256 is right, and checked again when it is next used.\nHF_HUB_CACHE, HF_HOME, HF_ENDPOINT, HF_TOKEN, TORCH_HOME, XDG_CACHE_HOME, TAPER_TORCHVISION_ENDPOINT and HF_HUB_OFFLINE (for both) are honored."
)]
pub struct ModelsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What there is, and what of it is on this machine
    List {
        /// Every set of weights of every network, with what its pictures are prepared with
        #[arg(long)]
        all: bool,
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
        What::List { all: false, json } => list(*json)?,
        What::List { all: true, json } => list_all(*json)?,
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
        line(
            "name                           parameters  GFLOPs  top 1  top 5       MB  license       set                       weights",
        )?;
    }
    for model in MODELS {
        let manifest = model.manifest()?;
        let place = place(model, &sources)?;
        if json {
            line(facts(model, &manifest, place))?;
            continue;
        }
        line(format_args!(
            "{:<29} {:>9.2} M  {:>6.2}  {:>5}  {:>5}  {:>7.1}  {:<12}  {:<24}  {place}",
            model.name,
            manifest.parameters as f64 / 1e6,
            manifest.gflops,
            percent(manifest.top1),
            percent(manifest.top5),
            megabytes(model, &manifest),
            manifest.license,
            manifest.set.unwrap_or("-"),
        ))?;
    }
    if json {
        return Ok(());
    }
    line("")?;
    line(
        "GFLOPs: multiply-adds for one picture; top 1 and 5: percent of ImageNet's validation pictures; MB: as float32.",
    )?;
    line(
        "set: of several sets of weights the one taken, by published top 1 alone; `taper models list --all` prints them.",
    )
}

/// Every set of weights, those of a network one after the other.
fn list_all(json: bool) -> Result<()> {
    let sources = Sources::from_env()?;
    if !json {
        line(
            "name                                                  top 1  top 5  size  crop    resized   mean               deviation               MB  license       sum        weights",
        )?;
    }
    let alone = MODELS.iter().filter(|model| model.manifest().is_ok_and(|manifest| manifest.set.is_none()));
    for model in alone.chain(models_of_sets()) {
        let (manifest, place) = (model.manifest()?, place(model, &sources)?);
        if json {
            line(facts(model, &manifest, place))?;
            continue;
        }
        let three = |values: [f32; 3]| values.map(|value| format!("{value:.3}")).join(" ");
        let network = architecture(model.name)?.name;
        let taken = taper_transfer::model(network)?.manifest()?.set == manifest.set;
        line(format_args!(
            "{:<52}{} {:>5}  {:>5}  {:>4}  {:<6}  {:<8}  {}  {}  {:>7.1}  {:<12}  {:<9}  {place}",
            model.name,
            if taken { '*' } else { ' ' },
            percent(manifest.top1),
            percent(manifest.top5),
            manifest.input_size,
            manifest.crop,
            filter(&manifest),
            three(manifest.mean),
            three(manifest.std),
            megabytes(model, &manifest),
            manifest.license,
            sum(model, &manifest),
        ))?;
    }
    if json {
        return Ok(());
    }
    line("")?;
    line(
        "*: what the network's name alone takes, by published top 1: of the sets that anybody may use, at the network's size.",
    )?;
    line(
        "top 1 and 5: as timm or torchvision publish them for pictures of this size, - where they do not. sum: what is known of a file's SHA-256 here; where it is not, what the server says must be right.",
    )
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// What pictures are resized by.
fn filter(manifest: &Manifest) -> &'static str {
    match manifest.interpolation {
        Interpolation::Bicubic => "bicubic",
        _ => "bilinear",
    }
}

/// What is known of the sum of a file: all, what torchvision's name of it begins with, or nothing.
fn sum(model: &PretrainedModel, manifest: &Manifest) -> &'static str {
    let hub = manifest.hub.as_ref().and_then(|file| file.sha256.as_ref());
    let torchvision = manifest.torchvision.as_ref().and_then(|file| file.sha256.as_ref());
    match (&manifest.torchvision, hub.or(torchvision)) {
        _ if model.embedded().is_some() => "known",
        (_, Some(_)) => "known",
        (Some(_), None) => "8 digits",
        (None, None) => "not known",
    }
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
        "std": manifest.std, "interpolation": filter(manifest), "crop": manifest.crop, "set": manifest.set,
        "sum": sum(model, manifest), "source": manifest.source,
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
    if let Some(set) = manifest.set {
        let network = architecture(model.name)?.name;
        let default = network == model.name;
        let why = if default { ", by published top 1; `taper models list --all` has the others" } else { "" };
        line(format_args!("set         {set} of {network}{why}"))?;
    }
    let resized = format!("{}, {} of the short side", filter(&manifest), manifest.crop);
    line(format_args!("input       {} pixels, {resized}, mean {mean}, deviation {std}", manifest.input_size))?;
    line(format_args!("license     {}", manifest.license))?;
    match model.find(&sources)? {
        Some(path) => line(format_args!("weights     {}", path.display()))?,
        None => line(format_args!("weights     {place}"))?,
    }
    line(format_args!("sum         {}", sum(model, &manifest)))?;
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
