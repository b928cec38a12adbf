//! Pictures and labels as arrays of NumPy's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::listing::has_ending;
use super::npy_file::{NpyArray, names};
use super::pixels::{Layout, PixelFile, Pixels};
use super::side::Side;
use crate::dataset::LabelKind;
use crate::error::DataError;
use crate::labels::Labels;

/// What arrays of pictures are called, without the side of a split.
const PICTURES: [&str; 9] = ["x", "images", "image", "imgs", "img", "data", "pictures", "features", "arr_0"];
/// What arrays of labels are called.
const LABELS: [&str; 8] = ["y", "labels", "label", "targets", "target", "classes", "class", "arr_1"];
/// What an array of the names of classes is called.
const NAMES: [&str; 3] = ["class_names", "label_names", "classnames"];

/// An array by its name in a file.
type Place = (PathBuf, String);

/// The arrays of a data set, by the side of a split; all of it where that is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numpy {
    sides: BTreeMap<Option<Side>, Pair>,
    names: Option<Place>,
}

#[derive(Clone, Debug, Default)]
struct Pair {
    pictures: Option<Place>,
    labels: Option<Place>,
}

/// Whether a file is one of arrays, by its ending.
pub(crate) fn is_array(path: &Path) -> bool {
    has_ending(path, "npy") || has_ending(path, "npz")
}

impl Numpy {
    /// Arrays in some files, by their names: `x_train` and `y_train`, `train_images` and
    /// `train_labels`, `images` and `labels`, `X` and `y`, as archives and files of arrays have
    /// them. Others are not looked at.
    ///
    /// # Errors
    /// When a file cannot be read, or has pictures without labels or labels without pictures.
    pub(crate) fn open(files: &[PathBuf]) -> Result<Self, DataError> {
        let mut found = Self::default();
        let mut seen = Vec::new();
        for path in files {
            for name in names(path)? {
                // An archive may be of one side, by its name: `train.npz`.
                let of_file = has_ending(path, "npz").then(|| Side::of_file(path)).flatten();
                found.take((path, &name), of_file);
                seen.push(name);
            }
        }
        let seen = seen.join(", ");
        let path = || files.first().cloned().unwrap_or_default();
        if found.sides.is_empty() {
            let wanted =
                "arrays called x_train and y_train, train_images and train_labels, images and labels, or x and y";
            return Err(DataError::Malformed { path: path(), part: "what is in it", wanted: wanted.into(), got: seen });
        }
        match found.sides.values().find(|pair| pair.pictures.is_none() || pair.labels.is_none()) {
            None => Ok(found),
            Some(pair) => {
                let wanted = if pair.pictures.is_none() {
                    "pictures to every array of labels"
                } else {
                    "labels to every array of pictures"
                };
                Err(DataError::Malformed { path: path(), part: "what is in it", wanted: wanted.into(), got: seen })
            }
        }
    }

    fn take(&mut self, (path, name): (&Path, &str), of_file: Option<Side>) {
        let place = Some((path.to_path_buf(), name.to_owned()));
        let lower = name.to_lowercase();
        if NAMES.contains(&lower.as_str()) {
            self.names = place;
            return;
        }
        let (words, sides): (Vec<&str>, Vec<&str>) = lower.split('_').partition(|word| Side::called(word).is_none());
        let side = sides.first().and_then(|word| Side::called(word)).or(of_file);
        let words = words.join("_");
        if PICTURES.contains(&words.as_str()) {
            self.sides.entry(side).or_default().pictures = place;
        } else if LABELS.contains(&words.as_str()) {
            self.sides.entry(side).or_default().labels = place;
        }
    }

    /// The labels of each side, all with the same classes.
    pub(crate) fn labels(&self, kind: Option<LabelKind>) -> Result<BTreeMap<Option<Side>, Labels>, DataError> {
        let mut labels = BTreeMap::new();
        for (side, pair) in &self.sides {
            let Some((path, name)) = &pair.labels else { continue };
            labels.insert(*side, Raw::read(NpyArray::open(path, name)?, kind)?);
        }
        let names = match &self.names {
            Some((path, name)) => NpyArray::open(path, name)?.texts()?,
            None => None,
        };
        let texts: Vec<&String> = labels.values().flat_map(|raw| raw.texts().iter()).collect();
        let classes = match names {
            Some(names) => names,
            None if !texts.is_empty() => {
                Labels::named(&texts.into_iter().cloned().collect::<Vec<_>>()).classes().to_vec()
            }
            None => (0..labels.values().map(Raw::classes).max().unwrap_or(0)).map(|class| class.to_string()).collect(),
        };
        // Classes side by side are one class a picture only where they are on every side.
        let many = labels.values().any(|raw| raw.kind(kind) == LabelKind::Many);
        let kind = if many { Some(LabelKind::Many) } else { kind };
        let labeled = labels.into_iter().map(|(side, raw)| Ok((side, raw.labels(&classes, kind)?)));
        labeled.collect()
    }

    /// The pictures of a side, with these labels.
    pub(crate) fn pictures(&self, side: Option<Side>, labels: Labels) -> Result<Pixels, DataError> {
        let place = self.sides.get(&side).and_then(|pair| pair.pictures.as_ref());
        let (path, name) = place.ok_or(DataError::Empty)?;
        let array = NpyArray::open(path, name)?;
        if !["|u1", "<u1", ">u1", "=u1"].contains(&&*array.dtype) {
            return Err(array.wrong("the numbers", "unsigned bytes (uint8) of 0 to 255", array.dtype.clone()));
        }
        let (layout, count) = layout(&array)?;
        if labels.len() != count {
            return Err(array.wrong(
                "the number of pictures",
                &format!("{}, as there are labels", labels.len()),
                count.to_string(),
            ));
        }
        let NpyArray { path, file, start, .. } = array;
        let files = vec![PixelFile { path, file, start, stride: layout.bytes() as u64, count }];
        Ok(Pixels::new(files, layout, labels))
    }
}

/// How the pictures of an array lie: (N,H,W), (N,H,W,C), or, as PyTorch has them, (N,C,H,W).
fn layout(array: &NpyArray) -> Result<(Layout, usize), DataError> {
    let colors = |channels: usize| [1, 3, 4].contains(&channels);
    let (layout, count) = match array.sizes[..] {
        [count, height, width] => (Layout { height, width, channels: 1, planar: false }, count),
        [count, height, width, channels] if colors(channels) => {
            (Layout { height, width, channels, planar: false }, count)
        }
        [count, channels, height, width] if colors(channels) => {
            (Layout { height, width, channels, planar: true }, count)
        }
        _ => {
            return Err(array.wrong(
                "the sizes",
                "(N,H,W), (N,H,W,C) or (N,C,H,W) with 1, 3 or 4 channels",
                format!("{:?}", array.sizes),
            ));
        }
    };
    if layout.bytes() == 0 || count == 0 {
        return Err(array.wrong("the sizes", "of pictures that have pixels", format!("{:?}", array.sizes)));
    }
    Ok((layout, count))
}

/// Labels as they lie in an array: a row a picture.
enum Raw {
    Texts(Vec<String>),
    Numbers { array: NpyArray, values: Vec<f64>, width: usize },
}

impl Raw {
    fn read(array: NpyArray, kind: Option<LabelKind>) -> Result<Self, DataError> {
        let width = match array.sizes[..] {
            [_] => 1,
            [_, width] if width > 0 => width,
            _ => return Err(array.wrong("the sizes of the labels", "(N) or (N,K)", format!("{:?}", array.sizes))),
        };
        if let Some(texts) = array.texts()?
            && width == 1
            && kind != Some(LabelKind::Number)
        {
            return Ok(Self::Texts(texts));
        }
        let wanted = "whole numbers, floats, or texts of one class a picture";
        let values = array.numbers()?.ok_or_else(|| array.wrong("the labels", wanted, array.dtype.clone()))?;
        Ok(Self::Numbers { array, values, width })
    }

    fn texts(&self) -> &[String] {
        if let Self::Texts(texts) = self { texts } else { &[] }
    }

    /// How many classes there must be.
    fn classes(&self) -> usize {
        match self {
            Self::Texts(_) => 0,
            Self::Numbers { values, width: 1, .. } => {
                values.iter().fold(0.0, |most: f64, &value| most.max(value + 1.0)) as usize
            }
            Self::Numbers { width, .. } => *width,
        }
    }

    /// What they are, where it is not said.
    fn kind(&self, said: Option<LabelKind>) -> LabelKind {
        let Self::Numbers { values, width, .. } = self else { return said.unwrap_or_default() };
        let whole = values.iter().all(|value| value.fract() == 0.0 && *value >= 0.0);
        let truths = values.iter().all(|value| *value == 0.0 || *value == 1.0);
        let one_hot = || values.chunks_exact(*width).all(|row| row.iter().sum::<f64>() == 1.0);
        said.unwrap_or(match width {
            1 if whole => LabelKind::One,
            1 => LabelKind::Number,
            _ if truths && one_hot() => LabelKind::One,
            _ if truths => LabelKind::Many,
            _ => LabelKind::Number,
        })
    }

    fn labels(self, classes: &[String], kind: Option<LabelKind>) -> Result<Labels, DataError> {
        let kind = self.kind(kind);
        let (array, values, width) = match self {
            Self::Texts(texts) => {
                let number = |text: &String| classes.iter().position(|class| class == text).unwrap_or_default() as u32;
                return Ok(Labels::one(classes.to_vec(), texts.iter().map(number).collect()));
            }
            Self::Numbers { array, values, width } => (array, values, width),
        };
        if kind == LabelKind::Number {
            let names = (0..width).map(|i| if width == 1 { "number".to_owned() } else { i.to_string() }).collect();
            return Ok(Labels::numbers(names, values.into_iter().map(|value| value as f32).collect()));
        }
        let strange = values.iter().position(|&value| {
            value.fract() != 0.0 || value < 0.0 || value >= if width == 1 { classes.len() as f64 } else { 2.0 }
        });
        if let Some(place) = strange {
            let wanted = if width == 1 { format!("whole and below {}", classes.len()) } else { "0 or 1".into() };
            return Err(array.wrong("a label", &wanted, format!("{} of picture {}", values[place], place / width)));
        }
        if width == 1 && kind == LabelKind::One {
            return Ok(Labels::one(classes.to_vec(), values.into_iter().map(|value| value as u32).collect()));
        }
        let of = |row: &[f64]| -> Vec<u32> {
            let hot = row.iter().enumerate().filter(|(_, value)| **value == 1.0).map(|(class, _)| class as u32);
            if width == 1 { vec![row[0] as u32] } else { hot.collect() }
        };
        let many = Labels::many(classes.to_vec(), values.chunks_exact(width).map(of));
        let labels = if kind == LabelKind::One { many.one_hot() } else { many };
        if labels.kind() != kind {
            return Err(array.wrong("the labels", "of one class a picture", "of several or none of some".to_string()));
        }
        Ok(labels)
    }
}
