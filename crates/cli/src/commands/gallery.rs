//! `taper gallery`: every claim of a lecture, run.

use std::path::PathBuf;

use anyhow::Result;
use taper_gallery::{Effort, Setting, make};

use crate::output::{line, regardless};

/// Show every claim of CS231n's lecture on training networks by a run: pages of pictures, numbers
/// and commands, and an index of its slides.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper gallery --out gallery\n  taper gallery --only 14-38 --quick --out gallery\n\nOpen gallery/index.html. The whole takes about ten minutes on two cores, a quick one about one. Whether a slide is `shown` or `shown\notherwise` follows from the numbers of the run; the same seed gives the same bytes but for seconds.html."
)]
pub struct GalleryArgs {
    /// The folder that the pages are written into
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Only what these slides say: one, or a range as in 14-38
    #[arg(long, value_name = "SLIDES")]
    only: Option<String>,
    /// A sixth of the work: to see that all runs; numbers may come out otherwise
    #[arg(long)]
    quick: bool,
    /// Pictures in the place of those that are made: a folder with a folder for each class
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// What all chance follows from
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Runs the verb.
///
/// # Errors
/// When the slides are none, or a topic fails.
pub fn gallery(args: &GalleryArgs) -> Result<i32> {
    let effort = if args.quick { Effort::Quick } else { Effort::Full };
    let setting = Setting { effort, seed: args.seed, data: args.data.clone() };
    let mut lost = Ok(());
    make(&args.out, args.only.as_deref(), &setting, |done| {
        let said = std::iter::once(format!("{:24} slides {:16} {:7.1} s", done.topic, done.slides, done.seconds))
            .chain(done.otherwise.iter().map(|why| format!("    otherwise: {why}")));
        for text in said {
            let printed = regardless(line(text));
            if lost.is_ok() {
                lost = printed;
            }
        }
    })?;
    lost?;
    regardless(line(format_args!("wrote {}", args.out.join("index.html").display())))?;
    Ok(0)
}
