//! A side of a data set as shards of WebDataset.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use serde_json::json;
use tar::{Builder, Header};

use super::error::ConvertError;
use super::sample::{Sample, column, names};
use crate::dataset::{Dataset, LabelKind};

/// The most pictures of a shard, and the most bytes.
const PICTURES: usize = 10_000;
const BYTES: usize = 1 << 30;

/// Writes `<side>-000000.tar` and so on, and the names of the classes beside them.
pub(super) fn write(
    set: &dyn Dataset,
    samples: impl Iterator<Item = Result<Sample, ConvertError>>,
    (to, side): (&Path, &str),
) -> Result<(), ConvertError> {
    let failed = |reason| ConvertError::Write { path: to.into(), reason };
    let kind = set.label_kind();
    if kind == LabelKind::Number && set.classes().len() > 1 {
        let wrong = "beside a picture in a tar file lies one: write folder or parquet";
        return Err(ConvertError::CannotHold { what: "several numbers".into(), wrong });
    }
    if kind != LabelKind::Many {
        let lines: String = set.classes().iter().map(|class| class.replace('\n', " ") + "\n").collect();
        fs::write(to.join("classnames.txt"), lines).map_err(failed)?;
    }
    let mut shard: Option<Builder<BufWriter<File>>> = None;
    let (mut number, mut pictures, mut bytes) = (0, 0, 0);
    for sample in samples {
        let Sample { content, name, label, target } = sample?;
        if pictures == PICTURES || bytes > BYTES {
            shard.take().map(|mut full| full.finish()).transpose().map_err(failed)?;
            (number, pictures, bytes) = (number + 1, 0, 0);
        }
        let shard = match &mut shard {
            Some(shard) => shard,
            None => {
                let file = File::create(to.join(format!("{side}-{number:06}.tar"))).map_err(failed)?;
                shard.insert(Builder::new(BufWriter::new(file)))
            }
        };
        let key = name.split('.').next().unwrap_or_default();
        let (ending, text) = match kind {
            LabelKind::One => ("cls", label.to_string()),
            LabelKind::Many => ("json", json!({ column(kind): names(set, &target).collect::<Vec<_>>() }).to_string()),
            LabelKind::Number => ("json", json!({ column(kind): target[0] }).to_string()),
        };
        append(shard, &name, &content).map_err(failed)?;
        append(shard, &format!("{key}.{ending}"), text.as_bytes()).map_err(failed)?;
        (pictures, bytes) = (pictures + 1, bytes + content.len());
    }
    shard.map(|mut last| last.finish()).transpose().map_err(failed)?;
    Ok(())
}

/// Adds a file, with nothing in its header that differs from time to time.
fn append(shard: &mut Builder<BufWriter<File>>, name: &str, content: &[u8]) -> std::io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    shard.append_data(&mut header, name, content)
}
