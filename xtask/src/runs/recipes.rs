//! Trainings of a second or two, in which together everything is at work that a run depends on.

use super::pictures::PICTURES;

/// A command, and how it goes on.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    /// The verb and its flags.
    pub(crate) begin: &'static [&'static str],
    /// Whether `taper resume` goes on with it; otherwise the same command does.
    pub(crate) resumes: bool,
    /// The file that is there when its last training is over.
    pub(crate) last: &'static str,
}

/// What the search tries.
pub(crate) const SPACE: &str = "trials = 4\n[space]\n\"optimize.lr\" = { log = [1e-4, 1e-1] }\n";
pub(crate) const SPACE_FILE: &str = "space.toml";

/// What `taper fine-tune` does by itself.
pub(crate) const HEAD_THEN_ALL: Recipe = Recipe {
    name: "head-then-all",
    begin: &["fine-tune", PICTURES, "--image-size", "64", "--batch-size", "4", "--head-epochs", "1", "--epochs", "2"],
    resumes: true,
    last: "model.safetensors",
};

/// From random weights, with noise in the network and in the pictures.
pub(crate) const SCRATCH: Recipe = Recipe {
    name: "scratch",
    begin: &[
        "train",
        PICTURES,
        "--model",
        "resnet18_narrow",
        "--image-size",
        "32",
        "--batch-size",
        "6",
        "--epochs",
        "6",
        "--stochastic-depth",
        "0.5",
        "--mixup",
        "0.2",
        "--erasing",
        "0.3",
    ],
    resumes: true,
    last: "model.safetensors",
};

/// Three networks, each with an average of its weights.
pub(crate) const MEMBERS: Recipe = Recipe {
    name: "members",
    begin: &[
        "train",
        PICTURES,
        "--members",
        "3",
        "--image-size",
        "28",
        "--batch-size",
        "4",
        "--epochs",
        "6",
        "--average",
        "ema",
    ],
    resumes: true,
    last: "member-3/model.safetensors",
};

/// Three networks from one training.
pub(crate) const SNAPSHOTS: Recipe = Recipe {
    name: "snapshots",
    begin: &[
        "fine-tune",
        PICTURES,
        "--image-size",
        "64",
        "--batch-size",
        "6",
        "--head-epochs",
        "1",
        "--snapshots",
        "3",
        "--epochs",
        "3",
        "--average",
        "swa",
    ],
    resumes: true,
    last: "model.safetensors",
};

/// Steps of several batches, with a rate that falls when nothing gets better.
pub(crate) const PLATEAU: Recipe = Recipe {
    name: "plateau",
    begin: &[
        "fine-tune",
        PICTURES,
        "--image-size",
        "64",
        "--batch-size",
        "4",
        "--accumulate",
        "2",
        "--head-epochs",
        "1",
        "--epochs",
        "4",
        "--schedule",
        "reduce_on_plateau",
        "--patience",
        "1",
        "--optimizer",
        "momentum",
    ],
    resumes: true,
    last: "model.safetensors",
};

/// Several trainings in one folder.
pub(crate) const SEARCH: Recipe = Recipe {
    name: "search",
    begin: &[
        "search",
        PICTURES,
        "--space",
        SPACE_FILE,
        "--plan",
        "probe",
        "--image-size",
        "64",
        "--batch-size",
        "4",
        "--epochs",
        "3",
    ],
    resumes: false,
    last: "trials/0003/summary.json",
};

/// From random weights, with what is done to pictures, batches, features and weights.
pub(crate) const AUGMENTED: Recipe = Recipe {
    name: "augmented",
    begin: &[
        "train",
        PICTURES,
        "--model",
        "resnet18_narrow",
        "--head",
        "mlp",
        "--set",
        "head.hidden=32",
        "--image-size",
        "32",
        "--batch-size",
        "6",
        "--epochs",
        "4",
        "--augment",
        "random_resized_crop,trivial_augment,random_erasing",
        "--mixup",
        "0.2",
        "--dropout",
        "0.3",
        "--stochastic-depth",
        "0.5",
        "--average",
        "ema",
    ],
    resumes: true,
    last: "model.safetensors",
};

/// One stage more at a time, with small gradients and a rate that goes up and down.
pub(crate) const GRADUAL: Recipe = Recipe {
    name: "gradual",
    begin: &[
        "fine-tune",
        PICTURES,
        "--plan",
        "gradual",
        "--optimizer",
        "nesterov",
        "--schedule",
        "cosine",
        "--set",
        "optimize.clip=0.5",
        "--image-size",
        "64",
        "--batch-size",
        "4",
        "--head-epochs",
        "1",
        "--epochs",
        "5",
    ],
    resumes: true,
    last: "model.safetensors",
};

/// A linear head on features that are computed once, to the minimum of its loss.
pub(crate) const STORED: Recipe = Recipe {
    name: "stored",
    begin: &["fine-tune", PICTURES, "--plan", "probe", "--optimizer", "lbfgs", "--image-size", "64", "--epochs", "3"],
    resumes: true,
    last: "model.safetensors",
};

/// Two networks with two snapshots each.
pub(crate) const CYCLES: Recipe = Recipe {
    name: "cycles",
    begin: &[
        "fine-tune",
        PICTURES,
        "--members",
        "2",
        "--snapshots",
        "2",
        "--image-size",
        "64",
        "--batch-size",
        "6",
        "--head-epochs",
        "1",
        "--epochs",
        "4",
    ],
    resumes: true,
    last: "member-2/model.safetensors",
};
