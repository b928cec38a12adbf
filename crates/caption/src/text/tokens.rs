//! A sentence as words, and back.

/// The words of a sentence: lower-cased runs of letters, digits and apostrophes; what else there is
/// separates them. So are Karpathy's files of Flickr8k and COCO made.
///
/// # Examples
/// ```
/// use taper_caption::text::tokens;
/// assert_eq!(tokens("A badger, left of two apples."), ["a", "badger", "left", "of", "two", "apples"]);
/// assert_eq!(tokens("the dog's T-shirt"), ["the", "dog's", "t", "shirt"]);
/// ```
pub fn tokens(sentence: &str) -> Vec<String> {
    let words = sentence.split(|c: char| !c.is_alphanumeric() && c != '\'').map(|word| word.trim_matches('\''));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Words as a sentence.
pub fn sentence<W: AsRef<str>>(words: &[W]) -> String {
    words.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(" ")
}
