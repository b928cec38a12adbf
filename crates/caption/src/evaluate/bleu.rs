//! BLEU.

use super::ngrams::{Judged, LONGEST, counts};

/// What keeps COCO's code from dividing by 0, and a product from being exactly 0.
const SMALL: f64 = 1e-9;
const TINY: f64 = 1e-15;

/// BLEU-1 to BLEU-4 of a set of captions, fractions:
///
/// ```text
/// BLEU-n = min(1, exp(1 - r/c)) (p₁ ... pₙ)^(1/n)
/// ```
///
/// pₖ is the share of all runs of k words in the captions that are in a reference, each as often as
/// it is in the one that has it most; c the number of words of the captions, r that of the
/// references that are nearest in length to each.
///
/// # Examples
/// ```
/// use taper_caption::evaluate::{Judged, bleu};
/// use taper_caption::text::tokens;
/// let references = vec![tokens("a cat left of a dog"), tokens("a dog")];
/// let [b1, .., b4] = bleu(&[Judged { said: tokens("a cat left of a cat"), references }]);
/// assert!((b1 - 5.0 / 6.0).abs() < 1e-9 && b4 > 0.6);
/// ```
///
/// # References
/// K. Papineni, S. Roukos, T. Ward, W. Zhu, *BLEU: a Method for Automatic Evaluation of Machine
/// Translation*, 2002. The code is that of `pycocoevalcap`, with its small numbers.
pub fn bleu(all: &[Judged]) -> [f64; LONGEST] {
    let (mut own, mut theirs) = (0, 0);
    let (mut correct, mut guessed) = ([0usize; LONGEST], [0usize; LONGEST]);
    for Judged { said, references } in all {
        own += said.len();
        theirs += nearest(said.len(), references);
        for (length, guessed) in guessed.iter_mut().enumerate() {
            *guessed += said.len().saturating_sub(length);
        }
        let references: Vec<_> = references.iter().map(|words| counts(words)).collect();
        for (run, count) in counts(said) {
            let most = references.iter().filter_map(|counts| counts.get(run)).max().copied().unwrap_or(0);
            correct[run.len() - 1] += count.min(most);
        }
    }
    let ratio = (own as f64 + TINY) / (theirs as f64 + SMALL);
    let penalty = if ratio < 1.0 { (1.0 - 1.0 / ratio).exp() } else { 1.0 };
    let mut product = 1.0;
    let mut scores = [0.0; LONGEST];
    for (n, score) in scores.iter_mut().enumerate() {
        product *= (correct[n] as f64 + TINY) / (guessed[n] as f64 + SMALL);
        *score = product.powf(1.0 / (n as f64 + 1.0)) * penalty;
    }
    scores
}

/// The length of the reference that is nearest to one, of two the shorter.
fn nearest(length: usize, references: &[Vec<String>]) -> usize {
    let lengths = references.iter().map(Vec::len);
    lengths.min_by_key(|&other| (other.abs_diff(length), other)).unwrap_or(0)
}
