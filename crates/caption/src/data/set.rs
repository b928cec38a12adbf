//! Pictures with what is said of them.

use std::path::PathBuf;

/// A picture with its captions.
#[derive(Clone, Debug, PartialEq)]
pub struct Captioned {
    /// The file of the picture.
    pub path: PathBuf,
    /// What is said of it: words of each caption; one caption or more of one word or more.
    pub captions: Vec<Vec<String>>,
}

/// Pictures with captions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaptionSet {
    /// The pictures.
    pub pictures: Vec<Captioned>,
}

impl CaptionSet {
    /// How many captions there are.
    pub fn captions(&self) -> usize {
        self.pictures.iter().map(|picture| picture.captions.len()).sum()
    }
}

/// What pictures are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// To train on.
    Train,
    /// To measure on while training.
    Val,
    /// To measure on at the end.
    Test,
}

impl Part {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// The pictures of a data set by what they are for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// To train on.
    pub train: CaptionSet,
    /// To measure on while training.
    pub val: CaptionSet,
    /// To measure on at the end.
    pub test: CaptionSet,
}

impl Parts {
    /// One of them.
    pub fn get(&self, part: Part) -> &CaptionSet {
        match part {
            Part::Train => &self.train,
            Part::Val => &self.val,
            Part::Test => &self.test,
        }
    }
}
