//! Checksums.

use std::fmt;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// What the SHA-256 of a file begins with: 8 to 64 hexadecimal digits in lower case, as many as are
/// known of it.
///
/// # Examples
/// ```
/// use taper_transfer::{Digest, sha256};
/// let digest = Digest::parse("ba7816bf").ok_or("no digest")?;
/// assert!(digest.is_of(&sha256(b"abc")) && !digest.is_whole());
/// assert_eq!(Digest::parse("../../.bashrc"), None);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest(String);

impl Digest {
    /// The digest that a text is, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        ((8..=64).contains(&text.len()) && is_hexadecimal(text)).then(|| Self(text.to_owned()))
    }

    /// As [`parse`](Self::parse), all 64 digits.
    pub fn parse_whole(text: &str) -> Option<Self> {
        Self::parse(text).filter(Self::is_whole)
    }

    /// Whether all 64 digits are known.
    pub fn is_whole(&self) -> bool {
        self.0.len() == 64
    }

    /// Whether it is that of a file with this SHA-256.
    pub fn is_of(&self, sha256: &str) -> bool {
        sha256.starts_with(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no [`Digest`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256, or its beginning, is 8 to 64 hexadecimal digits in lower case")]
#[non_exhaustive]
pub struct DigestError {
    /// The text.
    pub got: String,
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or(DigestError { got: text })
    }
}

/// Whether a text is made of hexadecimal digits in lower case.
pub(crate) fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

/// The SHA-256 of bytes, 64 hexadecimal digits in lower case.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The digits of bytes.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_hexadecimal_and_of_the_right_length() {
        let whole = sha256(b"abc");
        assert!(Digest::parse_whole(&whole).is_some_and(|digest| digest.is_of(&whole)));
        for text in ["", "abc", "ba7816bF", "ba7816b/", "../../../../x", "é7816bf0", &format!("{whole}0")] {
            assert_eq!(Digest::parse(text), None, "{text}");
        }
        assert_eq!(Digest::parse_whole("ba7816bf"), None);
    }
}
