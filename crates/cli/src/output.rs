//! All that is printed: results on stdout, and on stderr what is said beside them.
//!
//! Nothing here can panic. What is said while a training goes on may be lost (a reader that has
//! left, a full disk behind a redirection): the training goes on, and `summary.json`
//! [says so](lost). Names of files and classes come from outside, so control characters are written
//! as their numbers and do nothing to a terminal.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

/// A result that could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("cannot print the result")]
pub struct Unprintable(#[source] std::io::Error);

/// The first thing that was not printed although the work went on: where, and why.
static LOST: OnceLock<String> = OnceLock::new();

/// Whether another process speaks for this one.
static SILENT: AtomicBool = AtomicBool::new(false);

/// From now on nothing is printed, but [`loudly`]: another process speaks for this one.
pub fn silence() {
    SILENT.store(true, Ordering::Relaxed);
}

/// Whether nothing is printed.
pub fn is_silent() -> bool {
    SILENT.load(Ordering::Relaxed)
}

/// Prints a line of a result on stdout.
///
/// # Errors
/// [`Unprintable`], when nobody reads on (`taper predict ... | head`) or the disk behind a
/// redirection is full. That ends a verb whose work is what it prints; see [`regardless`] for the
/// others.
pub fn line(text: impl Display) -> Result<()> {
    if is_silent() {
        return Ok(());
    }
    let text = text.to_string();
    Ok(writeln!(stdout().lock(), "{}", printable(&text)).map_err(Unprintable)?)
}

/// Says a line on stderr, or nothing where that is not possible.
pub fn note(text: impl Display) {
    if !is_silent() {
        loudly(text);
    }
}

/// Says a line on stderr, also where another process speaks for this one.
pub fn loudly(text: impl Display) {
    let text = text.to_string();
    if let Err(error) = writeln!(stderr().lock(), "{}", printable(&text)) {
        LOST.get_or_init(|| format!("stderr: {error}"));
    }
}

/// For a work whose result is a file: whether it could be printed does not matter, but is said
/// once.
///
/// # Errors
/// All others than [`Unprintable`].
pub fn regardless(printed: Result<()>) -> Result<()> {
    match printed.map_err(|error| error.downcast::<Unprintable>()) {
        Ok(()) => Ok(()),
        Err(Err(error)) => Err(error),
        Err(Ok(Unprintable(error))) => {
            if LOST.set(format!("stdout: {error}")).is_ok() {
                note(format_args!("what follows cannot be printed on stdout ({error}); the work goes on without"));
            }
            Ok(())
        }
    }
}

/// Where output was lost first, and why; none as long as all was printed.
pub fn lost() -> Option<String> {
    LOST.get().cloned()
}

/// Whether an error only says that the reader of our output has left: no reason to complain.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Unprintable>().is_some_and(|Unprintable(error)| error.kind() == ErrorKind::BrokenPipe)
}

/// The code that a verb ends with once it has printed: that of its work, also where the reader has
/// left before the end.
///
/// # Errors
/// All others than a reader that has left.
pub fn ended(printed: Result<()>, code: i32) -> Result<i32> {
    match printed {
        Err(error) if !is_closed_pipe(&error) => Err(error),
        _ => Ok(code),
    }
}

/// Whether a character moves a terminal's cursor, or turns the direction of writing.
fn acts(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text in which what moves a cursor, or turns the direction of writing, is written as its number
/// (`\u001b`, as JSON has it). Tabs stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    let acts = |c: char| c != '\t' && acts(c);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let written = |c: char| if acts(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Cow::Owned(text.chars().map(written).collect())
}

/// A path as a word that can be pasted into a shell: quoted where it has to be, never taken for an
/// option.
pub fn shell(path: &Path) -> String {
    let option = path.as_os_str().as_encoded_bytes().starts_with(b"-");
    let path = if option { Cow::Owned(Path::new(".").join(path)) } else { Cow::Borrowed(path) };
    if let Some(quoted) = path.to_str().filter(|text| !text.contains(acts)).map(shlex::try_quote) {
        return quoted.map_or_else(|_| path.display().to_string(), Cow::into_owned);
    }
    // Other quotes would hold the characters themselves. Bash, zsh, ksh and busybox read these.
    let octal = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:03o}")).collect::<String>();
    let written = |c: char| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if acts(c) => octal(c.to_string().as_bytes()),
        c => c.to_string(),
    };
    let chunks = path.as_os_str().as_encoded_bytes().utf8_chunks();
    let words = chunks.map(|chunk| chunk.valid().chars().map(written).collect::<String>() + &octal(chunk.invalid()));
    format!("$'{}'", words.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_their_numbers() {
        assert_eq!(printable("blue sky\t1"), "blue sky\t1");
        assert_eq!(printable("\u{1b}[31mred\u{9b}\n\u{202e}gnp"), "\\u001b[31mred\\u009b\\u000a\\u202egnp");
        // In JSON, text that names them so is the text with them in it.
        let json = serde_json::to_string("\u{7f}\u{202e}a").unwrap_or_default();
        assert_eq!(serde_json::from_str::<String>(&printable(&json)).ok().as_deref(), Some("\u{7f}\u{202e}a"));
    }

    #[test]
    fn only_what_could_not_be_printed_is_passed_over() {
        let closed = || Unprintable(ErrorKind::BrokenPipe.into()).into();
        assert!(is_closed_pipe(&closed()));
        assert!(regardless(Err(closed())).is_ok());
        assert_eq!(ended(Err(closed()), 1).ok(), Some(1));
        assert!(ended(Err(anyhow::anyhow!("something else")), 1).is_err());
        assert!(lost().is_some_and(|said| said.starts_with("stdout")));
        assert!(regardless(Err(anyhow::anyhow!("something else"))).is_err());
    }

    #[test]
    fn a_shell_reads_the_word_that_was_meant() -> Result<()> {
        assert_eq!(shell(Path::new("runs/a-1")), "runs/a-1");
        let odd = ["my pics", "it's", "a\"b$HOME`x`", "-rf", "tab\there", "new\nline's \\ \u{1b}[0m\u{9b}", "*", "ü"];
        let turned = ["a\u{202e}b", "it's \u{2066}x\u{2069} ü"];
        for name in odd.into_iter().chain(turned) {
            assert_eq!(printable(&shell(Path::new(name))), shell(Path::new(name)));
            let script = format!("printf %s {}", shell(Path::new(name)));
            let Ok(said) = std::process::Command::new("bash").arg("-c").arg(script).output() else { return Ok(()) };
            let said = String::from_utf8(said.stdout)?;
            assert_eq!(said.strip_prefix("./").unwrap_or(&said), name);
        }
        Ok(())
    }
}
