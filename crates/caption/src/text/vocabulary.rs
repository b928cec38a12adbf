//! The words that a network knows.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// The number of what a caption begins with.
pub const START: u32 = 0;

/// The number of what a caption ends with.
pub const END: u32 = 1;

/// The number of every word that is not known.
pub const UNKNOWN: u32 = 2;

/// What these three are called, in the order of their numbers.
const SPECIAL: [&str; 3] = ["<start>", "<end>", "<unk>"];

/// Words by number, and numbers by word. As JSON it is the list of the words.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Vocabulary {
    words: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Vocabulary {
    /// The words that occur so often in these captions, the most frequent first, of equally
    /// frequent ones the first in the alphabet.
    ///
    /// # Examples
    /// ```
    /// use taper_caption::text::{UNKNOWN, Vocabulary, tokens};
    /// let captions = [tokens("a cat"), tokens("a dog"), tokens("two cats and a cat")];
    /// let vocabulary = Vocabulary::of(captions.iter().map(Vec::as_slice), 2);
    /// assert_eq!(vocabulary.words(), ["<start>", "<end>", "<unk>", "a", "cat"]);
    /// assert_eq!(vocabulary.numbers(&tokens("a dog")), [3, UNKNOWN]);
    /// ```
    pub fn of<'a>(captions: impl Iterator<Item = &'a [String]>, least: usize) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for word in captions.flatten() {
            *counts.entry(word).or_default() += 1;
        }
        let special = |word: &str| SPECIAL.contains(&word);
        let mut known: Vec<(&str, usize)> =
            counts.into_iter().filter(|&(word, count)| count >= least && !special(word)).collect();
        // The order of equal counts stays.
        known.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Self::with(SPECIAL.into_iter().chain(known.iter().map(|(word, _)| *word)).map(str::to_owned).collect())
    }

    fn with(words: Vec<String>) -> Self {
        let numbers = words.iter().enumerate().map(|(number, word)| (word.clone(), number as u32)).collect();
        Self { words, numbers }
    }

    /// The words in the order of their numbers, the three special ones first.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How many there are, the special ones included.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word beside the special ones.
    pub fn is_empty(&self) -> bool {
        self.words.len() <= SPECIAL.len()
    }

    /// The numbers of words; of one that is not known, [`UNKNOWN`].
    pub fn numbers(&self, words: &[String]) -> Vec<u32> {
        words.iter().map(|word| self.numbers.get(word).copied().unwrap_or(UNKNOWN)).collect()
    }

    /// The words of numbers, as far as there are such.
    pub fn named(&self, numbers: &[u32]) -> Vec<String> {
        numbers.iter().filter_map(|&number| self.words.get(number as usize).cloned()).collect()
    }
}

impl TryFrom<Vec<String>> for Vocabulary {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        if words.len() < SPECIAL.len() || words[..SPECIAL.len()] != SPECIAL {
            return Err(format!("a vocabulary begins with {SPECIAL:?}"));
        }
        let all = Self::with(words);
        if all.numbers.len() < all.words.len() { Err("a word is in it twice".to_owned()) } else { Ok(all) }
    }
}

impl From<Vocabulary> for Vec<String> {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vocabulary_comes_back_from_its_list_and_a_wrong_list_does_not() {
        let captions = [vec!["b".to_owned(), "a".to_owned(), "<unk>".to_owned()]];
        let own = Vocabulary::of(captions.iter().map(Vec::as_slice), 1);
        assert_eq!(own.words()[3..], ["a", "b"]);
        let text = serde_json::to_string(&own).unwrap();
        assert_eq!(serde_json::from_str::<Vocabulary>(&text).unwrap(), own);
        assert!(serde_json::from_str::<Vocabulary>("[\"a\"]").is_err());
        assert!(serde_json::from_str::<Vocabulary>(&text.replace("\"b\"", "\"a\"")).is_err());
        assert_eq!(own.named(&own.numbers(&captions[0])), captions[0]);
    }
}
