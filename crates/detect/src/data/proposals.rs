//! Boxes that something else proposes, in place of a region proposal network: Fast R-CNN.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use taper_trainer::files;

use super::error::AnnotationError;
use super::set::Annotated;
use crate::boxes::BBox;

/// Boxes for each picture, by the name of its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposals {
    path: PathBuf,
    of: BTreeMap<String, Vec<BBox>>,
}

impl Proposals {
    /// Reads a file of JSON: `{"0001.png": [[x1, y1, x2, y2], ...], ...}`, pixels of the picture,
    /// best first.
    ///
    /// # Errors
    /// When the file is not such JSON, or a box is not of finite numbers.
    pub fn read(path: &Path) -> Result<Self, AnnotationError> {
        let json = |source| AnnotationError::Json { path: path.into(), source };
        let read: BTreeMap<String, Vec<[f32; 4]>> = serde_json::from_slice(&files::read(path)?).map_err(json)?;
        let mut of = BTreeMap::new();
        for (name, edges) in read {
            let boxes: Vec<BBox> = edges.into_iter().map(|[a, b, c, d]| BBox::new(a, b, c, d)).collect();
            if let Some(bad) = boxes.iter().position(|b| !b.is_finite() || b.area() <= 0.0) {
                let (entry, wanted) = (format!("{name}, box {bad}"), "x1 < x2 and y1 < y2, finite");
                return Err(AnnotationError::Entry {
                    path: path.into(),
                    entry,
                    wanted,
                    got: format!("{:?}", boxes[bad]),
                });
            }
            of.insert(name, boxes);
        }
        Ok(Self { path: path.into(), of })
    }

    /// The boxes of a picture.
    ///
    /// # Errors
    /// When the file has none of its name.
    pub fn of(&self, picture: &Annotated) -> Result<&[BBox], AnnotationError> {
        let name = picture.name();
        let missing = || AnnotationError::NoProposals { path: self.path.clone(), picture: name.clone() };
        self.of.get(&name).map(Vec::as_slice).ok_or_else(missing)
    }
}
