//! One file over HTTP: asked for, bounded by what was promised, gone on with after a break, checked.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use ureq::http::header::{AUTHORIZATION, LOCATION, RANGE};
use ureq::http::uri::{Scheme, Uri};
use ureq::{Agent, BodyReader};

use super::answer::Answer;
use super::config::{Fetch, FetchConfig};
use super::file_digest::sha256_of;
use crate::weights::digest::Digest;
use crate::weights::fetch_error::FetchError;
use crate::weights::source::Source;

/// Redirections that are followed.
const REDIRECTIONS: usize = 8;

/// A file to fetch.
pub(crate) struct Download<'a> {
    /// The file, and of whom, for people.
    pub(crate) file: String,
    pub(crate) origin: Source,
    pub(crate) url: String,
    /// What the server is told that was asked, and no other.
    pub(crate) token: Option<&'a str>,
    /// What its SHA-256 must begin with, whatever the server says.
    pub(crate) digest: Option<&'a Digest>,
    /// Whether the server has to say of which commit it is.
    pub(crate) needs_commit: bool,
    /// The commit that it must be of, where the server says one and nothing else tells the file.
    pub(crate) commit: Option<&'a str>,
    pub(crate) config: &'a FetchConfig,
    /// The folder in which it grows.
    pub(crate) staging: &'a Path,
}

/// A file that has arrived and been checked.
pub(crate) struct Arrived {
    pub(crate) path: PathBuf,
    pub(crate) sha256: String,
    pub(crate) commit: Option<String>,
}

/// The fewest bytes that have to come in the time of [`FetchConfig::patience`].
const LEAST: u64 = 1 << 16;

/// What a part is called whose SHA-256 nobody knows.
const UNKNOWN: &str = "unverified";

impl Download<'_> {
    /// Fetches it, in several attempts where another one may help.
    pub(crate) fn run(&self, tell: &mut dyn FnMut(Fetch)) -> Result<Arrived, FetchError> {
        let patience = Some(self.config.patience);
        let agent = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("taper/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(patience)
            .timeout_connect(patience)
            .timeout_recv_response(patience)
            .timeout_per_read(patience)
            .timeout_per_write(patience)
            .build()
            .new_agent();
        let mut pauses = self.config.pauses.iter();
        loop {
            let failed = match self.attempt(&agent, tell) {
                Ok(arrived) => return Ok(arrived),
                Err(failed) => failed,
            };
            if failed.spoils() {
                self.discard(None).map_err(|source| self.disk(self.staging, source))?;
            }
            let Some(pause) = pauses.next().filter(|_| failed.may_pass()) else {
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
            let (answer, body) = self.ask(agent, length)?;
            self.check_commit(answer.commit.as_deref())?;
            let digest = self.agreed(&answer)?;
            let name = digest.as_ref().map_or(UNKNOWN.to_owned(), Digest::to_string);
            if length > 0 && name != begun {
                // What has come is of another file.
                length = 0;
                continue;
            }
            if answer.first > length {
                let what = format!("asked from byte {length} on, it sends from byte {}", answer.first);
                return Err(self.senseless(what));
            }
            self.discard(Some(&name)).map_err(|source| self.disk(self.staging, source))?;
            let path = self.staging.join(format!("{name}.part"));
            self.receive(&path, &answer, body, tell)?;
            let sha256 = sha256_of(&path).map_err(|source| self.disk(&path, source))?;
            match digest {
                Some(wanted) if !wanted.is_of(&sha256) && answer.first > 0 => length = 0,
                Some(wanted) if !wanted.is_of(&sha256) => {
                    return Err(FetchError::Checksum { file: self.file.clone(), got: sha256, wanted });
                }
                _ => return Ok(Arrived { path, sha256, commit: answer.commit }),
            }
        }
    }

    /// The part of an earlier attempt that can be gone on with, and its length: that of the checksum which is known, else any.
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

    /// The part of an earlier attempt that is the whole file, where that can be told without the server.
    fn complete(&self, begun: &str) -> Result<Option<Arrived>, FetchError> {
        let known = self.digest.filter(|digest| digest.is_whole() && digest.is_of(begun) && !self.needs_commit);
        let Some(digest) = known else { return Ok(None) };
        let path = self.staging.join(format!("{begun}.part"));
        let sha256 = sha256_of(&path).map_err(|source| self.disk(&path, source))?;
        Ok(digest.is_of(&sha256).then_some(Arrived { path, sha256, commit: None }))
    }

    /// That the server sends a file of the commit that was asked for, as far as that is known.
    fn check_commit(&self, got: Option<&str>) -> Result<(), FetchError> {
        match (got, self.commit) {
            (None, _) if self.needs_commit => Err(self.senseless("X-Repo-Commit is missing".to_owned())),
            (Some(got), Some(wanted)) if got != wanted => {
                Err(self.senseless(format!("asked for commit {wanted}, it sends a file of {got}")))
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
                Err(FetchError::Announced { file: self.file.clone(), got: got.clone(), wanted: wanted.clone() })
            }
            (Some(wanted), _) => Ok(Some(wanted.clone())),
            (None, Some(got)) => Ok(Some(got.clone())),
            (None, None) if self.config.unverified => Ok(None),
            (None, None) => Err(FetchError::Unverified { file: self.file.clone() }),
        }
    }

    /// Asks for the file from byte `start` on, through redirections. The token goes to the server that was asked alone.
    fn ask(&self, agent: &Agent, start: u64) -> Result<(Answer, BodyReader<'static>), FetchError> {
        let asked: Uri =
            self.url.parse().map_err(|error| self.senseless(format!("{} is no address: {error}", self.url)))?;
        let (mut at, mut answer) = (asked.clone(), Answer::default());
        for _ in 0..=REDIRECTIONS {
            let trusted = origin(&at) == origin(&asked);
            let mut request = agent.get(at.clone()).header(RANGE, format!("bytes={start}-"));
            if let Some(token) = self.token.filter(|_| trusted) {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            let response = request.call().map_err(|error| self.failed(error))?;
            let status = response.status().as_u16();
            let headers = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            answer.read(status, headers, trusted).map_err(|what| self.senseless(what))?;
            match status {
                200 | 206 => return Ok((answer, response.into_body().into_reader())),
                301 | 302 | 303 | 307 | 308 => {
                    let location =
                        response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
                    at =
                        target(&at, location).ok_or_else(|| self.senseless(format!("it redirects to {location:?}")))?;
                }
                status => {
                    let server = origin(&at).map(|(scheme, host, port)| format!("{scheme}://{host}:{port}"));
                    let (file, server) = (self.file.clone(), server.unwrap_or_default());
                    return Err(FetchError::Status { file, status, server, origin: self.origin });
                }
            }
        }
        Err(self.senseless(format!("it redirects more than {REDIRECTIONS} times")))
    }

    /// Writes a body into the part, from where the answer says that it begins, and not a byte more than was promised.
    fn receive(
        &self,
        path: &Path,
        answer: &Answer,
        mut body: BodyReader<'_>,
        tell: &mut dyn FnMut(Fetch),
    ) -> Result<(), FetchError> {
        let most = self.config.largest;
        let size = answer.size.unwrap_or(most);
        if size > most {
            return Err(FetchError::TooLarge { file: self.file.clone(), size, most });
        }
        let disk = |source| self.disk(path, source);
        let mut part = File::options().create(true).truncate(false).write(true).open(path).map_err(disk)?;
        part.set_len(answer.first).and_then(|()| part.seek(SeekFrom::Start(answer.first))).map_err(disk)?;
        if let Some(size) = answer.size {
            tell(Fetch::Size(size));
        }
        tell(Fetch::Bytes(answer.first));
        let (mut there, mut block) = (answer.first, vec![0; 1 << 16]);
        let mut pace = (Instant::now(), there);
        loop {
            let read = match body.read(&mut block) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(error.into())),
            };
            there += read as u64;
            if there > size {
                return Err(self.senseless(format!("it sends more than {size} bytes")));
            }
            part.write_all(&block[..read]).map_err(disk)?;
            tell(Fetch::Bytes(read as u64));
            if there < size && pace.0.elapsed() >= self.config.patience {
                if there - pace.1 < LEAST {
                    return Err(self.stalled());
                }
                pace = (Instant::now(), there);
            }
        }
        if answer.size.is_some_and(|size| there < size) {
            let what = format!("{there} of {size} bytes came");
            return Err(FetchError::Broken { file: self.file.clone(), what });
        }
        part.sync_all().map_err(disk)
    }

    fn stalled(&self) -> FetchError {
        FetchError::Stalled { file: self.file.clone(), seconds: self.config.patience.as_secs() }
    }

    fn senseless(&self, what: String) -> FetchError {
        FetchError::Answer { file: self.file.clone(), what, origin: self.origin }
    }

    fn disk(&self, path: &Path, source: io::Error) -> FetchError {
        FetchError::Disk { path: path.to_owned(), source, origin: self.origin }
    }

    fn failed(&self, error: ureq::Error) -> FetchError {
        match error {
            ureq::Error::Timeout(_) => self.stalled(),
            ureq::Error::BadUri(what) => self.senseless(format!("{what} is no address")),
            ureq::Error::Http(error) => self.senseless(error.to_string()),
            ureq::Error::Protocol(error) => self.senseless(error.to_string()),
            other => FetchError::Broken { file: self.file.clone(), what: other.to_string() },
        }
    }
}

/// Scheme, host and port: whom a token may be told.
fn origin(uri: &Uri) -> Option<(&str, &str, u16)> {
    let scheme = uri.scheme_str()?;
    Some((scheme, uri.host()?, uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 })))
}

/// Where a redirection leads: another address, or a path of the same server. None that gives up encryption.
fn target(from: &Uri, location: &str) -> Option<Uri> {
    let to: Uri = location.parse().ok()?;
    let to = match to.host() {
        Some(_) => to,
        None => {
            let mut parts = from.clone().into_parts();
            parts.path_and_query = Some(to.path_and_query().filter(|path| path.path().starts_with('/'))?.clone());
            Uri::from_parts(parts).ok()?
        }
    };
    let encrypted = |uri: &Uri| uri.scheme() == Some(&Scheme::HTTPS);
    let plain = to.scheme() == Some(&Scheme::HTTP) && !encrypted(from);
    (encrypted(&to) || plain).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_lead_to_addresses_and_never_out_of_encryption() {
        let to = |from: &str, location| target(&from.parse().unwrap(), location).map(|uri| uri.to_string());
        assert_eq!(to("https://a/x", "/y?z=1").as_deref(), Some("https://a/y?z=1"));
        assert_eq!(to("https://a/x", "https://b/y").as_deref(), Some("https://b/y"));
        assert_eq!(to("http://a/x", "https://b/y").as_deref(), Some("https://b/y"));
        for location in ["http://b/y", "ftp://b/y", "", "y", "*", "\n", "b:80"] {
            assert_eq!(to("https://a/x", location), None, "{location}");
        }
        let of = |uri: &str| origin(&uri.parse().unwrap()).map(|(_, host, port)| (host.to_owned(), port));
        assert_eq!(of("https://a/x"), of("https://a:443/y"));
        assert_ne!(of("http://a/x"), of("http://a:81/x"));
    }
}
