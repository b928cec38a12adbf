//! What can be wrong with pictures, folders and the settings of a loader.

use std::io;
use std::path::PathBuf;

use crate::left_out::LeftOut;
use crate::limits::{EXTENSIONS, MAX_BYTES, MAX_NUMBERS, MAX_PIXELS};

/// Why a picture could not be prepared.
pub type PrepareError = Box<dyn std::error::Error + Send + Sync>;

/// Why pictures could not be found, read, split or loaded. The text names the file and what to do.
///
/// # Examples
/// ```
/// use taper_data::{DataError, Folder};
/// let refused = Folder::open("no/such/folder").err();
/// assert!(matches!(refused, Some(DataError::MissingFolder { .. })));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// There is no folder of this name.
    #[error("there is no folder {}: check the path", path.display())]
    MissingFolder {
        /// The folder asked for.
        path: PathBuf,
    },
    /// A pattern means no file.
    #[error("there is no file {}: check the pattern", pattern.display())]
    NoMatch {
        /// The pattern.
        pattern: PathBuf,
    },
    /// A file is of no kind that data sets are read from, or several are of several kinds.
    #[error(
        "{} is no data set that is known: wanted a folder of class folders, or .csv, .tsv, .jsonl, .tar, .parquet, .npz or .npy",
        path.display()
    )]
    UnknownKind {
        /// The file or pattern.
        path: PathBuf,
    },
    /// A Parquet file in a build that does not read them.
    #[error("{} is in Parquet, which this build does not read: build it with the feature `parquet`", path.display())]
    NoParquet {
        /// The file or folder.
        path: PathBuf,
    },
    /// The pictures have other labels than were asked for.
    #[error("{} has {got} for each picture; {wanted} was asked for", path.display())]
    OtherLabels {
        /// The data set.
        path: PathBuf,
        /// What was asked for.
        wanted: &'static str,
        /// What there is.
        got: &'static str,
    },
    /// A folder, or something in it, could not be listed.
    #[error("cannot list {}", path.display())]
    List {
        /// What was being listed.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        reason: io::Error,
    },
    /// A file of a data set cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system, or the decompression, said.
        #[source]
        reason: io::Error,
    },
    /// A file of a data set is not what it should be.
    #[error("{}: {part} must be {wanted}, got {got}: is the file of another kind, or cut off?", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The part of the file.
        part: &'static str,
        /// What it should be.
        wanted: String,
        /// What was found.
        got: String,
    },
    /// A line of a table is not what it should be.
    #[error("{}, line {line}, {wrong}", path.display())]
    Row {
        /// The table.
        path: PathBuf,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        wrong: String,
    },
    /// A picture that a table lists cannot be read.
    #[error("{}, line {line}", path.display())]
    Listed {
        /// The table.
        path: PathBuf,
        /// The number of the line, from 1.
        line: u64,
        /// Why.
        #[source]
        reason: Box<DataError>,
    },
    /// A data set lacks one of its files.
    #[error("{} lacks {missing}, which belongs to the other files there", folder.display())]
    FileMissing {
        /// The folder.
        folder: PathBuf,
        /// The name of the first file that is missing.
        missing: String,
    },
    /// A test picture has a class that no training picture has.
    #[error("{}: the largest label is {got}, of the training pictures {wanted}: are these files of one data set?", path.display())]
    IdxClasses {
        /// The file of the test pictures.
        path: PathBuf,
        /// Its largest label.
        got: usize,
        /// The largest label of the training pictures.
        wanted: usize,
    },
    /// A folder holds no class folders.
    #[error(
        "{} holds no class folders (pictures directly in it: {pictures}): \
         put the pictures of each class into a folder of its own, named after the class",
        path.display()
    )]
    NoClasses {
        /// The folder.
        path: PathBuf,
        /// How many pictures lie directly in it.
        pictures: usize,
    },
    /// A folder holds a single class folder.
    #[error("{} holds only the class {class:?}: a classifier needs at least two classes", path.display())]
    OneClass {
        /// The folder.
        path: PathBuf,
        /// Its only class.
        class: String,
    },
    /// A class folder holds no picture.
    #[error(
        "the class folder {} holds no picture ({}){}: add some or remove the folder",
        path.display(), EXTENSIONS.join(", "), if left_out.is_empty() { String::new() } else { format!(", but there: {left_out}") }
    )]
    EmptyClass {
        /// The class folder.
        path: PathBuf,
        /// What lies in it.
        left_out: LeftOut,
    },
    /// The name of a class folder is not UTF-8, or has control characters such as a line break.
    #[error("the name of the class folder {path:?} is no text (UTF-8, without control characters): rename it")]
    ClassName {
        /// The class folder.
        path: PathBuf,
    },
    /// A folder with the name of a side of a split lies beside class folders.
    #[error(
        "{} lies beside class folders, and by its name it is no class: move it elsewhere (train beside val, each with the class \
         folders in it, are a split), or, if it is a class, give it another name",
        path.display()
    )]
    SideAmongClasses {
        /// The folder.
        path: PathBuf,
    },
    /// A class lies on one side of a ready split only.
    #[error(
        "the class {class:?} is in {} but not in {}: both need the same class folders",
        found.display(), missing.display()
    )]
    ClassMissing {
        /// The class.
        class: String,
        /// The side that has it.
        found: PathBuf,
        /// The side that lacks it.
        missing: PathBuf,
    },
    /// There is a folder `train` of class folders and no folder of validation pictures beside it.
    #[error(
        "{} has a folder train but no folder val (or valid, validation, dev, eval) beside it: add val with the same class folders, \
         or give the path of train itself to split it by seed",
        path.display()
    )]
    NoValidation {
        /// The folder that holds `train`.
        path: PathBuf,
    },
    /// Two folders have names of the same side of a split, such as `val` and `valid`.
    #[error("{} and {} are both by their names the same side of a split: keep one", first.display(), second.display())]
    TwoSides {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The fraction to set aside is not between 0 and 1.
    #[error("the validation fraction is {got}; wanted more than 0 and less than 1")]
    Fraction {
        /// The fraction that was refused.
        got: f64,
    },
    /// A class has too few pictures to be on both sides of a split.
    #[error("the class {class:?} has {got} picture(s); splitting it needs at least 2: add some or remove the class")]
    TooFew {
        /// The class.
        class: String,
        /// How many pictures it has.
        got: usize,
    },
    /// Leaving pictures out would leave a class without any.
    #[error("without the pictures left out the class {class:?} is empty: replace them or remove the class")]
    ClassLost {
        /// The class.
        class: String,
    },
    /// A picture of this index does not exist.
    #[error("there is no picture {index}; the dataset has {len}")]
    Index {
        /// The index asked for, from 0.
        index: usize,
        /// How many pictures there are.
        len: usize,
    },
    /// A picture file could not be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        reason: io::Error,
    },
    /// A path is that of a folder, a pipe or a device.
    #[error("{} is not a file but a folder, a pipe or a device: give the path of a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The content of a file is no picture, whatever its name says.
    #[error(
        "{} is not a picture: its content is not JPEG, PNG, WebP, GIF, BMP, TIFF, ICO, QOI or PNM; replace or remove it",
        path.display()
    )]
    NotAPicture {
        /// The file.
        path: PathBuf,
    },
    /// The content of a file is a picture of a format that is not read.
    #[error("{} is a picture in {kind}, which is not read: convert it to JPEG or PNG, or remove it", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The format.
        kind: &'static str,
    },
    /// A picture is of a kind that no decoder reads as it should be.
    #[error("{} is {feature}, which is not read: save it anew as an ordinary JPEG or a PNG, or remove it", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The kind.
        feature: String,
    },
    /// A JPEG has no end marker: part of it is missing.
    #[error("{} is cut off: the end of the JPEG is missing; replace or remove it", path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
    },
    /// A picture has more pixels than [`MAX_PIXELS`].
    #[error(
        "{} has {width} x {height} pixels; at most {MAX_PIXELS} are read: make it smaller or remove it",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
    /// A file is longer than [`MAX_BYTES`].
    #[error("{} is {bytes} bytes long; at most {MAX_BYTES} are read: make it smaller or remove it", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// A picture has a width or height of 0.
    #[error("{} has no pixels; replace or remove it", path.display())]
    NoPixels {
        /// The file.
        path: PathBuf,
    },
    /// A picture is damaged, or of a kind that is not supported.
    #[error("cannot read {}: {}; replace or remove it", path.display(), reason.to_string().trim_end())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder said, which stands in the words.
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A loader, or a subset, of nothing.
    #[error("the dataset has no pictures")]
    Empty,
    /// A setting of the loader was refused.
    #[error("{field} is {got}; wanted {wanted}")]
    Setting {
        /// The field.
        field: &'static str,
        /// Its value.
        got: usize,
        /// What it takes.
        wanted: &'static str,
    },
    /// A batch of the loader has more than 2³⁴ numbers.
    #[error(
        "a batch of {rows} pictures of {height} x {width} has more than {MAX_NUMBERS} numbers: \
         put fewer into a batch or make them smaller"
    )]
    BatchTooLarge {
        /// The pictures in a batch.
        rows: usize,
        /// Their height in pixels.
        height: usize,
        /// Their width in pixels.
        width: usize,
    },
    /// A dataset gave a picture a class it does not have.
    #[error("{name} has the label {label}; there are {classes} classes")]
    Label {
        /// The picture.
        name: String,
        /// Its label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// The function given to the loader failed.
    #[error("cannot prepare {name}")]
    Prepare {
        /// The picture.
        name: String,
        /// What the function said.
        #[source]
        reason: PrepareError,
    },
    /// Reading or preparing a picture panicked.
    #[error("reading or preparing {name} panicked: {message}")]
    Panicked {
        /// The picture.
        name: String,
        /// The message of the panic.
        message: String,
    },
    /// No thread of the loader could be started.
    #[error("cannot start a loader thread")]
    Thread(#[source] io::Error),
    /// A batch could not be put together.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl DataError {
    /// Whether it is about what is in the file of one picture, which will not be read another time
    /// either.
    pub fn is_damage(&self) -> bool {
        if let Self::Listed { reason, .. } = self {
            return reason.is_damage();
        }
        matches!(
            self,
            Self::NotAPicture { .. }
                | Self::Foreign { .. }
                | Self::Unsupported { .. }
                | Self::CutOff { .. }
                | Self::TooLarge { .. }
                | Self::NoPixels { .. }
                | Self::Decode { .. }
        )
    }
}
