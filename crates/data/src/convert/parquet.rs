//! A side of a data set as a Parquet file.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{PrimitiveTypeBuilder, Type};
use serde_json::{Value, json};

use super::error::ConvertError;
use super::sample::{Sample, column};
use crate::dataset::{Dataset, LabelKind};

/// Pictures that are read and written together.
const ROWS: usize = 100;

/// Writes `data/<side>-00000-of-00001.parquet`: pictures as `{bytes, path}`, classes by number, and
/// their names in the metadata.
pub(super) fn write(
    set: &dyn Dataset,
    samples: impl Iterator<Item = Result<Sample, ConvertError>>,
    (to, side): (&Path, &str),
) -> Result<(), ConvertError> {
    let folder = to.join("data");
    let side = if side == "val" { "validation" } else { side };
    let path = folder.join(format!("{side}-00000-of-00001.parquet"));
    let failed = |reason| ConvertError::Write { path: path.clone(), reason };
    let wrong = |error: ParquetError| ConvertError::Write { path: path.clone(), reason: std::io::Error::other(error) };
    fs::create_dir_all(&folder).map_err(failed)?;
    let features = KeyValue::new("huggingface".into(), json!({ "info": { "features": features(set) } }).to_string());
    let properties = WriterProperties::builder()
        .set_key_value_metadata(Some(vec![features]))
        // Pictures are packed already.
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .build();
    let schema = Arc::new(schema(set).map_err(wrong)?);
    let mut file =
        SerializedFileWriter::new(File::create(&path).map_err(failed)?, schema, Arc::new(properties)).map_err(wrong)?;
    let mut rows = Vec::with_capacity(ROWS);
    for sample in samples {
        rows.push(sample?);
        if rows.len() == ROWS {
            group(set, &mut file, &rows).map_err(wrong)?;
            rows.clear();
        }
    }
    if !rows.is_empty() {
        group(set, &mut file, &rows).map_err(wrong)?;
    }
    file.close().map_err(wrong)?;
    Ok(())
}

/// What the columns are, as the library `datasets` has it.
fn features(set: &dyn Dataset) -> Value {
    let class = json!({ "names": set.classes(), "_type": "ClassLabel" });
    let image = json!({ "_type": "Image" });
    match set.label_kind() {
        LabelKind::One => json!({ "image": image, "label": class }),
        LabelKind::Many => json!({ "image": image, "labels": { "feature": class, "_type": "List" } }),
        LabelKind::Number => {
            let numbers =
                set.classes().iter().map(|name| (name.clone(), json!({ "dtype": "float32", "_type": "Value" })));
            json!(std::iter::once(("image".to_owned(), image)).chain(numbers).collect::<serde_json::Map<_, _>>())
        }
    }
}

fn leaf(name: &str, physical: Physical) -> PrimitiveTypeBuilder<'_> {
    Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL)
}

fn schema(set: &dyn Dataset) -> Result<Type, ParquetError> {
    let bytes = leaf("bytes", Physical::BYTE_ARRAY).build()?;
    let path = leaf("path", Physical::BYTE_ARRAY).with_converted_type(ConvertedType::UTF8).build()?;
    let image = Type::group_type_builder("image").with_repetition(Repetition::OPTIONAL);
    let mut fields = vec![Arc::new(image.with_fields(vec![Arc::new(bytes), Arc::new(path)]).build()?)];
    let kind = set.label_kind();
    match kind {
        LabelKind::One => fields.push(Arc::new(leaf(column(kind), Physical::INT64).build()?)),
        LabelKind::Number => {
            for name in set.classes() {
                fields.push(Arc::new(leaf(name, Physical::FLOAT).build()?));
            }
        }
        LabelKind::Many => {
            let element = Arc::new(leaf("element", Physical::INT64).build()?);
            let list =
                Type::group_type_builder("list").with_repetition(Repetition::REPEATED).with_fields(vec![element]);
            let labels = Type::group_type_builder(column(kind)).with_repetition(Repetition::OPTIONAL);
            let labels = labels.with_converted_type(ConvertedType::LIST).with_fields(vec![Arc::new(list.build()?)]);
            fields.push(Arc::new(labels.build()?));
        }
    }
    Type::group_type_builder("schema").with_fields(fields).build()
}

/// Writes some rows, column by column. How deep a value is defined, and where a list goes on, is
/// said by levels: 2 is a field of the group of a picture, 1 a number, 3 an item of a list.
fn group(set: &dyn Dataset, file: &mut SerializedFileWriter<File>, rows: &[Sample]) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    let bytes: Vec<ByteArray> = rows.iter().map(|row| ByteArray::from(row.content.clone())).collect();
    texts(&mut group, &bytes)?;
    let names: Vec<ByteArray> = rows.iter().map(|row| ByteArray::from(row.name.as_str())).collect();
    texts(&mut group, &names)?;
    match set.label_kind() {
        LabelKind::One => {
            let labels: Vec<i64> = rows.iter().map(|row| row.label as i64).collect();
            integers(&mut group, (&labels, &vec![1; labels.len()], None))?;
        }
        LabelKind::Number => {
            for number in 0..set.classes().len() {
                let values: Vec<f32> = rows.iter().map(|row| row.target[number]).collect();
                if let Some(mut column) = group.next_column()? {
                    column.typed::<FloatType>().write_batch(&values, Some(&vec![1; values.len()]), None)?;
                    column.close()?;
                }
            }
        }
        LabelKind::Many => {
            let (mut labels, mut defined, mut again) = (Vec::new(), Vec::new(), Vec::new());
            for row in rows {
                let of: Vec<i64> =
                    (0..).zip(&row.target).filter(|(_, value)| **value == 1.0).map(|(class, _)| class).collect();
                defined.extend(if of.is_empty() { vec![1] } else { vec![3; of.len()] });
                again.extend((0..of.len().max(1)).map(|item| i16::from(item > 0)));
                labels.extend(of);
            }
            integers(&mut group, (&labels, &defined, Some(&again)))?;
        }
    }
    group.close()?;
    Ok(())
}

fn texts(group: &mut SerializedRowGroupWriter<'_, File>, values: &[ByteArray]) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<ByteArrayType>().write_batch(values, Some(&vec![2; values.len()]), None)?;
        column.close()?;
    }
    Ok(())
}

fn integers(
    group: &mut SerializedRowGroupWriter<'_, File>,
    (values, defined, again): (&[i64], &[i16], Option<&[i16]>),
) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<Int64Type>().write_batch(values, Some(defined), again)?;
        column.close()?;
    }
    Ok(())
}
