//! Paths as text.

use std::fmt::Write;
use std::path::Path;

/// A path as text in one line. Different paths have different texts.
///
/// What is not UTF-8 is written as `\xE9`, control characters as `\n` or `\u{1b}`, and a backslash
/// as `\\`, except on Windows, where it separates folders. The text of a folder is the beginning of
/// the texts of the paths below it.
///
/// # Examples
/// ```
/// use taper_data::path_text;
/// assert_eq!(path_text("cat/1.png"), "cat/1.png");
/// assert_eq!(path_text("cat/two\nlines.png"), "cat/two\\nlines.png");
/// ```
pub fn path_text(path: impl AsRef<Path>) -> String {
    let mut text = String::new();
    for chunk in path.as_ref().as_os_str().as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            let escaped = c.is_control() || (c == '\\' && !cfg!(windows));
            if escaped { text.extend(c.escape_default()) } else { text.push(c) }
        }
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}
