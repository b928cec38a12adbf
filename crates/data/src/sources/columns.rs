//! Which column of a table is what.

use std::path::Path;

use super::sheet::row;
use crate::error::DataError;

/// Columns of a table by the names in its head; those that are not named are guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The paths of the pictures.
    pub image: Option<String>,
    /// The labels: one column of names, or several of 0 and 1, or of numbers.
    pub labels: Vec<String>,
    /// The side of a split that each row is on: `train`, `val`, `test`.
    pub split: Option<String>,
}

/// What the column of pictures is usually called, the likeliest first.
const IMAGE: [&str; 17] = [
    "file_name",
    "filename",
    "file",
    "filepath",
    "file_path",
    "path",
    "image_path",
    "image",
    "image_name",
    "image_id",
    "imageid",
    "img_path",
    "img",
    "id_code",
    "id",
    "name",
    "picture",
];
/// What the column of labels is usually called.
const LABEL: [&str; 17] = [
    "label",
    "labels",
    "class",
    "classes",
    "class_name",
    "category",
    "categories",
    "target",
    "targets",
    "tags",
    "tag",
    "species",
    "breed",
    "diagnosis",
    "y",
    "label_name",
    "class_id",
];
/// What the column of the split is usually called.
const SPLIT: [&str; 4] = ["split", "set", "subset", "partition"];

/// Columns by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) image: usize,
    pub(super) labels: Vec<usize>,
    pub(super) split: Option<usize>,
    /// What the columns of labels are called.
    pub(super) names: Vec<String>,
    /// Whether the first line is a head and no picture.
    pub(super) head: bool,
}

/// Chooses by the first line of a table; `is_file` says of a cell whether it is the path of a file.
pub(super) fn choose(
    (path, first): (&Path, &[&str]),
    columns: &Columns,
    is_file: impl Fn(&str) -> bool,
) -> Result<Chosen, DataError> {
    let wrong = |wrong: String| Err(row(path, 1, wrong));
    let place = |name: &str| first.iter().position(|cell| cell.eq_ignore_ascii_case(name));
    let usual = |names: &[&str]| names.iter().find_map(|name| place(name));
    let named = |name: &String| match place(name) {
        Some(column) => Ok(column),
        None => Err(row(path, 1, format!("has no column {name:?}, but {}", listed(first)))),
    };
    let asked = *columns != Columns::default();
    if !asked && let Some(image) = first.iter().position(|cell| is_file(cell)) {
        return headless((path, first), image);
    }
    let image = match columns.image.as_ref().map(named).transpose()?.or_else(|| usual(&IMAGE)) {
        Some(image) => image,
        None => {
            return wrong(format!(
                "has no column of paths that is known by its name, but {}: name it (image column)",
                listed(first)
            ));
        }
    };
    let split =
        columns.split.as_ref().map(named).transpose()?.or_else(|| usual(&SPLIT)).filter(|&split| split != image);
    let mut labels = columns.labels.iter().map(named).collect::<Result<Vec<_>, _>>()?;
    if labels.is_empty() {
        let others = |column: &usize| *column != image && Some(*column) != split;
        labels = match usual(&LABEL).filter(others) {
            Some(label) => vec![label],
            None => (0..first.len()).filter(others).collect(),
        };
    }
    if labels.is_empty() {
        return wrong(format!("has no column of labels, but {}", listed(first)));
    }
    let names = labels.iter().map(|&column| first[column].to_owned()).collect();
    Ok(Chosen { image, labels, split, names, head: true })
}

/// A table that begins with a picture: its only other column is that of the labels.
fn headless((path, first): (&Path, &[&str]), image: usize) -> Result<Chosen, DataError> {
    let others: Vec<usize> = (0..first.len()).filter(|column| *column != image).collect();
    let [label] = others[..] else {
        let wrong = format!("begins with a picture and {} other cells: add a line of column names", others.len());
        return Err(row(path, 1, wrong));
    };
    Ok(Chosen { image, labels: vec![label], split: None, names: vec!["label".into()], head: false })
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(head: &[&str], columns: &Columns) -> Result<(usize, Vec<usize>, Option<usize>), String> {
        let chosen = choose((Path::new("t.csv"), head), columns, |cell| cell.ends_with(".png"));
        chosen.map(|of| (of.image, of.labels, of.split)).map_err(|error| error.to_string())
    }

    #[test]
    fn columns_are_known_by_their_names() {
        let none = Columns::default();
        assert_eq!(chosen(&["label", "Path"], &none), Ok((1, vec![0], None)));
        assert_eq!(chosen(&["id", "breed", "set"], &none), Ok((0, vec![1], Some(2))));
        assert_eq!(chosen(&["image_id", "healthy", "rust", "scab"], &none), Ok((0, vec![1, 2, 3], None)));
        assert_eq!(chosen(&["1.png", "cat"], &none), Ok((0, vec![1], None)));
        let set = Columns { image: Some("a".into()), labels: vec!["c".into(), "b".into()], split: Some("d".into()) };
        assert_eq!(chosen(&["a", "b", "c", "d"], &set), Ok((0, vec![2, 1], Some(3))));
        for (head, columns, words) in [
            (&["x", "label"][..], &none, "no column of paths"),
            (&["path"], &none, "no column of labels"),
            (&["path", "label"], &set, "no column \"a\", but \"path\", \"label\""),
            (&["1.png", "cat", "3"], &none, "2 other cells"),
        ] {
            let said = chosen(head, columns).unwrap_err();
            assert!(said.contains(words) && said.contains("t.csv, line 1"), "{said}");
        }
    }
}
