//! Pictures with the boxes of what is on them.

use std::path::PathBuf;

use taper_data::{RgbImage, decode};

use super::error::AnnotationError;
use crate::boxes::BBox;

/// A thing on a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object {
    /// Where it is, in the [units](Units) of its picture.
    pub bbox: BBox,
    /// The number of its class.
    pub class: usize,
    /// Whether it is neither trained on nor asked for: a crowd of COCO's, an object that Pascal VOC
    /// calls difficult, or a box without an area. Training takes no background from inside of it,
    /// and a detection of it counts neither as right nor as wrong.
    pub ignored: bool,
}

/// What the edges of boxes are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Pixels.
    Pixels,
    /// Fractions of width and height, as in YOLO's files.
    Fractions,
}

/// A picture and what is on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotated {
    /// The file of the picture.
    pub path: PathBuf,
    /// Width and height, pixels, where the annotations say so.
    pub size: Option<(u32, u32)>,
    /// What the edges of its boxes are measured in.
    pub units: Units,
    /// What is on it.
    pub objects: Vec<Object>,
}

impl Annotated {
    /// The picture, and what is on it with boxes in pixels, clipped to the picture.
    ///
    /// # Errors
    /// When the picture cannot be read, or has another size than its annotations say.
    pub fn load(&self) -> Result<(RgbImage, Vec<Object>), AnnotationError> {
        let picture = decode(&self.path)?;
        let got = picture.dimensions();
        if let Some(wanted) = self.size.filter(|size| *size != got) {
            return Err(AnnotationError::Size { path: self.path.clone(), wanted, got });
        }
        let (width, height) = (got.0 as f32, got.1 as f32);
        let in_pixels = |object: &Object| {
            let bbox = match self.units {
                Units::Pixels => object.bbox,
                Units::Fractions => object.bbox.scaled(width, height),
            };
            let bbox = bbox.clipped(width, height);
            Object { bbox, ignored: object.ignored || bbox.area() <= 0.0, ..*object }
        };
        Ok((picture, self.objects.iter().map(in_pixels).collect()))
    }

    /// The name of the file.
    pub fn name(&self) -> String {
        self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// Pictures with boxes, and what their classes are called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DetectionSet {
    /// The classes in the order of their numbers.
    pub classes: Vec<String>,
    /// The pictures.
    pub pictures: Vec<Annotated>,
}

impl DetectionSet {
    /// How many objects there are, ignored ones not among them.
    pub fn objects(&self) -> usize {
        self.pictures.iter().flat_map(|picture| &picture.objects).filter(|object| !object.ignored).count()
    }

    /// Refuses a set without pictures or without objects.
    ///
    /// # Errors
    /// Names the path that it came from, and what it has.
    pub fn require_objects(&self, path: &std::path::Path) -> Result<(), AnnotationError> {
        let (pictures, objects) = (self.pictures.len(), self.objects());
        if pictures > 0 && objects > 0 {
            return Ok(());
        }
        Err(AnnotationError::Empty { path: path.into(), pictures, objects })
    }

    /// The same pictures with the numbers of other classes, which must have all that occur.
    ///
    /// # Errors
    /// Names a class that occurs and is not among them.
    pub fn with_classes(mut self, classes: &[String]) -> Result<Self, AnnotationError> {
        let number = |class: usize| {
            let name = self.classes.get(class).cloned().unwrap_or_default();
            let place = classes.iter().position(|known| *known == name);
            place.ok_or_else(|| AnnotationError::OtherClass { class: name, known: classes.to_vec() })
        };
        for object in self.pictures.iter_mut().flat_map(|picture| &mut picture.objects) {
            object.class = number(object.class)?;
        }
        self.classes = classes.to_vec();
        Ok(self)
    }
}
