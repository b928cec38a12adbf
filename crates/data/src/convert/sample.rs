//! A picture on its way from one form to another.

use std::io::Cursor;

use image::{ImageFormat, guess_format};

use super::error::ConvertError;
use crate::dataset::{Dataset, LabelKind};
use crate::error::DataError;

/// The file of a picture and what is known of it.
pub(super) struct Sample {
    pub(super) content: Vec<u8>,
    /// The name of its file, another for every picture of a side.
    pub(super) name: String,
    /// Its class, where it has one.
    pub(super) label: usize,
    /// [`Dataset::target`].
    pub(super) target: Vec<f32>,
}

/// The pictures of a data set in their order; `progress` is called after each.
pub(super) fn samples(set: &dyn Dataset, progress: &impl Fn()) -> impl Iterator<Item = Result<Sample, ConvertError>> {
    (0..set.len()).map(move |index| {
        let made = sample(set, index);
        progress();
        made
    })
}

fn sample(set: &dyn Dataset, index: usize) -> Result<Sample, ConvertError> {
    let content = match set.file(index)? {
        Some(content) => content,
        None => png(set, index)?,
    };
    let format = guess_format(&content).map_err(|_| DataError::NotAPicture { path: set.name(index).into() })?;
    let ending = match format {
        ImageFormat::Jpeg => "jpg",
        format => format.extensions_str().first().copied().unwrap_or("png"),
    };
    let mut target = vec![0.0; set.classes().len()];
    set.target(index, &mut target)?;
    let name = format!("{index:07}{}.{ending}", stem(&set.name(index)));
    Ok(Sample { content, name, label: set.label(index), target })
}

/// What a picture was called, as letters, digits and lines that any file may have in its name.
fn stem(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = last.split('.').next().unwrap_or_default();
    let plain: String = stem.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).take(60).collect();
    if plain.is_empty() { plain } else { format!("_{plain}") }
}

fn png(set: &dyn Dataset, index: usize) -> Result<Vec<u8>, ConvertError> {
    let mut content = Cursor::new(Vec::new());
    let written = set.get(index)?.write_to(&mut content, ImageFormat::Png);
    written.map_err(|reason| ConvertError::Encode { name: set.name(index), reason: reason.to_string() })?;
    Ok(content.into_inner())
}

/// The names of the classes of a row.
pub(super) fn names<'a>(set: &'a dyn Dataset, row: &'a [f32]) -> impl Iterator<Item = &'a str> {
    set.classes().iter().zip(row).filter(|(_, value)| **value == 1.0).map(|(name, _)| name.as_str())
}

/// What the column of labels is called.
pub(super) fn column(kind: LabelKind) -> &'static str {
    if kind == LabelKind::Many { "labels" } else { "label" }
}
