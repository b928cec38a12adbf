//! Data sets of the Hugging Face hub: which Parquet files they are made of, and those files.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;

use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;

use super::config::Fetch;
use super::hub::Hub;
use super::request::Request;
use crate::weights::answer_error::AnswerError;
use crate::weights::fetch_error::FetchError;
use crate::weights::hub_file::{DATASETS, HubFile};
use crate::weights::plain::is_plain;
use crate::weights::source::Source;

/// The branch that the hub itself writes Parquet files to, of a data set in another form.
const CONVERTED: &str = "refs/convert/parquet";
/// The longest list of files that is read, bytes.
const MAX_LIST: u64 = 1 << 26;

/// What the hub says of a repository.
#[derive(Deserialize)]
struct Listing {
    /// The commit.
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl Hub {
    /// The Parquet files of a data set `OWNER/NAME`, or of one of its configurations,
    /// `OWNER/NAME/CONFIGURATION`, fetched if need be: a pattern that means them all. They are
    /// those of the repository, or those that the hub has made of it.
    ///
    /// # Errors
    /// As [`Hub::pull`]; when there are none, or of several configurations and none is named.
    pub fn dataset(&self, name: &str, tell: &mut dyn FnMut(Fetch)) -> Result<PathBuf, FetchError> {
        let parts: Vec<&str> = name.split('/').collect();
        let (repository, wanted) = match parts[..] {
            [owner, repository, configuration] => (format!("{owner}/{repository}"), Some(configuration)),
            _ => (name.to_owned(), None),
        };
        if parts.len() > 3 || !is_plain(name) {
            return Err(FetchError::Name { what: "the data set", got: name.into() });
        }
        let mut listing = self.listing(&repository, "main")?;
        if listing.siblings.is_empty() {
            listing = self.listing(&repository, CONVERTED)?;
        }
        let folder = |file: &Sibling| file.rfilename.split_once('/').map_or("", |(folder, _)| folder).to_owned();
        let folders: BTreeSet<String> = listing.siblings.iter().map(folder).collect();
        let usual = ["data", "default", ""].into_iter().find(|usual| folders.contains(*usual));
        let chosen = match (wanted, usual, folders.len()) {
            (Some(wanted), ..) => Some(wanted).filter(|wanted| folders.contains(*wanted)),
            (None, Some(usual), _) => Some(usual),
            (None, None, 1) => folders.first().map(String::as_str),
            _ => None,
        };
        let Some(chosen) = chosen else {
            let names = folders.into_iter().collect();
            return Err(FetchError::NoParquet { name: name.into(), configurations: names });
        };
        for file in listing.siblings.iter().filter(|file| folder(file) == chosen) {
            let [repository, revision] = [format!("{DATASETS}{repository}"), listing.sha.clone()];
            self.pull(&HubFile { repository, revision, file: file.rfilename.clone(), sha256: None }, tell)?;
        }
        let repo = Repo::with_revision(repository, RepoType::Dataset, listing.sha.clone());
        let files = Cache::new(self.cache.clone()).repo(repo).pointer_path(&listing.sha);
        Ok(if chosen.is_empty() { files.join("*.parquet") } else { files.join(chosen).join("**/*.parquet") })
    }

    /// The Parquet files of a revision; none where there is no such revision.
    fn listing(&self, repository: &str, revision: &str) -> Result<Listing, FetchError> {
        let file = format!("the list of files of {DATASETS}{repository}");
        if self.fetch.offline {
            return Err(FetchError::Offline { file, cache: self.cache.clone() });
        }
        let endpoint = self.endpoint.trim_end_matches('/');
        let request = Request {
            file,
            origin: Source::Hub,
            url: format!("{endpoint}/api/{DATASETS}{repository}/revision/{}", revision.replace('/', "%2F")),
            token: self.token.as_deref(),
            config: &self.fetch,
        };
        let (_, body) = match request.send(&request.agent(), 0) {
            Err(FetchError::Status { status: 404, .. }) if revision == CONVERTED => {
                return Ok(Listing { sha: String::new(), siblings: Vec::new() });
            }
            answered => answered?,
        };
        let mut text = Vec::new();
        let broken = |source| FetchError::Broken { file: request.file.clone(), source: Box::new(source) };
        body.take(MAX_LIST).read_to_end(&mut text).map_err(broken)?;
        let strange = |error| request.senseless(AnswerError::Json(error));
        let mut listing: Listing = serde_json::from_slice(&text).map_err(strange)?;
        listing.siblings.retain(|file| file.rfilename.ends_with(".parquet") && is_plain(&file.rfilename));
        if !is_plain(&listing.sha) && !listing.siblings.is_empty() {
            return Err(FetchError::Name { what: "the commit", got: listing.sha });
        }
        Ok(listing)
    }
}
