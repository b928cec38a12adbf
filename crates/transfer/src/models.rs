//! The models there are, by name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::Tensor;
use taper_nn::{ParamPath, Params};

use crate::architectures::{Architecture, architecture, nearest_first};
use crate::names::{rename_all, undotted};
use crate::weights::renamed;
use crate::{
    Backbone, BackboneConfig, Classifier, Fetch, FetchError, Fit, Head, Hub, Manifest, NotFinite, Source, Torchvision,
    TransferError, WeightsError, WeightsFile, load_weights, read_weights, weights_from_bytes,
};

/// A network for which there are pretrained weights.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// The name, that of its [`Architecture`].
    pub name: &'static str,
    manifest: &'static str,
    /// The weights, where they are part of this library.
    embedded: Option<&'static [u8]>,
}

/// Where weights come from, and are kept.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The Hugging Face hub.
    pub hub: Hub,
    /// torchvision's own files.
    pub torchvision: Torchvision,
}

impl Sources {
    /// As the environment says.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn from_env() -> Result<Self, FetchError> {
        Ok(Self { hub: Hub::from_env()?, torchvision: Torchvision::from_env()? })
    }

    fn find(&self, manifest: &Manifest, source: Source) -> Option<PathBuf> {
        match source {
            Source::Hub => self.hub.find(manifest.hub.as_ref()?),
            Source::Torchvision => self.torchvision.find(manifest.torchvision.as_ref()?),
        }
    }

    /// Fetches no more than weights of so many parameters can be: float64, and some names.
    fn pull(
        &self,
        manifest: &Manifest,
        source: Source,
        tell: &mut dyn FnMut(Fetch),
    ) -> Result<Option<PathBuf>, FetchError> {
        let Self { mut hub, mut torchvision } = self.clone();
        for fetch in [&mut hub.fetch, &mut torchvision.fetch] {
            fetch.largest = fetch.largest.min(8 * manifest.parameters as u64 + (1 << 20));
        }
        match source {
            Source::Hub => manifest.hub.as_ref().map(|file| hub.pull(file, tell)).transpose(),
            Source::Torchvision => manifest.torchvision.as_ref().map(|file| torchvision.pull(file, tell)).transpose(),
        }
    }
}

/// The names of ImageNet's classes, in the order of the logits.
const IMAGENET: &str = include_str!("../../../models/imagenet_classes.txt");

macro_rules! fetched {
    ($name:literal) => {
        Model { name: $name, manifest: include_str!(concat!("../../../models/", $name, ".toml")), embedded: None }
    };
}

/// Every model, the default first. A new one is a manifest in `models` and one more entry.
pub const MODELS: &[Model] = &[
    Model {
        name: "squeezenet1_1",
        manifest: include_str!("../../../models/squeezenet1_1.toml"),
        embedded: Some(include_bytes!("../../../models/squeezenet1_1.safetensors")),
    },
    fetched!("squeezenet1_0"),
    fetched!("alexnet"),
    fetched!("vgg11"),
    fetched!("vgg13"),
    fetched!("vgg16"),
    fetched!("vgg19"),
    fetched!("vgg11_bn"),
    fetched!("vgg13_bn"),
    fetched!("vgg16_bn"),
    fetched!("vgg19_bn"),
    fetched!("resnet18"),
    fetched!("resnet34"),
    fetched!("resnet50"),
    fetched!("resnet101"),
    fetched!("resnet152"),
    fetched!("resnext50_32x4d"),
    fetched!("wide_resnet50_2"),
    fetched!("mobilenet_v2"),
    fetched!("mobilenet_v3_small"),
    fetched!("mobilenet_v3_large"),
    fetched!("efficientnet_b0"),
    fetched!("densenet121"),
];

/// The model of this name.
///
/// # Errors
/// When there is none; the error lists the names there are, the most similar first.
///
/// # Examples
/// ```
/// let error = taper_transfer::model("squeezenet").unwrap_err();
/// assert!(error.to_string().contains("squeezenet1_1"));
/// ```
pub fn model(name: &str) -> Result<&'static Model, TransferError> {
    MODELS.iter().find(|model| model.name == name).ok_or_else(|| TransferError::UnknownModel {
        got: name.to_owned(),
        known: nearest_first(name, MODELS.iter().map(|model| model.name).collect()),
    })
}

impl Model {
    /// What its weights expect.
    ///
    /// # Errors
    /// Never, as long as the tests of this library pass.
    pub fn manifest(&self) -> Result<Manifest, TransferError> {
        Manifest::parse(self.manifest)
    }

    /// The bytes of its safetensors file, where it is embedded.
    pub fn embedded(&self) -> Option<&'static [u8]> {
        self.embedded
    }

    /// Where a file of its weights is on this machine, when one is there: embedded weights need none.
    ///
    /// # Errors
    /// Never, as long as the tests of this library pass.
    pub fn find(&self, sources: &Sources) -> Result<Option<PathBuf>, TransferError> {
        let manifest = self.manifest()?;
        let found = |source: &Source| sources.find(&manifest, *source);
        Ok(manifest.sources().iter().find_map(found))
    }

    /// A file of its weights, fetched if need be: the one that is on this machine, else that of `source`, without one of the first
    /// source that there is. None where they are embedded and no source is asked for.
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

    /// Its weights by name, its own head included, float32: the embedded ones, or those that [`pull`](Self::pull) finds by
    /// [`Sources::from_env`].
    ///
    /// # Errors
    /// As there, and when the file is broken or holds NaN or infinities.
    pub fn weights(&self) -> Result<BTreeMap<String, Tensor>, TransferError> {
        let file = match self.embedded {
            Some(bytes) => weights_from_bytes(bytes, self.name)?,
            None => {
                let path = self.pull(&Sources::from_env()?, None, &mut |_| {})?;
                self.weights_in(&path.ok_or(TransferError::NoSource { name: self.name, known: Vec::new() })?)?
            }
        };
        match file.report.not_finite {
            None => Ok(file.tensors),
            Some(NotFinite { count, first }) => {
                let origin = format!("the weights of {}", self.name);
                Err(WeightsError::NotFinite { origin, count, first }.into())
            }
        }
    }

    /// The weights in a file, by torchvision's names whether the file has those, older ones or timm's. Where the
    /// network lies behind a name of the file's, such as `net.` or `encoder_q.`, that is removed, and what lies beside
    /// it left out: the [report](crate::ReadReport) says so.
    ///
    /// # Errors
    /// When the file cannot be read, has two tensors for one parameter, or holds the network several times.
    pub fn weights_in(&self, path: &std::path::Path) -> Result<WeightsFile, TransferError> {
        let pairs = self.manifest()?.renames;
        let own = |name: &str| undotted(renamed(name, &pairs));
        let mut file = read_weights(path)?;
        let origin = path.display().to_string();
        file.keep_network(&origin, self.architecture()?.beginnings(), own)?;
        Ok(WeightsFile { tensors: rename_all(&origin, file.tensors, own)?, report: file.report })
    }

    /// The names of the classes of its own head, in the order of the logits.
    pub fn class_names(&self) -> Vec<&'static str> {
        IMAGENET.lines().collect()
    }

    /// The head that its weights come with, as data.
    ///
    /// # Errors
    /// Never, as long as the tests of this library pass.
    pub fn own_head(&self) -> Result<Head, TransferError> {
        Ok(self.architecture()?.head())
    }

    /// Its backbone with first values, not yet the pretrained ones, below `path`.
    ///
    /// # Errors
    /// When a parameter exists with another shape.
    pub fn backbone(&self, path: &ParamPath) -> Result<Box<dyn Backbone>, TransferError> {
        self.architecture()?.backbone(path, &BackboneConfig::default())
    }

    fn architecture(&self) -> Result<&'static Architecture, TransferError> {
        architecture(self.name)
    }

    /// The network as it was trained, its own head included: for predictions among its own classes.
    ///
    /// # Errors
    /// When `params` holds parameters already that do not belong to it.
    pub fn pretrained(&self, params: &Params) -> Result<Classifier, TransferError> {
        let net = self.build(params, self.own_head()?, self.class_names().len())?;
        load_weights(params, &self.weights()?, Fit::Exact)?;
        Ok(net)
    }

    /// The pretrained backbone under a new head for `classes` classes, nothing frozen. The head keeps
    /// its first values, drawn from `params`, whatever its size.
    ///
    /// # Errors
    /// When a setting of the head is out of range, or `params` holds parameters already that do not fit.
    pub fn classifier(&self, params: &Params, head: Head, classes: usize) -> Result<Classifier, TransferError> {
        let net = self.build(params, head, classes)?;
        let mut weights = self.weights()?;
        weights.retain(|name, _| net.part(name) != crate::Part::Head);
        load_weights(params, &weights, Fit::NewHead(&Head::PREFIXES))?;
        Ok(net)
    }

    fn build(&self, params: &Params, head: Head, classes: usize) -> Result<Classifier, TransferError> {
        let backbone = self.backbone(&params.root())?;
        let head = head.build(&params.root(), backbone.channels(), classes)?;
        Ok(Classifier::new(backbone, head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FetchConfig;

    #[test]
    fn every_model_is_what_its_manifest_says() {
        for model in MODELS {
            let manifest = model.manifest().unwrap();
            assert_eq!((&*manifest.name, &*manifest.classes), (model.name, "imagenet"));
            assert_eq!(manifest.file.is_some(), model.embedded.is_some());
            assert!(manifest.top1 <= manifest.top5 && manifest.gflops > 0.0 && !manifest.licence.is_empty());
            if let Some(bytes) = model.embedded {
                assert_eq!(manifest.file, Some(format!("{}.safetensors", model.name)));
                assert!(manifest.sha256.is_some());
                manifest.verify(bytes, model.name).unwrap();
                let weights = model.weights().unwrap();
                assert_eq!(weights.values().map(Tensor::elem_count).sum::<usize>(), manifest.parameters);
            }
            assert!(model.embedded.is_some() || !manifest.sources().is_empty(), "{}", model.name);
            let names = model.class_names();
            assert_eq!((names.len(), names[0], names[999]), (1000, "tench", "toilet tissue"));
            assert!(names.iter().all(|name| !name.trim().is_empty()));
        }
        assert!(model("nothing").is_err());
    }

    #[test]
    fn weights_that_are_no_numbers_are_refused_where_nothing_can_tell() {
        let part = |name, shape, begin, end| {
            format!(r#""{name}":{{"dtype":"F32","shape":[{shape}],"data_offsets":[{begin},{end}]}}"#)
        };
        let header = format!("{{{},{}}}", part("a", 1, 0, 4), part("b", 2, 4, 12));
        let numbers = [1.0, f32::NAN, f32::INFINITY].map(f32::to_le_bytes).concat();
        let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &numbers].concat();
        let error = Model { embedded: Some(file.leak()), ..MODELS[0] }.weights().unwrap_err();
        assert!(
            matches!(&error, TransferError::Weights(WeightsError::NotFinite { count: 2, first, .. }) if first == "b"),
            "{error}"
        );
    }
    #[test]
    fn a_good_file_of_another_source_serves_where_one_is_damaged() {
        let (place, good) = (tempfile::tempdir().unwrap(), crate::sha256(b"good"));
        let vgg = model("vgg16").unwrap();
        let (hub, torchvision) = (vgg.manifest().unwrap().hub.unwrap(), vgg.manifest().unwrap().torchvision.unwrap());
        let name = format!("vgg16-{}.pth", &good[..8]);
        let manifest = vgg.manifest.replace(&torchvision.sha256.unwrap().to_string(), &good);
        let vgg = Model { manifest: manifest.replace(&torchvision.file, &name).leak(), ..*vgg };
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
