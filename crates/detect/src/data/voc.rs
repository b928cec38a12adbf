//! Files of Pascal VOC: a file of XML for each picture.

use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};
use taper_trainer::files;

use super::error::AnnotationError;
use super::files::picture_of_stem;
use super::set::{Annotated, DetectionSet, Object, Units};
use crate::boxes::BBox;

/// Reads files of XML, whose pictures lie in `images`: the one named in the file, or that of its
/// stem. Classes are numbered in the order of their names. Pixels are counted from 1 and both ends
/// are inside, so that `xmin` 1 is the left edge of the picture; objects that are `difficult` are
/// [ignored](Object::ignored).
///
/// # Errors
/// When a file is no XML or no annotation, or its picture is not there.
pub fn read(annotations: &[PathBuf], images: &Path) -> Result<DetectionSet, AnnotationError> {
    let read = annotations.iter().map(|path| one(path, images)).collect::<Result<Vec<_>, _>>()?;
    let mut classes: Vec<String> = read.iter().flat_map(|(_, names)| names).cloned().collect();
    classes.sort();
    classes.dedup();
    let number = |name: &String| classes.binary_search(name).unwrap_or_default();
    let numbered = read.iter().map(|(picture, names)| {
        let objects = picture.objects.iter().zip(names);
        let objects = objects.map(|(object, name)| Object { class: number(name), ..*object }).collect();
        Annotated { objects, ..picture.clone() }
    });
    let pictures = numbered.collect();
    Ok(DetectionSet { classes, pictures })
}

/// A picture, and the names of its objects' classes.
fn one(path: &Path, images: &Path) -> Result<(Annotated, Vec<String>), AnnotationError> {
    let text = files::read_text(path)?;
    let document = Document::parse(&text).map_err(|source| AnnotationError::Xml { path: path.into(), source })?;
    let entry = |entry: &str, wanted, got: &str| {
        let (path, entry, got) = (path.to_owned(), entry.to_owned(), got.to_owned());
        AnnotationError::Entry { path, entry, wanted, got }
    };
    let root = document.root_element();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let named = child(root, "filename").map(|name| images.join(name)).filter(|path| path.is_file());
    let picture = named.or_else(|| picture_of_stem(images, &stem));
    let picture = picture.ok_or_else(|| entry("filename", "a picture in the folder of pictures", &stem))?;
    let (mut objects, mut names) = (Vec::new(), Vec::new());
    for (number, node) in (1..).zip(root.children().filter(|node| node.has_tag_name("object"))) {
        let place = format!("object {number}");
        let name = child(node, "name").filter(|name| !name.is_empty());
        names.push(name.ok_or_else(|| entry(&place, "a name", "none"))?.to_owned());
        let corners = node.children().find(|node| node.has_tag_name("bndbox"));
        let edge = |name| -> Option<f32> { child(corners?, name)?.parse().ok().filter(|x: &f32| x.is_finite()) };
        let all = (|| Some([edge("xmin")?, edge("ymin")?, edge("xmax")?, edge("ymax")?]))();
        let wanted = "a bndbox with numbers xmin <= xmax and ymin <= ymax";
        let [x1, y1, x2, y2] = all.ok_or_else(|| entry(&place, wanted, "no such bndbox"))?;
        if x1 > x2 || y1 > y2 {
            return Err(entry(&place, wanted, &format!("{:?}", [x1, y1, x2, y2])));
        }
        let ignored = child(node, "difficult").is_some_and(|flag| flag == "1");
        objects.push(Object { bbox: BBox::new(x1 - 1.0, y1 - 1.0, x2, y2), class: 0, ignored });
    }
    Ok((Annotated { path: picture, size: None, units: Units::Pixels, objects }, names))
}

/// The text of a child of this name.
fn child<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.children().find(|node| node.has_tag_name(name))?.text().map(str::trim)
}
