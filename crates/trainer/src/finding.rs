//! What a look at one thing before a training says of it.

/// What a look at one thing says.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Finding {
    /// What was looked at.
    pub about: &'static str,
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// What was found, and what to do about it.
    pub said: String,
}

/// Whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is.
    Fine,
    /// Perhaps not.
    Doubtful,
}
