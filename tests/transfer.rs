//! `taper probe`, `taper features` and `taper export`: pretrained networks and what they see.

use std::fs;

use serde_json::Value;

use crate::support::{EMOJI, Ran, SHORT, command, fails, fine_tune, small, succeed, taper};

/// A server of something else under the name of torchvision's file.
#[test]
fn torchvisions_files_are_what_their_names_say() {
    use std::io::{BufRead, BufReader, Write};
    let place = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (send, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            send.send(lines.next().unwrap()).unwrap();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nno weights");
        }
    });
    let mut pull = command(place.path(), &["models", "pull", "vgg16", "--from", "torchvision"]);
    pull.env_remove("HF_HUB_CACHE")
        .env("TORCH_HOME", place.path())
        .env("HF_HOME", place.path())
        .env("TAPER_TORCHVISION_ENDPOINT", endpoint);
    let ran = Ran::from(pull.env_remove("HF_HUB_OFFLINE").output().unwrap());
    fails(&ran, 1, &["vgg16-397923af.pth of torchvision", "397923af8e79cdbb", "thrown away"]);
    assert!(!place.path().join("hub/checkpoints/vgg16-397923af.pth").exists());
    assert!(asked.recv().unwrap().starts_with("GET /vgg16-397923af.pth "));
}

/// A file that may not grow is what a full disk is.
#[cfg(unix)]
#[test]
fn a_full_disk_ends_a_download_with_nothing_under_its_name() {
    use std::io::{BufRead, BufReader, Write};
    let place = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let whole = lines.take_while(|line| !line.is_empty()).any(|line| line.ends_with("bytes=0-"));
            let (size, end) = (4_000_000, if whole { 3_999_999 } else { 0 });
            let head = format!(
                "HTTP/1.1 206 Part\r\nETag: \"{}\"\r\nX-Repo-Commit: {}\r\nContent-Range: bytes 0-{end}/{size}\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                "7".repeat(64),
                "c".repeat(40),
                end + 1
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&vec![7; end + 1]));
        }
    });
    let taper = env!("CARGO_BIN_EXE_taper");
    let script = format!("trap '' XFSZ; ulimit -f 1000; exec '{taper}' models pull resnet101");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &script]).env_remove("HF_HUB_CACHE").env("HF_HOME", place.path()).env("TORCH_HOME", place.path());
    shell.env("HF_ENDPOINT", endpoint).env_remove("HF_HUB_OFFLINE");
    let ran = Ran::from(shell.output().unwrap());
    fails(&ran, 1, &["cannot write", "HF_HOME"]);
    assert!(!place.path().join("hub/models--timm--resnet101.tv_in1k").exists());
}

#[test]
fn a_probe_ranks_the_stages_and_does_not_depend_on_threads() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 12);
    let probe = |more: &[&str]| {
        let args = ["probe", "pictures", "--image-size", "64", "--json"];
        let mut json: Value = serde_json::from_str(&succeed(folder, &[&args, more].concat()).stdout).unwrap();
        json["seconds"] = Value::Null;
        json["feature_seconds"] = Value::Null;
        json
    };
    let told = probe(&["--threads", "1", "--png", "stages.png", "--csv", "stages.csv"]);
    assert_eq!(told, probe(&["--threads", "3"]));
    let stages = told["stages"].as_array().unwrap();
    assert_eq!((stages.len(), &told["train_images"]), (4, &36.into()));
    for stage in stages {
        let [low, high] = [0, 1].map(|i| stage["interval"][i].as_f64().unwrap());
        let accuracy = stage["accuracy"].as_f64().unwrap();
        assert!(low <= accuracy && accuracy <= high && accuracy > 0.4, "{stage}");
    }
    assert!(fs::read(folder.join("stages.png")).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(fs::read_to_string(folder.join("stages.csv")).unwrap().lines().count(), 5);
    let one = succeed(folder, &["probe", "pictures", "--image-size", "64", "--stages", "fire4-5"]).stdout;
    assert!(one.contains("fire4-5") && !one.contains("stem"), "{one}");
    fails(&taper(folder, &["probe", "pictures", "--stages", "fire1"]), 1, &["fire1", "fire2-3"]);
    fails(&taper(folder, &["probe", "nowhere"]), 1, &["nowhere"]);
}

#[test]
fn the_pictures_say_which_layers_to_train() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 12);
    let flags = ["--image-size", "64", "--json"];
    let ask = |threads: &str| {
        let args = [&["advise", "pictures", "--threads", threads], &flags[..]].concat();
        let mut json: Value = serde_json::from_str(&succeed(folder, &args).stdout).unwrap();
        json["seconds"] = Value::Null;
        json
    };
    let told = ask("1");
    assert_eq!(told, ask("2"));
    assert_eq!(
        (told["stages"].as_array().unwrap().len(), &told["per_class"], &told["much"]),
        (4, &12.0.into(), &false.into())
    );
    let said = succeed(folder, &["advise", "pictures", "--image-size", "64"]).stdout;
    assert!(said.contains("little data: 12 pictures") && said.contains(told["run"].as_str().unwrap()), "{said}");

    // The run that follows is the one that the flags name, and its recipe no longer asks.
    let files = |run: &str| {
        ["model.safetensors", "history.csv", "recipe.toml"].map(|file| fs::read(folder.join(run).join(file)).unwrap())
    };
    let ran = fine_tune(folder, &["--plan", "auto", "--out", "auto"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let flags = ran.stderr.lines().find_map(|line| line.strip_prefix("so: ")).unwrap().to_owned();
    assert!(flags.starts_with("--plan probe"), "{flags}");
    let followed: Vec<&str> = flags.split(' ').chain(["--out", "followed"]).collect();
    assert_eq!(fine_tune(folder, &followed).code, Some(0));
    assert!(files("auto") == files("followed"));
    fails(&fine_tune(folder, &["--plan", "auto", "--cut", "fire4-5"]), 2, &["cut", "--plan auto"]);
    fails(&fine_tune(folder, &["--plan", "auto", "--optimizer", "lbfgs"]), 2, &["plan", "lbfgs"]);
    fails(&fine_tune(folder, &["--plan", "auto", "--head", "own"]), 2, &["head.kind", "own head"]);
    fails(&taper(folder, &["train", "pictures", "--plan", "auto"]), 2, &["plan", "random weights"]);
    fails(&fine_tune(folder, &["--plan", "best"]), 2, &["best", "auto"]);
    fails(&taper(folder, &["advise", "nowhere"]), 1, &["nowhere"]);
    fails(&taper(folder, &["advise", "pictures", "--image-size", "20"]), 2, &["image_size"]);
}

#[test]
fn features_are_written_for_other_programs() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 12);
    let write = |more: &[&str]| {
        succeed(folder, &[&["features", "squeezenet1_1", "pictures", "--image-size", "64"], more].concat())
    };
    write(&["--stage", "fire4-5", "--out", "f.safetensors"]);
    write(&["--stage", "fire4-5", "--out", "f.npy"]);
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let bytes = read("f.safetensors");
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let features = file.tensor("features").unwrap();
    assert_eq!(features.shape(), [72, 256]);
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let files: Vec<String> = serde_json::from_str(&header.metadata().as_ref().unwrap()["files"]).unwrap();
    assert!(files.len() == 72 && files[0].starts_with("train/clock/") && files[71].starts_with("val/hand/"));
    let npy = read("f.npy");
    assert!(npy.starts_with(b"\x93NUMPY") && npy.ends_with(features.data()));
    assert_eq!((npy.len() - features.data().len()) % 64, 0);
    assert_eq!(String::from_utf8(read("f.files.txt")).unwrap().lines().collect::<Vec<_>>(), files);
    // A map, and its mean.
    write(&["--pool", "none", "--out", "maps.safetensors"]);
    let bytes = read("maps.safetensors");
    assert_eq!(
        safetensors::SafeTensors::deserialize(&bytes).unwrap().tensor("features").unwrap().shape(),
        [72, 3, 3, 512]
    );
    fails(&taper(folder, &["features", "squeezenet1_1", "pictures", "--out", "f.csv"]), 2, &["f.csv", ".npy"]);
    fails(&taper(folder, &["features", "squeezenet1_1", EMOJI, "--stage", "x", "--out", "x.npy"]), 1, &["fire6-9"]);
    assert!(!folder.join("x.npy").exists());
}

#[test]
fn stored_features_train_the_head_that_pictures_train() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 8);
    let run = |out: &str, more: &[&str]| {
        let ran = fine_tune(folder, &[&["--plan", "probe", "--out", out], more].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ["model.safetensors", "history.csv"].map(|file| fs::read(folder.join(out).join(file)).unwrap())
    };
    let through = run("through", &["--variants", "0", "--augment", "none"]);
    assert!(run("stored", &["--threads", "1"]) == through);
    assert!(run("augmented", &["--variants", "0"]) != through);
    let several = run("several", &["--variants", "3", "--threads", "1"]);
    assert!(several != through && run("again", &["--variants", "3", "--threads", "3"]) == several);
    // Below the last stage, too; what is mixed anew in every batch cannot be kept.
    let top = |out: &str, variants: &str| {
        let flags = ["--plan", "top", "--augment", "none", "--variants", variants, "--out", out];
        assert_eq!(fine_tune(folder, &flags).code, Some(0));
        fs::read(folder.join(out).join("model.safetensors")).unwrap()
    };
    assert!(top("top", "1") == top("top-through", "0"));
    let flags = ["--plan", "gradual", "--epochs", "4", "--out", "gradual"];
    let short: Vec<&str> = SHORT.iter().copied().filter(|flag| *flag != "--epochs").collect();
    let args = [&["fine-tune", "pictures"], &short[..short.len() - 1], &flags[..]].concat();
    succeed(folder, &args);
    let history = fs::read_to_string(folder.join("gradual/history.csv")).unwrap();
    let phases: Vec<_> = history.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
    assert_eq!(phases, ["head", "top 1", "top 2", "all", "all"]);
    let mixed = [&["fine-tune", "pictures", "--plan", "probe", "--mixup", "0.2"], &SHORT[..]].concat();
    assert_eq!(taper(folder, &mixed).code, Some(0));
    fails(&taper(folder, &[&mixed[..], &["--variants", "1"]].concat()), 2, &["data.variants", "mixup"]);
}

#[test]
fn a_run_is_exported_by_the_names_of_other_libraries() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 4);
    let train = |model: &str, out: &str, more: &[&str]| {
        let flags = ["--model", model, "--image-size", "64", "--batch-size", "4", "--epochs", "1", "--out", out];
        succeed(folder, &[&["train", "pictures"], &flags[..], more].concat());
    };
    let read = |file: &str| candle_core::safetensors::load(folder.join(file), &candle_core::Device::Cpu).unwrap();
    train("mobilenet_v2", "mobile", &["--head", "own"]);
    succeed(folder, &["export", "mobile", "--format", "torchvision", "--out", "tv"]);
    succeed(folder, &["export", "mobile", "--format", "timm", "--out", "timm"]);
    let (run, tv, timm) =
        (read("mobile/model.safetensors"), read("tv/model.safetensors"), read("timm/model.safetensors"));
    assert_eq!((run.len(), tv.len(), timm.len()), (262, 262, 262));
    let values = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (ours, theirs) in [
        ("features.0.0.weight", "conv_stem.weight"),
        ("features.17.conv.3.running_var", "blocks.6.0.bn3.running_var"),
        ("classifier.1.bias", "classifier.bias"),
    ] {
        assert_eq!(values(&run[ours]), values(&tv[ours]));
        assert_eq!(values(&run[ours]), values(&timm[theirs]));
    }
    let config: Value = serde_json::from_str(&fs::read_to_string(folder.join("timm/config.json")).unwrap()).unwrap();
    assert_eq!((&config["architecture"], &config["num_classes"]), (&"mobilenetv2_100".into(), &3.into()));
    let classes: Value = serde_json::from_str(&fs::read_to_string(folder.join("tv/classes.json")).unwrap()).unwrap();
    assert_eq!(classes["classes"], serde_json::json!(["clock", "flag", "hand"]));

    assert_eq!(fine_tune(folder, &["--head", "own", "--out", "squeeze"]).code, Some(0));
    succeed(folder, &["export", "squeeze", "--format", "torchvision", "--out", "squeezed"]);
    assert_eq!(read("squeezed/model.safetensors")["classifier.1.weight"].dims(), [3, 512, 1, 1]);
    let export = |run: &str, format: &str| taper(folder, &["export", run, "--format", format, "--out", "none"]);
    fails(&export("squeeze", "timm"), 1, &["timm has no squeezenet1_1"]);
    assert_eq!(fine_tune(folder, &["--out", "pooled"]).code, Some(0));
    fails(&export("pooled", "torchvision"), 1, &["--head own"]);
    succeed(folder, &["export", "pooled", "--format", "onnx", "--out", "onnx"]);
    let (onnx, read) = (fs::read(folder.join("onnx/model.onnx")).unwrap(), |path: &str| fs::read(folder.join(path)));
    assert!(onnx.len() as u64 > fs::metadata(folder.join("pooled/model.safetensors")).unwrap().len());
    for word in [
        "head.fc1.weight",
        "GlobalMaxPool",
        "logits",
        "[\"clock\",\"flag\",\"hand\"]",
        "preprocess",
        "\"short_side\":64",
    ] {
        assert!(onnx.windows(word.len()).any(|bytes| bytes == word.as_bytes()), "{word}");
    }
    assert_eq!(read("onnx/classes.json").unwrap(), {
        succeed(folder, &["export", "pooled", "--format", "onnx", "--out", "again"]);
        assert!(read("again/model.onnx").unwrap() == onnx);
        read("again/classes.json").unwrap()
    });
    for out in ["onnx", "tv", "timm"] {
        let told: Value = serde_json::from_slice(&read(&format!("{out}/preprocess.json")).unwrap()).unwrap();
        assert_eq!(told["resize"], serde_json::json!({"short_side": 64, "filter": "bilinear", "antialias": true}));
        assert_eq!((&told["crop"]["position"], &told["crop"]["width"]), (&"center".into(), &64.into()));
        let beside = read(&format!("{out}/classes.json")).or_else(|_| read(&format!("{out}/config.json"))).unwrap();
        let beside: Value = serde_json::from_slice(&beside).unwrap();
        let beside = if out == "timm" { &beside["pretrained_cfg"] } else { &beside };
        assert_eq!((&told["mean"], &told["std"]), (&beside["mean"], &beside["std"]));
    }
    succeed(folder, &["export", "pooled/checkpoint/best.safetensors", "--format", "onnx", "--out", "best"]);
    assert_eq!(read("best/model.onnx").unwrap().len(), onnx.len());
    train("small_cnn", "small", &[]);
    fails(&export("small", "torchvision"), 1, &["small_cnn", "Taper's alone"]);
    fails(&export("nowhere", "timm"), 1, &["nowhere"]);
    assert!(!folder.join("none").exists());
    fails(&fine_tune(folder, &["--head", "own", "--fresh", "0"]), 2, &["head.fresh"]);
    fails(&fine_tune(folder, &["--head", "mlp", "--drop-connect", "0.1"]), 2, &["head.drop_connect"]);
    assert_eq!(fine_tune(folder, &["--head", "mlp", "--dropout", "0.1"]).code, Some(0));
}

#[test]
fn what_is_taken_of_a_file_of_weights_is_said() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 4);
    let ran = fine_tune(folder, &["--out", "run"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("weights: 50 loaded; 10 missing: head.fc1.weight, head.fc2.weight,"), "{}", ran.stderr);
    assert!(ran.stderr.contains("; 2 unexpected: classifier.1.bias, classifier.1.weight;"), "{}", ran.stderr);
    let own = fine_tune(folder, &["--head", "own"]).stderr;
    assert!(own.contains("2 of another shape: classifier.1.bias ([1000] in the file, [3] in the network)"), "{own}");

    let mut some =
        candle_core::safetensors::load(folder.join("run/model.safetensors"), &candle_core::Device::Cpu).unwrap();
    some.remove("features.3.squeeze.bias").unwrap();
    candle_core::safetensors::save(&some, folder.join("some.safetensors")).unwrap();
    let weights = ["--weights", "some.safetensors"];
    fails(&fine_tune(folder, &weights), 1, &["some.safetensors", "1 missing: features.3.squeeze.bias", "--partial"]);
    let ran = fine_tune(folder, &[&weights[..], &["--partial", "--out", "part"]].concat());
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("weights: 49 loaded; 11 missing: features.3.squeeze.bias, head"), "{}", ran.stderr);
    succeed(folder, &["fine-tune", "-c", "part/recipe.toml", "--out", "again"]);
    fails(&fine_tune(folder, &["--partial"]), 2, &["partial", "file of weights"]);
}

#[test]
fn a_network_may_be_cut_at_a_stage() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 4);
    assert_eq!(fine_tune(folder, &["--cut", "fire4-5", "--plan", "top", "--out", "cut"]).code, Some(0));
    let weights =
        candle_core::safetensors::load(folder.join("cut/model.safetensors"), &candle_core::Device::Cpu).unwrap();
    assert!(weights.contains_key("features.7.squeeze.weight") && !weights.contains_key("features.9.squeeze.weight"));
    assert_eq!(weights["head.fc1.weight"].dims(), [512, 512]);
    // It is opened again as what it is.
    succeed(folder, &["eval", "cut"]);
    assert!(
        !succeed(folder, &["probe", "pictures", "--model", "cut", "--image-size", "64"]).stdout.contains("fire6-9")
    );
    succeed(folder, &["fine-tune", "-c", "cut/recipe.toml", "--out", "again"]);
    let bytes = |run: &str| fs::read(folder.join(run).join("model.safetensors")).unwrap();
    assert!(bytes("cut") == bytes("again"));
    fails(&fine_tune(folder, &["--cut", "fire1"]), 2, &["cut", "fire4-5", "fire1"]);
    fails(&fine_tune(folder, &["--cut", "fire4-5", "--head", "own"]), 2, &["cut", "own"]);
}
