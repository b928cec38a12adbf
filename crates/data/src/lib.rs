//! From files to batches: picture datasets and a parallel, bounded, ordered loader.
//!
//! A [`Dataset`] answers two questions of an index: which picture, which class. [`Folder`] is one,
//! made of class folders, [`Idx`] another, in the format of MNIST; [`Subset`] is a choice of
//! another. [`open`] reads what people have - `train/` and `val/`, or one folder that is split by
//! seed - and says in its errors what to do where that fails. [`check`] reads every picture once
//! before a long training finds the broken one, or takes a glance at its header; what becomes of
//! the unreadable ones is the caller's decision, and [`Subset::without`] carries it out. [`Needed`]
//! and [`Kept`] are a dataset with less work: no more pixels than are needed, and each picture
//! decoded once.
//!
//! A [`Loader`] turns a dataset into the batches of an epoch. Threads decode and prepare whole
//! batches ahead of the consumer, never more than a fixed number, and deliver them in the one order
//! that the seed and the epoch determine: the number of threads changes the time and nothing else.
//!
//! Nothing here knows what is done to a picture on its way: that is a function handed to the
//! loader.
//!
//! # Examples
//! ```
//! use std::sync::Arc;
//! use taper_data::{Loader, LoaderConfig, OpenConfig, RgbImage, open};
//! use taper_tensor::Rng;
//! let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures");
//! let splits = open(root, &OpenConfig::default(), &Rng::new(1))?;
//! let prepare = |picture: RgbImage, _: &mut Rng, out: &mut [f32]| {
//!     picture.iter().zip(out).for_each(|(&byte, x)| *x = f32::from(byte) / 255.0);
//!     Ok(())
//! };
//! let config = LoaderConfig { batch_size: 8, size: (64, 64), ..LoaderConfig::default() };
//! let loader = Loader::new(splits.train, Arc::new(prepare), config)?;
//! let first = loader.epoch(0).next().unwrap()?;
//! assert_eq!(first.batch.images.dims(), [8, 64, 64, 3]);
//! # Ok::<(), taper_data::DataError>(())
//! ```

mod limits;
mod path_text;

mod left_out;

mod error;

mod file;
mod guard;
mod stamp;

mod decode;

mod dataset;
mod labels;
mod names;
mod subset;
mod view;

mod kept;
mod needed;

mod sources;

mod split;

mod open;

mod check;
mod convert;

mod loader;

pub use candle_core;
pub use check::{Checked, Look, Seen, Unreadable, check, check_again};
pub use convert::{ConvertError, Form, convert};
pub use dataset::{Dataset, Known, LabelKind};
pub use decode::{Need, decode, decode_bytes, decode_bytes_needed, decode_needed};
pub use error::{DataError, PrepareError};
pub use image::RgbImage;
pub use kept::{Keep, Kept};
pub use left_out::LeftOut;
pub use limits::{EXTENSIONS, MAX_BYTES, MAX_PIXELS};
pub use loader::{Epoch, IndexedBatch, Loader, LoaderConfig, Prepare};
pub use needed::Needed;
pub use open::{OpenConfig, Parts, Splits, open, open_parts, open_to_measure};
pub use path_text::path_text;
pub use sources::{Columns, Folder, Idx, IdxFile, folder_of, is_there};
pub use split::{DEFAULT_VAL_FRACTION, split};
pub use stamp::Stamp;
pub use subset::Subset;
pub use taper_tensor::{Batch, Rng};
pub use view::View;

#[cfg(test)]
mod fixture;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
