//! The files that a chart is written to.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::output::{line, regardless};
use taper_report::draw::png;
use taper_trainer::files;

// No documentation, which would take the place of that of the verb.
#[derive(Debug, clap::Args)]
pub(super) struct ChartFiles {
    /// The picture
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
    /// The picture in pixels, twice as many each way
    #[arg(long, value_name = "FILE")]
    pub(super) png: Option<PathBuf>,
    /// Its numbers as text
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
}

/// Two names of one file: the second would take the place of the first.
#[derive(Debug, thiserror::Error)]
#[error("{flag} must be a file of its own, got {}", path.display())]
pub struct SameFile {
    /// The later flag.
    pub flag: &'static str,
    /// The file.
    pub path: PathBuf,
}

impl ChartFiles {
    /// Refuses two names of one file.
    pub(super) fn check(&self) -> Result<(), SameFile> {
        let files = [("--svg", &self.svg), ("--png", &self.png), ("--csv", &self.csv)];
        for (i, (flag, path)) in files.iter().enumerate() {
            if let Some(path) = path.as_ref().filter(|_| files[..i].iter().any(|(_, other)| other == path)) {
                return Err(SameFile { flag, path: path.clone() });
            }
        }
        Ok(())
    }

    /// Whether any is asked for.
    pub(super) fn wanted(&self) -> bool {
        [&self.svg, &self.png, &self.csv].into_iter().any(Option::is_some)
    }

    /// Writes those that are asked for, once all is drawn.
    pub(super) fn write(&self, svg: &str, csv: &str) -> Result<()> {
        let pixels = if self.png.is_some() { png(svg)? } else { Vec::new() };
        for (path, bytes) in [(&self.svg, svg.as_bytes()), (&self.png, &pixels), (&self.csv, csv.as_bytes())] {
            if let Some(path) = path {
                files::write(path, bytes)?;
            }
        }
        Ok(())
    }

    /// The names of the SVG, PNG and CSV as JSON can have them: what is not UTF-8 in them is
    /// replaced.
    pub(super) fn names(&self) -> [Option<Cow<'_, str>>; 3] {
        [&self.svg, &self.png, &self.csv].map(|path| path.as_deref().map(Path::to_string_lossy))
    }

    /// Says what was written.
    pub(super) fn tell(&self) -> Result<()> {
        let files = [&self.svg, &self.png, &self.csv].into_iter().flatten();
        files
            .map(PathBuf::as_path)
            .try_for_each(|path: &Path| regardless(line(format_args!("wrote {}", path.display()))))
    }
}
