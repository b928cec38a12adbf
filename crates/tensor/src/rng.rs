//! Randomness from keyed streams: what is drawn depends on the key alone.

use rand::RngCore;
use rand::distr::Distribution;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// A stream of random numbers, named by a key.
///
/// A key is derived from a seed by [`fork`](Rng::fork) (a purpose: `"init"`, `"dropout"`) and
/// [`at`](Rng::at) (an index: epoch, step, sample). Deriving reads the key and never the position
/// in the stream, so neither the order of calls nor the number of threads changes what is drawn:
///
/// ```text
/// key(seed)           = SHA-256("taper" || seed)
/// key(parent, label)  = SHA-256(parent || 0 || label)
/// key(parent, index)  = SHA-256(parent || 1 || index)
/// stream(key)         = ChaCha8(key)
/// ```
///
/// It implements [`RngCore`], so every distribution of the `rand` family works on it. candle's own
/// generator is never used: on a CPU it cannot be seeded.
///
/// # Examples
/// ```
/// use taper_tensor::Rng;
/// let root = Rng::new(7);
/// let mut a = root.fork("augment").at(3);
/// let mut b = Rng::new(7).fork("augment").at(3);
/// assert_eq!(a.uniform(0.0, 1.0), b.uniform(0.0, 1.0));
/// ```
///
/// # References
/// D. J. Bernstein, *ChaCha, a variant of Salsa20*, 2008.
#[derive(Clone, Debug)]
pub struct Rng {
    key: [u8; 32],
    stream: ChaCha8Rng,
}

impl Rng {
    /// The root stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self::derive(&[b"taper", &seed.to_le_bytes()])
    }

    /// The stream for a purpose, by the key of this one.
    pub fn fork(&self, label: &str) -> Self {
        Self::derive(&[&self.key, &[0], label.as_bytes()])
    }

    /// The stream of an index (an epoch, a step, a sample), by the key of this one.
    pub fn at(&self, index: u64) -> Self {
        Self::derive(&[&self.key, &[1], &index.to_le_bytes()])
    }

    /// A number uniform in `[low, high)`; `low` where both are equal.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        // The upper 53 bits: every double of the grid 2^-53 in [0, 1) is equally likely.
        let unit = (self.stream.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64);
        low + (high - low) * unit
    }

    /// An integer uniform in `0..n`; 0 where `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        // Multiply-shift (Lemire 2019) without rejection: the bias is below n / 2^64.
        ((u128::from(self.stream.next_u64()) * n as u128) >> 64) as usize
    }

    /// `true` with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform(0.0, 1.0) < p
    }

    /// A number from the standard normal distribution.
    pub fn normal(&mut self) -> f64 {
        rand_distr::StandardNormal.sample(&mut self.stream)
    }

    /// A number in [0, 1] from the beta distribution with both parameters `alpha`, positive and
    /// finite: even at 1, near the ends below it, near the middle above it. 1/2 for any other
    /// `alpha`.
    pub fn beta(&mut self, alpha: f64) -> f64 {
        rand_distr::Beta::new(alpha, alpha).map_or(0.5, |beta| beta.sample(&mut self.stream))
    }

    /// Puts a slice in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        items.shuffle(&mut self.stream);
    }

    fn derive(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        let key: [u8; 32] = hash.finalize().into();
        Self { key, stream: ChaCha8Rng::from_seed(key) }
    }
}

impl RngCore for Rng {
    fn next_u32(&mut self) -> u32 {
        self.stream.next_u32()
    }
    fn next_u64(&mut self) -> u64 {
        self.stream.next_u64()
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.stream.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_one_stream_whatever_was_drawn_before() {
        let root = Rng::new(1);
        let mut drawn = root.clone();
        drawn.uniform(0.0, 1.0);
        assert_eq!(root.fork("a").next_u64(), drawn.fork("a").next_u64());
        assert_eq!(root.at(4).next_u64(), drawn.at(4).next_u64());
    }

    #[test]
    fn different_keys_name_different_streams() {
        let root = Rng::new(1);
        let mut firsts = vec![
            root.clone().next_u64(),
            Rng::new(2).next_u64(),
            root.fork("a").next_u64(),
            root.fork("b").next_u64(),
            root.at(0).next_u64(),
            root.at(1).next_u64(),
            root.fork("a").at(0).next_u64(),
        ];
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 7);
    }

    #[test]
    fn draws_have_the_moments_they_promise() {
        let mut rng = Rng::new(3);
        let n = 20_000;
        let (mut sum, mut squares, mut hits, mut counts) = (0.0, 0.0, 0, [0usize; 5]);
        for _ in 0..n {
            let z = rng.normal();
            sum += z;
            squares += z * z;
            hits += usize::from(rng.chance(0.25));
            counts[rng.below(5)] += 1;
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.03, "mean {}", sum / n);
        assert!((squares / n - 1.0).abs() < 0.05, "variance {}", squares / n);
        assert!((hits as f64 / n - 0.25).abs() < 0.02);
        assert!(counts.iter().all(|&c| (c as f64 / n - 0.2).abs() < 0.02));
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_repeats() {
        let (mut a, mut b): (Vec<u32>, Vec<u32>) = ((0..50).collect(), (0..50).collect());
        Rng::new(5).shuffle(&mut a);
        Rng::new(5).shuffle(&mut b);
        assert_eq!(a, b);
        assert_ne!(a, (0..50).collect::<Vec<_>>());
        a.sort_unstable();
        assert_eq!(a, (0..50).collect::<Vec<_>>());
    }
}
