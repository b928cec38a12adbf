//! Where files of weights come from.

use std::fmt;

/// Where files of weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The Hugging Face hub.
    Hub,
    /// torchvision's own files.
    Torchvision,
}

impl Source {
    /// The variable that names the folder which its files are kept in.
    pub(crate) fn home(self) -> &'static str {
        match self {
            Source::Hub => "HF_HOME",
            Source::Torchvision => "TORCH_HOME",
        }
    }

    /// The variable that says where it is.
    pub(crate) fn endpoint(self) -> &'static str {
        match self {
            Source::Hub => "HF_ENDPOINT",
            Source::Torchvision => "TAPER_TORCHVISION_ENDPOINT",
        }
    }
}

/// `the hub`, `torchvision`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Hub => "the hub",
            Source::Torchvision => "torchvision",
        })
    }
}
