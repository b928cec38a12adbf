//! `taper models`: the networks and the sets of weights that there are.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Ran, command, fails};

/// Runs a command whose models are in folders of the test, and nowhere else.
fn offline(folder: &Path, args: &[&str]) -> Ran {
    let mut command = command(folder, args);
    command
        .env_remove("HF_HUB_CACHE")
        .env("HF_HOME", folder.join("home"))
        .env("TORCH_HOME", folder.join("torch"))
        .env("HF_HUB_OFFLINE", "1");
    command.output().unwrap().into()
}

#[test]
fn sets_of_weights_are_listed_and_selected() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let list = offline(folder, &["models", "list", "--all"]).stdout;
    let row = |name: &str| {
        let is = |line: &&str| line.split_whitespace().next().is_some_and(|first| first.trim_end_matches('*') == name);
        list.lines().find(is).unwrap_or_else(|| panic!("{name} in {list}")).split_whitespace().collect::<Vec<_>>()
    };
    assert!(list.contains("by published top 1"));
    let told = ["80.38", "94.60", "224", "0.95", "bicubic", "0.485", "0.456", "0.406", "0.229", "0.224", "0.225"];
    assert_eq!(row("resnet50.a1_in1k")[1..12], told);
    assert!(row("resnet50.a1_in1k").ends_with(&["not", "known", "on", "the", "hub"]));
    // Theirs is known by heart, and that of the second version by what its file is called.
    assert!(row("resnet50.tv_in1k").ends_with(&["known", "on", "the", "hub"]));
    assert!(row("resnet50.tv2_in1k").ends_with(&["8", "digits", "on", "the", "hub"]));
    assert_eq!(row("vit_small_patch16_224.dino")[1..3], ["-", "-"]);
    // One of each network is taken where none is named.
    let taken = |line: &&str| line.starts_with("resnet50.") && line.contains("* ");
    assert_eq!(list.lines().filter(taken).count(), 1, "{list}");
    let info = offline(folder, &["models", "info", "resnet50"]).stdout;
    assert!(info.contains("tv2_in1k of resnet50, by published top 1"), "{info}");
    let json = offline(folder, &["models", "info", "mobilenetv3_large_100.miil_in21k_ft", "--json"]).stdout;
    let info: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&info["mean"], &info["std"]), (&[0.0, 0.0, 0.0].into(), &[1.0, 1.0, 1.0].into()));
    assert_eq!((&info["interpolation"], &info["crop"]), (&"bilinear".into(), &0.875.into()));
    fails(&offline(folder, &["predict", "resnet50.a1", "x.png"]), 1, &["HF_HUB_OFFLINE", "timm/resnet50.a1_in1k"]);
}

#[test]
fn models_are_listed_explained_and_found() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let list = offline(folder, &["models", "list"]).stdout;
    assert_eq!(list.lines().filter(|line| line.contains(" M  ")).count(), 55);
    assert!(list.contains("\n\nGFLOPs: ") && !list.contains("\\u0"), "{list}");
    for (name, place) in [
        ("squeezenet1_1", "embedded"),
        ("tf_efficientnet_lite0", "embedded"),
        ("regnet_y_400mf", "at torchvision"),
        ("vit_base_patch16_siglip_224", "on the hub"),
        ("alexnet", "at torchvision"),
        ("vgg16", "on the hub"),
    ] {
        assert!(list.lines().any(|line| line.starts_with(name) && line.ends_with(place)), "{list}");
    }
    let json = offline(folder, &["models", "list", "--json"]).stdout;
    let models: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let resnet = models.iter().find(|model| model["name"] == "resnet18").unwrap();
    assert_eq!((&resnet["parameters"], &resnet["weights"]), (&11_689_512.into(), &"on the hub".into()));
    let info: Value = serde_json::from_str(&offline(folder, &["models", "info", "vgg16", "--json"]).stdout).unwrap();
    assert_eq!((info["stages"].as_array().unwrap().len(), &info["repository"]), (7, &"timm/vgg16.tv_in1k".into()));
    assert_eq!(info["torchvision"], "vgg16-397923af.pth");
    let alexnet = offline(folder, &["models", "info", "alexnet"]).stdout;
    assert!(
        alexnet.contains("conv3-5") && alexnet.contains("fc7") && alexnet.contains("alexnet-owt-7be5be79.pth"),
        "{alexnet}"
    );

    fails(&offline(folder, &["models", "path", "resnet18"]), 1, &["models pull resnet18"]);
    fails(&offline(folder, &["models", "pull", "resnet18"]), 1, &["HF_HUB_OFFLINE", "timm/resnet18.a1_in1k"]);
    fails(&offline(folder, &["models", "pull", "resnet18.tv"]), 1, &["HF_HUB_OFFLINE", "timm/resnet18.tv_in1k"]);
    fails(&offline(folder, &["models", "pull", "alexnet"]), 1, &["HF_HUB_OFFLINE", "alexnet-owt-7be5be79.pth"]);
    let nowhere = offline(folder, &["models", "pull", "alexnet", "--from", "hub"]);
    fails(&nowhere, 2, &["torchvision has them", "--weights FILE"]);
    let other = offline(folder, &["models", "pull", "mobilenet_v2", "--from", "torchvision"]);
    fails(&other, 2, &["the hub has them"]);
    fails(&offline(folder, &["models", "info", "resnet81"]), 2, &["nearest first: resnet18"]);
    fails(&offline(folder, &["models", "info", "resnet50.a8"]), 2, &["nearest first: resnet50.a1_in1k"]);
    // As Python's client leaves a file where links need a right, so that nothing is known of its
    // checksum.
    let snapshot = folder.join("home/hub/models--timm--resnet101.a1h_in1k/snapshots/abc");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(snapshot.join("../../refs")).unwrap();
    fs::write(snapshot.join("../../refs/main"), "abc").unwrap();
    fs::write(snapshot.join("model.safetensors"), "no weights").unwrap();
    let path = offline(folder, &["models", "path", "resnet101"]).stdout;
    assert_eq!(fs::read_to_string(path.trim()).unwrap(), "no weights");
    fails(&offline(folder, &["predict", "resnet101", "x.png"]), 1, &["model.safetensors", "safetensors file"]);
    // As PyTorch does: what lies there is checked by its name before it is read.
    let checkpoints = folder.join("torch/hub/checkpoints");
    fs::create_dir_all(&checkpoints).unwrap();
    fs::write(checkpoints.join("alexnet-owt-7be5be79.pth"), "no weights").unwrap();
    assert!(offline(folder, &["models", "path", "alexnet"]).stdout.contains("alexnet-owt-7be5be79.pth"));
    let damaged = offline(folder, &["predict", "alexnet", "x.png"]);
    fails(&damaged, 1, &["alexnet-owt-7be5be79.pth is damaged", "7be5be791159472b", "HF_HUB_OFFLINE"]);
}
