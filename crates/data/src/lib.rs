//! From files to batches: picture datasets and a parallel, bounded, ordered loader.
//!
//! A [`Dataset`] answers two questions of a number: which picture, which class. [`Folder`] is one, made
//! of class folders, [`Idx`] another, in the format of MNIST; [`Subset`] is a choice of another. [`open`] reads what people have - `train/` and
//! `val/`, or one folder that is split by seed - and says in its errors what to do where that fails.
//! [`check`] reads every picture once before a long training finds the broken one; what becomes of the
//! unreadable ones is the caller's decision, and [`Subset::without`] carries it out.
//!
//! A [`Loader`] turns a dataset into the batches of an epoch. Threads decode and prepare whole batches
//! ahead of the consumer, never more than a fixed number, and deliver them in the one order that the
//! seed and the epoch determine: the number of threads changes the time and nothing else.
//!
//! Nothing here knows what is done to a picture on its way: that is a function handed to the loader.
//!
//! # Examples
//! ```
//! use std::sync::Arc;
//! use taper_data::{Loader, LoaderConfig, RgbImage, open};
//! use taper_tensor::Rng;
//! let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/emoji");
//! let splits = open(root, 0.2, &Rng::new(1))?;
//! let prepare = |picture: RgbImage, _: &mut Rng, out: &mut [f32]| {
//!     picture.iter().zip(out).for_each(|(&byte, x)| *x = f32::from(byte) / 255.0);
//!     Ok(())
//! };
//! let config = LoaderConfig { size: (64, 64), ..LoaderConfig::default() };
//! let loader = Loader::new(splits.train, Arc::new(prepare), config)?;
//! let first = loader.epoch(0).next().unwrap()?;
//! assert_eq!(first.batch.images.dims(), [32, 64, 64, 3]);
//! # Ok::<(), taper_data::DataError>(())
//! ```
mod error;

mod guard;
mod left_out;
mod path_text;

mod dataset;
mod decode;
mod jpeg;
mod png;
mod tiff;

mod folder;
mod idx;
mod split;

mod check;
mod stamp;

mod loader;

mod epoch;
mod queue;

pub use check::{Checked, Known, Seen, Unreadable, check, check_again};
pub use dataset::{Dataset, Subset};
pub use decode::{EXTENSIONS, MAX_BYTES, MAX_PIXELS, decode, decode_bytes};
pub use epoch::{Epoch, Loaded};
pub use error::DataError;
pub use folder::Folder;
pub use idx::Idx;
pub use image::RgbImage;
pub use left_out::LeftOut;
pub use loader::{Loader, LoaderConfig, Prepare, PrepareError};
pub use path_text::path_text;
pub use split::{DEFAULT_VAL_FRACTION, Splits, open, split, validation};
pub use stamp::Stamp;

#[cfg(test)]
mod fixture;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
