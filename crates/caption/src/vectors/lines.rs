//! Files of text.

use std::io::BufRead;
use std::path::Path;

use super::error::VectorError;
use super::table::WordVectors;

/// The most bytes of a line: words of GloVe's largest files have a few hundred letters, vectors
/// some hundred numbers.
pub(super) const LONGEST: usize = 1 << 16;

/// A line without its end, of at most [`LONGEST`] bytes; none at the end of the file.
pub(super) fn line(from: &mut dyn BufRead, line: &mut Vec<u8>) -> std::io::Result<Option<()>> {
    line.clear();
    let mut limited = std::io::Read::take(from, LONGEST as u64);
    if limited.read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r' | b' ')) {
        line.pop();
    }
    Ok(Some(()))
}

/// Reads the vectors of a file of text from its line `number` on, which `first` is; width 0 for
/// that of the first vector. `count` is how many a header has announced.
pub(super) fn read(
    path: &Path,
    from: &mut dyn BufRead,
    (first, mut number): (Vec<u8>, usize),
    (count, mut width): (Option<usize>, usize),
    wanted: &dyn Fn(&str) -> bool,
) -> Result<WordVectors, VectorError> {
    let failed = |source| VectorError::Read { path: path.into(), source };
    let (mut own, mut vectors) = (first, WordVectors { width, words: Default::default() });
    let mut found = 0;
    loop {
        if !own.is_empty() {
            let (word, numbers) = split(path, &own, number, width)?;
            width = numbers.len();
            found += 1;
            if wanted(word) && !vectors.words.contains_key(word) {
                vectors.words.insert(word.to_owned(), parsed(path, &numbers, number)?);
            }
        }
        number += 1;
        if line(from, &mut own).map_err(failed)?.is_none() {
            break;
        }
    }
    if let Some(count) = count.filter(|count| *count != found) {
        let (entry, wanted) = ("line 1".to_owned(), format!("the number of words that follow, {found}"));
        return Err(VectorError::Entry { path: path.into(), entry, wanted, got: count.to_string() });
    }
    Ok(WordVectors { width, ..vectors })
}

/// The word of a line and its numbers. A word may have spaces in it, as a few of GloVe's: it ends
/// where the last `width` numbers begin.
fn split<'a>(path: &Path, line: &'a [u8], number: usize, width: usize) -> Result<(&'a str, Vec<&'a str>), VectorError> {
    let fail = |wanted: String, got: String| {
        Err(VectorError::Entry { path: path.into(), entry: format!("line {number}"), wanted, got })
    };
    let Ok(text) = std::str::from_utf8(line) else {
        return fail("text in UTF-8".to_owned(), format!("{:?}", String::from_utf8_lossy(&line[..line.len().min(40)])));
    };
    let parts: Vec<&str> = text.split(' ').collect();
    let width = if width == 0 { parts.len() - 1 } else { width };
    if width == 0 || parts.len() <= width {
        return fail(format!("a word and {} numbers", width.max(1)), format!("{} parts", parts.len()));
    }
    let numbers = parts[parts.len() - width..].to_vec();
    let end = text.len() - numbers.iter().map(|part| part.len() + 1).sum::<usize>();
    Ok((&text[..end], numbers))
}

fn parsed(path: &Path, numbers: &[&str], number: usize) -> Result<Vec<f32>, VectorError> {
    let one = |text: &&str| {
        let (wanted, entry) = ("a finite number".to_owned(), format!("line {number}"));
        let fail = || VectorError::Entry { path: path.into(), entry, wanted, got: format!("{text:?}") };
        text.parse::<f32>().ok().filter(|x| x.is_finite()).ok_or_else(fail)
    };
    numbers.iter().map(one).collect()
}
