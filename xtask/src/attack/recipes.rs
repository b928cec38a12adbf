//! What is attacked: trainings of a second or two in which together everything is at work that a checkpoint has to remember.

/// A command, and how it goes on.
pub(super) struct Recipe {
    pub(super) name: &'static str,
    /// The verb and its flags.
    pub(super) begin: &'static [&'static str],
    /// Whether `taper resume` goes on with it; otherwise the same command does.
    pub(super) resumes: bool,
    /// The file that is there when its last training is over.
    pub(super) last: &'static str,
}

/// What all have in common.
pub(super) const COMMON: [&str; 4] = ["--checkpoint-every", "2", "--threads", "1"];

/// The name that undisturbed runs begin with.
pub(super) const WHOLE: &str = "whole";

/// The pictures, cut from those of the tests: classes, and how many of each to train on and to validate on.
pub(super) const PICTURES: &str = "pictures";
pub(super) const CLASSES: [&str; 3] = ["clock", "flag", "hand"];
pub(super) const SIDES: [(&str, usize); 2] = [("train", 6), ("val", 4)];

/// What the search tries.
pub(super) const SPACE: &str = "trials = 4\n[space]\n\"optimize.lr\" = { log = [1e-4, 1e-1] }\n";
pub(super) const SPACE_FILE: &str = "space.toml";

pub(super) const RECIPES: [Recipe; 6] = [
    Recipe {
        name: "head-then-all",
        begin: &[
            "fine-tune",
            PICTURES,
            "--image-size",
            "64",
            "--batch-size",
            "4",
            "--head-epochs",
            "1",
            "--epochs",
            "2",
        ],
        resumes: true,
        last: "model.safetensors",
    },
    Recipe {
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
    },
    Recipe {
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
    },
    Recipe {
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
    },
    Recipe {
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
    },
    Recipe {
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
    },
];
