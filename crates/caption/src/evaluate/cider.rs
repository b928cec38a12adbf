//! CIDEr-D.

use std::collections::BTreeMap;

use super::ngrams::{Judged, LONGEST, counts};

/// How far lengths may differ: the standard deviation of the paper's penalty, words.
const SIGMA: f64 = 6.0;

/// CIDEr-D of a set of captions: their mean, and that of each. 10 is a caption whose words are
/// those of each reference.
///
/// ```text
/// CIDEr-D = 10/4 Σ over k = 1 ... 4 of the mean over references s of
///           exp(-(|c| - |s|)² / 2σ²)  min(g(c), g(s))·g(s) / |g(c)| |g(s)|
/// ```
///
/// g is how often each run of k words occurs times the logarithm of how few pictures have it in a
/// reference; of a set of one picture all that are in one are 0, and so is the score. Lengths are,
/// as in COCO's code, the numbers of runs of two words.
///
/// # Examples
/// ```
/// use taper_caption::evaluate::{Judged, cider};
/// use taper_caption::text::tokens;
/// let judged = |said, of| Judged { said: tokens(said), references: vec![tokens(of)] };
/// let (mean, each) = cider(&[judged("a cat on a red mat", "a cat on a red mat"), judged("a cat", "two dogs")]);
/// assert!((each[0] - 10.0).abs() < 1e-9 && each[1] == 0.0 && (mean - 5.0).abs() < 1e-9);
/// ```
///
/// # References
/// R. Vedantam, C. Zitnick, D. Parikh, *CIDEr: Consensus-based Image Description Evaluation*, 2015.
pub fn cider(all: &[Judged]) -> (f64, Vec<f64>) {
    // In how many pictures' references a run is.
    let mut pictures: BTreeMap<&[String], f64> = BTreeMap::new();
    for judged in all {
        let mut runs: Vec<&[String]> = judged.references.iter().flat_map(|words| counts(words).into_keys()).collect();
        runs.sort_unstable();
        runs.dedup();
        runs.into_iter().for_each(|run| *pictures.entry(run).or_default() += 1.0);
    }
    let all_log = (all.len().max(1) as f64).ln();
    let rarity = |run: &[String]| all_log - pictures.get(run).copied().unwrap_or(0.0).max(1.0).ln();
    let score = |judged: &Judged| {
        let said = Weighed::new(&judged.said, &rarity);
        let likeness = judged.references.iter().map(|words| said.likeness(&Weighed::new(words, &rarity)));
        10.0 * likeness.sum::<f64>() / judged.references.len().max(1) as f64
    };
    let scores: Vec<f64> = all.iter().map(score).collect();
    (scores.iter().sum::<f64>() / all.len().max(1) as f64, scores)
}

/// A caption as a vector over runs of words.
struct Weighed<'a> {
    runs: BTreeMap<&'a [String], f64>,
    /// The vector's length over the runs of each length.
    norms: [f64; LONGEST],
    /// Runs of two words.
    pairs: f64,
}

impl<'a> Weighed<'a> {
    fn new(words: &'a [String], rarity: &impl Fn(&[String]) -> f64) -> Self {
        let runs: BTreeMap<&[String], f64> =
            counts(words).into_iter().map(|(run, count)| (run, count as f64 * rarity(run))).collect();
        let mut norms = [0.0; LONGEST];
        for (run, weight) in &runs {
            norms[run.len() - 1] += weight * weight;
        }
        Self { runs, norms: norms.map(f64::sqrt), pairs: words.len().saturating_sub(1) as f64 }
    }

    /// How alike it is to a reference, 0 to 1.
    fn likeness(&self, other: &Self) -> f64 {
        let mut sums = [0.0; LONGEST];
        for (run, weight) in &self.runs {
            let theirs = other.runs.get(run).copied().unwrap_or(0.0);
            sums[run.len() - 1] += weight.min(theirs) * theirs;
        }
        let penalty = (-(self.pairs - other.pairs).powi(2) / (2.0 * SIGMA * SIGMA)).exp();
        let of = |n: usize| {
            let norm = self.norms[n] * other.norms[n];
            if norm > 0.0 { penalty * sums[n] / norm } else { penalty * sums[n] }
        };
        (0..LONGEST).map(of).sum::<f64>() / LONGEST as f64
    }
}
