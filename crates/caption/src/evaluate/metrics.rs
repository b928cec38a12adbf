//! All that captions are judged by.

use serde::Serialize;

use super::bleu::bleu;
use super::cider::cider;
use super::ngrams::Judged;

/// How good a set of captions is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// BLEU-1 to BLEU-4, fractions.
    pub bleu: [f64; 4],
    /// CIDEr-D, 0 to 10.
    pub cider: f64,
    /// The share of captions that are word by word one of the references, fraction.
    pub exact: f64,
    /// Words of a caption, the mean.
    pub length: f64,
}

impl Metrics {
    /// Those of a set of captions.
    pub fn of(all: &[Judged]) -> Self {
        let count = all.len().max(1) as f64;
        let exact = all.iter().filter(|judged| judged.references.contains(&judged.said)).count();
        let words: usize = all.iter().map(|judged| judged.said.len()).sum();
        Self { bleu: bleu(all), cider: cider(all).0, exact: exact as f64 / count, length: words as f64 / count }
    }
}
