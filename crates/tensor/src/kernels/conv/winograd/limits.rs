//! How a layer is cut, as measured.

/// Points of the transform.
pub(super) const POINTS: usize = 36;
/// Bytes that a block's matrices may take: the second-level cache of a core.
pub(super) const BLOCK: usize = 768 << 10;
/// Transformed weights of more bytes are read once for all threads; where there is one chunk of
/// tiles, from fewer on (measured with 256 channels: 1.08 times as fast at 14x14, 16 pictures; 0.9
/// at 56x56).
pub(super) const SHARED: usize = 16 << 20;
pub(super) const SHARED_IN_ONE: usize = 4 << 20;
/// Bytes of the transformed tiles of one chunk, all threads together: the third-level cache.
pub(super) const CHUNK: usize = 24 << 20;
/// Tiles that are few beside such weights, and input channels whose kernels are transformed at a
/// time for them (8 pictures of 512 channels at 7x7: 4.2 ms, in chunks 5.1; of 256 at 14x14: 3.6 ms
/// for 4.0).
pub(super) const FEW: usize = 128;
pub(super) const INPUTS: usize = 128;
/// Tiles that are transformed together, and output channels of one product, of a chunk.
pub(super) const TILES: usize = 4;
pub(super) const COLUMNS: usize = 128;
/// How many blocks there should be, where the map is large enough.
pub(super) const UNITS: usize = 16;

/// Elements from one point's matrix to the next: not a power of two, which would put all 36 in the
/// same cache sets.
pub(super) fn point_stride(tiles: usize, channels: usize) -> usize {
    tiles * channels + 16
}
