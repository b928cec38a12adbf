//! Text files of YOLO: a line an object, beside its pictures.

use std::path::{Path, PathBuf};

use taper_trainer::files;

use super::error::AnnotationError;
use super::files::pictures;
use super::set::{Annotated, DetectionSet, Object, Units};
use crate::boxes::BBox;

/// Reads the pictures of a folder, each with the file of its stem in `labels`; a picture without
/// one has no objects. A line is
///
/// ```text
/// class x y width height            the middle and the size of a box, as fractions of the picture
/// class x1 y1 x2 y2 x3 y3 ...       the corners of an outline, of which the box is taken
/// ```
///
/// # Errors
/// When a folder or file cannot be read, or a line is no object of these classes.
pub fn read(images: &Path, labels: &Path, classes: &[String]) -> Result<DetectionSet, AnnotationError> {
    let picture = |path: PathBuf| {
        let file = labels.join(path.file_stem().unwrap_or_default()).with_extension("txt");
        let text = if file.is_file() { files::read_text(&file)? } else { String::new() };
        let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let objects = lines.map(|(number, line)| {
            object(line, classes.len()).map_err(|wanted| {
                let (entry, got) = (format!("line {number}"), format!("{line:?}"));
                AnnotationError::Entry { path: file.clone(), entry, wanted, got }
            })
        });
        let objects = objects.collect::<Result<_, _>>()?;
        Ok(Annotated { path, size: None, units: Units::Fractions, objects })
    };
    let pictures = pictures(images)?.into_iter().map(picture).collect::<Result<_, AnnotationError>>()?;
    Ok(DetectionSet { classes: classes.to_vec(), pictures })
}

/// The object of a line, or what was wanted.
fn object(line: &str, classes: usize) -> Result<Object, &'static str> {
    let mut words = line.split_whitespace();
    let class = words.next().and_then(|word| word.parse::<usize>().ok()).filter(|class| *class < classes);
    let class = class.ok_or("the number of a class, from 0")?;
    let numbers: Option<Vec<f32>> = words.map(|word| word.parse().ok().filter(|x: &f32| x.is_finite())).collect();
    let bbox = match numbers.as_deref() {
        Some(&[x, y, width, height]) if width >= 0.0 && height >= 0.0 => {
            BBox::of_size(x - width / 2.0, y - height / 2.0, width, height)
        }
        Some(outline) if outline.len() >= 6 && outline.len().is_multiple_of(2) => around(outline),
        _ => return Err("a class, and x, y, width and height of a box or the corners of an outline"),
    };
    Ok(Object { bbox, class, ignored: bbox.area() <= 0.0 })
}

/// The box around points.
fn around(points: &[f32]) -> BBox {
    let far = BBox::new(f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY);
    points
        .as_chunks::<2>()
        .0
        .iter()
        .fold(far, |b, &[x, y]| BBox::new(b.x1.min(x), b.y1.min(y), b.x2.max(x), b.y2.max(y)))
}

/// The names of the classes of a data set: those in `data.yaml`, under `names`, or the lines of
/// `classes.txt`; none where there is neither.
///
/// # Errors
/// When the file cannot be read, or has no names.
pub fn classes(folder: &Path) -> Result<Option<Vec<String>>, AnnotationError> {
    let lines = folder.join("classes.txt");
    if lines.is_file() {
        let text = files::read_text(&lines)?;
        return Ok(Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()));
    }
    let yaml = ["data.yaml", "data.yml", "dataset.yaml"].map(|name| folder.join(name));
    let Some(path) = yaml.into_iter().find(|path| path.is_file()) else { return Ok(None) };
    let names = names(&files::read_text(&path)?);
    if names.is_empty() {
        let (entry, wanted) = ("names".to_owned(), "a list: [a, b], or a line for each, \"0: a\" or \"- a\"");
        return Err(AnnotationError::Entry { path, entry, wanted, got: "none".to_owned() });
    }
    Ok(Some(names))
}

/// What stands under `names:` in a file of YAML, in any of the ways that are in use.
fn names(yaml: &str) -> Vec<String> {
    let bare = |text: &str| text.trim().trim_matches(['\'', '"']).to_owned();
    let mut lines = yaml.lines().skip_while(|line| !line.starts_with("names:"));
    let first = lines.next().and_then(|line| line.strip_prefix("names:")).unwrap_or_default().trim();
    if let Some(rest) = first.strip_prefix('[') {
        let mut list = rest.to_owned();
        for line in lines.take_while(|_| !rest.contains(']')) {
            list.push_str(line);
            if line.contains(']') {
                break;
            }
        }
        let list = list.split(']').next().unwrap_or_default();
        return list.split(',').map(bare).filter(|name| !name.is_empty()).collect();
    }
    let inside = |line: &&str| line.starts_with([' ', '\t', '-']) || line.trim().is_empty();
    let named = |line: &str| {
        let line = line.trim();
        let after = line.strip_prefix('-').or_else(|| line.split_once(':').map(|(_, name)| name))?;
        Some(bare(after)).filter(|name| !name.is_empty())
    };
    lines.take_while(inside).filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_each_way_of_writing_them() {
        let wanted = ["cat", "big dog"];
        for text in [
            "path: .\nnames: ['cat', \"big dog\"]\nnc: 2\n",
            "names: [cat,\n  big dog]\n",
            "names:\n  0: cat\n  1: big dog\nnc: 2\n",
            "train: x\nnames:\n- cat\n- 'big dog'\n",
        ] {
            assert_eq!(names(text), wanted, "{text}");
        }
        assert!(names("nc: 2\n").is_empty());
    }

    #[test]
    fn a_line_is_a_box_or_an_outline_of_a_known_class() {
        let object = |line| object(line, 2).map(|object| (object.class, object.bbox.edges()));
        assert_eq!(object("1 0.5 0.5 0.5 1"), Ok((1, [0.25, 0.0, 0.75, 1.0])));
        assert_eq!(object("0 0.5 0 1 0.25 0.125 1"), Ok((0, [0.125, 0.0, 1.0, 1.0])));
        for wrong in ["2 0.5 0.5 0.5 1", "cat 0 0 1 1", "0 0.5 0.5 0.5", "0 0.5 0.5 -1 1", "0 nan 0 1 1"] {
            assert!(object(wrong).is_err(), "{wrong}");
        }
    }
}
