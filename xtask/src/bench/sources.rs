//! Data sets of millions of pictures: how soon the first batches are there, in how much memory.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use taper_data::{Loader, LoaderConfig, OpenConfig, RgbImage, Rng, open};

use super::args::{BenchArgs, SourcesArgs};
use super::process::last_complaint;
use super::{machine, table};
use crate::output::{line, note};

/// The script that writes the files, from the top of the repository.
const SCRIPT: &str = "xtask/bench/sources.py";

/// What the script writes: its kind, what in the folder is opened, and what wrote it.
const KINDS: [(&str, &str, &str); 4] = [
    ("tar", "", "Python's tarfile, a PNG and .cls each"),
    ("parquet", "", "pyarrow, as `datasets` has it"),
    ("npz", "pictures.npz", "NumPy, not compressed"),
    ("csv", "labels.csv", "Python's csv"),
];

/// Batches that are waited for, and the pictures in each.
const BATCHES: usize = 1000;
const BATCH: usize = 32;

/// What a process found out about one data set; a line of JSON.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Opened {
    /// Pictures on both sides.
    pictures: usize,
    /// Until it was open, seconds.
    open: f64,
    /// Until the last of [`BATCHES`] was there as well.
    batches: f64,
    /// The most memory that opening and loading added, MB of 2²⁰ bytes, where the system tells.
    more_mb: Option<f64>,
}

/// Writes each kind of file with Python, opens it in a process of its own, and prints the table.
pub(super) fn run(root: &Path, args: &BenchArgs, asked: &SourcesArgs) -> Result<()> {
    if let Some(path) = &asked.opened {
        line(serde_json::to_string(&opened(path, args.threads.into())?)?);
        return Ok(());
    }
    let python = asked.python.as_deref().unwrap_or_else(|| Path::new("python3"));
    let mut rows = Vec::new();
    for (kind, file, writer) in KINDS {
        let folder = tempfile::tempdir_in(root.join("target")).context("cannot make a folder for pictures")?;
        let at = folder.path().join(kind);
        note(format_args!("{kind}: {} pictures", asked.records));
        let mut script = Command::new(python);
        script.arg(root.join(SCRIPT)).args(["--kind", kind, "--records", &asked.records.to_string()]).arg(&at);
        let output = script.output().with_context(|| format!("cannot start {}", python.display()))?;
        if !output.status.success() {
            bail!("{} cannot write {kind} with {SCRIPT}: {}", python.display(), last_complaint(&output));
        }
        let bytes: u64 = fs::read_dir(&at)?.map(|entry| Ok(entry?.metadata()?.len())).sum::<Result<u64>>()?;
        let mut ours = Command::new(std::env::current_exe().context("cannot find this program to start it again")?);
        ours.args(["bench", "sources", "--threads", &args.threads.to_string(), "--opened"]).arg(at.join(file));
        let output = ours.output().context("cannot start this program again")?;
        if !output.status.success() {
            bail!("{kind} cannot be opened: {}", last_complaint(&output));
        }
        let found: Opened = serde_json::from_slice(&output.stdout).context("it printed no measurement")?;
        rows.push([
            kind.to_owned(),
            writer.to_owned(),
            format!("{:.0}", bytes as f64 / f64::from(1 << 20)),
            found.pictures.to_string(),
            format!("{:.1}", found.open),
            format!("{:.1}", found.batches),
            found.more_mb.map_or_else(|| "-".into(), |mb| format!("{mb:.0}")),
        ]);
    }
    let head = ["kind", "written by", "MB", "pictures", "open, s", "and 1000 batches, s", "memory, MB"];
    line(machine::line(root, args.threads, None));
    line(table::table(head, rows.into_iter()).trim_end());
    Ok(())
}

/// Opens one data set and waits for its first batches.
fn opened(path: &Path, threads: usize) -> Result<Opened> {
    let (before, start) = (machine::peak_mb(), Instant::now());
    let splits = open(path, &OpenConfig::default(), &Rng::new(1))?;
    let open = start.elapsed().as_secs_f64();
    let pictures = splits.train.len() + splits.val.len();
    let prepare = |picture: RgbImage, _: &mut Rng, out: &mut [f32]| {
        picture.iter().zip(out).for_each(|(&byte, x)| *x = f32::from(byte));
        Ok(())
    };
    let config = LoaderConfig { batch_size: BATCH, size: (8, 8), threads, rng: Rng::new(1), ..LoaderConfig::default() };
    let loader = Loader::new(splits.train, Arc::new(prepare), config)?;
    for batch in loader.epoch(1).take(BATCHES) {
        batch?;
    }
    let more_mb = machine::peak_mb().zip(before).map(|(peak, before)| peak - before);
    Ok(Opened { pictures, open, batches: start.elapsed().as_secs_f64(), more_mb })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = "path,label\n".to_owned();
        for (number, class) in ["fruit", "tool"].iter().cycle().take(40).enumerate() {
            let path = folder.path().join(format!("{number}.png"));
            RgbImage::from_pixel(8, 8, image::Rgb([number as u8; 3])).save(&path).unwrap();
            rows += &format!("{number}.png,{class}\n");
        }
        fs::write(folder.path().join("labels.csv"), rows).unwrap();
        let found = opened(&folder.path().join("labels.csv"), 2).unwrap();
        assert_eq!(found.pictures, 40);
        assert!(found.open <= found.batches);
        assert!(opened(&folder.path().join("nothing"), 1).is_err());
    }
}
