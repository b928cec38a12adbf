//! A training as TensorBoard reads it.

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;
use taper_nn::Params;

use taper_trainer::ObserverError;
use taper_trainer::fit::{Begin, EpochInfo, Observer, Outcome, StepInfo};

/// An event file that cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("cannot write {}", path.display())]
pub struct EventFileError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub source: std::io::Error,
}

/// Writes an event file into the run folder: loss and rate of every step, and of every epoch what
/// `history.csv` and `health.csv` have.
///
/// A file is a row of records, each the length of an event, the event (`tensorflow.Event` as a
/// protocol buffer), and a CRC-32C of both.
#[derive(Debug, Default)]
pub struct TensorBoard {
    /// The file and its name, once the training has begun.
    file: Option<(PathBuf, File)>,
    /// Steps done.
    step: i64,
    /// What could not be written: told after the epoch.
    failed: Option<std::io::Error>,
}

impl TensorBoard {
    /// A new file in the folder of a run; a run that goes on has several.
    ///
    /// # Errors
    /// When it cannot be written.
    fn open(&mut self, run: &Path) -> Result<(), EventFileError> {
        let nanos = now().as_nanos();
        let path = run.join(format!("events.out.tfevents.{}.taper.{}", nanos / 1_000_000_000, nanos % 1_000_000_000));
        let file = match File::create(&path) {
            Ok(file) => file,
            Err(source) => return Err(EventFileError { path, source }),
        };
        self.file = Some((path, file));
        self.write(What::FileVersion("brain.Event:2".into()));
        Ok(())
    }

    fn write(&mut self, what: What) {
        let event = Event { wall_time: now().as_secs_f64(), step: self.step, what: Some(what) };
        let Some((_, file)) = &mut self.file else { return };
        if let Err(error) = file.write_all(&record(&event.encode_to_vec())) {
            self.failed.get_or_insert(error);
        }
    }

    fn scalars(&mut self, values: impl IntoIterator<Item = (String, f64)>) {
        let value = |(tag, value)| Value { tag, simple_value: value as f32 };
        self.write(What::Summary(Summary { value: values.into_iter().map(value).collect() }));
    }
}

impl Observer for TensorBoard {
    fn begin(&mut self, training: &Begin<'_>) -> Result<(), ObserverError> {
        Ok(training.folder.map_or(Ok(()), |run| self.open(run))?)
    }

    fn resumed(&mut self, outcome: &Outcome) {
        self.step = outcome.lrs.len() as i64;
        // What an earlier file has of later steps is passed over.
        self.write(What::SessionLog(SessionLog { status: SessionLog::START }));
    }

    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        self.step = info.step as i64;
        self.scalars([("step/loss".into(), info.loss), ("step/rate".into(), info.lr)]);
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, e: &EpochInfo, _: &Params) -> Result<ControlFlow<()>, ObserverError> {
        let losses = [("loss/train", e.train_loss), ("loss/validation", e.val_loss), (e.metric.name(), e.val_accuracy)];
        let signs = [("update", &e.health.updates), ("dead", &e.health.dead)];
        let signs = signs
            .into_iter()
            .flat_map(|(sign, parts)| parts.iter().map(move |(part, value)| (format!("{sign}/{part}"), *value)));
        let norm = (!e.health.updates.is_empty()).then(|| ("gradient norm".to_owned(), e.health.gradient_norm));
        let losses = losses.map(|(tag, value)| (tag.to_owned(), value));
        self.scalars(losses.into_iter().chain(signs).chain(norm).collect::<Vec<_>>());
        match (self.failed.take(), &self.file) {
            (Some(source), Some((path, _))) => Err(EventFileError { path: path.clone(), source }.into()),
            _ => Ok(ControlFlow::Continue(())),
        }
    }
}

fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A record of the file.
fn record(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), event, &masked(event)].concat()
}

/// A CRC-32C, turned and moved, so that one over a text with sums in it is no sum of it.
fn masked(bytes: &[u8]) -> [u8; 4] {
    const DELTA: u32 = 0xa282_ead8;
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(DELTA).to_le_bytes()
}

/// The part of `tensorflow/core/util/event.proto` that is written here.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    simple_value: f32,
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

impl SessionLog {
    const START: i32 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use taper_tensor::Rng;
    use taper_trainer::evaluate::health::Health;
    use taper_trainer::objective::Metric;

    /// The events of a file, each record being checked.
    fn read(bytes: &[u8]) -> Vec<Event> {
        let (mut events, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], masked(&rest[..8]));
            let event = &rest[12..12 + length];
            assert_eq!(rest[12 + length..16 + length], masked(event));
            events.push(Event::decode(event).unwrap());
            rest = &rest[16 + length..];
        }
        events
    }

    #[test]
    fn steps_and_epochs_are_records_of_the_file() {
        let place = tempfile::tempdir().unwrap();
        let mut board = TensorBoard::default();
        board.begin(&Begin { folder: Some(place.path()), epochs: 1, pictures: 1 }).unwrap();
        let step = StepInfo {
            step: 3,
            steps_per_epoch: 3,
            epoch: 1,
            epochs: 1,
            phase: "head",
            loss: 1.5,
            lr: 0.25,
            pictures: 4,
        };
        assert!(Observer::step(&mut board, &step).is_continue());
        let health = Health { gradient_norm: 2.0, updates: vec![("head".into(), 0.5)], dead: Vec::new() };
        let epoch = EpochInfo {
            epoch: 1,
            epochs: 1,
            phase: "head",
            lr: 0.25,
            train_loss: 1.25,
            val_loss: 1.0,
            metric: Metric::Accuracy,
            val_accuracy: 0.75,
            health,
        };
        let params = Params::new(Rng::new(0), candle_core::DType::F32, candle_core::Device::Cpu);
        assert!(board.epoch(&epoch, &params).unwrap().is_continue());
        let events = read(&std::fs::read(&board.file.unwrap().0).unwrap());
        assert_eq!(events[0].what, Some(What::FileVersion("brain.Event:2".into())));
        let scalars = |event: &Event| match &event.what {
            Some(What::Summary(summary)) => summary.value.iter().map(|v| (v.tag.clone(), v.simple_value)).collect(),
            _ => Vec::new(),
        };
        assert_eq!(
            (events[1].step, scalars(&events[1])),
            (3, vec![("step/loss".into(), 1.5), ("step/rate".into(), 0.25)])
        );
        let found = scalars(&events[2]);
        for (tag, value) in [("accuracy", 0.75), ("update/head", 0.5), ("gradient norm", 2.0), ("loss/train", 1.25)] {
            assert!(found.contains(&(tag.to_owned(), value)), "{found:?}");
        }
    }

    #[test]
    fn sums_are_those_of_tensorflow() {
        // RFC 3720: 32 bytes of 0 have the CRC-32C 0x8a9136aa.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(masked(&[0; 32]), 0x8a91_36aau32.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes());
    }
}
