//! A side of a data set as a folder.

use std::fs;
use std::path::Path;

use super::error::ConvertError;
use super::sample::{Sample, column, names};
use crate::dataset::{Dataset, LabelKind};

/// Writes class folders, or, of pictures that have more than one class, all of them beside a table.
pub(super) fn write(
    set: &dyn Dataset,
    samples: impl Iterator<Item = Result<Sample, ConvertError>>,
    to: &Path,
) -> Result<(), ConvertError> {
    let failed = |reason| ConvertError::Write { path: to.into(), reason };
    fs::create_dir_all(to).map_err(failed)?;
    if set.label_kind() != LabelKind::One {
        return listed(set, samples, to);
    }
    for class in set.classes() {
        if class.contains(['/', '\\', '\0']) || class.starts_with('.') || class.is_empty() {
            let wrong = "folders cannot be called so: write tar or parquet";
            return Err(ConvertError::CannotHold { what: format!("the class {class:?}"), wrong });
        }
        fs::create_dir_all(to.join(class)).map_err(failed)?;
    }
    for sample in samples {
        let Sample { content, name, label, .. } = sample?;
        fs::write(to.join(&set.classes()[label]).join(name), content).map_err(failed)?;
    }
    Ok(())
}

fn listed(
    set: &dyn Dataset,
    samples: impl Iterator<Item = Result<Sample, ConvertError>>,
    to: &Path,
) -> Result<(), ConvertError> {
    let failed = |reason| ConvertError::Write { path: to.into(), reason };
    let damaged = |error: csv::Error| ConvertError::Write { path: to.into(), reason: error.into() };
    let kind = set.label_kind();
    let mut table = csv::Writer::from_path(to.join("metadata.csv")).map_err(damaged)?;
    let columns = match kind {
        LabelKind::Number => set.classes().to_vec(),
        kind => vec![column(kind).to_owned()],
    };
    table.write_record(["file_name".to_owned()].iter().chain(&columns)).map_err(damaged)?;
    for sample in samples {
        let Sample { content, name, target, .. } = sample?;
        fs::write(to.join(&name), content).map_err(failed)?;
        let cells = match kind {
            LabelKind::Number => target.iter().map(|value| format!("{value:?}")).collect(),
            _ => vec![joined(set, &target)?],
        };
        table.write_record([name].iter().chain(&cells)).map_err(damaged)?;
    }
    table.flush().map_err(failed)
}

/// The classes of a picture in a cell, each with a semicolon behind it.
fn joined(set: &dyn Dataset, row: &[f32]) -> Result<String, ConvertError> {
    if let Some(class) = names(set, row).find(|name| name.contains(';')) {
        let wrong = "a cell of several classes has them with semicolons between them: write tar or parquet";
        return Err(ConvertError::CannotHold { what: format!("the class {class:?}"), wrong });
    }
    Ok(names(set, row).map(|name| format!("{name};")).collect())
}
