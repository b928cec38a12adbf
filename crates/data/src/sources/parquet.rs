//! Pictures in Parquet files, as data sets of the Hugging Face hub have them.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Type as Physical;
use parquet::file::metadata::FileMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::Value;

use super::cells::Cells;
use super::columns::{Chosen, Columns, choose};
use super::find::Sided;
use super::records::{Container, Place, Records};
use super::sheet::{ITEM, row};
use super::side::Side;
use crate::dataset::LabelKind;
use crate::error::DataError;
use crate::file::open_file;
use crate::labels::Labels;
use crate::names::Names;

/// What is known of the pictures of all files before their labels are.
#[derive(Default)]
struct Found {
    files: Vec<Container>,
    places: Vec<Place>,
    names: Names,
    cells: Names,
    sides: Vec<Option<Side>>,
    /// The file and the row of each.
    rows: Vec<(u32, u32)>,
    /// What the columns of labels are called.
    columns: Vec<String>,
    /// The names of classes that a file says.
    classes: Option<Vec<String>>,
}

/// Opens Parquet files, each with the side of a split that it is on.
///
/// A row has a picture as `{bytes, path}`, or as bytes, and a label: the number of a class whose
/// names stand in the metadata of the file, a text, a list, or a number. Pages are packed and
/// cannot be read from any place: the pictures are unpacked once, in their order and a part of a
/// file at a time, into a file without a name in the system's folder for such.
///
/// # Errors
/// When a file cannot be read, has no column of pictures or labels, or a row lacks its own; when
/// there is no room for the unpacked pictures.
pub(super) fn open(
    files: &[Sided],
    (columns, kind): (&Columns, Option<LabelKind>),
) -> Result<(Records, Vec<Option<Side>>), DataError> {
    let mut found = Found::default();
    for (path, side) in files {
        found.read(path, *side, columns)?;
    }
    let Found { files, places, names, cells, sides, rows, columns, classes } = found;
    if places.is_empty() {
        return Err(DataError::Empty);
    }
    let place = |of: usize| (files[rows[of].0 as usize].path.as_path(), rows[of].1.into());
    let labels: Labels = Cells { names: &columns, cells: &cells, place: &place }.labels(kind)?;
    let labels = match classes {
        Some(names) => labels.numbered(&names),
        None => labels,
    };
    Ok((Records::new(files, (places, names), labels), sides))
}

impl Found {
    fn read(&mut self, path: &Path, side: Option<Side>, columns: &Columns) -> Result<(), DataError> {
        let failed = |reason| DataError::Read { path: path.into(), reason };
        let damaged =
            |error: parquet::errors::ParquetError| wrong(path, "the file", "in Parquet and whole", error.to_string());
        let (file, _) = open_file(path, failed)?;
        let reader = SerializedFileReader::new(file).map_err(damaged)?;
        let about = reader.metadata().file_metadata();
        let fields = about.schema_descr().root_schema().get_fields().to_vec();
        let chosen = chosen((path, &fields), about, columns)?;
        if self.columns.is_empty() {
            self.columns.clone_from(&chosen.names);
        } else if self.columns != chosen.names {
            let (wanted, got) = (format!("{:?}, as in the first file", self.columns), format!("{:?}", chosen.names));
            return Err(wrong(path, "the columns of labels", &wanted, got));
        }
        let classes = chosen.names.first().and_then(|name| class_names(about, name));
        if let (Some(before), Some(now)) = (&self.classes, &classes)
            && before != now
        {
            return Err(wrong(path, "the names of classes", &format!("{before:?}"), format!("{now:?}")));
        }
        self.classes = self.classes.take().or(classes);
        let wanted: Vec<usize> = [chosen.image].into_iter().chain(chosen.labels.clone()).chain(chosen.split).collect();
        let projected =
            fields.iter().enumerate().filter(|(i, _)| wanted.contains(i)).map(|(_, field)| Arc::clone(field)).collect();
        let schema = Type::group_type_builder(about.schema_descr().root_schema().name()).with_fields(projected);
        let schema = schema.build().map_err(damaged)?;
        let number = self.files.len() as u32;
        let unpacked = tempfile::tempfile().map_err(failed)?;
        self.files.push(Container { path: path.into(), file: unpacked.try_clone().map_err(failed)? });
        let (mut unpacked, mut end) = (BufWriter::with_capacity(1 << 20, unpacked), 0);
        for (i, record) in (1..).zip(reader.get_row_iter(Some(schema)).map_err(damaged)?) {
            let record = record.map_err(damaged)?;
            let field = |column: usize| {
                let name = fields[column].name();
                record.get_column_iter().find(|(found, _)| *found == name).map_or(&Field::Null, |(_, field)| field)
            };
            let (content, name) = picture(field(chosen.image));
            let content = content.ok_or_else(|| row(path, i, "has no bytes of a picture"))?;
            unpacked.write_all(content).map_err(failed)?;
            let length = content.len() as u32;
            self.places.push(Place { file: number, length, start: end });
            end += u64::from(length);
            let number_of = format!("row {i}");
            self.names.push(name.unwrap_or(&number_of));
            self.rows.push((number, i as u32));
            chosen.labels.iter().for_each(|&column| self.cells.push(&cell(field(column))));
            self.sides.push(match chosen.split.map(|column| cell(field(column))) {
                Some(text) => Some(Side::called(&text).ok_or_else(|| {
                    row(path, i, format!("has {text:?} in the column of the split; wanted train, val or test"))
                })?),
                None => side,
            });
        }
        unpacked.flush().map_err(failed)
    }
}

fn wrong(path: &Path, part: &'static str, wanted: &str, got: String) -> DataError {
    DataError::Malformed { path: PathBuf::from(path), part, wanted: wanted.into(), got }
}

/// Which column is what: that of pictures by what is in it, those of labels by what the metadata
/// says, else by their names.
fn chosen((path, fields): (&Path, &[Arc<Type>]), about: &FileMetaData, columns: &Columns) -> Result<Chosen, DataError> {
    let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
    let image = columns.image.clone().or_else(|| {
        let of_pictures = |field: &&Arc<Type>| match &***field {
            Type::GroupType { fields, .. } => fields.iter().any(|inner| inner.name() == "bytes"),
            Type::PrimitiveType { basic_info, physical_type, .. } => {
                let text = basic_info.logical_type_ref().is_some()
                    || basic_info.converted_type() != parquet::basic::ConvertedType::NONE;
                *physical_type == Physical::BYTE_ARRAY && !text
            }
        };
        fields.iter().find(of_pictures).map(|field| field.name().to_owned())
    });
    let Some(image) = image else {
        return Err(wrong(path, "a column", "of pictures, as {bytes, path} or as bytes", format!("{names:?}")));
    };
    let mut columns = Columns { image: Some(image), ..columns.clone() };
    if columns.labels.is_empty() {
        columns.labels.extend(names.iter().find(|name| class_names(about, name).is_some()).map(ToString::to_string));
    }
    choose((path, &names), &columns, |_| false)
}

/// The names of the classes of a column, as the metadata has them.
fn class_names(about: &FileMetaData, column: &str) -> Option<Vec<String>> {
    let entry = about.key_value_metadata()?.iter().find(|entry| entry.key == "huggingface")?;
    let about: Value = serde_json::from_str(entry.value.as_ref()?).ok()?;
    let feature = about.get("info")?.get("features")?.get(column)?;
    let inner = [feature, feature.get("feature").unwrap_or(feature), feature.get(0).unwrap_or(feature)];
    let names = inner.into_iter().find_map(|feature| feature.get("names")?.as_array())?;
    Some(names.iter().filter_map(|name| name.as_str().map(Into::into)).collect())
}

/// The bytes of a picture, and what it is called.
fn picture(field: &Field) -> (Option<&[u8]>, Option<&str>) {
    match field {
        Field::Bytes(bytes) => (Some(bytes.data()), None),
        Field::Group(group) => {
            let of = |name: &str| group.get_column_iter().find(|(found, _)| *found == name).map(|(_, field)| field);
            let name = match of("path") {
                Some(Field::Str(name)) if !name.is_empty() => Some(name.as_str()),
                _ => None,
            };
            (of("bytes").and_then(|bytes| picture(bytes).0), name)
        }
        _ => (None, None),
    }
}

/// A value as the text of a cell; the items of a list end with [`ITEM`] each.
fn cell(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Bool(truth) => u8::from(*truth).to_string(),
        Field::Float(number) => format!("{number:?}"),
        Field::Double(number) => format!("{number:?}"),
        Field::ListInternal(list) => list.elements().iter().map(|item| cell(item) + &ITEM.to_string()).collect(),
        other => other.to_string(),
    }
}
