//! Running the binary on small data.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// 10 classes of real pictures.
pub(crate) const EMOJI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/emoji");

/// What a command printed and how it ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taper"));
    command.current_dir(folder).args(args);
    command
}

pub(crate) fn taper(folder: &Path, args: &[&str]) -> Ran {
    command(folder, args).output().unwrap().into()
}

/// Runs a command that has to succeed.
pub(crate) fn succeed(folder: &Path, args: &[&str]) -> Ran {
    let ran = taper(folder, args);
    assert_eq!(ran.code, Some(0), "taper {args:?}: {}", ran.stderr);
    ran
}

/// `count` real pictures of each of three classes, in `train` and `val`.
pub(crate) fn small(folder: &Path, count: usize) -> PathBuf {
    let data = folder.join("pictures");
    for part in ["train", "val"] {
        for class in ["clock", "flag", "hand"] {
            let (from, to) = (Path::new(EMOJI).join(part).join(class), data.join(part).join(class));
            std::fs::create_dir_all(&to).unwrap();
            let mut files: Vec<_> = std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            for file in files.iter().take(count) {
                std::fs::copy(file, to.join(file.file_name().unwrap())).unwrap();
            }
        }
    }
    data
}

/// Flags of a training that takes a second.
pub(crate) const SHORT: [&str; 8] = ["--image-size", "64", "--batch-size", "4", "--head-epochs", "1", "--epochs", "1"];

/// `taper fine-tune pictures` with [`SHORT`] and more flags.
pub(crate) fn fine_tune(folder: &Path, more: &[&str]) -> Ran {
    taper(folder, &[&["fine-tune", "pictures"], &SHORT[..], more].concat())
}

/// Checks the exit code and that stderr has these words.
pub(crate) fn fails(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}\n{}", ran.stdout, ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "no {word:?} in: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert!(ran.stderr.matches("TOML parse error").count() < 2, "said twice: {}", ran.stderr);
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Everything in a folder, by relative path.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}
