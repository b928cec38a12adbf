//! What a server says of a file before it sends it.

use crate::weights::answer_error::AnswerError;
use crate::weights::digest::{Digest, is_hexadecimal};

/// What the answers to a request for a file promise, checked: whatever a server says becomes a
/// number, a checksum or the name of a commit, or is refused, and nothing of it can become a path.
///
/// # Examples
/// ```
/// use taper_transfer::{Answer, AnsweredBy};
/// let mut answer = Answer::default();
/// let headers = [("Content-Range", &b"bytes 5-9/10"[..]), ("ETag", b"\"/etc/passwd\"")];
/// answer.read(206, headers, AnsweredBy::Asked)?;
/// assert_eq!((answer.first, answer.size, answer.sha256), (5, Some(10), None));
/// # Ok::<(), taper_transfer::AnswerError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The SHA-256 of the file: an `X-Linked-ETag`, else an `ETag`, that is one.
    pub sha256: Option<Digest>,
    /// The commit that the file is of, 40 hexadecimal digits (`X-Repo-Commit`).
    pub commit: Option<String>,
    /// How many bytes the whole file has (`X-Linked-Size`, `Content-Range`, `Content-Length`).
    pub size: Option<u64>,
    /// Which byte of the file the body begins with.
    pub first: u64,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The server that was asked.
    Asked,
    /// Another, to which that one redirects: it only says how long the file is.
    Other,
}

impl Answer {
    /// Takes over what one answer says, which may be a redirection before the last.
    ///
    /// # Errors
    /// An inconsistent answer: an invalid size or range, or two sizes that differ.
    pub fn read<'a>(
        &mut self,
        status: u16,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        by: AnsweredBy,
    ) -> Result<(), AnswerError> {
        let (trusted, mut etag) = (by == AnsweredBy::Asked, None);
        for (name, value) in headers {
            let text = || std::str::from_utf8(value).map_err(|_| AnswerError::NotText { header: name.to_owned() });
            match &*name.to_ascii_lowercase() {
                "content-range" if status == 206 => self.range(text()?)?,
                "content-length" if status == 200 => self.sized(number(name, text()?)?)?,
                "x-linked-size" if trusted => self.sized(number(name, text()?)?)?,
                // What is no checksum here is a tag, and of no use.
                "x-linked-etag" if trusted => self.sha256 = text().ok().and_then(checksum).or(self.sha256.take()),
                "etag" if trusted => etag = text().ok().and_then(checksum),
                "x-repo-commit" if trusted => {
                    let commit = text()?.trim();
                    if commit.len() != 40 || !is_hexadecimal(commit) {
                        return Err(AnswerError::Commit);
                    }
                    self.commit = Some(commit.to_owned());
                }
                _ => {}
            }
        }
        self.sha256 = self.sha256.take().or(etag);
        match self.size {
            Some(size) if self.first > size => Err(AnswerError::BeyondEnd { first: self.first, size }),
            _ => Ok(()),
        }
    }

    /// `bytes 5-9/10`, or `bytes 5-9/*` where the size is not known.
    fn range(&mut self, text: &str) -> Result<(), AnswerError> {
        let parts = || {
            let (range, size) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
            let (first, last) = range.split_once('-')?;
            let (first, last) = (digits(first)?, digits(last)?);
            let size = if size == "*" { None } else { Some(digits(size)?) };
            (first <= last && size.is_none_or(|size| last < size)).then_some((first, size))
        };
        let (first, size) = parts().ok_or_else(|| AnswerError::Range { got: text.to_owned() })?;
        self.first = first;
        size.map_or(Ok(()), |size| self.sized(size))
    }

    fn sized(&mut self, size: u64) -> Result<(), AnswerError> {
        match self.size.replace(size) {
            Some(first) if first != size => Err(AnswerError::Sizes { first, second: size }),
            _ => Ok(()),
        }
    }
}

/// The SHA-256 that a tag is, in quotes or not.
fn checksum(tag: &str) -> Option<Digest> {
    Digest::parse_whole(tag.trim().trim_start_matches("W/").trim_matches('"'))
}

fn number(name: &str, text: &str) -> Result<u64, AnswerError> {
    digits(text.trim()).ok_or_else(|| AnswerError::NotANumber { header: name.to_owned(), got: text.to_owned() })
}

/// A number of digits alone: `parse` takes a sign too.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 6] =
        ["Content-Range", "content-length", "X-Linked-Size", "X-Linked-Etag", "ETag", "X-Repo-Commit"];

    proptest! {
        #[test]
        fn whatever_comes_is_checked(
            status in prop_oneof![Just(200u16), Just(206), 100u16..600],
            headers in prop::collection::vec(
                (0..NAMES.len(), prop_oneof![".{0,80}", "[0-9]{0,22}", "bytes [0-9]{0,20}-[0-9]{0,20}/[0-9*]{0,20}", "\"?[0-9a-g/.]{38,66}\"?"]),
                0..6,
            ),
        ) {
            let mut answer = Answer::default();
            let read = answer.read(status, headers.iter().map(|(name, value)| (NAMES[*name], value.as_bytes())), AnsweredBy::Asked);
            prop_assert!(answer.commit.is_none_or(|commit| commit.len() == 40 && is_hexadecimal(&commit)));
            prop_assert!(answer.sha256.is_none_or(|digest| digest.is_whole()));
            prop_assert!(read.is_err() || answer.size.is_none_or(|size| answer.first <= size));
        }
    }

    fn read(status: u16, headers: &[(&str, &str)]) -> Result<Answer, AnswerError> {
        let mut answer = Answer::default();
        answer
            .read(status, headers.iter().map(|(name, value)| (*name, value.as_bytes())), AnsweredBy::Asked)
            .map(|()| answer)
    }

    #[test]
    fn what_is_no_checksum_no_commit_and_no_size_is_not_used() {
        let sha = "e3ca6d4dd22c52d7425e5347391a9fa940233db015b3b4a4d587df1d32d855d2";
        for tag in ["/etc/passwd", "\"../../x\"", "", "abc", &sha.to_uppercase(), &sha[1..], &format!("{sha}/x")] {
            assert_eq!(read(200, &[("ETag", tag)]).unwrap().sha256, None, "{tag}");
        }
        for tag in [sha.to_owned(), format!("\"{sha}\""), format!("W/\"{sha}\"")] {
            assert_eq!(read(200, &[("etag", &tag)]).unwrap().sha256, Digest::parse(sha), "{tag}");
        }
        // The file's own before that of the answer, in either order.
        for headers in
            [[("X-Linked-Etag", sha), ("ETag", &*"0".repeat(64))], [("ETag", &*"0".repeat(64)), ("X-Linked-Etag", sha)]]
        {
            assert_eq!(read(302, &headers).unwrap().sha256, Digest::parse(sha));
        }
        for commit in ["../../../x", "abc", "", &"g".repeat(40), &"/".repeat(40)] {
            assert!(read(200, &[("X-Repo-Commit", commit)]).is_err(), "{commit}");
        }
        for size in ["", "-1", "+1", "1e3", "18446744073709551616", "1 2"] {
            assert!(read(200, &[("Content-Length", size)]).is_err(), "{size}");
        }
        for range in
            ["", "bytes", "bytes 0-9", "bytes 0-9/9", "bytes 5-4/9", "bytes +0-4/9", "items 0-9/10", "bytes -/-"]
        {
            assert!(read(206, &[("Content-Range", range)]).is_err(), "{range}");
        }
        assert!(
            read(206, &[("X-Linked-Size", "9"), ("Content-Range", "bytes 0-9/10")])
                .unwrap_err()
                .to_string()
                .contains("10")
        );
        let unknown = read(206, &[("Content-Range", "bytes 5-9/*"), ("Content-Length", "5")]).unwrap();
        assert_eq!((unknown.first, unknown.size), (5, None));
    }

    #[test]
    fn another_server_only_says_how_long_the_file_is() {
        let mut answer = read(302, &[("X-Linked-Size", "10")]).unwrap();
        let headers = [("ETag", &*"0".repeat(64)), ("X-Repo-Commit", "x"), ("Content-Range", "bytes 0-9/10")];
        answer.read(206, headers.map(|(name, value)| (name, value.as_bytes())), AnsweredBy::Other).unwrap();
        assert_eq!(answer, Answer { size: Some(10), ..Answer::default() });
    }
}
