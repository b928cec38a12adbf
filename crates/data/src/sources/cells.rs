//! What the cells of a table say of its pictures.

use std::path::Path;

use super::sheet::{ITEM, row};
use crate::dataset::LabelKind;
use crate::error::DataError;
use crate::labels::Labels;
use crate::names::Names;

/// The cells of the columns of labels, as many a row as there are names of columns.
pub(super) struct Cells<'a> {
    pub(super) names: &'a [String],
    pub(super) cells: &'a Names,
    /// The file and the line of a row.
    pub(super) place: &'a dyn Fn(usize) -> (&'a Path, u64),
}

/// What separates several classes in a cell.
const SEPARATORS: [char; 4] = [ITEM, ';', '|', ','];
/// Columns that are called so have several classes where commas or blanks are in them.
const PLURAL: [&str; 4] = ["labels", "tags", "classes", "categories"];

impl Cells<'_> {
    /// The labels; of which kind they are is seen in the cells, unless it is said.
    ///
    /// One column: numbers where all are and one has a fraction; several classes where a cell has a
    /// list of JSON, `;` or `|`, or, in a column `labels`, `tags`, `classes` or `categories`,
    /// commas or blanks; else one class. Several columns: of 0 and 1, a class each; numbers
    /// otherwise.
    pub(super) fn labels(&self, kind: Option<LabelKind>) -> Result<Labels, DataError> {
        if self.names.len() > 1 {
            return self.columns(kind);
        }
        let separator = self.separator();
        match kind.unwrap_or_else(|| self.kind(separator)) {
            LabelKind::Number => self.numbers(),
            LabelKind::Many => self.many(separator),
            LabelKind::One => self.one(),
        }
    }

    fn rows(&self) -> usize {
        self.cells.len() / self.names.len()
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        (0..self.cells.len()).map(|i| self.cells.get(i))
    }

    fn wrong(&self, index: usize, wrong: String) -> DataError {
        let (path, line) = (self.place)(index / self.names.len());
        row(path, line, wrong)
    }

    fn separator(&self) -> Option<char> {
        let plural = PLURAL.iter().any(|name| self.names[0].eq_ignore_ascii_case(name));
        let found = |separator: &char| self.all().any(|cell| cell.contains(*separator));
        let usual = SEPARATORS.iter().take(if plural { 4 } else { 3 }).copied().find(found);
        usual.or_else(|| Some(' ').filter(|blank| plural && found(blank)))
    }

    fn kind(&self, separator: Option<char>) -> LabelKind {
        let whole = |cell: &str| cell.parse::<i64>().is_ok();
        let numbers = || self.all().all(|cell| cell.parse::<f32>().is_ok_and(f32::is_finite));
        match separator {
            Some(_) => LabelKind::Many,
            None if numbers() && !self.all().all(whole) => LabelKind::Number,
            None => LabelKind::One,
        }
    }

    fn one(&self) -> Result<Labels, DataError> {
        if let Some(index) = (0..self.cells.len()).find(|&i| self.cells.get(i).is_empty()) {
            return Err(self.wrong(index, format!("has no label in the column {:?}", self.names[0])));
        }
        let names: Vec<String> = self.all().map(|cell| cell.trim_end_matches(ITEM).into()).collect();
        Ok(Labels::named(&names))
    }

    fn many(&self, separator: Option<char>) -> Result<Labels, DataError> {
        let split = |cell: &str| -> Vec<String> {
            let parts = cell.split(|c| Some(c) == separator).map(str::trim).filter(|part| !part.is_empty());
            parts.map(Into::into).collect()
        };
        let pictures: Vec<Vec<String>> = self.all().map(split).collect();
        Ok(Labels::many_named(&pictures))
    }

    fn numbers(&self) -> Result<Labels, DataError> {
        let number = |i: usize| -> Result<f32, DataError> {
            let cell = self.cells.get(i);
            let number = cell.parse::<f32>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| {
                self.wrong(i, format!("has {cell:?} in the column {:?}, which is no number", self.name(i)))
            })
        };
        let numbers = (0..self.cells.len()).map(number).collect::<Result<_, _>>()?;
        Ok(Labels::numbers(self.names.to_vec(), numbers))
    }

    /// The column of a cell.
    fn name(&self, index: usize) -> &str {
        &self.names[index % self.names.len()]
    }

    /// A column for each class, or number.
    fn columns(&self, kind: Option<LabelKind>) -> Result<Labels, DataError> {
        let truth = |cell: &str| match cell {
            "1" | "1.0" => Some(true),
            "0" | "0.0" | "" => Some(false),
            cell if cell.eq_ignore_ascii_case("true") => Some(true),
            cell if cell.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        };
        let strange = (0..self.cells.len()).find(|&i| truth(self.cells.get(i)).is_none());
        match (kind, strange) {
            (Some(LabelKind::Number), _) => return self.numbers(),
            (None, Some(index)) => {
                return self.numbers().map_err(|_| {
                    let wrong = format!(
                        "has {:?} in the column {:?}: several columns of labels must be of 0 and 1, or of numbers; name the one \
                         that is meant (label columns)",
                        self.cells.get(index),
                        self.name(index)
                    );
                    self.wrong(index, wrong)
                });
            }
            (_, Some(index)) => {
                let wrong =
                    format!("has {:?} in the column {:?}; wanted 0 or 1", self.cells.get(index), self.name(index));
                return Err(self.wrong(index, wrong));
            }
            (_, None) => {}
        }
        let width = self.names.len();
        let of = |row: usize| {
            let class = |&column: &usize| truth(self.cells.get(row * width + column)) == Some(true);
            (0..width).filter(class).map(|column| column as u32).collect()
        };
        let many = Labels::many(self.names.to_vec(), (0..self.rows()).map(of));
        let labels = if kind == Some(LabelKind::Many) { many } else { many.one_hot() };
        if kind == Some(LabelKind::One) && labels.kind() != LabelKind::One {
            let row = (0..self.rows()).find(|&row| of(row).len() != 1).unwrap_or_default();
            return Err(self.wrong(row * width, format!("is of {} classes; wanted one", of(row).len())));
        }
        Ok(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str], cells: &[&str], kind: Option<LabelKind>) -> Result<Labels, String> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let cells: Names = cells.iter().copied().collect();
        let place = |row: usize| (Path::new("t.csv"), row as u64 + 2);
        Cells { names: &names, cells: &cells, place: &place }.labels(kind).map_err(|error| error.to_string())
    }

    fn seen(names: &[&str], cells: &[&str]) -> (LabelKind, Vec<String>) {
        let labels = read(names, cells, None).unwrap();
        (labels.kind(), labels.classes().to_vec())
    }

    #[test]
    fn the_kind_is_seen_in_the_cells() {
        let strings = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(seen(&["label"], &["tench, fish", "a b"]), (LabelKind::One, strings(&["a b", "tench, fish"])));
        assert_eq!(seen(&["label"], &["3", "11", "3"]), (LabelKind::One, strings(&["3", "11"])));
        assert_eq!(seen(&["label"], &["a;b", "", "c"]), (LabelKind::Many, strings(&["a", "b", "c"])));
        assert_eq!(seen(&["label"], &["a| b", "c"]), (LabelKind::Many, strings(&["a", "b", "c"])));
        assert_eq!(
            seen(&["tags"], &["haze primary", "clear"]),
            (LabelKind::Many, strings(&["clear", "haze", "primary"]))
        );
        assert_eq!(seen(&["labels"], &["a,b c", "d"]), (LabelKind::Many, strings(&["a", "b c", "d"])));
        assert_eq!(seen(&["label"], &["x\u{1f}", "y\u{1f}z\u{1f}"]), (LabelKind::Many, strings(&["x", "y", "z"])));
        assert_eq!(seen(&["age"], &["3", "4.5"]), (LabelKind::Number, strings(&["age"])));
        assert_eq!(seen(&["a", "b"], &["0", "1", "1", "1"]), (LabelKind::Many, strings(&["a", "b"])));
        assert_eq!(seen(&["a", "b"], &["0", "1", "1.0", "False"]), (LabelKind::One, strings(&["a", "b"])));
        assert_eq!(seen(&["a", "b"], &["0", "1", "1", "2.5"]), (LabelKind::Number, strings(&["a", "b"])));
        let many = read(&["label"], &["a", "b"], Some(LabelKind::Many)).unwrap();
        assert_eq!((many.kind(), many.classes().len()), (LabelKind::Many, 2));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (names, cells, kind, words) in [
            (&["label"][..], &["a", ""][..], None, ["line 3", "no label"]),
            (&["age"], &["1", "old"], Some(LabelKind::Number), ["line 3", "\"old\""]),
            (&["a", "b"], &["0", "1", "x", "1"], None, ["line 3", "\"x\""]),
            (&["a", "b"], &["0", "2", "1", "1"], Some(LabelKind::Many), ["line 2", "wanted 0 or 1"]),
            (&["a", "b"], &["0", "1", "1", "1"], Some(LabelKind::One), ["line 3", "2 classes"]),
        ] {
            let said = read(names, cells, kind).unwrap_err();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }
}
