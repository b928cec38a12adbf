//! All that is printed. Who reads it, and whether anybody does, changes nothing about the work.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// A line of a result, on stdout.
pub fn line(text: impl Display) {
    let _ = writeln!(stdout().lock(), "{text}");
}

/// A line beside it, on stderr.
pub fn note(text: impl Display) {
    let _ = writeln!(stderr().lock(), "{text}");
}
