//! What lies among the pictures and is not read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::limits::EXTENSIONS;
use crate::path_text::path_text;

/// Extensions of pictures that nothing here reads.
const UNREAD: [&str; 25] = [
    ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".svg", ".psd", ".tga", ".exr", ".hdr", ".dds", ".dng",
    ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2", ".xcf", ".eps", ".pdf", ".mp4",
];

/// Files and folders that lie among the pictures and are not read: how many there are of each kind,
/// where a kind is an extension in lower case (`.heic`) or says what it is (`linked folder`).
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let root = tempfile::tempdir()?;
/// for name in ["cat/1.png", "cat/2.HEIC", "dog/1.png", "dog/notes.txt"] {
///     std::fs::create_dir_all(root.path().join(name).parent().unwrap())?;
///     std::fs::write(root.path().join(name), "")?;
/// }
/// let folder = taper_data::Folder::open(root.path())?;
/// assert_eq!(folder.left_out().to_string(), "1 .heic, 1 .txt");
/// assert!(folder.left_out().has_pictures());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<String, usize>);

impl LeftOut {
    /// How many there are of each kind.
    pub fn counts(&self) -> &BTreeMap<String, usize> {
        &self.0
    }

    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether pictures are among it: of formats that are not read, outside of the class folders,
    /// or in linked folders.
    pub fn has_pictures(&self) -> bool {
        let pictures = |kind: &str| UNREAD.contains(&kind) || [LINKED, OUTSIDE].contains(&kind);
        self.0.keys().any(|kind| pictures(kind))
    }

    /// Counts what is neither file nor folder, or a file by its extension.
    pub(crate) fn file(&mut self, path: &Path) {
        let ending = path.extension().map(|ending| format!(".{}", path_text(ending).to_lowercase()));
        let readable = |ending: &str| EXTENSIONS.contains(&&ending[1..]);
        let kind = match ending {
            None => "file without ending".into(),
            Some(ending) if readable(&ending) => "thing with the name of a picture".into(),
            Some(ending) => ending,
        };
        self.add(&kind, 1);
    }

    /// Counts some of a kind.
    pub(crate) fn add(&mut self, kind: &str, count: usize) {
        if count > 0 {
            *self.0.entry(kind.into()).or_default() += count;
        }
    }

    /// Counts what another did.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(kind, count)| self.add(kind, *count));
    }
}

/// How many kinds a message names, those of which there is most.
const NAMED: usize = 8;

/// A link to a folder inside a class.
pub(crate) const LINKED: &str = "linked folder";
/// A picture that has no class.
pub(crate) const OUTSIDE: &str = "picture outside of the class folders";
/// A name that begins with a dot.
pub(crate) const HIDDEN: &str = "hidden";

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<(&String, &usize)> = self.0.iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let (named, others) = kinds.split_at(kinds.len().min(NAMED));
        for (number, (kind, count)) in named.iter().enumerate() {
            write!(f, "{}{count} {kind}", if number == 0 { "" } else { ", " })?;
        }
        if others.is_empty() {
            return Ok(());
        }
        write!(f, ", {} of {} other kinds", others.iter().map(|(_, count)| **count).sum::<usize>(), others.len())
    }
}
