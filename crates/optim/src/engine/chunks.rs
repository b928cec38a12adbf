//! How work on many elements is shared out: by their number alone, whatever threads there are.

/// Elements that one thread works on at a time: enough to be worth the hand-over, and few enough
/// to be shared out evenly.
const CHUNK: usize = 1 << 16;

/// Where to cut `len` elements in two: whole chunks to the left, so that the cuts depend on the
/// length alone and only the last chunk is shorter. Nothing when it is a chunk already.
pub(crate) fn middle(len: usize) -> Option<usize> {
    (len > CHUNK).then(|| len.div_ceil(CHUNK).div_ceil(2) * CHUNK)
}
