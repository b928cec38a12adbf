//! Word vectors of a file, whichever it is.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::error::VectorError;
use super::table::WordVectors;
use super::{binary, lines};

/// The most numbers of a vector.
const WIDEST: usize = 4096;

/// The most words of a file.
const MOST: usize = 100_000_000;

/// The vectors of a file for the words that are `wanted`; of a word that is there twice, the first.
///
/// # Errors
/// When the file cannot be read, begins as no such file does, or a line or word of it is invalid.
/// Numbers of words that are not wanted are counted and not read.
///
/// # Examples
/// ```
/// use taper_caption::vectors::read;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("vectors.txt");
/// std::fs::write(&path, "cat 0.5 1\ndog 0.25 -1\n")?;
/// let vectors = read(&path, |word| word == "dog")?;
/// assert_eq!((vectors.width, &*vectors.words["dog"]), (2, &[0.25, -1.0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - J. Pennington, R. Socher, C. Manning, *GloVe: Global Vectors for Word Representation*, 2014.
/// - T. Mikolov, K. Chen, G. Corrado, J. Dean, *Efficient Estimation of Word Representations in
///   Vector Space*, 2013.
pub fn read(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<WordVectors, VectorError> {
    let failed = |source| VectorError::Read { path: path.into(), source };
    let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(failed)?);
    let mut first = Vec::new();
    lines::line(&mut file, &mut first).map_err(failed)?;
    let start = || String::from_utf8_lossy(&first[..first.len().min(60)]).into_owned();
    let unknown = || VectorError::Unknown { path: path.into(), got: start() };
    let text = std::str::from_utf8(&first).map_err(|_| unknown())?;
    let parts: Vec<&str> = text.split_whitespace().collect();
    let header = match parts[..] {
        [count, width] => count.parse::<usize>().ok().zip(width.parse::<usize>().ok()),
        _ => None,
    };
    let Some((count, width)) = header else {
        let numbers = parts.iter().skip(1).filter(|part| part.parse::<f32>().is_ok()).count();
        if parts.len() < 2 || numbers == 0 || parts.len() > WIDEST {
            return Err(unknown());
        }
        return lines::read(path, &mut file, (first, 1), (None, 0), &wanted);
    };
    if !(1..=WIDEST).contains(&width) || !(1..=MOST).contains(&count) {
        return Err(unknown());
    }
    if is_text(file.fill_buf().map_err(failed)?, width) {
        return lines::read(path, &mut file, (Vec::new(), 1), (Some(count), width), &wanted);
    }
    binary::read(path, &mut file, (count, width), &wanted)
}

/// Whether what follows a header is a line of a word and so many numbers, or the beginning of one.
fn is_text(bytes: &[u8], width: usize) -> bool {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let parts: Vec<&str> = line.trim_end().split(' ').collect();
    parts.len() > width && parts[parts.len() - width..].iter().all(|part| part.parse::<f32>().is_ok())
}
