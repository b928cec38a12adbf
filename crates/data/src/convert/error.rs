//! What can go wrong where a data set is written.

use std::io;
use std::path::PathBuf;

use crate::error::DataError;

/// Why a data set could not be written in another form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// A picture cannot be read, or the build does not write the form.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Something lies where a data set is to be written.
    #[error("{} is there already: give the name of a folder that is not", path.display())]
    Exists {
        /// What lies there.
        path: PathBuf,
    },
    /// A file of a data set cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        reason: io::Error,
    },
    /// A picture cannot be encoded.
    #[error("cannot encode {name} as PNG: {reason}")]
    Encode {
        /// The picture.
        name: String,
        /// What the encoder said.
        reason: String,
    },
    /// A form does not have what a data set has.
    #[error("{what} cannot be written: {wrong}")]
    CannotHold {
        /// What the data set has.
        what: String,
        /// Why the form has it not, and what does.
        wrong: &'static str,
    },
}
