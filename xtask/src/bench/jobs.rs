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
    work: Work,
}

/// What a job does.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// Steps of a network of torchvision.
    Train(Network<'static>),
    /// Its logits.
    Infer(Network<'static>),
    /// Anything else: how many units a second, from a batch and the number of timed runs.
    Other(fn(usize, u32) -> Result<f64>),
}

impl Job {
    /// How many units a second, the median of so many timed runs.
    pub(super) fn run(&self, repeat: u32) -> Result<f64> {
        match self.work {
            Work::Train(network) => networks::train(network, self.batch, repeat),
            Work::Infer(network) => networks::infer(network, self.batch, repeat),
            Work::Other(run) => run(self.batch, repeat),
        }
    }

    /// Whether it is a network of torchvision, as it is.
    fn is_network(&self) -> bool {
        matches!(self.work, Work::Train(_) | Work::Infer(_)) && !self.torch.is_empty()
    }

    /// Whether it begins with files of pictures.
    pub(super) fn reads_files(&self) -> bool {
        self.torch == PICTURES
    }
}

/// Who else does a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PyTorch.
    Torch,
    /// onnxruntime, with what PyTorch has exported.
    Onnx,
}

/// A way to do a job in PyTorch, or in onnxruntime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TorchConfig {
    /// What it is called, here and in `torch_jobs.py`.
    pub name: &'static str,
    /// What it computes in.
    pub precision: Precision,
    /// Who computes.
    pub engine: Engine,
}

const fn fp32(name: &'static str) -> TorchConfig {
    TorchConfig { name, precision: Precision::F32, engine: Engine::Torch }
}

const BF16: TorchConfig = TorchConfig { name: "bf16", precision: Precision::Bf16, engine: Engine::Torch };

const ONNX: TorchConfig = TorchConfig { name: "onnxruntime", precision: Precision::F32, engine: Engine::Onnx };

const ONNX_INT8: TorchConfig =
    TorchConfig { name: "onnxruntime_int8", precision: Precision::Int8, engine: Engine::Onnx };

const TRAINED: &[TorchConfig] = &[fp32("nchw"), fp32("channels_last"), fp32("compiled"), BF16];

const ASKED: &[TorchConfig] = &[fp32("nchw"), fp32("channels_last"), fp32("compiled"), BF16, ONNX, ONNX_INT8];

/// Pictures of PIL, or tensors of bytes.
const PICTURES: &[TorchConfig] = &[fp32("pil"), fp32("v2")];

/// JPEGs on their way into a batch.
const PHOTOGRAPHS: usize = 140;

const OPTIMIZER: &[TorchConfig] = &[fp32("fused"), fp32("foreach")];

const fn job_of(
    name: &'static str,
    batch: usize,
    unit: &'static str,
    torch: &'static [TorchConfig],
    work: Work,
) -> Job {
    Job { name, batch, unit, torch, work }
}

const fn train(name: &'static str, batch: usize, network: &'static str) -> Job {
    job_of(name, batch, "pictures/s", TRAINED, Work::Train(Network::of(network)))
}

const fn infer(name: &'static str, batch: usize, network: &'static str) -> Job {
    job_of(name, batch, "pictures/s", ASKED, Work::Infer(Network::of(network)))
}

const fn files(name: &'static str, run: fn(usize, u32) -> Result<f64>) -> Job {
    job_of(name, PHOTOGRAPHS, "pictures/s", PICTURES, Work::Other(run))
}

const fn bytes(name: &'static str, run: fn(usize, u32) -> Result<f64>) -> Job {
    job_of(name, 4, "GB/s", OPTIMIZER, Work::Other(run))
}

/// A third of the blocks left out of a step: what stochastic depth saves.
const DEPTH: Network<'static> = Network { name: "resnet18", stochastic_depth: 0.5 };

/// Every job, in the order of the table.
pub const JOBS: &[Job] = &[
    train("vgg16_train", 16, "vgg16"),
    train("vgg16_train_b8", 8, "vgg16"),
    infer("vgg16_infer", 16, "vgg16"),
    train("resnet18_train", 16, "resnet18"),
    job_of("resnet18_depth_train", 16, "pictures/s", &[], Work::Train(DEPTH)),
    infer("resnet18_infer", 16, "resnet18"),
    infer("resnet18_infer_b1", 1, "resnet18"),
    train("resnet50_train", 8, "resnet50"),
    infer("resnet50_infer", 8, "resnet50"),
    infer("resnet50_infer_b1", 1, "resnet50"),
    train("resnext50_32x4d_train", 8, "resnext50_32x4d"),
    infer("resnext50_32x4d_infer", 8, "resnext50_32x4d"),
    train("squeezenet1_1_train", 32, "squeezenet1_1"),
    infer("squeezenet1_1_infer", 32, "squeezenet1_1"),
    train("mobilenet_v2_train", 32, "mobilenet_v2"),
    infer("mobilenet_v2_infer", 32, "mobilenet_v2"),
    infer("mobilenet_v2_infer_b1", 1, "mobilenet_v2"),
    train("mobilenet_v3_large_train", 32, "mobilenet_v3_large"),
    infer("mobilenet_v3_large_infer", 32, "mobilenet_v3_large"),
    train("efficientnet_b0_train", 16, "efficientnet_b0"),
    infer("efficientnet_b0_infer", 16, "efficientnet_b0"),
    train("densenet121_train", 8, "densenet121"),
    infer("densenet121_infer", 8, "densenet121"),
    train("convnext_tiny_train", 8, "convnext_tiny"),
    infer("convnext_tiny_infer", 8, "convnext_tiny"),
    train("vit_small_patch16_224_train", 16, "vit_small_patch16_224"),
    infer("vit_small_patch16_224_infer", 16, "vit_small_patch16_224"),
    job_of("small_cnn_train", 128, "pictures/s", TRAINED, Work::Other(small_cnn::train)),
    files("decode", augment::decode),
    files("augment", augment::train),
    bytes("adam_step", optimizers::adam),
    bytes("sgd_step", optimizers::sgd),
];

/// What names the jobs of all networks of torchvision at once.
const ALL_NETWORKS: &str = "all-networks";

/// The jobs of these names, in the order given; without names all jobs.
pub(super) fn selected(names: &[String]) -> Result<Vec<Job>> {
    if names.is_empty() {
        return Ok(JOBS.to_vec());
    }
    let mut jobs = Vec::new();
    for name in names {
        match name.as_str() {
            ALL_NETWORKS => jobs.extend(JOBS.iter().filter(|job| job.is_network())),
            name => jobs.push(job(name)?),
        }
    }
    Ok(jobs)
}

/// The job of this name.
pub(super) fn job(name: &str) -> Result<Job> {
    match JOBS.iter().find(|job| job.name == name) {
        Some(job) => Ok(*job),
        None => {
            let known: Vec<_> = JOBS.iter().map(|job| job.name).collect();
            bail!("there is no job {name:?}; there are {}, and {ALL_NETWORKS}", known.join(", "))
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
        let networks = selected(&[ALL_NETWORKS.to_owned(), "decode".to_owned()]).unwrap();
        assert_eq!(networks.last().map(|job| job.name), Some("decode"));
        assert!(networks.iter().any(|job| job.name == "densenet121_infer") && networks.len() + 4 < JOBS.len());
        let error = selected(&["sgd_step".to_owned(), "vgg".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("\"vgg\"") && error.contains("vgg16_train_b8"), "{error}");
    }
}
