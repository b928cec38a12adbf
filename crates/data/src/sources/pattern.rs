//! Several files by one text: `train-{000..031}.tar`, `{train,val}/*.tar`.

use std::path::{Component, Path, PathBuf};

/// The most texts that braces are expanded to.
const MOST: usize = 1_000_000;

/// Characters of a pattern.
const MARKS: [char; 4] = ['*', '?', '[', '{'];

/// Whether there is something at the path of a data set: a file, a folder, or files that a pattern
/// means.
pub fn is_there(path: &Path) -> bool {
    path.exists() || expand(path).is_some_and(|files| files.iter().any(|file| file.is_file()))
}

/// The folder that the files of a data set lie in, as its path says it: that of a file, of a
/// pattern the part before it, of a folder itself.
///
/// # Examples
/// ```
/// use std::path::Path;
/// use taper_data::folder_of;
/// for path in ["pets", "pets/train-{0..9}.tar", "pets/*/*.parquet"] {
///     assert_eq!(folder_of(Path::new(path)), Path::new("pets"));
/// }
/// ```
pub fn folder_of(path: &Path) -> PathBuf {
    let marked = |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(MARKS) && !path.exists();
    let before: PathBuf = path.components().take_while(|part| !marked(part)).collect();
    if before == path && path.is_file() { path.parent().unwrap_or(Path::new("")).to_path_buf() } else { before }
}

/// The files that a pattern means, those of each alternative ordered by name; none where the path
/// is no pattern. A number in braces has as many digits as its first.
pub(super) fn expand(path: &Path) -> Option<Vec<PathBuf>> {
    let text = path.to_str().filter(|text| text.contains(MARKS))?;
    let mut files = Vec::new();
    for one in braces(text) {
        if one.contains(['*', '?', '[']) {
            files.extend(glob::glob(&one).into_iter().flatten().filter_map(Result::ok));
        } else {
            files.push(PathBuf::from(one));
        }
    }
    Some(files)
}

/// The texts that a text with braces stands for.
fn braces(text: &str) -> Vec<String> {
    let Some((before, rest)) = text.split_once('{') else { return vec![text.into()] };
    let Some((inner, after)) = rest.split_once('}') else { return vec![text.into()] };
    let choices: Vec<String> = range(inner).unwrap_or_else(|| inner.split(',').map(Into::into).collect());
    let ends = braces(after);
    let all = choices.iter().flat_map(|choice| ends.iter().map(move |end| format!("{before}{choice}{end}")));
    all.take(MOST).collect()
}

/// The numbers of `000..031`.
fn range(inner: &str) -> Option<Vec<String>> {
    let (first, last) = inner.split_once("..")?;
    let (from, to): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    let width = first.len();
    (from <= to && to - from < MOST).then(|| (from..=to).map(|number| format!("{number:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_expanded() {
        assert_eq!(braces("a{08..11}.tar"), ["a08.tar", "a09.tar", "a10.tar", "a11.tar"]);
        assert_eq!(braces("{x,y}-{1..2}"), ["x-1", "x-2", "y-1", "y-2"]);
        assert_eq!(braces("a{b"), ["a{b"]);
        assert_eq!(braces("{1..99999999999}"), ["1..99999999999"]);
    }

    #[test]
    fn patterns_find_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b-1.tar", "b-0.tar", "a-0.tar", "b-0.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            let found = expand(&folder.path().join(pattern)).unwrap();
            found.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names("*.tar"), ["a-0.tar", "b-0.tar", "b-1.tar"]);
        assert_eq!(names("{b,a}-*.tar"), ["b-0.tar", "b-1.tar", "a-0.tar"]);
        assert_eq!(names("b-{0..1}.tar"), ["b-0.tar", "b-1.tar"]);
        assert!(names("c*").is_empty() && expand(Path::new("plain")).is_none());
    }
}
