//! `taper features`: what a network sees in pictures, for other programs.

use std::cell::OnceCell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use serde_json::json;
use taper_data::Folder;
use taper_tensor::global_avg_pool;

use super::probe::stage_number;
use super::strict::Strict;
use crate::asking::PrecisionFlag;
use crate::output::{line, regardless};
use crate::terminal::Terminal;
use taper_trainer::build::network::{FeatureExtractor, Reach, backbone};
use taper_trainer::build::pipeline::{BATCH, eval_loader};
use taper_trainer::evaluate::stage_features::stage_maps;
use taper_trainer::files;
use taper_trainer::ranks::{Ranks, in_turns, require_same_answers, turns};
use taper_trainer::store::pictures::tell;
use taper_trainer::store::readable::{Readable, readable};

/// Write what a network sees in each picture: features for another program.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper features squeezenet1_1 pictures --out pictures.safetensors\n  taper features resnet50 pictures --stage layer3 --pool none --out maps.npy\n  taper features runs/pictures-1 pictures --out mine.safetensors\n\nA safetensors file holds `features`, (N,C) or (N,H,W,C) in float32, and the names of the pictures as JSON in its metadata (`files`);\nbeside FILE.npy the names are in FILE.files.txt, one a line. The pictures are those of DATA and all folders below it."
)]
pub struct FeaturesArgs {
    /// A pretrained model, or a run folder
    #[arg(value_name = "MODEL|RUN")]
    model: String,
    /// The folder of pictures
    data: PathBuf,
    /// The stage, by name [default: the last]
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// What is made of a map
    #[arg(long, value_enum, default_value = "gap", value_name = "HOW")]
    pool: Pooled,
    /// The file, .safetensors or .npy
    #[arg(long, value_name = "FILE", value_parser = format)]
    out: (PathBuf, Format),
    /// A file in place of the model's own weights (safetensors, or a state dict of PyTorch's)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Side of the square that the network sees, pixels [default: the model's]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    image_size: Option<u32>,
    #[command(flatten)]
    precision: PrecisionFlag,
    #[command(flatten)]
    strict: Strict,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Pooled {
    /// The mean of each channel
    Gap,
    /// The map as it is
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Safetensors,
    Npy,
}

/// The file and what its ending asks for.
fn format(text: &str) -> Result<(PathBuf, Format), &'static str> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("safetensors") => Ok((path, Format::Safetensors)),
        Some("npy") => Ok((path, Format::Npy)),
        _ => Err("a name that ends in .safetensors or .npy"),
    }
}

/// Runs the verb. No more pictures are in memory than a few batches.
///
/// # Errors
/// When the pictures or the model cannot be read, there is no stage of the name, or the file cannot
/// be written.
pub fn features(args: &FeaturesArgs, threads: usize, ranks: &dyn Ranks) -> Result<i32> {
    let asking = args.precision.asking()?;
    let reach = args.stage.as_ref().map_or(Reach::Maps, |stage| Reach::Stages(std::slice::from_ref(stage)));
    let FeatureExtractor { classifier, params, input } =
        backbone(&args.model, args.weights.as_deref(), (args.image_size, reach), &Terminal)?;
    let stages = classifier.backbone().stages();
    let stage = args.stage.as_ref().map_or(Ok(stages.len() - 1), |name| stage_number(stages, name))?;
    let folder = Folder::all(&args.data)?;
    tell(folder.left_out(), &Terminal);
    let Readable { dataset: pictures, unreadable, .. } = readable(Arc::new(folder), args.strict.policy(), &Terminal)?;
    let names: Vec<String> = (0..pictures.len()).map(|index| below(&args.data, &pictures.name(index))).collect();
    let loader = eval_loader(Arc::clone(&pictures), BATCH, input, threads)?;
    let (out, format) = &args.out;
    require_same_answers(ranks, &params, &*pictures)?;
    let shape = OnceCell::new();
    let own = turns(ranks, loader.batches());
    let mut maps = stage_maps((&classifier, &params), (&loader, own), stage + 1)?;
    let mut compute = |_| {
        let Some(maps) = maps.next() else { return Ok(Vec::new()) };
        let map = maps?.swap_remove(stage);
        let features = if args.pool == Pooled::Gap { global_avg_pool(&map)? } else { map };
        shape.get_or_init(|| [&[names.len()], &features.dims()[1..]].concat());
        bytes(&features)
    };
    let mut all = |file: &mut dyn Write| {
        asking.run(|| {
            in_turns::<anyhow::Error>(ranks, loader.batches(), &mut compute, &mut |batch, bytes| {
                let cannot = || format!("cannot write {}", out.display());
                if let (0, Some(shape)) = (batch, shape.get()) {
                    let files = serde_json::to_string(&names)?;
                    let said = json!({"model": args.model, "stage": stages[stage].name, "files": files});
                    file.write_all(&header(*format, shape, &said)?).with_context(cannot)?;
                }
                file.write_all(&bytes).with_context(cannot)
            })
        })
    };
    if ranks.rank() > 0 {
        all(&mut std::io::sink())?;
        return Ok(0);
    }
    files::write_with(out, |file| all(file))?;
    let shape = shape.into_inner().unwrap_or_default();
    if *format == Format::Npy {
        files::write(&out.with_extension("files.txt"), format!("{}\n", names.join("\n")).as_bytes())?;
    }
    regardless(if args.json {
        line(json!({
            "schema": 1, "command": "features", "model": args.model, "stage": stages[stage].name, "data": args.data.to_string_lossy(),
            "images": names.len(), "unreadable_images": unreadable, "shape": shape, "out": out.to_string_lossy(),
        }))
    } else {
        line(format_args!("wrote {}: {} of {}, {shape:?}", out.display(), stages[stage].name, args.model))
    })?;
    Ok(0)
}

/// The name of a picture below the folder, with slashes on every system.
fn below(folder: &Path, name: &str) -> String {
    let path = Path::new(name);
    let parts = path.strip_prefix(folder).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// What a file of so many float32 begins with.
fn header(format: Format, shape: &[usize], said: &serde_json::Value) -> Result<Vec<u8>> {
    Ok(match format {
        Format::Safetensors => {
            let bytes = 4 * shape.iter().product::<usize>();
            let tensor = json!({"dtype": "F32", "shape": shape, "data_offsets": [0, bytes]});
            let mut text = serde_json::to_vec(&json!({"__metadata__": said, "features": tensor}))?;
            text.resize(text.len().next_multiple_of(8), b' ');
            [&(text.len() as u64).to_le_bytes()[..], &text].concat()
        }
        Format::Npy => {
            let sides = shape.iter().map(|side| format!("{side}, ")).collect::<String>();
            let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sides}), }}");
            // The data begin at a multiple of 64, behind a line's end.
            text = format!("{text:<width$}\n", width = (text.len() + 11).next_multiple_of(64) - 11);
            [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
        }
    })
}

fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.into_iter().flat_map(f32::to_le_bytes).collect())
}
