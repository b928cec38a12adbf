//! The rows of a CSV, TSV or JSON-lines file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use csv::{ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

use super::listing::has_ending;
use crate::error::DataError;
use crate::file::open_file;

/// What separates the items of a JSON list where it becomes a cell.
pub(super) const ITEM: char = '\u{1f}';
/// The longest line of a JSON-lines file, bytes.
const MAX_LINE: u64 = 1 << 24;

/// Somebody who is shown the cells of a row and the number of its line, from 1.
pub(super) type SeeRow<'a> = dyn FnMut(&[&str], u64) -> Result<(), DataError> + 'a;

/// Whether a file is one of rows, by its ending.
pub(crate) fn is_sheet(path: &Path) -> bool {
    ["csv", "tsv", "jsonl"].iter().any(|ending| has_ending(path, ending))
}

/// Shows the rows of a file, that of its head among them where it is CSV or TSV; JSON lines have
/// the keys of the first one as their head.
pub(super) fn read(path: &Path, see: &mut SeeRow<'_>) -> Result<(), DataError> {
    let failed = |reason| DataError::Read { path: path.into(), reason };
    let (file, _) = open_file(path, failed)?;
    if has_ending(path, "jsonl") { json_lines(path, file, see) } else { separated(path, file, see) }
}

fn separated(path: &Path, file: File, see: &mut SeeRow<'_>) -> Result<(), DataError> {
    let failed = |reason| DataError::Read { path: path.into(), reason };
    let mut file = BufReader::with_capacity(1 << 16, file);
    let begin = file.fill_buf().map_err(failed)?;
    if begin.starts_with(&[0xff, 0xfe]) || begin.starts_with(&[0xfe, 0xff]) {
        return Err(row(path, 1, "is UTF-16: save the table as CSV in UTF-8"));
    }
    let separator = if has_ending(path, "tsv") { b'\t' } else { separator(begin) };
    let mut reader = ReaderBuilder::new().has_headers(false).delimiter(separator).from_reader(file);
    let (mut record, mut next) = (StringRecord::new(), 1);
    loop {
        let more = reader.read_record(&mut record).map_err(|error| unreadable(path, &error))?;
        if !more {
            return Ok(());
        }
        let cells: Vec<&str> = record.iter().map(str::trim).collect();
        // What the reader says is a line less where lines end with \r\n.
        let line = record.position().map_or(0, csv::Position::line).max(next);
        next = line + 1 + record.iter().flat_map(str::bytes).filter(|byte| *byte == b'\n').count() as u64;
        see(&cells, line)?;
    }
}

/// What separates cells, by the first line: a comma, or a semicolon or tab where it has none.
fn separator(begin: &[u8]) -> u8 {
    let line = begin.split(|&byte| byte == b'\n').next().unwrap_or_default();
    [b',', b';', b'\t'].into_iter().find(|separator| line.contains(separator)).unwrap_or(b',')
}

fn unreadable(path: &Path, error: &csv::Error) -> DataError {
    let line = error.position().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => row(
            path,
            line,
            format!("has {len} cells where the first line has {expected_len}: quote cells that hold commas"),
        ),
        csv::ErrorKind::Utf8 { .. } => row(path, line, "is not UTF-8: save the table as CSV in UTF-8"),
        _ => row(path, line, error.to_string()),
    }
}

fn json_lines(path: &Path, file: File, see: &mut SeeRow<'_>) -> Result<(), DataError> {
    let failed = |reason| DataError::Read { path: path.into(), reason };
    let (mut file, mut text, mut head) = (BufReader::new(file), String::new(), Vec::<String>::new());
    for line in 1.. {
        text.clear();
        if file.by_ref().take(MAX_LINE).read_line(&mut text).map_err(failed)? == 0 {
            return Ok(());
        }
        let trimmed = text.trim_start_matches('\u{feff}').trim();
        if trimmed.is_empty() {
            continue;
        }
        let object: Map<String, Value> =
            serde_json::from_str(trimmed).map_err(|error| row(path, line, format!("is not a JSON object: {error}")))?;
        if head.is_empty() {
            head = object.keys().cloned().collect();
            see(&head.iter().map(String::as_str).collect::<Vec<_>>(), line)?;
        }
        let cells: Vec<String> = head.iter().map(|key| object.get(key).map(cell).unwrap_or_default()).collect();
        see(&cells.iter().map(String::as_str).collect::<Vec<_>>(), line)?;
    }
    Ok(())
}

/// A JSON value as the text of a cell; the items of a list end with [`ITEM`] each.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(truth) => u8::from(*truth).to_string(),
        Value::Array(items) => items.iter().map(|item| cell(item) + &ITEM.to_string()).collect(),
        other => other.to_string(),
    }
}

/// What is wrong with a line.
pub(super) fn row(path: &Path, line: u64, wrong: impl Into<String>) -> DataError {
    DataError::Row { path: path.into(), line, wrong: wrong.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, content: impl AsRef<[u8]>) -> Result<Vec<(Vec<String>, u64)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let mut rows = Vec::new();
        let see = &mut |cells: &[&str], line| {
            rows.push((cells.iter().map(ToString::to_string).collect(), line));
            Ok(())
        };
        read(&path, see).map_err(|error| error.to_string())?;
        Ok(rows)
    }

    fn cells(name: &str, content: &str) -> Vec<Vec<String>> {
        shown(name, content).unwrap().into_iter().map(|(cells, _)| cells).collect()
    }

    #[test]
    fn marks_breaks_quotes_and_separators_are_read() {
        let plain = [["path", "label"], ["a.png", "cat, large"], ["b.png", "dog"]];
        for (name, text) in [
            ("a.csv", "path,label\na.png,\"cat, large\"\nb.png,dog\n"),
            ("a.csv", "\u{feff}path,label\r\na.png,\"cat, large\"\r\nb.png, dog"),
            ("a.CSV", "path;label\na.png;cat, large\nb.png;dog\n"),
            ("a.csv", "path\tlabel\na.png\tcat, large\nb.png\tdog\n"),
            ("a.tsv", "path\tlabel\n\na.png\tcat, large\nb.png\tdog\n"),
            ("a.jsonl", "{\"path\":\"a.png\",\"label\":\"cat, large\"}\n\n{\"label\":\"dog\",\"path\":\"b.png\"}"),
        ] {
            let got = cells(name, text);
            let sorted =
                |row: &Vec<String>| if name == "a.jsonl" { vec![row[1].clone(), row[0].clone()] } else { row.clone() };
            assert_eq!(got.iter().map(sorted).collect::<Vec<_>>(), plain, "{text:?}");
        }
        assert_eq!(
            shown("a.csv", "a\n\"two\nlines\"\nb\n").unwrap().iter().map(|row| row.1).collect::<Vec<_>>(),
            [1, 2, 4]
        );
        let lines = |text| shown("a.csv", text).unwrap().iter().map(|row| row.1).collect::<Vec<_>>();
        assert_eq!(lines("a\r\nb\r\nc"), [1, 2, 3]);
        assert_eq!(cells("a.jsonl", "{\"a\":[1,\"x\"],\"b\":true,\"c\":null}")[1], ["1\u{1f}x\u{1f}", "1", ""]);
    }

    #[test]
    fn errors_name_the_line() {
        for (name, text, words) in [
            ("a.csv", &b"a,b\nc,d\ne\n"[..], ["line 3", "1 cells"]),
            ("a.csv", b"a,b\nc,\xe9\n", ["line 2", "UTF-8"]),
            ("a.csv", b"\xff\xfea\0", ["line 1", "UTF-16"]),
            ("a.jsonl", b"{\"a\":1}\n{\"a\":", ["line 2", "JSON"]),
        ] {
            let said = shown(name, text).unwrap_err();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }
}
