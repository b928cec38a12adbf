//! word2vec's binary files.

use std::io::BufRead;
use std::path::Path;

use super::error::VectorError;
use super::lines::LONGEST;
use super::table::WordVectors;

/// Reads `count` words of `width` numbers, behind the first line.
pub(super) fn read(
    path: &Path,
    from: &mut dyn BufRead,
    (count, width): (usize, usize),
    wanted: &dyn Fn(&str) -> bool,
) -> Result<WordVectors, VectorError> {
    let failed = |source| VectorError::Read { path: path.into(), source };
    let mut vectors = WordVectors { width, words: Default::default() };
    let (mut word, mut bytes) = (Vec::new(), vec![0; 4 * width]);
    for number in 1..=count {
        let fail = |wanted: &str, got: String| {
            let (entry, wanted) = (format!("word {number} of {count}"), wanted.to_owned());
            VectorError::Entry { path: path.into(), entry, wanted, got }
        };
        word.clear();
        std::io::Read::take(&mut *from, LONGEST as u64).read_until(b' ', &mut word).map_err(failed)?;
        if word.pop() != Some(b' ') {
            return Err(fail("a word, a space and its numbers", "the end of the file".to_owned()));
        }
        // Some writers end each vector with a line.
        let name = word.strip_prefix(b"\n").unwrap_or(&word);
        from.read_exact(&mut bytes).map_err(|source| match source.kind() {
            std::io::ErrorKind::UnexpectedEof => fail(&format!("{width} numbers"), "the end of the file".to_owned()),
            _ => failed(source),
        })?;
        // Google's file has a few words that are no UTF-8; no caption has one of them.
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if !wanted(name) || vectors.words.contains_key(name) {
            continue;
        }
        let numbers: Vec<f32> = bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
        if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
            return Err(fail("finite numbers", format!("{number} in the vector of {name:?}")));
        }
        vectors.words.insert(name.to_owned(), numbers);
    }
    Ok(vectors)
}
