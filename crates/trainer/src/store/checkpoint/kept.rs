//! The checkpoints of a run: when one is written, and which stay.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::{CheckpointError, EveryError, TrainState};
use crate::chain::chain;
use crate::error::Result;
use crate::files::{self, FileError};
use crate::listener::Listener;
use crate::notice::Notice;
use crate::store::identity::Identity;
use crate::store::ledger;

/// The least time between the ends of two epochs that are written down: short ones would spend it
/// on the disk.
const SPACING: Duration = Duration::from_secs(10);

/// How often a training is written down beside the ends of epochs, of which those count that are
/// ten seconds apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Every {
    /// At the end of an epoch only.
    #[default]
    Epoch,
    /// After so many steps.
    Steps(usize),
    /// After so much time.
    Time(Duration),
}

/// A number of steps (`200`), or minutes (`5m`).
impl FromStr for Every {
    type Err = EveryError;

    fn from_str(text: &str) -> Result<Self, EveryError> {
        let wanted = || EveryError { got: text.to_owned() };
        match text.strip_suffix('m') {
            Some(minutes) => match minutes.parse() {
                Ok(minutes @ 0.0..=1e6) => Ok(Self::Time(Duration::from_secs_f64(60.0 * minutes))),
                _ => Err(wanted()),
            },
            None => match text.parse() {
                Ok(steps @ 1..=1_000_000_000) => Ok(Self::Steps(steps)),
                _ => Err(wanted()),
            },
        }
    }
}

/// The files of the checkpoints of a run, whatever their states are of: the last two are kept.
#[derive(Clone, Debug)]
pub struct CheckpointFiles {
    folder: PathBuf,
    every: Every,
    last: (usize, Instant),
}

impl CheckpointFiles {
    /// Those of a run in this folder.
    pub fn new(run: &Path, every: Every) -> Self {
        Self { folder: run.join("checkpoint"), every, last: (0, Instant::now()) }
    }

    /// Whether it is time for one, after so many steps of the run, at the end of an epoch or not.
    pub fn due(&self, steps: usize, whole: bool) -> bool {
        let apart = whole && self.last.1.elapsed() >= SPACING;
        apart
            || match self.every {
                Every::Epoch => false,
                Every::Steps(number) => steps >= self.last.0.saturating_add(number),
                Every::Time(time) => self.last.1.elapsed() >= time,
            }
    }

    /// Writes one down, and removes all but it and the one before. Those of more steps go too: a
    /// run that has come to this one has passed them over as broken. Where something else has its
    /// name, none is written, of which the notice is returned.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write<E: From<FileError>>(
        &mut self,
        steps: usize,
        bytes: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Option<Notice>, E> {
        let path = self.folder.join(format!("{START}{steps:08}{END}"));
        self.last = (steps, Instant::now());
        if path.exists() && !path.is_file() {
            return Ok(Some(Notice::NoCheckpoint { step: steps, path }));
        }
        files::write(&path, &bytes()?)?;
        let others = list(&self.folder).into_iter().filter(|(other, path)| *other != steps && path.is_file());
        let (before, ahead): (Vec<_>, Vec<_>) = others.partition(|(other, _)| *other < steps);
        before.iter().rev().skip(1).chain(&ahead).try_for_each(|(_, path)| remove(path))?;
        Ok(None)
    }

    /// The last whole one, if there is any, as `read` makes it of its file; `listener` hears of
    /// those that are broken.
    ///
    /// # Errors
    /// When it was written by [another version](CheckpointError::is_other_version), which could go
    /// on with it.
    pub fn latest<S>(
        &self,
        read: impl Fn(&Path) -> Result<S, CheckpointError>,
        listener: &dyn Listener,
    ) -> Result<Option<S>, CheckpointError> {
        for (_, path) in list(&self.folder).iter().rev() {
            match read(path) {
                Err(error) if error.is_other_version() => return Err(error),
                Err(error) => listener.notice(&Notice::PassedOver { why: chain(&error) }),
                state => return state.map(Some),
            }
        }
        Ok(None)
    }
}

/// The checkpoints of a run folder: the last two are kept.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    files: CheckpointFiles,
    identity: Identity,
}

impl Checkpoints {
    /// Of a run in this folder.
    pub fn new(run: &Path, every: Every, identity: Identity) -> Self {
        Self { files: CheckpointFiles::new(run, every), identity }
    }

    /// As [`CheckpointFiles::due`].
    pub(crate) fn due(&self, steps: usize, whole: bool) -> bool {
        self.files.due(steps, whole)
    }

    /// As [`CheckpointFiles::write`].
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&mut self, steps: usize, mut state: TrainState) -> Result<Option<Notice>> {
        state.identity.clone_from(&self.identity);
        self.files.write(steps, || state.bytes())
    }

    /// The last whole one, if there is any; `listener` hears of those that are broken. Whether it
    /// is of the same run is for [`Identity`] to say.
    ///
    /// # Errors
    /// When it was written by [another version](CheckpointError::is_other_version), which could go
    /// on with it.
    pub fn latest(&self, listener: &dyn Listener) -> Result<Option<TrainState>, CheckpointError> {
        self.files.latest(TrainState::read, listener)
    }

    /// Removes all of a run that is at its end, and what else is in its folder for the sake of
    /// going on.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn clear(run: &Path) -> Result<(), FileError> {
        list(&run.join("checkpoint")).iter().try_for_each(|(_, path)| remove(path))?;
        remove(&ledger::file(run))
    }
}

/// What the name of a checkpoint begins and ends with; the number of its steps is between.
const START: &str = "step-";
const END: &str = ".checkpoint";

/// All that have the name of one, in the order of their steps.
fn list(folder: &Path) -> Vec<(usize, PathBuf)> {
    let named = |path: PathBuf| {
        let steps = path.file_name()?.to_str()?.strip_prefix(START)?.strip_suffix(END)?.parse().ok()?;
        Some((steps, path))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut all: Vec<_> = entries.filter_map(|entry| named(entry.path())).collect();
    all.sort();
    all
}

/// Removes a file that is there; what is no file was put there by somebody else, and stays.
fn remove(path: &Path) -> Result<(), FileError> {
    match path.is_file().then(|| std::fs::remove_file(path)) {
        Some(Err(source)) if path.is_file() => Err(FileError::Remove { path: path.into(), source }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use taper_transfer::sha256;

    use super::super::Place;
    use super::*;
    use crate::listener::Silent;

    fn state(batches: usize) -> TrainState {
        TrainState { place: Place { batches, ..Place::default() }, ..TrainState::default() }
    }

    fn kept(place: &Path) -> Checkpoints {
        std::fs::create_dir_all(place.join("checkpoint")).unwrap();
        Checkpoints::new(place, Every::Steps(5), Identity { pictures: "a".into(), ..Identity::default() })
    }

    fn steps(place: &Path) -> Vec<usize> {
        list(&place.join("checkpoint")).into_iter().map(|(steps, _)| steps).collect()
    }

    #[test]
    fn the_last_two_are_kept_and_a_broken_one_is_passed_over() -> Result<(), Box<dyn std::error::Error>> {
        let place = tempfile::tempdir()?;
        let mut kept = kept(place.path());
        assert!(kept.latest(&Silent)?.is_none() && kept.due(5, true) && !kept.due(4, true));
        for steps in [5, 10, 100] {
            kept.save(steps, state(steps))?;
        }
        assert!(!kept.due(104, false) && kept.due(105, false));
        assert_eq!(steps(place.path()), [10, 100]);
        let last = kept.latest(&Silent)?.unwrap();
        assert_eq!((last.place.batches, &*last.identity().pictures), (100, "a"));
        std::fs::write(place.path().join("checkpoint/step-00000100.checkpoint"), "half")?;
        assert_eq!(kept.latest(&Silent)?.unwrap().place.batches, 10);
        Checkpoints::clear(place.path())?;
        assert!(kept.latest(&Silent)?.is_none() && steps(place.path()).is_empty());
        Ok(())
    }

    #[test]
    fn after_broken_ones_the_new_ones_stay() -> Result<(), Box<dyn std::error::Error>> {
        let place = tempfile::tempdir()?;
        let mut kept = kept(place.path());
        for steps in [95, 100] {
            std::fs::write(place.path().join(format!("checkpoint/step-{steps:08}.checkpoint")), "half")?;
        }
        assert!(kept.latest(&Silent)?.is_none());
        kept.save(5, state(5))?;
        assert_eq!((steps(place.path()), kept.latest(&Silent)?.unwrap().place.batches), (vec![5], 5));
        kept.save(10, state(10))?;
        assert_eq!(steps(place.path()), [5, 10]);
        Ok(())
    }

    #[test]
    fn what_only_has_the_name_of_one_is_left_alone() -> Result<(), Box<dyn std::error::Error>> {
        let place = tempfile::tempdir()?;
        let mut kept = kept(place.path());
        let folder = place.path().join("checkpoint");
        for steps in [7, 10] {
            std::fs::create_dir(folder.join(format!("step-{steps:08}.checkpoint")))?;
        }
        std::fs::write(folder.join("notes.checkpoint"), "of mine")?;
        #[cfg(unix)]
        assert!(std::process::Command::new("mkfifo").arg(folder.join("step-00000003.checkpoint")).status()?.success());
        assert!(kept.latest(&Silent)?.is_none());
        for steps in [5, 10, 15] {
            kept.save(steps, state(steps))?;
        }
        assert_eq!(kept.latest(&Silent)?.unwrap().place.batches, 15);
        Checkpoints::clear(place.path())?;
        assert!(folder.join("step-00000007.checkpoint").is_dir() && folder.join("notes.checkpoint").is_file());
        Ok(())
    }

    #[test]
    fn one_of_another_version_is_neither_begun_again_nor_removed() -> Result<(), Box<dyn std::error::Error>> {
        let place = tempfile::tempdir()?;
        let kept = kept(place.path());
        let about = [("position".to_owned(), r#"{"pictures":"a","phase":0}"#.to_owned())].into();
        let tensor = Tensor::new(&[1f32], &Device::Cpu)?;
        let mut bytes = safetensors::serialize([("model/w", &tensor)], Some(about))?;
        let sum = sha256(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        std::fs::write(place.path().join("checkpoint/step-00000005.checkpoint"), bytes)?;
        let error = chain(&kept.latest(&Silent).unwrap_err());
        assert!(error.contains("step-00000005.checkpoint") && error.contains("another version"), "{error}");
        assert_eq!(steps(place.path()), [5]);
        Ok(())
    }

    #[test]
    fn how_often_is_steps_or_minutes() {
        assert_eq!("200".parse(), Ok(Every::Steps(200)));
        assert_eq!("0.5m".parse(), Ok(Every::Time(Duration::from_secs(30))));
        for text in ["0", "-1", "5s", "m", "nanm", "", "1e9m"] {
            assert!(text.parse::<Every>().is_err(), "{text}");
        }
    }
}
