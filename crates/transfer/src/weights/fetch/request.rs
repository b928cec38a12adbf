//! What is asked of a server, and what comes back.

use std::io;
use std::path::Path;

use ureq::http::header::{AUTHORIZATION, LOCATION, RANGE};
use ureq::http::uri::{Scheme, Uri};
use ureq::{Agent, BodyReader};

use super::answer::{Answer, AnsweredBy};
use super::config::FetchConfig;
use crate::weights::answer_error::AnswerError;
use crate::weights::fetch_error::FetchError;
use crate::weights::source::Source;

/// Redirections that are followed.
const REDIRECTIONS: usize = 8;

/// A file to ask for.
pub(super) struct Request<'a> {
    /// The file, and of whom, for people.
    pub(super) file: String,
    pub(super) origin: Source,
    pub(super) url: String,
    /// What the server is told that was asked, and no other.
    pub(super) token: Option<&'a str>,
    pub(super) config: &'a FetchConfig,
}

impl Request<'_> {
    /// What asks: it follows no redirection and waits no longer than the settings say.
    pub(super) fn agent(&self) -> Agent {
        let patience = Some(self.config.patience);
        Agent::config_builder()
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
            .new_agent()
    }

    /// Asks for the file from byte `start` on, through redirections. The token goes to the server
    /// that was asked alone.
    pub(super) fn send(&self, agent: &Agent, start: u64) -> Result<(Answer, BodyReader<'static>), FetchError> {
        let invalid = |_| self.senseless(AnswerError::Address { address: self.url.clone() });
        let asked: Uri = self.url.parse().map_err(invalid)?;
        let (mut at, mut answer) = (asked.clone(), Answer::default());
        for _ in 0..=REDIRECTIONS {
            let by = if server(&at) == server(&asked) { AnsweredBy::Asked } else { AnsweredBy::Other };
            let mut request = agent.get(at.clone()).header(RANGE, format!("bytes={start}-"));
            if let Some(token) = self.token.filter(|_| by == AnsweredBy::Asked) {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            let response = request.call().map_err(|error| self.failed(error))?;
            let status = response.status().as_u16();
            let headers = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            answer.read(status, headers, by).map_err(|error| self.senseless(error))?;
            match status {
                200 | 206 => return Ok((answer, response.into_body().into_reader())),
                301 | 302 | 303 | 307 | 308 => {
                    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                    let location = location.unwrap_or_default();
                    let refused = || self.senseless(AnswerError::Redirect { location: location.to_owned() });
                    at = target(&at, location).ok_or_else(refused)?;
                }
                status => {
                    let server = server(&at).map(|(scheme, host, port)| format!("{scheme}://{host}:{port}"));
                    let (file, server) = (self.file.clone(), server.unwrap_or_default());
                    return Err(FetchError::Status { file, status, server, origin: self.origin });
                }
            }
        }
        Err(self.senseless(AnswerError::Redirects { most: REDIRECTIONS }))
    }

    pub(super) fn stalled(&self) -> FetchError {
        FetchError::Stalled { file: self.file.clone(), seconds: self.config.patience.as_secs() }
    }

    pub(super) fn senseless(&self, source: AnswerError) -> FetchError {
        FetchError::Answer { file: self.file.clone(), source, origin: self.origin }
    }

    pub(super) fn disk(&self, path: &Path, source: io::Error) -> FetchError {
        FetchError::Disk { path: path.to_owned(), source, origin: self.origin }
    }

    pub(super) fn failed(&self, error: ureq::Error) -> FetchError {
        match error {
            ureq::Error::Timeout(_) => self.stalled(),
            ureq::Error::BadUri(address) => self.senseless(AnswerError::Address { address }),
            ureq::Error::Http(error) => self.senseless(AnswerError::Http(error.into())),
            ureq::Error::Protocol(error) => self.senseless(AnswerError::Http(error.into())),
            other => FetchError::Broken { file: self.file.clone(), source: other.into() },
        }
    }
}

/// Scheme, host and port: whom a token may be told.
fn server(uri: &Uri) -> Option<(&str, &str, u16)> {
    let scheme = uri.scheme_str()?;
    Some((scheme, uri.host()?, uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 })))
}

/// Where a redirection leads: another address, or a path of the same server. None that gives up
/// encryption.
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
        let of = |uri: &str| server(&uri.parse().unwrap()).map(|(_, host, port)| (host.to_owned(), port));
        assert_eq!(of("https://a/x"), of("https://a:443/y"));
        assert_ne!(of("http://a/x"), of("http://a:81/x"));
    }
}
