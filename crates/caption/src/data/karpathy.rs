//! Files of captions as A. Karpathy's `dataset_flickr8k.json`, `dataset_flickr30k.json` and
//! `dataset_coco.json`, and of all who write the same JSON.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use taper_trainer::files;

use super::error::CaptionError;
use super::set::{CaptionSet, Captioned, Part, Parts};
use crate::text::tokens;

/// The parts of a file that captioning needs; others are passed over.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct KarpathyFile {
    /// The pictures.
    pub images: Vec<KarpathyImage>,
    /// What the data set is called.
    #[serde(default)]
    pub dataset: String,
}

/// A picture with its captions.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct KarpathyImage {
    /// The folder of its file, as COCO's `val2014`; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub filepath: String,
    /// The name of its file.
    pub filename: String,
    /// `train`, `restval` (COCO's further pictures to train on), `val` or `test`.
    pub split: String,
    /// Its captions.
    pub sentences: Vec<KarpathySentence>,
}

/// A caption.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct KarpathySentence {
    /// Its words; where there are none, those of `raw`.
    #[serde(default)]
    pub tokens: Vec<String>,
    /// It as it was written.
    #[serde(default)]
    pub raw: String,
}

/// The file of captions that a path is, or that the folder has: `captions.json`, or its only
/// `dataset*.json`.
///
/// # Errors
/// When there is none, or several.
pub fn find(path: &Path) -> Result<PathBuf, CaptionError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let usual = path.join("captions.json");
    if usual.is_file() {
        return Ok(usual);
    }
    let names = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    found.retain(|name| name.starts_with("dataset") && name.ends_with(".json"));
    found.sort();
    match &*found {
        [] => Err(CaptionError::Unknown { path: path.into() }),
        [one] => Ok(path.join(one)),
        _ => Err(CaptionError::Several { path: path.into(), found }),
    }
}

/// Reads the pictures of each part. They lie in `images`, or, without one, in the folder of the
/// file or its `images`, with the folder that the file says or without.
///
/// # Errors
/// Names the file, and the first picture that is not there, has no captions or has one without
/// words, or is of an unknown part.
pub fn read(path: &Path, images: Option<&Path>) -> Result<Parts, CaptionError> {
    let path = find(path)?;
    let file: KarpathyFile = serde_json::from_slice(&files::read(&path)?)
        .map_err(|source| CaptionError::Json { path: path.clone(), source })?;
    let mut parts = Parts::default();
    for (number, image) in file.images.iter().enumerate() {
        let entry = || format!("image {} ({:?})", number + 1, image.filename);
        let invalid = |wanted, got: String| CaptionError::Entry { path: path.clone(), entry: entry(), wanted, got };
        let part = match &*image.split {
            "train" | "restval" => &mut parts.train,
            "val" => &mut parts.val,
            "test" => &mut parts.test,
            other => return Err(invalid("a split: train, restval, val or test", format!("{other:?}"))),
        };
        let captions = image.captions();
        if captions.is_empty() {
            return Err(invalid("one sentence or more", "none".to_owned()));
        }
        if let Some(empty) = captions.iter().position(Vec::is_empty) {
            let got = format!("sentence {} of {}, which has none", empty + 1, captions.len());
            return Err(invalid("sentences with words", got));
        }
        let looked = image.places(&path, images);
        match looked.iter().find(|place| place.is_file()) {
            Some(place) => part.pictures.push(Captioned { path: place.clone(), captions }),
            None => return Err(CaptionError::NoPicture { path, entry: entry(), looked }),
        }
    }
    Ok(parts)
}

impl KarpathyImage {
    /// The words of each caption, lower-cased.
    fn captions(&self) -> Vec<Vec<String>> {
        let words = |sentence: &KarpathySentence| match sentence.tokens.is_empty() {
            true => tokens(&sentence.raw),
            false => sentence.tokens.iter().map(|word| word.to_lowercase()).filter(|word| !word.is_empty()).collect(),
        };
        self.sentences.iter().map(words).collect()
    }

    /// Where its file may be.
    fn places(&self, file: &Path, images: Option<&Path>) -> Vec<PathBuf> {
        let beside = file.parent().unwrap_or(Path::new(""));
        let folders = match images {
            Some(folder) => vec![folder.to_owned()],
            None => vec![beside.to_owned(), beside.join("images")],
        };
        let names = [Path::new(&self.filepath).join(&self.filename), PathBuf::from(&self.filename)];
        let names = if self.filepath.is_empty() { &names[1..] } else { &names[..] };
        folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name))).collect()
    }
}

impl Parts {
    /// Refuses a data set without pictures of a part.
    ///
    /// # Errors
    /// Names the data set and the part.
    pub fn require(&self, part: Part, path: &Path) -> Result<&CaptionSet, CaptionError> {
        match self.get(part) {
            set if set.pictures.is_empty() => Err(CaptionError::NoPart { path: path.into(), part: part.name() }),
            set => Ok(set),
        }
    }
}
