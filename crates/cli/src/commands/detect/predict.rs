//! `taper detect predict`: what is where on pictures.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;
use taper_data::decode;
use taper_detect::data::proposals::Proposals;
use taper_detect::data::{Annotated, DetectionSet, Loading, Units};
use taper_detect::model::{Asking, Detection, Model, open};
use taper_report::preview::{Framed, framed};
use taper_tensor::Rng;
use taper_trainer::files;

use crate::output::{ended, line, note};

/// Find what is on pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper detect predict runs/detect-scenes-1 street.jpg\n  taper detect predict runs/detect-scenes-1 street.jpg --out found.png\n  taper detect predict runs/detect-scenes-1 *.jpg --json --score 0.3\n\nBoxes are in pixels from the upper left corner of the picture: left, upper, right, lower edge."
)]
pub(super) struct PredictArgs {
    /// A run folder
    run: PathBuf,
    /// The pictures
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// The score that a box must be above
    #[arg(long, value_name = "SCORE", default_value_t = 0.5, value_parser = fraction)]
    score: f32,
    /// Draw the boxes: of one picture into this PNG file, of several into files in this folder
    #[arg(long, value_name = "FILE|FOLDER")]
    out: Option<PathBuf>,
    /// Boxes for these pictures, of a run with --proposals
    #[arg(long, value_name = "FILE")]
    proposals: Option<PathBuf>,
    /// Print a line of JSON for each picture
    #[arg(long)]
    json: bool,
}

/// A number in [0, 1].
fn fraction(text: &str) -> Result<f32, &'static str> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or("a number from 0 to 1")
}

/// Runs the verb. A picture that cannot be read is reported, the others are still looked at; the
/// exit code is then 1.
///
/// # Errors
/// When the run cannot be opened, or a picture not be drawn.
pub(super) fn predict(args: &PredictArgs) -> Result<i32> {
    let model = open(&args.run)?;
    let proposals = args.proposals.as_deref().map(Proposals::read).transpose()?;
    if proposals.is_none() && !model.detector.proposes() {
        bail!("{} was trained with --proposals, and wants some for these pictures, too", args.run.display());
    }
    let mut code = 0;
    for path in &args.images {
        let found = look(&model, path, proposals.as_ref(), args.score);
        match found.with_context(|| path.display().to_string()) {
            Ok(found) => {
                if let Some(out) = &args.out {
                    save(path, (&found, &model.card.classes), &target(out, path, args.images.len())?)?;
                }
                if let Err(error) = tell(args, path, &found, &model.card.classes) {
                    return ended(Err(error), code);
                }
            }
            Err(error) => {
                note(format_args!("error: {}", crate::said(&error)));
                code = 1;
            }
        }
    }
    Ok(code)
}

/// What is on a picture, best first.
fn look(model: &Model, path: &Path, proposals: Option<&Proposals>, score: f32) -> Result<Vec<Detection>> {
    let picture = Annotated { path: path.to_owned(), size: None, units: Units::Pixels, objects: Vec::new() };
    let set = DetectionSet { classes: model.card.classes.clone(), pictures: vec![picture] };
    let (framing, normalize) = (model.card.framing, model.card.normalize()?);
    let loading = Loading { set: &set, framing, normalize, augment: None, proposals };
    let batch = loading.batch(&[0], &Rng::new(0))?;
    let asking = Asking { score, ..model.card.asking };
    Ok(model.detector.detect(&batch, &asking)?.remove(0))
}

/// Where the picture of boxes is written.
fn target(out: &Path, image: &Path, images: usize) -> Result<PathBuf> {
    if images == 1 && !out.is_dir() {
        return Ok(out.to_owned());
    }
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    Ok(out.join(image.file_stem().unwrap_or_default()).with_extension("png"))
}

fn save(path: &Path, (found, classes): (&[Detection], &[String]), out: &Path) -> Result<()> {
    let boxed = |Detection { bbox, class, score }: &Detection| Framed {
        name: format!("{} {:.0} %", classes[*class], 100.0 * score),
        class: *class,
        edges: bbox.edges(),
    };
    let boxes: Vec<Framed> = found.iter().map(boxed).collect();
    Ok(files::write(out, &files::png(&framed(&decode(path)?, &boxes)?)?)?)
}

fn tell(args: &PredictArgs, path: &Path, found: &[Detection], classes: &[String]) -> Result<()> {
    if args.json {
        let one =
            |found: &Detection| json!({"class": classes[found.class], "score": found.score, "box": found.bbox.edges()});
        return line(json!({"image": path.to_string_lossy(), "found": found.iter().map(one).collect::<Vec<_>>()}));
    }
    line(path.display())?;
    for Detection { bbox, class, score } in found {
        let [x1, y1, x2, y2] = bbox.edges().map(|edge| edge.round() as i64);
        line(format_args!("{:>6.1} %  {x1:>5} {y1:>5} {x2:>5} {y2:>5}  {}", 100.0 * score, classes[*class]))?;
    }
    Ok(())
}
