//! Where pictures come from: each source is a [`Dataset`](crate::Dataset).
//!
//! In reading order: [`listing`] is what lies in a folder, [`side`] what the sides of a split are
//! called, [`pattern`] several files by one text. [`folder`] is class folders. A [`table`] lists
//! pictures: [`sheet`] reads its rows, [`columns`] says which column is what, [`cells`] what the
//! cells of labels say. [`records`] are pictures within larger files: [`tar`] and [`parquet`].
//! [`pixels`] are pictures as plain bytes: [`cifar`], [`numpy`] with its [`npy_file`]; [`idx`] with
//! its [`idx_file`] keeps them in memory. [`find`] recognizes which of them lies at a path,
//! [`opened`] opens it, and [`parts`] are its sides; [`split_folder`] is class folders with a split
//! made beforehand.

mod listing;
mod pattern;
mod side;

mod folder;

mod cells;
mod columns;
mod sheet;
mod table;

mod records;

#[cfg(feature = "parquet")]
mod parquet;
mod tar;

mod pixels;

mod cifar;
mod npy_file;
mod numpy;

mod idx;
mod idx_file;

mod find;
mod parts;

mod split_folder;

mod opened;

pub use columns::Columns;
pub(crate) use find::{Found, find};
pub use folder::Folder;
pub use idx::Idx;
pub use idx_file::IdxFile;
pub(crate) use opened::parts;
pub use parts::Parts;
pub use pattern::{folder_of, is_there};
pub(crate) use split_folder::measured;
