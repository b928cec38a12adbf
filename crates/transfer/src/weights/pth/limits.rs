//! Which pickles are read, and how much of them.

/// The longest pickle that is read, bytes. That of a network with 700 tensors and the moments of
/// Adam has about 0.3 MB.
pub(super) const MOST_PICKLE: u64 = 64 << 20;

/// The most instructions that are followed in a file. With the moments of Adam a tensor takes about
/// 120. One instruction takes up to 150 bytes of memory: an object, its list of parts, a place on
/// the stack and one in the memo.
pub(super) const MOST_STEPS: usize = 1 << 20;

/// The newest protocol.
pub(super) const PROTOCOL: u8 = 5;
