//! Annotation files of COCO, and of all that write the same JSON.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::{Deserialize, Serialize};
use taper_trainer::files;

use super::error::AnnotationError;
use super::set::{Annotated, DetectionSet, Object, Units};
use crate::boxes::BBox;

/// The parts of a file that detection needs; others are passed over.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct CocoFile {
    /// The pictures.
    pub images: Vec<CocoImage>,
    /// What is on them.
    #[serde(default)]
    pub annotations: Vec<CocoAnnotation>,
    /// The classes.
    pub categories: Vec<CocoCategory>,
}

/// A picture.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CocoImage {
    /// What annotations know it by.
    pub id: u64,
    /// Its file, seen from the folder of the pictures.
    pub file_name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// An object.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CocoAnnotation {
    /// Its number.
    pub id: u64,
    /// The picture that it is on.
    pub image_id: u64,
    /// Its class.
    pub category_id: u64,
    /// Left edge, upper edge, width and height, pixels.
    pub bbox: [f64; 4],
    /// Its area, square pixels.
    #[serde(default)]
    pub area: f64,
    /// 1 where it is a crowd, which is ignored.
    #[serde(default)]
    pub iscrowd: u8,
}

/// A class.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CocoCategory {
    /// What annotations know it by.
    pub id: u64,
    /// What it is called.
    pub name: String,
}

/// Reads an annotation file, whose pictures lie in `folder`. Classes are numbered in the order of
/// their ids. A box without an area is [ignored](Object::ignored), as COCO itself has a few.
///
/// # Errors
/// When the file is not COCO's, a box is not of finite numbers, or an annotation names a picture or
/// a class that is not there.
pub fn read(file: &Path, folder: &Path) -> Result<DetectionSet, AnnotationError> {
    let bytes = files::read(file)?;
    let json = |source| AnnotationError::Json { path: file.into(), source };
    let CocoFile { images, annotations, mut categories } = serde_json::from_slice(&bytes).map_err(json)?;
    categories.sort_by_key(|category| category.id);
    let classes: HashMap<u64, usize> = categories.iter().enumerate().map(|(i, c)| (c.id, i)).collect();
    let mut of: BTreeMap<u64, Vec<Object>> = images.iter().map(|image| (image.id, Vec::new())).collect();
    for annotation in &annotations {
        let entry = |wanted, got: String| {
            let entry = format!("annotation {}", annotation.id);
            AnnotationError::Entry { path: file.into(), entry, wanted, got }
        };
        let class = classes.get(&annotation.category_id).copied();
        let class = class.ok_or_else(|| entry("the id of a category", annotation.category_id.to_string()))?;
        let [x, y, width, height] = annotation.bbox.map(|number| number as f32);
        let bbox = BBox::of_size(x, y, width, height);
        if !bbox.is_finite() || width < 0.0 || height < 0.0 {
            let wanted = "a box of finite numbers (left, top, width, height), none of the sizes below 0";
            return Err(entry(wanted, format!("{:?}", annotation.bbox)));
        }
        let objects = of.get_mut(&annotation.image_id);
        let objects = objects.ok_or_else(|| entry("the id of an image", annotation.image_id.to_string()))?;
        let ignored = annotation.iscrowd != 0 || bbox.area() <= 0.0;
        objects.push(Object { bbox, class, ignored });
    }
    let picture = |image: CocoImage| Annotated {
        path: folder.join(&image.file_name),
        size: Some((image.width, image.height)),
        units: Units::Pixels,
        objects: of.remove(&image.id).unwrap_or_default(),
    };
    let pictures = images.into_iter().map(picture).collect();
    Ok(DetectionSet { classes: categories.into_iter().map(|category| category.name).collect(), pictures })
}
