//! What a check says.

use std::fmt;

/// Something that must not be there: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Relative to the top of the repository, with `/`.
    pub path: String,
    /// Counted from 1; 1 also where the file as a whole is meant.
    pub line: usize,
    /// The name of the check.
    pub check: &'static str,
    /// What was found.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}: [{}] {}", self.path, self.line, self.check, self.what)?;
        write!(f, "    do: {}", self.remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_like_a_compiler_message() {
        let finding = Finding {
            path: "crates/optim/src/sgd.rs".to_owned(),
            line: 7,
            check: "files",
            what: "`fs`".to_owned(),
            remedy: "take bytes".to_owned(),
        };
        let text = "crates/optim/src/sgd.rs:7: [files] `fs`\n    do: take bytes";
        assert_eq!(finding.to_string(), text);
    }
}
