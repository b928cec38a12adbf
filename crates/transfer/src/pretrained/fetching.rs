//! The file of a model's weights, on this machine or fetched (feature `hub`).

use std::path::PathBuf;

use super::model::PretrainedModel;
use crate::{Fetch, FetchError, Source, Sources, TransferError};

impl PretrainedModel {
    /// Where a file of its weights is on this machine, when one is there: embedded weights need
    /// none.
    ///
    /// # Errors
    /// Never, as long as the tests of this library pass.
    pub fn find(&self, sources: &Sources) -> Result<Option<PathBuf>, TransferError> {
        let manifest = self.manifest()?;
        let found = |source: &Source| sources.find(&manifest, *source);
        Ok(manifest.sources().iter().find_map(found))
    }

    /// A file of its weights, fetched if need be: the one that is on this machine, else that of
    /// `source`, without one of the first source that there is. None where they are embedded and no
    /// source is asked for.
    ///
    /// # Errors
    /// When the source has none, or they cannot be fetched.
    pub fn pull(
        &self,
        sources: &Sources,
        source: Option<Source>,
        tell: &mut dyn FnMut(Fetch),
    ) -> Result<Option<PathBuf>, TransferError> {
        if self.embedded.is_some() && source.is_none() {
            return Ok(None);
        }
        let manifest = self.manifest()?;
        let known = manifest.sources();
        let mut asked: Vec<Source> = match source {
            Some(source) => vec![source],
            None => known.iter().copied().filter(|source| sources.find(&manifest, *source).is_some()).collect(),
        };
        if asked.is_empty() {
            asked.extend(known.first());
        }
        let mut failed = None;
        for source in asked {
            match sources.pull(&manifest, source, tell) {
                Ok(Some(path)) => return Ok(Some(path)),
                Ok(None) => {}
                // Another source may have a good file here.
                Err(error @ (FetchError::Damaged { .. } | FetchError::Offline { .. })) => {
                    failed.get_or_insert(error);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(failed.map_or(TransferError::NoSource { name: self.name, known }, TransferError::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FetchConfig, Hub, Torchvision, model};

    #[test]
    fn a_good_file_of_another_source_serves_where_one_is_damaged() {
        let (place, good) = (tempfile::tempdir().unwrap(), crate::sha256(b"good"));
        let vgg = model("vgg16").unwrap();
        let (hub, torchvision) = (vgg.manifest().unwrap().hub.unwrap(), vgg.manifest().unwrap().torchvision.unwrap());
        let name = format!("vgg16-{}.pth", &good[..8]);
        let manifest = vgg.manifest.replace(&torchvision.sha256.unwrap().to_string(), &good);
        let vgg = PretrainedModel { manifest: manifest.replace(&torchvision.file, &name).leak(), ..*vgg };
        let snapshot = place.path().join("models--timm--vgg16.tv_in1k/snapshots").join(hub.revision);
        std::fs::create_dir_all(&snapshot).unwrap();
        std::fs::write(snapshot.join(hub.file), "damaged").unwrap();
        std::fs::write(place.path().join(&name), "good").unwrap();
        let fetch = FetchConfig { offline: true, ..FetchConfig::default() };
        let (cache, endpoint) = (place.path().to_owned(), String::new());
        let sources = Sources {
            hub: Hub { cache: cache.clone(), endpoint: endpoint.clone(), token: None, fetch: fetch.clone() },
            torchvision: Torchvision { cache, endpoint, fetch },
        };
        let pull = |source| vgg.pull(&sources, source, &mut |_| {});
        assert_eq!(pull(None).unwrap(), Some(place.path().join(&name)));
        let error = pull(Some(Source::Hub)).unwrap_err();
        assert!(matches!(error, TransferError::Fetch(FetchError::Damaged { .. })), "{error}");
        std::fs::remove_file(place.path().join(&name)).unwrap();
        assert!(matches!(pull(None), Err(TransferError::Fetch(FetchError::Damaged { .. }))));
    }
}
