//! The most that is read, and what counts as a picture by its name.

/// The most pixels a picture may have, width x height: 100 megapixels.
pub const MAX_PIXELS: u64 = 100_000_000;

/// The longest file that is read, bytes: 512 MB.
pub const MAX_BYTES: u64 = 1 << 29;

/// The extensions of the files that count as pictures, in lower case.
pub const EXTENSIONS: [&str; 19] = [
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "dib", "tif", "tiff", "ico", "qoi", "pnm",
    "ppm", "pgm", "pbm", "pam",
];

/// The most numbers that the pictures of a batch have: 64 GB of them.
pub(crate) const MAX_NUMBERS: u64 = 1 << 34;
