//! `taper caption predict`: captions of pictures.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use taper_caption::model::{Caption, Model, Search, open};
use taper_caption::text::sentence;

use crate::output::{ended, line, note};

/// Say what is on pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper caption predict runs/caption-scenes-1 street.jpg\n  taper caption predict runs/caption-scenes-1 *.jpg --beam 10 --count 3\n  taper caption predict runs/caption-scenes-1 *.jpg --json\n\nThe score of a caption is the logarithm of its probability."
)]
pub(super) struct PredictArgs {
    /// A run folder
    run: PathBuf,
    /// The pictures
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// How many captions the search keeps; 1 takes the most likely word each time [default: the
    /// run's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    beam: Option<u16>,
    /// How many captions of each picture are told, the most likely first; no more than the search
    /// keeps
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// Print a line of JSON for each picture
    #[arg(long)]
    json: bool,
}

/// Runs the verb. A picture that cannot be read is reported, the others are still looked at; the
/// exit code is then 1.
///
/// # Errors
/// When the run cannot be opened.
pub(super) fn predict(args: &PredictArgs) -> Result<i32> {
    let model = open(&args.run)?;
    let search = Search { beam: args.beam.map_or(model.card.search.beam, usize::from), ..model.card.search };
    let mut code = 0;
    for path in &args.images {
        match look(&model, path, search).with_context(|| path.display().to_string()) {
            Ok(mut captions) => {
                captions.truncate(usize::from(args.count));
                if let Err(error) = tell(args, path, &captions, &model) {
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

/// Captions of a picture, the most likely first.
fn look(model: &Model, path: &Path, search: Search) -> Result<Vec<Caption>> {
    let features = model.features(&model.card.loading()?.pixels(&[path])?)?;
    Ok(search.captions(&model.network, &features)?.remove(0))
}

fn tell(args: &PredictArgs, path: &Path, captions: &[Caption], model: &Model) -> Result<()> {
    let text = |caption: &Caption| sentence(&model.card.vocabulary.named(&caption.words));
    if args.json {
        let one = |caption: &Caption| json!({"caption": text(caption), "score": caption.log_probability});
        let all: Vec<_> = captions.iter().map(one).collect();
        return line(json!({"image": path.to_string_lossy(), "captions": all}));
    }
    if let ([caption], 1) = (captions, args.images.len()) {
        return line(text(caption));
    }
    line(path.display())?;
    captions.iter().try_for_each(|one| line(format_args!("{:>8.2}  {}", one.log_probability, text(one))))
}
