//! The jobs, as data.

use anyhow::{Result, bail};

use super::args::Precision;
use super::networks::{self, Network};
use super::{augment, optimizers, small_cnn};

/// Something to measure.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// What it is called, here and in `torch_jobs.py`.
    pub name: &'static str,
    /// Pictures in a batch; for an optimizer its tensors of 4096x4096.
    pub batch: usize,
    /// What is counted by the second.
    pub unit: &'static str,
    /// How PyTorch does it; nothing where it is not asked.
    pub torch: &'static [TorchConfig],
    /// How many units a second, from a batch and the number of timed runs.
    pub(super) run: fn(usize, u32) -> Result<f64>,
}

impl Job {
    /// Whether it begins with files of pictures.
    pub(super) fn reads_files(&self) -> bool {
        self.torch == PICTURES
    }
}

/// A way to do a job in PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TorchConfig {
    /// What it is called, here and in `torch_jobs.py`.
    pub name: &'static str,
    /// What it computes in.
    pub precision: Precision,
}

const fn fp32(name: &'static str) -> TorchConfig {
    TorchConfig { name, precision: Precision::F32 }
}

const NETWORK: &[TorchConfig] =
    &[fp32("nchw"), fp32("channels_last"), fp32("compiled"), TorchConfig { name: "bf16", precision: Precision::Bf16 }];

/// Pictures of PIL, or tensors of bytes.
const PICTURES: &[TorchConfig] = &[fp32("pil"), fp32("v2")];

/// JPEGs on their way into a batch.
const PHOTOGRAPHS: usize = 140;

const OPTIMIZER: &[TorchConfig] = &[fp32("fused"), fp32("foreach")];

const fn pictures(name: &'static str, batch: usize, run: fn(usize, u32) -> Result<f64>) -> Job {
    Job { name, batch, unit: "pictures/s", torch: NETWORK, run }
}

const fn bytes(name: &'static str, run: fn(usize, u32) -> Result<f64>) -> Job {
    Job { name, batch: 4, unit: "GB/s", torch: OPTIMIZER, run }
}

/// Every job, in the order of the table.
pub const JOBS: &[Job] = &[
    pictures("vgg16_train", 16, |n, repeat| networks::train(Network::Vgg16, n, repeat)),
    pictures("vgg16_train_b8", 8, |n, repeat| networks::train(Network::Vgg16, n, repeat)),
    pictures("vgg16_infer", 16, |n, repeat| networks::infer(Network::Vgg16, n, repeat)),
    pictures("resnet18_train", 16, |n, repeat| networks::train(Network::ResNet18, n, repeat)),
    Job {
        torch: &[],
        ..pictures("resnet18_depth_train", 16, |n, repeat| networks::train(Network::ResNet18Depth, n, repeat))
    },
    pictures("resnet18_infer", 16, |n, repeat| networks::infer(Network::ResNet18, n, repeat)),
    pictures("resnet50_train", 8, |n, repeat| networks::train(Network::ResNet50, n, repeat)),
    pictures("squeezenet1_1_train", 32, |n, repeat| networks::train(Network::SqueezeNet, n, repeat)),
    pictures("squeezenet1_1_infer", 32, |n, repeat| networks::infer(Network::SqueezeNet, n, repeat)),
    pictures("small_cnn_train", 128, small_cnn::train),
    Job { torch: PICTURES, ..pictures("decode", PHOTOGRAPHS, augment::decode) },
    Job { torch: PICTURES, ..pictures("augment", PHOTOGRAPHS, augment::train) },
    bytes("adam_step", optimizers::adam),
    bytes("sgd_step", optimizers::sgd),
];

/// The jobs of these names, in the order given; all where none is.
pub(super) fn selected(names: &[String]) -> Result<Vec<Job>> {
    if names.is_empty() {
        return Ok(JOBS.to_vec());
    }
    names.iter().map(|name| job(name)).collect()
}

/// The job of this name.
pub(super) fn job(name: &str) -> Result<Job> {
    match JOBS.iter().find(|job| job.name == name) {
        Some(job) => Ok(*job),
        None => {
            let known: Vec<_> = JOBS.iter().map(|job| job.name).collect();
            bail!("there is no job {name:?}; there are {}", known.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_an_unknown_one_is_told_the_others() {
        for (i, job) in JOBS.iter().enumerate() {
            assert!(JOBS[..i].iter().all(|other| other.name != job.name), "{}", job.name);
            assert!(job.torch.is_empty() || job.torch.iter().any(|config| config.precision == Precision::F32));
        }
        assert_eq!(selected(&[]).unwrap().len(), JOBS.len());
        let error = selected(&["sgd_step".to_owned(), "vgg".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("\"vgg\"") && error.contains("vgg16_train_b8"), "{error}");
    }
}
