//! The pictures of a run one by one, as a file: to know them again without reading them, and to
//! tell others from them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use taper_data::{Dataset, Known, LabelKind, Seen, Stamp, path_text};
use taper_transfer::sha256;

use crate::build::labels::target;
use crate::error::Result;
use crate::files;

/// Each picture of a run: name, class, and what is in its file. `checkpoint/pictures.json` while
/// the run goes on.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// SHA-256 of classes, names, labels and content of all that are read, in their order.
    sum: String,
    /// When the pictures were looked at, nanoseconds since 1970.
    looked: u64,
    classes: Vec<String>,
    train: Vec<Entry>,
    val: Vec<Entry>,
    /// The names of those that were left out because they cannot be decoded.
    #[serde(default)]
    unreadable: Vec<String>,
    /// SHA-256 of names and labels, where the pictures are too many to be listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    many: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Entry {
    /// Its path below the folder of pictures.
    name: String,
    label: usize,
    /// Of several labels whether each is there, or its numbers; none where it has one class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<Vec<f32>>,
    /// SHA-256 of its file, or of its pixels where it has none, in hexadecimal digits.
    content: String,
    size: (u32, u32),
    /// Bytes, and the two times of a [`Stamp`].
    stamp: Option<(u64, u64, u64)>,
}

/// A file that was written so shortly before it was looked at may have been written again with the
/// same stamp: what times of files are rounded to, nanoseconds.
const TICK: u64 = 2_000_000_000;

impl Ledger {
    /// Of pictures to train on and to validate on, of each what was seen in it, below `root`.
    /// `looked` is when that began.
    pub(crate) fn new(looked: u64, sides: [(&dyn Dataset, &[Seen]); 2], root: &Path) -> Result<Self> {
        let [train, val] = sides.map(|(set, seen)| {
            let one = set.label_kind() == LabelKind::One;
            let entry = |(i, seen): (usize, &Seen)| {
                Ok(Entry {
                    name: relative(&set.name(i), root),
                    label: set.label(i),
                    target: if one { None } else { Some(target(set, i)?) },
                    content: digits(&seen.known.content),
                    size: seen.known.size,
                    stamp: seen.stamp.map(|stamp| (stamp.size, stamp.modified, stamp.changed)),
                })
            };
            seen.iter().enumerate().map(entry).collect::<Result<Vec<_>>>()
        });
        let (train, val) = (train?, val?);
        let (sum, classes, unreadable) = (String::new(), sides[0].0.classes().to_vec(), Vec::new());
        let ledger = Self { sum, looked, classes, train, val, unreadable, many: None };
        Ok(Self { sum: ledger.computed()?, ..ledger })
    }

    /// Of pictures to train on and to validate on that are too many to be listed: their names and
    /// labels as a sum.
    pub(crate) fn many(looked: u64, sides: [&dyn Dataset; 2], root: &Path) -> Result<Self> {
        let mut sum = Sha256::new();
        for set in sides {
            let mut row = vec![0f32; set.classes().len()];
            for index in 0..set.len() {
                sum.update(relative(&set.name(index), root));
                sum.update([0]);
                if set.label_kind() == LabelKind::One {
                    sum.update(set.label(index).to_le_bytes());
                    continue;
                }
                row.fill(0.0);
                set.target(index, &mut row)?;
                row.iter().for_each(|value| sum.update(value.to_le_bytes()));
            }
            sum.update([0]);
        }
        let many = Some(digits(&sum.finalize()));
        let ledger = Self { looked, classes: sides[0].classes().to_vec(), many, ..Self::default() };
        Ok(Self { sum: ledger.computed()?, ..ledger })
    }

    /// The same, and that these were left out.
    pub(crate) fn without(self, unreadable: Vec<String>) -> Self {
        Self { unreadable, ..self }
    }

    /// The names of those that were left out because they cannot be decoded.
    pub(crate) fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// The SHA-256 of classes, names, labels and content of all: the same for a copy of the
    /// pictures in another folder.
    pub fn sum(&self) -> &str {
        &self.sum
    }

    fn computed(&self) -> Result<String> {
        let of = |side: &[Entry]| side.iter().map(|e| (e.name.clone(), e.label, e.content.clone())).collect::<Vec<_>>();
        let targets = |side: &[Entry]| side.iter().filter_map(|e| e.target.clone()).collect::<Vec<_>>();
        let labels = (targets(&self.train), targets(&self.val));
        let pictures = (&self.classes, of(&self.train), of(&self.val));
        Ok(sha256(&match (&labels.0[..], &labels.1[..], &self.many) {
            (_, _, Some(many)) => serde_json::to_vec(&(&self.classes, many))?,
            ([], [], None) => serde_json::to_vec(&pictures)?,
            _ => serde_json::to_vec(&(pictures, labels))?,
        }))
    }

    /// What is known of pictures by name and stamp: those of an equal stamp are not read again.
    pub(crate) fn known(&self) -> impl Fn(&str, Stamp) -> Option<Known> + Sync {
        let entries: BTreeMap<&str, &Entry> = self.entries().map(|(_, entry)| (&*entry.name, entry)).collect();
        move |name, stamp| {
            let entry = entries.get(name)?;
            let stamped = entry.stamp? == (stamp.size, stamp.modified, stamp.changed);
            let settled = stamp.modified.max(stamp.changed).saturating_add(TICK) < self.looked;
            (stamped && settled).then_some(Known { size: entry.size, content: bytes(&entry.content)? })
        }
    }

    fn entries(&self) -> impl Iterator<Item = (&'static str, &Entry)> {
        let train = self.train.iter().map(|entry| ("to train on", entry));
        train.chain(self.val.iter().map(|entry| ("to validate on", entry)))
    }

    /// In what other pictures differ, in words with some of their names; nothing where they are the
    /// same.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        fn by_name(all: &Ledger) -> BTreeMap<&str, (&str, Option<&String>, &Entry)> {
            all.entries().map(|(side, entry)| (&*entry.name, (side, all.classes.get(entry.label), entry))).collect()
        }
        let (then, there) = (by_name(self), by_name(now));
        let both = || then.iter().filter_map(|(name, then)| Some((*name, then, there.get(name)?)));
        let mut said = Vec::new();
        let mut say = |what: &str, names: Vec<&str>| {
            let some = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let more = if names.len() > NAMED { ", ..." } else { "" };
            if !names.is_empty() {
                said.push(format!("{} {what}: {some}{more}", names.len()));
            }
        };
        say(
            "with other content",
            both().filter(|(_, a, b)| a.2.content != b.2.content).map(|(name, ..)| name).collect(),
        );
        let relabeled = both().filter(|(_, a, b)| a.1 != b.1 || a.2.target != b.2.target);
        say("of another class", relabeled.map(|(name, ..)| name).collect());
        say("gone", then.keys().filter(|name| !there.contains_key(*name)).copied().collect());
        say("new", there.keys().filter(|name| !then.contains_key(*name)).copied().collect());
        say("on the other side of the split", both().filter(|(_, a, b)| a.0 != b.0).map(|(name, ..)| name).collect());
        said
    }

    /// Writes it into a run folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, run: &Path) -> Result<()> {
        Ok(files::write(&file(run), &serde_json::to_vec(self)?)?)
    }

    /// The ledger of a run folder; `None` if it is missing or incomplete.
    pub fn read(run: &Path) -> Option<Self> {
        let ledger: Self = serde_json::from_slice(&files::read(&file(run)).ok()?).ok()?;
        (ledger.computed().ok()? == ledger.sum).then_some(ledger)
    }
}

/// Pictures that a message names of many.
const NAMED: usize = 3;

/// Where the ledger of a run lies.
pub(crate) fn file(run: &Path) -> PathBuf {
    run.join("checkpoint/pictures.json")
}

/// A moment as the times of files are told.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// The name of a picture below the folder of pictures.
pub fn relative(name: &str, root: &Path) -> String {
    // In the names of pictures all of their paths is text.
    let below = Path::new(name).strip_prefix(path_text(root));
    below.map_or_else(|_| name.to_owned(), |path| path.display().to_string())
}

/// Bytes in hexadecimal digits.
fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a SHA-256 in hexadecimal digits.
fn bytes(digits: &str) -> Option<[u8; 32]> {
    let bytes = (0..32).map(|i| u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok());
    bytes.collect::<Option<Vec<_>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use taper_data::{Folder, RgbImage, check};

    fn draw(root: &Path, name: &str, shade: u8) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(4, 3, image::Rgb([shade; 3])).save(path).unwrap();
    }

    fn ledger(root: &Path, looked: u64) -> Ledger {
        let [train, val] = ["train", "val"].map(|side| Folder::open(root.join(side)).unwrap());
        let [seen, held] = [&train, &val].map(|set| check(set, |_| {}).seen);
        Ledger::new(looked, [(&train, &seen), (&val, &held)], root).unwrap()
    }

    const ALL: [&str; 6] =
        ["train/a/1.png", "train/a/2.png", "train/b/1.png", "train/b/2.png", "val/a/3.png", "val/b/3.png"];

    fn drawn(root: &Path) {
        ALL.iter().enumerate().for_each(|(i, name)| draw(root, name, 10 * i as u8));
    }

    #[test]
    fn a_copy_elsewhere_is_the_same_and_what_differs_is_named() {
        let place = tempfile::tempdir().unwrap();
        // The name of a folder may be one that is not shown as it is.
        let [one, other] = ["one", if cfg!(unix) { "an\tother" } else { "other" }].map(|name| place.path().join(name));
        drawn(&one);
        drawn(&other);
        let then = ledger(&one, now());
        assert_eq!(ledger(&other, now()).sum(), then.sum());
        assert!(then.differences(&ledger(&other, now())).is_empty());
        std::fs::rename(other.join("train/a/1.png"), other.join("train/b/0.png")).unwrap();
        draw(&other, "train/b/1.png", 200);
        std::fs::rename(other.join("val/a/3.png"), other.join("val/a/4.png")).unwrap();
        let now = ledger(&other, now());
        assert_ne!(now.sum(), then.sum());
        let said = then.differences(&now);
        let wanted = [
            "1 with other content: train/b/1.png",
            "2 gone: train/a/1.png, val/a/3.png",
            "2 new: train/b/0.png, val/a/4.png",
        ];
        assert_eq!(said, wanted);
        let other_classes = Ledger { classes: vec!["a".into(), "c".into()], ..then.clone() };
        assert_eq!(
            then.differences(&other_classes)[0],
            "3 of another class: train/b/1.png, train/b/2.png, val/b/3.png"
        );
    }

    #[test]
    fn what_has_its_stamp_is_known_unless_it_was_just_written() {
        let place = tempfile::tempdir().unwrap();
        drawn(place.path());
        let later = ledger(place.path(), now() + 2 * TICK);
        let stamp = Stamp::of(&place.path().join(ALL[0])).unwrap();
        let seen = later.known()(ALL[0], stamp).unwrap();
        assert_eq!((seen.size, bytes(&later.train[0].content)), ((4, 3), Some(seen.content)));
        assert!(later.known()(ALL[0], Stamp { modified: stamp.modified - 1, ..stamp }).is_none());
        assert!(later.known()("train/a/9.png", stamp).is_none());
        assert!(ledger(place.path(), now()).known()(ALL[0], stamp).is_none());
    }

    #[test]
    fn a_file_that_was_changed_is_none() {
        let place = tempfile::tempdir().unwrap();
        drawn(place.path());
        std::fs::create_dir(place.path().join("checkpoint")).unwrap();
        let ledger = ledger(place.path(), now());
        assert_eq!(Ledger::read(place.path()), None);
        ledger.write(place.path()).unwrap();
        assert_eq!(Ledger::read(place.path()), Some(ledger));
        let text = std::fs::read_to_string(file(place.path())).unwrap();
        std::fs::write(file(place.path()), text.replace("train/a/1.png", "train/a/0.png")).unwrap();
        assert_eq!(Ledger::read(place.path()), None);
    }
}
