//! Pictures that a table lists: CSV, TSV or JSON lines.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::cells::Cells;
use super::columns::{Chosen, Columns, choose};
use super::listing::has_picture_ending;
use super::sheet::{read, row};
use super::side::Side;
use crate::dataset::{Dataset, Known, LabelKind};
use crate::decode::{Need, decode_needed, glance_file, read_bytes};
use crate::error::DataError;
use crate::labels::Labels;
use crate::limits::EXTENSIONS;
use crate::names::Names;
use crate::path_text::path_text;
use crate::stamp::Stamp;

/// The pictures that one or several tables list, in their order, each a row.
///
/// Paths are relative to the folder of the table. What is missing there is looked for where tables
/// of others have it: with the ending of a picture, in a folder `images` or one with the name of
/// the table; how the first is found, all are. The first line names the columns ([`Columns`]) or is
/// a picture; JSON lines have keys.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    tables: Vec<Listed>,
    /// The table of each row, and its line.
    rows: Vec<(u32, u32)>,
    names: Names,
    labels: Labels,
    sides: Vec<Option<Side>>,
}

/// A file that lists pictures.
#[derive(Clone, Debug)]
struct Listed {
    path: PathBuf,
    way: Way,
}

impl Table {
    /// Reads tables, each with the side of a split that all of it is on where it has no column for
    /// that.
    ///
    /// # Errors
    /// When one cannot be read, or a line is not what it should be; file and line are named.
    pub(crate) fn open(
        tables: &[(PathBuf, Option<Side>)],
        columns: &Columns,
        kind: Option<LabelKind>,
    ) -> Result<Self, DataError> {
        let mut all = Rows::default();
        for (path, side) in tables {
            all.read((path, *side), columns)?;
        }
        let Rows { tables, rows, names, cells, sides, columns } = all;
        let Some((_, columns)) = columns else {
            return Err(DataError::Empty);
        };
        let place = |row: usize| {
            let (table, line): (u32, u32) = rows[row];
            (tables[table as usize].as_path(), line.into())
        };
        let labels = Cells { names: &columns, cells: &cells, place: &place }.labels(kind)?;
        let first = |table: usize| {
            let of = rows.iter().position(|(of, _)| *of as usize == table).unwrap_or_default();
            (of..rows.len().min(of + TRIED)).map(|row| names.get(row))
        };
        let tables =
            tables.iter().enumerate().map(|(i, path)| Listed { way: Way::found(path, first(i)), path: path.clone() });
        Ok(Self { tables: tables.collect(), rows, names, labels, sides })
    }

    /// The side of a split that each row is on, where it is said.
    pub(crate) fn sides(&self) -> &[Option<Side>] {
        &self.sides
    }

    fn path(&self, index: usize) -> Result<PathBuf, DataError> {
        let &(table, _) = self.rows.get(index).ok_or(DataError::Index { index, len: self.rows.len() })?;
        let Listed { path, way } = &self.tables[table as usize];
        Ok(way.path(path, self.names.get(index)))
    }

    /// What is read of the file of a picture; what is wrong with it, with the line that lists it.
    fn of_file<T>(&self, index: usize, read: impl Fn(&Path) -> Result<T, DataError>) -> Result<T, DataError> {
        let path = self.path(index)?;
        read(&path).map_err(|reason| {
            let (table, line) = self.rows[index];
            let path = self.tables[table as usize].path.clone();
            DataError::Listed { path, line: line.into(), reason: Box::new(reason) }
        })
    }
}

/// Rows until it is known what they say.
#[derive(Default)]
struct Rows {
    tables: Vec<PathBuf>,
    rows: Vec<(u32, u32)>,
    names: Names,
    cells: Names,
    sides: Vec<Option<Side>>,
    /// The first table and the columns of its labels.
    columns: Option<(PathBuf, Vec<String>)>,
}

impl Rows {
    fn read(&mut self, (path, side): (&Path, Option<Side>), columns: &Columns) -> Result<(), DataError> {
        let mut chosen: Option<Chosen> = None;
        let table = self.tables.len() as u32;
        self.tables.push(path.into());
        let before = self.rows.len();
        read(path, &mut |cells, line| {
            let chosen = match &chosen {
                Some(chosen) => chosen,
                None => {
                    let found = choose((path, cells), columns, |cell| Way::of(path, cell).is_some())?;
                    let (first, names) = self.columns.get_or_insert_with(|| (path.into(), found.names.clone()));
                    if *names != found.names {
                        let wrong = format!(
                            "has the columns of labels {:?}, but {} has {names:?}",
                            found.names,
                            first.display()
                        );
                        return Err(row(path, line, wrong));
                    }
                    let head = found.head;
                    let found = chosen.insert(found);
                    if head {
                        return Ok(());
                    }
                    found
                }
            };
            let name = cells[chosen.image];
            if name.is_empty() || name.contains("://") {
                let wrong = format!("has {name:?} in the column of pictures, which is not the path of a file");
                return Err(row(path, line, wrong));
            }
            let side = match chosen.split.map(|column| cells[column]) {
                Some(cell) => Some(Side::called(cell).ok_or_else(|| {
                    row(path, line, format!("has {cell:?} in the column of the split; wanted train, val or test"))
                })?),
                None => side,
            };
            self.names.push(name);
            chosen.labels.iter().for_each(|&column| self.cells.push(cells[column]));
            self.sides.push(side);
            self.rows.push((table, line as u32));
            Ok(())
        })?;
        if self.rows.len() == before {
            return Err(row(path, 1, "is followed by no picture"));
        }
        Ok(())
    }
}

/// Rows that are tried to find where the pictures of a table lie.
const TRIED: usize = 20;

/// How the cells of a table become paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Way {
    /// A folder beside the table.
    folder: String,
    /// An ending that the cells lack.
    ending: String,
    /// Whether folders are separated by `\`.
    backslashes: bool,
}

impl Way {
    /// That by which the first of some cells is found that can be; as they are where none is.
    fn found<'a>(table: &Path, mut cells: impl Iterator<Item = &'a str>) -> Self {
        cells.find_map(|cell| Self::of(table, cell)).unwrap_or_default()
    }

    /// That by which a cell is the path of a file.
    fn of(table: &Path, cell: &str) -> Option<Self> {
        if cell.is_empty() {
            return None;
        }
        let stem = table.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let folders = [String::new(), "images".into(), stem.clone(), format!("{stem}_images")];
        let bare = !has_picture_ending(Path::new(cell));
        let endings = EXTENSIONS.iter().filter(|_| bare).map(|ending| format!(".{ending}"));
        let endings: Vec<String> = std::iter::once(String::new()).chain(endings).collect();
        let ways = folders.iter().flat_map(|folder| endings.iter().map(move |ending| (folder.clone(), ending.clone())));
        let ways = ways.flat_map(|(folder, ending)| {
            [false, true].map(|backslashes| Self { folder: folder.clone(), ending: ending.clone(), backslashes })
        });
        ways.filter(|way| !way.backslashes || cell.contains('\\')).find(|way| way.path(table, cell).is_file())
    }

    /// The path that a cell of a table means.
    fn path(&self, table: &Path, cell: &str) -> PathBuf {
        let cell = if self.backslashes { cell.replace('\\', "/") } else { cell.to_owned() };
        let folder = table.parent().unwrap_or(Path::new("")).join(&self.folder);
        folder.join(format!("{cell}{}", self.ending))
    }
}

impl Dataset for Table {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        self.get_needed(index, Need::All)
    }

    fn get_needed(&self, index: usize, need: Need) -> Result<RgbImage, DataError> {
        self.of_file(index, |path| decode_needed(path, need))
    }

    fn glance(&self, index: usize) -> Result<Known, DataError> {
        self.of_file(index, glance_file)
    }

    fn file(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        self.of_file(index, read_bytes).map(Some)
    }

    fn label(&self, index: usize) -> usize {
        self.labels.label(index)
    }

    fn label_kind(&self) -> LabelKind {
        self.labels.kind()
    }

    fn target(&self, index: usize, row: &mut [f32]) -> Result<(), DataError> {
        self.labels.target(index, row);
        Ok(())
    }

    fn classes(&self) -> &[String] {
        self.labels.classes()
    }

    fn name(&self, index: usize) -> String {
        self.path(index).map(path_text).unwrap_or_default()
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        Stamp::of(&self.path(index).ok()?)
    }
}
