//! One file over HTTP: asked for, bounded by what was promised, gone on with after a break,
//! checked.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ureq::Agent;

use super::answer::Answer;
use super::body::receive;
use super::config::Fetch;
use super::file_digest::sha256_of;
use super::request::Request;
use crate::weights::answer_error::AnswerError;
use crate::weights::digest::Digest;
use crate::weights::fetch_error::FetchError;

/// A file to fetch.
pub(super) struct Download<'a> {
    pub(super) request: Request<'a>,
    /// What its SHA-256 must begin with, whatever the server says.
    pub(super) digest: Option<&'a Digest>,
    /// Whether the server has to say of which commit it is.
    pub(super) needs_commit: bool,
    /// The commit that it must be of, where the server says one and nothing else tells the file.
    pub(super) commit: Option<&'a str>,
    /// The folder in which it grows.
    pub(super) staging: &'a Path,
}

/// A file that has arrived and been checked.
pub(super) struct Arrived {
    pub(super) path: PathBuf,
    pub(super) sha256: String,
    pub(super) commit: Option<String>,
}

/// What a part is called whose SHA-256 nobody knows.
const UNKNOWN: &str = "unverified";

impl Download<'_> {
    /// Fetches it, in several attempts where another one may help.
    pub(super) fn run(&self, tell: &mut dyn FnMut(Fetch)) -> Result<Arrived, FetchError> {
        let agent = self.request.agent();
        let mut pauses = self.request.config.pauses.iter();
        loop {
            let failed = match self.attempt(&agent, tell) {
                Ok(arrived) => return Ok(arrived),
                Err(failed) => failed,
            };
            if spoils(&failed) {
                self.discard(None).map_err(|source| self.request.disk(self.staging, source))?;
            }
            let Some(pause) = pauses.next().filter(|_| may_pass(&failed)) else {
                return Err(failed);
            };
            tell(Fetch::Waiting(failed.to_string()));
            std::thread::sleep(*pause);
        }
    }

    fn attempt(&self, agent: &Agent, tell: &mut dyn FnMut(Fetch)) -> Result<Arrived, FetchError> {
        let (begun, mut length) = self.begun();
        if let Some(arrived) = self.complete(&begun)? {
            return Ok(arrived);
        }
        loop {
            let (answer, body) = self.request.send(agent, length)?;
            self.check_commit(answer.commit.as_deref())?;
            let digest = self.agreed(&answer)?;
            let name = digest.as_ref().map_or(UNKNOWN.to_owned(), Digest::to_string);
            if length > 0 && name != begun {
                // What has come is of another file.
                length = 0;
                continue;
            }
            if answer.first > length {
                return Err(self.request.senseless(AnswerError::Gap { asked: length, first: answer.first }));
            }
            self.discard(Some(&name)).map_err(|source| self.request.disk(self.staging, source))?;
            let path = self.staging.join(format!("{name}.part"));
            receive(&self.request, &path, &answer, body, tell)?;
            let sha256 = sha256_of(&path).map_err(|source| self.request.disk(&path, source))?;
            match digest {
                Some(wanted) if !wanted.is_of(&sha256) && answer.first > 0 => length = 0,
                Some(wanted) if !wanted.is_of(&sha256) => {
                    return Err(FetchError::Checksum { file: self.file(), got: sha256, wanted });
                }
                _ => return Ok(Arrived { path, sha256, commit: answer.commit }),
            }
        }
    }

    fn file(&self) -> String {
        self.request.file.clone()
    }

    /// The part of an earlier attempt that can be gone on with, and its length: that of the
    /// checksum which is known, else any.
    fn begun(&self) -> (String, u64) {
        let wanted = self.digest.map(Digest::to_string);
        let part = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let digits = name.strip_suffix(".part").filter(|digits| Digest::parse(digits).is_some())?;
            let known = wanted.as_ref().is_none_or(|wanted| wanted == digits);
            known.then_some((digits.to_owned(), entry.metadata().ok()?.len()))
        };
        fs::read_dir(self.staging).into_iter().flatten().flatten().find_map(part).unwrap_or_default()
    }

    /// The part of an earlier attempt that is the whole file, where that can be told without the
    /// server.
    fn complete(&self, begun: &str) -> Result<Option<Arrived>, FetchError> {
        let known = self.digest.filter(|digest| digest.is_whole() && digest.is_of(begun) && !self.needs_commit);
        let Some(digest) = known else { return Ok(None) };
        let path = self.staging.join(format!("{begun}.part"));
        let sha256 = sha256_of(&path).map_err(|source| self.request.disk(&path, source))?;
        Ok(digest.is_of(&sha256).then_some(Arrived { path, sha256, commit: None }))
    }

    /// That the server sends a file of the commit that was asked for, as far as that is known.
    fn check_commit(&self, got: Option<&str>) -> Result<(), FetchError> {
        match (got, self.commit) {
            (None, _) if self.needs_commit => Err(self.request.senseless(AnswerError::NoCommit)),
            (Some(got), Some(wanted)) if got != wanted => {
                let (wanted, got) = (wanted.to_owned(), got.to_owned());
                Err(self.request.senseless(AnswerError::OtherCommit { wanted, got }))
            }
            _ => Ok(()),
        }
    }

    /// Removes the parts but `kept`.
    fn discard(&self, kept: Option<&str>) -> io::Result<()> {
        for entry in fs::read_dir(self.staging)? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if path.extension().is_some_and(|extension| extension == "part") && (kept.is_none() || stem != kept) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// The checksum that the file must have, of what we know and what the server says.
    fn agreed(&self, answer: &Answer) -> Result<Option<Digest>, FetchError> {
        match (self.digest, &answer.sha256) {
            (Some(wanted), Some(got)) if !wanted.is_of(&got.to_string()) => {
                Err(FetchError::Announced { file: self.file(), got: got.clone(), wanted: wanted.clone() })
            }
            (Some(wanted), _) => Ok(Some(wanted.clone())),
            (None, Some(got)) => Ok(Some(got.clone())),
            (None, None) if self.request.config.unverified => Ok(None),
            (None, None) => Err(FetchError::Unverified { file: self.file() }),
        }
    }
}

/// Whether another attempt may have another end.
fn may_pass(failed: &FetchError) -> bool {
    match failed {
        FetchError::Status { status, .. } => [408, 416, 429].contains(status) || *status >= 500,
        FetchError::Broken { .. } | FetchError::CutShort { .. } | FetchError::Stalled { .. } => true,
        _ => false,
    }
}

/// Whether what has come so far is of no use: other bytes, or all of them already (416).
fn spoils(failed: &FetchError) -> bool {
    match failed {
        FetchError::Status { status, .. } => *status == 416,
        FetchError::Checksum { .. } | FetchError::Answer { .. } | FetchError::TooLarge { .. } => true,
        _ => false,
    }
}
