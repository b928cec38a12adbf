//! A file of the Hugging Face hub, by name.

use std::fmt;

use serde::Deserialize;

use super::digest::Digest;
use super::fetch_error::FetchError;
use super::plain::is_plain;

/// What the names of repositories of data sets begin with.
pub(crate) const DATASETS: &str = "datasets/";

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    /// `owner/name` of a model, `datasets/owner/name` of a data set.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// The name of the file.
    pub file: String,
    /// Its SHA-256, where it is known; else what the hub says must be right.
    pub sha256: Option<Digest>,
}

/// `model.safetensors of timm/resnet18.tv_in1k`.
impl fmt::Display for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.file, self.repository)
    }
}

impl HubFile {
    /// The weights of a repository as they are now, whose sum is not known here.
    pub(crate) fn newest(repository: &str) -> Self {
        let [repository, revision, file] = [repository, "main", "model.safetensors"].map(str::to_owned);
        Self { repository, revision, file, sha256: None }
    }

    /// That no name in it leads out of the cache.
    ///
    /// # Errors
    /// When one could.
    pub fn check(&self) -> Result<(), FetchError> {
        let repository = self.repository.strip_prefix(DATASETS).unwrap_or(&self.repository);
        let slashes = repository.matches('/').count();
        for (what, got, ok) in [
            ("the repository", &self.repository, slashes <= 1),
            ("the revision", &self.revision, true),
            ("the file", &self.file, true),
        ] {
            if !ok || !is_plain(got) {
                return Err(FetchError::Name { what, got: got.clone() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_cache() {
        let file = |repository: &str, revision: &str, file: &str| HubFile {
            repository: repository.into(),
            revision: revision.into(),
            file: file.into(),
            sha256: None,
        };
        assert!(file("timm/resnet18.tv_in1k", "refs/pr-1", "onnx/model.safetensors").check().is_ok());
        for name in [
            "",
            "/",
            "..",
            "../x",
            "/etc/passwd",
            "a/../b",
            "a//b",
            "a/",
            ".git",
            "a\\b",
            "C:x",
            "a b",
            "a\0",
            "ä",
            "a?b",
        ] {
            for wrong in [file(name, "main", "x"), file("a/b", name, "x"), file("a/b", "main", name)] {
                assert!(matches!(wrong.check(), Err(FetchError::Name { .. })), "{name:?}");
            }
        }
        assert!(file("a/b/c", "main", "x").check().is_err());
    }
}
