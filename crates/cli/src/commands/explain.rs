//! `taper explain`: where in a picture a network found what it says.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Tensor};
use image::RgbImage;
use taper_data::LabelKind;
use taper_regularize::Marginalize;

use crate::answers::written;
use crate::output::{line, note, regardless};
use crate::terminal::Terminal;
use taper_report::preview::{Row, Sheet};
use taper_trainer::build::model::{self, Model};
use taper_trainer::evaluate::explain::{Heat, grad_cam, occlusion};
use taper_trainer::evaluate::{marginal, ranked};
use taper_trainer::files;

/// Squares of an occlusion, as parts of the picture's side: their side, and how far apart they are.
const SQUARE: usize = 5;
const APART: usize = 16;

/// Pictures in a row: the picture, Grad-CAM, occlusion.
const COLUMNS: usize = 3;

/// Draw where in pictures a network found what it says: Grad-CAM and occlusion.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper explain runs/emoji-1 cat.png --png why.png\n  taper explain squeezenet1_1 cat.jpg dog.jpg --class \"tabby cat\" --png why.png\n\nA row for each picture: as the network sees it; Grad-CAM, the places of the last feature map that speak for the class; occlusion, the\nsquares without which its probability falls."
)]
pub struct ExplainArgs {
    /// A run folder, or the name of a pretrained model
    #[arg(value_name = "RUN|MODEL")]
    model: PathBuf,
    /// The pictures
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// A file in place of the model's own weights (safetensors, or a state dict of PyTorch's)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// The class, by name [default: the most probable one of each picture]
    #[arg(long)]
    class: Option<String>,
    /// The sheet to write
    #[arg(long, value_name = "FILE")]
    png: PathBuf,
    /// Side of each picture on the sheet, pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 320, value_parser = clap::value_parser!(u32).range(32..=2048))]
    side: u32,
}

/// Runs the verb. A picture that cannot be read, or gets no answer, is reported, the others are
/// still drawn; the exit code is then 1.
///
/// # Errors
/// When the model cannot be read, there is no class of the name, or the sheet is too large or
/// cannot be written.
pub fn explain(args: &ExplainArgs) -> Result<i32> {
    let heading = [format!("{}: the picture, Grad-CAM, occlusion", args.model.display())];
    let mut sheet = Sheet::new(&heading, (args.images.len(), COLUMNS), args.side)?;
    let model = model::open(&args.model, args.weights.as_deref(), &Terminal)?;
    let classes = &model.card.classes;
    let asked = match &args.class {
        None => None,
        Some(name) => match classes.iter().position(|class| class == name) {
            Some(class) => Some(class),
            None => {
                let near = classes.iter().min_by_key(|class| strsim::levenshtein(class, name));
                bail!("there is no class {name:?}; the nearest is {:?}", near.map_or("", |class| class.as_str()))
            }
        },
    };
    let size = model.card.input_size as usize;
    let squares = (size / SQUARE, (size / APART).max(1));
    // A row of squares goes through the network at a time.
    model.require_memory((size - squares.0) / squares.1 + 1)?;
    let mut code = 0;
    for path in &args.images {
        let (said, pictures) = match explained(&model, path, asked, squares) {
            Ok(explained) => explained,
            Err(error) => {
                note(format_args!("error: {}", crate::said(&error)));
                code = 1;
                continue;
            }
        };
        regardless(line(format_args!("{}: {said}", path.display())))?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        sheet.add(&Row { label: vec![name, said], pictures })?;
    }
    if sheet.rows() > 0 {
        files::write(&args.png, &files::png(&sheet.picture()?)?)?;
        regardless(line(format_args!("wrote {}", args.png.display())))?;
    }
    Ok(code)
}

/// What is said of a picture, and it with what is drawn over it; about `asked`, or the most
/// probable class.
fn explained(
    model: &Model,
    path: &Path,
    asked: Option<usize>,
    squares: (usize, usize),
) -> Result<(String, Vec<RgbImage>)> {
    let (picture, pixels) = model.prepare(path)?;
    let (said, heats) = answered(model, &pixels, asked, squares).with_context(|| path.display().to_string())?;
    let drawn = heats.iter().map(|heat| heat.over(&picture)).collect::<Vec<_>>();
    Ok((said, [vec![picture], drawn].concat()))
}

fn answered(
    model: &Model,
    pixels: &Tensor,
    asked: Option<usize>,
    squares: (usize, usize),
) -> Result<(String, [Heat; 2])> {
    let objective = &model.card.objective;
    let mean = marginal((&model.classifier, objective), pixels, Marginalize::Expectation)?.mean;
    let probabilities = mean.to_dtype(DType::F32)?.squeeze(0)?.to_vec1::<f32>()?;
    let class = asked.unwrap_or(ranked(&probabilities)[0]);
    let name = &model.card.classes[class];
    let said = match objective.kind() {
        LabelKind::Number => format!("{name}: {}", written(probabilities[class])),
        LabelKind::One | LabelKind::Many => format!("{name}: {:.1} %", 100.0 * probabilities[class]),
    };
    let heats = [
        grad_cam(&model.classifier, pixels, class)?,
        occlusion((&model.classifier, objective), pixels, class, squares)?,
    ];
    Ok((said, heats))
}
