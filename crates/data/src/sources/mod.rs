//! Where pictures come from: each source is a [`Dataset`](crate::Dataset).
//!
//! In reading order: [`listing`] is what lies in a folder, [`side`] what the sides of a split are
//! called, [`folder`] class folders. [`idx_file`] is one file in the format of MNIST, [`idx`] a
//! dataset of two.

mod listing;
mod side;

mod folder;

mod idx;
mod idx_file;

pub use folder::Folder;
pub use idx::Idx;
pub(crate) use idx::files as idx_files;
pub use idx_file::IdxFile;
pub(crate) use listing::{Listed, count_beside, list, name};
pub(crate) use side::{TRAIN, VALIDATION, is_called};
