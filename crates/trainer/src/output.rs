//! Results, on stdout.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};

/// Prints a line of a result.
///
/// # Errors
/// When nobody reads on (`taper predict ... | head`) or the disk behind a redirection is full; see [`is_closed_pipe`].
pub fn line(text: impl Display) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot print the result")
}

/// Whether an error only says that the reader of our output has left: no reason to complain.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
