//! Wrong input: a message that names the file and says what to do, the right exit code, nothing
//! half-written.

use std::fs;
use std::path::Path;

use crate::support::{EMOJI, command, fails, fine_tune, listing, small, taper};

#[test]
fn folders_that_are_no_data() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    fails(&fine_tune(folder, &[]), 1, &["pictures"]);
    fs::create_dir(folder.join("pictures")).unwrap();
    fails(&fine_tune(folder, &[]), 1, &["pictures"]);
    fs::remove_dir(folder.join("pictures")).unwrap();

    let data = small(folder, 4);
    fs::create_dir(data.join("train/zebra")).unwrap();
    fails(&fine_tune(folder, &[]), 1, &["zebra"]);
    fs::remove_dir(data.join("train/zebra")).unwrap();
    for part in ["train", "val"] {
        fs::remove_dir_all(data.join(part).join("clock")).unwrap();
        fs::remove_dir_all(data.join(part).join("flag")).unwrap();
    }
    fails(&fine_tune(folder, &[]), 1, &["hand"]);
    assert!(!folder.join("runs").exists(), "a run folder was made for nothing");
}

/// A picture cut short, and a text with a picture's name.
fn spoil(data: &Path) {
    let whole = fs::read(data.join("train/flag").join(&listing(&data.join("train/flag"))[0])).unwrap();
    fs::write(data.join("train/flag/cut.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(data.join("train/hand/letter.png"), "Dear reader, this is no picture").unwrap();
}

#[test]
fn unreadable_pictures_are_listed_and_left_out_up_to_a_twentieth() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let data = small(folder, 5);
    spoil(&data);
    fails(&fine_tune(folder, &[]), 1, &["cut.png", "letter.png", "2 of 17", "5 %"]);
    fails(&fine_tune(folder, &["--strict"]), 1, &["cut.png", "--strict"]);
    assert!(!folder.join("runs").exists());

    small(folder, 20);
    let ran = fine_tune(folder, &["--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("cut.png") && ran.stderr.contains("letter.png"), "{}", ran.stderr);
    assert!(ran.stderr.contains("without 2 of 62"), "{}", ran.stderr);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&summary["unreadable_images"], &summary["train_images"]), (&2.into(), &60.into()));
}

#[test]
fn what_is_not_read_is_told() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let data = small(folder, 5);
    for name in
        ["train/flag/1.HEIC", "train/flag/2.heic", "val/hand/notes.txt", "train/hand/.hidden.png", "test/flag/1.png"]
    {
        fs::create_dir_all(data.join(name).parent().unwrap()).unwrap();
        fs::write(data.join(name), "").unwrap();
    }
    let told = "left out: 2 .heic, 1 .txt, 1 folder \"test\" beside the split, 1 hidden";
    let ran = fine_tune(folder, &["--json"]);
    assert!(ran.code == Some(0) && ran.stderr.contains(told), "{}", ran.stderr);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let wanted = serde_json::json!({".heic": 2, ".txt": 1, "folder \"test\" beside the split": 1, "hidden": 1});
    assert_eq!(summary["left_out"], wanted);

    // In a folder of classes a test set is none.
    let flat = data.join("train");
    fs::rename(data.join("test"), flat.join("test")).unwrap();
    fails(
        &taper(folder, &["data", "stats", flat.to_str().unwrap()]),
        1,
        &["test", "beside class folders", "another name"],
    );
}

/// A JPEG that libjpeg-turbo sampled in a way that was once read as another picture, and one that
/// is not read.
const JPEGS: [&str; 2] = ["2x2-1x1-1x1.apart.jpg", "arithmetic.together.jpg"];

#[test]
fn unusual_jpegs_are_read_or_refused_by_name_and_the_others_are_answered() {
    let place = tempfile::tempdir().unwrap();
    for name in JPEGS {
        let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/tests/jpeg").join(name);
        fs::copy(made, place.path().join(name)).unwrap();
    }
    let ran = taper(place.path(), &["predict", "squeezenet1_1", JPEGS[0], JPEGS[1], JPEGS[0], "--top", "1", "--json"]);
    fails(&ran, 1, &[JPEGS[1], "arithmetic coding"]);
    let answers: Vec<&str> = ran.stdout.lines().collect();
    assert!(answers.len() == 2 && answers[0] == answers[1] && answers[0].contains(JPEGS[0]), "{}", ran.stdout);
}

#[test]
fn a_sheet_that_there_is_no_room_for_is_refused_before_pictures_are_read() {
    let place = tempfile::tempdir().unwrap();
    let flags = ["--side", "2048", "--png", "x.png"];
    let ran = taper(place.path(), &[&["explain", "squeezenet1_1"][..], &["none.png"; 400], &flags].concat());
    fails(&ran, 2, &["400 rows", "14 rows fit"]);
    assert!(!ran.stderr.contains("none.png"), "{}", ran.stderr);
}

#[test]
fn weights_that_do_not_fit() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 4));
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/squeezenet1_1.safetensors");
    let whole = fs::read(weights).unwrap();
    fs::write(folder.join("cut.safetensors"), &whole[..whole.len() / 2]).unwrap();
    fails(&fine_tune(folder, &["--weights", "cut.safetensors"]), 1, &["cut.safetensors"]);
    fs::write(folder.join("text.safetensors"), "hello").unwrap();
    fails(&fine_tune(folder, &["--weights", "text.safetensors"]), 1, &["text.safetensors"]);
    fails(&fine_tune(folder, &["--weights", "none.safetensors"]), 1, &["none.safetensors"]);
    let tensor = |n: usize| candle_core::Tensor::zeros(n, candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
    let other = [("features.0.bias".to_owned(), tensor(3)), ("stranger".to_owned(), tensor(1))].into();
    candle_core::safetensors::save(&other, folder.join("other.safetensors")).unwrap();
    let ran = fine_tune(folder, &["--weights", "other.safetensors"]);
    fails(&ran, 1, &["other.safetensors", "missing", "features.0.weight", "unexpected", "stranger", "[3]", "[64]"]);
    assert!(!folder.join("runs").exists());
}

#[test]
fn wrong_usage_and_wrong_recipes_end_with_2() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 4));
    fails(&taper(folder, &["fine-tune"]), 2, &["data.path"]);
    fails(&taper(folder, &["fine-tune", "pictures", "--plan", "sideways"]), 2, &["sideways", "probe"]);
    fails(&fine_tune(folder, &["--rate=-1"]), 2, &["--lr", "optimize.lr", "positive"]);
    fails(&fine_tune(folder, &["--model", "squeezenet"]), 2, &["squeezenet", "squeezenet1_1"]);
    fails(&taper(folder, &["predict", "resnet999", "x.png"]), 2, &["resnet999", "squeezenet1_1"]);
    let forced = command(folder, &["predict", "squeezenet1_1", "x.png"]).env("TAPER_SIMD", "neon").output().unwrap();
    fails(&forced.into(), 2, &["TAPER_SIMD", "neon", "portable"]);
    fs::write(folder.join("recipe.toml"), "[head]\nhidden = 0").unwrap();
    fails(&fine_tune(folder, &["-c", "recipe.toml"]), 2, &["hidden"]);
    assert!(!folder.join("runs").exists());
    fs::write(folder.join("recipe.toml"), "seed = 1\n[optimize]\nepoch = 1\n").unwrap();
    fails(&fine_tune(folder, &["-c", "recipe.toml"]), 2, &["recipe.toml", "line 3", "epoch", "did you mean `epochs`?"]);
    fails(&fine_tune(folder, &["--set", "optimize.warmup"]), 2, &["--set", "PLACE=VALUE", "optimize.warmup"]);
    fails(&fine_tune(folder, &["--set", "optimizer.warmup=0.1"]), 2, &["--set", "did you mean `optimize`?"]);
    fails(&fine_tune(folder, &["--set", "optimize.warmup=often"]), 2, &["--set", "often"]);
    fails(&fine_tune(folder, &["--set", "optimize.warmup=2"]), 2, &["optimize.warmup", "[0, 1)"]);
    fails(&fine_tune(folder, &["--set", "optimize.rule=adamm"]), 2, &["--set", "adamm", "adamw"]);
}

#[test]
fn a_list_of_transforms_is_refused_where_the_mistake_is() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 4));
    for (list, words) in [
        ("\n  \"hflip\",\n  \"hflop\",\n", &["line 4, column 3", "hflop", "random_resized_crop"][..]),
        ("\n  \"hflip\",\n  { name = \"blur\", sigmo = 2 },\n", &["line 4, column 3", "sigmo", "sigma"]),
        ("\"hflip\", { p = 0.5 }", &["line 2, column 19", "name"]),
        ("\"hflip\", 3", &["line 2, column 19", "a name, or a table"]),
        ("\"cutout\"", &["line 2, column 10", "side"]),
        ("{ name = \"hflip\", p = \"often\" }", &["line 2, column 10", "often"]),
        ("\n  { name = \"one_of\", transforms = [\"blur\", \"blurr\"] }", &["line 3", "blurr"]),
        ("{ name = \"hflip\", p = 1.5 }", &["augment.train", "hflip", "p is 1.5", "[0, 1]"]),
        ("{ name = \"random_affine\", scale = [2, 1] }", &["random_affine", "is (2, 1)", "low <= high"]),
        ("{ name = \"one_of\", transforms = [] }", &["one_of", "transforms is 0", "1 or more"]),
        (
            "\"center_crop\", { name = \"resize\", short_side = 90 }",
            &["augment.train", "last change of size", "resize"],
        ),
        ("{ name = \"maybe\", transform = \"random_crop\" }", &["augment.train", "no picture escapes", "random_crop"]),
    ] {
        fs::write(folder.join("recipe.toml"), format!("[augment]\ntrain = [{list}]\n")).unwrap();
        fails(&fine_tune(folder, &["-c", "recipe.toml"]), 2, words);
    }
    fails(&fine_tune(folder, &["--augment", "hflip,hflop"]), 2, &["--augment", "hflop", "rand_augment"]);
    assert!(!folder.join("runs").exists());
}

#[test]
fn run_folders_that_cannot_be_written() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 4));
    fs::write(folder.join("file"), "").unwrap();
    fails(&fine_tune(folder, &["--out", "file"]), 1, &["file", "--out"]);
    fails(&fine_tune(folder, &["--out", "file/run"]), 1, &["file/run", "--out"]);
    fails(&fine_tune(folder, &["--out", "pictures"]), 1, &["pictures", "not empty"]);
}

#[test]
fn predict_goes_on_after_a_picture_that_cannot_be_read() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("letter.png"), "no picture").unwrap();
    let good = format!("{EMOJI}/val/food/apple.png");
    let ran = taper(place.path(), &["predict", "squeezenet1_1", "letter.png", &good]);
    fails(&ran, 1, &["letter.png"]);
    assert!(ran.stdout.contains("apple.png"), "{}", ran.stdout);
    fails(&taper(place.path(), &["predict", "missing-run", &good]), 2, &["missing-run"]);
}

/// Ctrl-C in the middle of an epoch: 130, what was finished is there, nothing has half a file.
#[cfg(unix)]
#[test]
fn an_interrupt_keeps_the_finished_epochs() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 8));
    let args = ["fine-tune", "pictures", "--image-size", "64", "--batch-size", "4", "--epochs", "500", "--out", "run"];
    let mut child = command(folder, &args).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("epoch  2")).unwrap();
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("taper resume run")), "{rest:?}");
    let files = listing(&folder.join("run"));
    assert_eq!(files.len(), 8, "{files:?}");
    assert_eq!(files[..3], ["checkpoint/best.safetensors", "checkpoint/lock", "checkpoint/pictures.json"]);
    assert!(files[3].ends_with(".checkpoint"), "{files:?}");
    assert_eq!(files[4..], ["health.csv", "history.csv", "origin.json", "recipe.toml"]);
    let ran = taper(folder, &["eval", "run"]);
    fails(&ran, 1, &["model.json"]);
}
