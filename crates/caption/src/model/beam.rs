//! The words that a network says of a picture.

use candle_core::{Device, Result, Tensor};

use super::captioner::Captioner;
use super::search::Search;
use crate::text::{END, START, UNKNOWN};

/// A caption that a network says.
#[derive(Clone, Debug, PartialEq)]
pub struct Caption {
    /// The numbers of its words.
    pub words: Vec<u32>,
    /// The logarithm of its probability, its end included.
    pub log_probability: f64,
}

/// A caption that has not ended.
#[derive(Clone, Debug)]
struct Beginning {
    picture: usize,
    /// The row of its state.
    row: usize,
    caption: Caption,
}

impl Search {
    /// Captions of each picture, the most likely first: up to as many as the beam is wide.
    ///
    /// # Errors
    /// When the features, (N,F), are not the network's.
    pub fn captions(&self, network: &Captioner, features: &Tensor) -> Result<Vec<Vec<Caption>>> {
        let pictures = features.dim(0)?;
        let mut ended: Vec<Vec<Caption>> = vec![Vec::new(); pictures];
        let mut state = network.begin(features)?;
        let nothing = Caption { words: Vec::new(), log_probability: 0.0 };
        let begin = |picture| Beginning { picture, row: picture, caption: nothing.clone() };
        let mut live: Vec<Beginning> = (0..pictures).map(begin).collect();
        while !live.is_empty() {
            let rows: Vec<u32> = live.iter().map(|one| one.row as u32).collect();
            let words: Vec<u32> = live.iter().map(|one| one.caption.words.last().copied().unwrap_or(START)).collect();
            let picked = state.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)?;
            let (likely, after) = network.next(&picked, &words)?;
            state = after;
            live = self.gone_on(&live, &likely.to_vec2::<f32>()?, &mut ended);
        }
        Ok(ended)
    }

    /// The beginnings that are kept of all that go on by a word; those that end are added to
    /// `ended`.
    fn gone_on(&self, live: &[Beginning], likely: &[Vec<f32>], ended: &mut [Vec<Caption>]) -> Vec<Beginning> {
        let mut kept = Vec::new();
        for (picture, ended) in ended.iter_mut().enumerate() {
            // Every way to go on: its logarithm, its row, its word.
            let mut ways: Vec<(f64, usize, u32)> = Vec::new();
            for (row, one) in live.iter().enumerate().filter(|(_, one)| one.picture == picture) {
                let own = best(&likely[row], self.beam);
                ways.extend(own.into_iter().map(|(word, log)| (one.caption.log_probability + log, row, word)));
            }
            ways.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
            let mut goes_on = Vec::new();
            for (log_probability, row, word) in ways.into_iter().take(self.beam) {
                let mut words = live[row].caption.words.clone();
                if word == END {
                    ended.push(Caption { words, log_probability });
                    continue;
                }
                words.push(word);
                let caption = Caption { words, log_probability };
                goes_on.push(Beginning { picture, row, caption });
            }
            // Going on makes no caption more likely.
            self.keep_best(ended);
            let bar = if ended.len() == self.beam { ended.last() } else { None };
            goes_on.retain(|one| bar.is_none_or(|bar| one.caption.log_probability > bar.log_probability));
            let (long, short): (Vec<_>, Vec<_>) =
                goes_on.into_iter().partition(|one| one.caption.words.len() >= self.most);
            ended.extend(long.into_iter().map(|one| one.caption));
            self.keep_best(ended);
            kept.extend(short);
        }
        kept
    }

    /// Leaves the most likely captions, in their order.
    fn keep_best(&self, captions: &mut Vec<Caption>) {
        captions.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
        captions.truncate(self.beam);
    }
}

/// The most likely words, so many of them, without those that are never said.
fn best(likely: &[f32], count: usize) -> Vec<(u32, f64)> {
    let words = likely.iter().enumerate().map(|(word, log)| (word as u32, f64::from(*log)));
    let mut words: Vec<(u32, f64)> = words.filter(|(word, _)| ![START, UNKNOWN].contains(word)).collect();
    let order = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if count < words.len() {
        words.select_nth_unstable_by(count, order);
        words.truncate(count);
    }
    words.sort_by(order);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_likely_words_come_first_and_some_are_never_said() {
        let logs = [9.0, -3.0, 8.0, -1.0, -2.0, -1.0];
        assert_eq!(best(&logs, 3), [(3, -1.0), (5, -1.0), (4, -2.0)]);
        assert_eq!(best(&logs, 9).len(), 4);
    }
}
