//! `taper augment`: what is done to pictures in training, to look at.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;
use taper_augment::{Interpolation, Resize, Transform};
use taper_data::Dataset;
use taper_tensor::Rng;

use crate::output::{line, note, regardless};
use crate::terminal::Terminal;
use taper_report::preview::{Row, Sheet, strengths};
use taper_trainer::build::colors::measured;
use taper_trainer::build::transforms::train_transform;
use taper_trainer::files;
use taper_trainer::recipe::{Read, Recipe};
use taper_trainer::store::hub_data::local;
use taper_trainer::store::pictures::tell;

/// Draw a contact sheet of augmented pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper augment tests/data/emoji --preview sheet.png\n  taper augment pictures -c recipe.toml --rows 4 --cols 12 --preview sheet.png\n  taper augment pictures --each --preview transforms.png\n\nEach row is one training picture as it is, then variants of it as the recipe makes them; with --each one picture, a row\nfor every transform there is, at three strengths."
)]
pub struct AugmentArgs {
    /// The folder of pictures
    data: PathBuf,
    /// The sheet, a PNG
    #[arg(long, value_name = "FILE")]
    preview: PathBuf,
    /// The recipe whose [augment] is shown [default: that of fine-tune]
    #[arg(short = 'c', long = "recipe", value_name = "FILE", conflicts_with = "each")]
    recipe: Option<PathBuf>,
    /// Pictures
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=50))]
    rows: u8,
    /// Variants of each
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=50), conflicts_with = "each")]
    cols: u8,
    /// Show every transform alone, at three strengths
    #[arg(long, conflicts_with = "rows")]
    each: bool,
    /// The seed of pictures and variants
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Side of a picture on the sheet, pixels.
const SIDE: u32 = 150;

/// Runs the verb.
///
/// # Errors
/// When a picture or the recipe cannot be read, a setting is out of its range, or the sheet is too
/// large or cannot be written.
pub fn augment(args: &AugmentArgs) -> Result<i32> {
    let read = args.recipe.as_deref().map(Read::file).transpose()?;
    read.iter().flat_map(|read| &read.renamed).for_each(note);
    let recipe = read.map_or_else(Recipe::default, |read| read.recipe);
    train_transform(&recipe.augment, recipe.data.image_size)?;
    let rng = Rng::new(args.seed);
    let splits = taper_data::open(local(&args.data, &Terminal)?, &recipe.data.open_config(), &rng.fork("split"))?;
    tell(&splits.left_out, &Terminal);
    let pictures = splits.train;
    let measures = recipe.augment.measures();
    let recipe = if measures { measured(&recipe, &pictures, 0, &Terminal)? } else { recipe };
    let transform = train_transform(&recipe.augment, recipe.data.image_size)?;
    let mut chosen: Vec<usize> = (0..pictures.len()).collect();
    rng.fork("preview").shuffle(&mut chosen);
    let variants = rng.fork("variants");
    let sheet = if args.each {
        each(&*pictures, chosen[0], &variants)?
    } else {
        chosen.truncate(args.rows.into());
        let heading: Vec<String> = recipe.augment.train.iter().map(ToString::to_string).collect();
        let mut sheet = Sheet::new(&heading, (chosen.len(), 1 + usize::from(args.cols)), SIDE)?;
        for index in chosen {
            let picture = pictures.get(index)?;
            let seen = (0..u64::from(args.cols))
                .map(|column| transform.apply(picture.clone(), &mut variants.at(index as u64).at(column)));
            let name = pictures.name(index);
            let name = Path::new(&name).file_name().map_or(name.clone(), |name| name.to_string_lossy().into());
            let label = vec![pictures.classes()[pictures.label(index)].clone(), name];
            sheet.add(&Row { label, pictures: std::iter::once(picture.clone()).chain(seen).collect() })?;
        }
        sheet
    };
    let rows = sheet.rows();
    files::write(&args.preview, &files::png(&sheet.picture()?)?)?;
    regardless(if args.json {
        line(json!({
            "schema": 1, "command": "augment", "data": args.data.to_string_lossy(), "rows": rows,
            "preview": args.preview.to_string_lossy(),
        }))
    } else {
        line(format_args!("wrote {}", args.preview.display()))
    })?;
    Ok(0)
}

/// One picture through every transform, a row for each.
fn each(pictures: &dyn Dataset, index: usize, variants: &Rng) -> Result<Sheet> {
    let strengths = strengths()?;
    let mut sheet = Sheet::new(&[], (strengths.len(), 4), SIDE)?;
    let small = Resize::new(SIDE, Interpolation::Bilinear)?;
    let picture = small.apply(pictures.get(index)?, &mut variants.at(0));
    for ((name, three), row) in strengths.into_iter().zip(0..) {
        let seen = three.iter().zip(0..);
        let seen = seen.map(|(transform, column)| transform.apply(picture.clone(), &mut variants.at(row).at(column)));
        let pictures = std::iter::once(picture.clone()).chain(seen).collect();
        sheet.add(&Row { label: vec![name.to_owned()], pictures })?;
    }
    Ok(sheet)
}
