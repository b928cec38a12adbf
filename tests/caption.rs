//! `taper caption`: from pictures with captions to a captioner, and what it says.

use std::path::Path;

use taper_caption::data::karpathy::{KarpathyFile, KarpathyImage, KarpathySentence};

use crate::support::{EMOJI, command, fails, json, succeed, taper};

/// A few drawings with two sentences each.
fn captioned(folder: &Path) {
    let mut file = KarpathyFile::default();
    std::fs::create_dir_all(folder.join("said")).unwrap();
    for (number, name) in ["cat", "dog", "pig", "cow", "cat", "dog"].into_iter().enumerate() {
        let split = if number < 4 { "train" } else { "val" }.to_owned();
        let filename = format!("{number}.png");
        std::fs::copy(Path::new(EMOJI).join(format!("{split}/animal/{name}.png")), folder.join("said").join(&filename))
            .unwrap();
        let sentence = |raw| KarpathySentence { raw, ..KarpathySentence::default() };
        let sentences = vec![sentence(format!("A {name}.")), sentence(format!("there is a {name}"))];
        file.images.push(KarpathyImage { filename, split, sentences, ..KarpathyImage::default() });
    }
    std::fs::write(folder.join("said/captions.json"), serde_json::to_vec(&file).unwrap()).unwrap();
}

const SHORT: &str = "--size 48 --hidden 16 --embed 8 --min-count 1 --batch-size 2 --epochs 2 --fine-tune 1 --seed 3";

fn run(folder: &Path, text: &str) -> String {
    succeed(folder, &text.split(' ').collect::<Vec<_>>()).stdout
}

#[test]
fn a_captioner_from_pictures_with_captions_to_a_sentence() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    captioned(folder);
    let said = run(folder, &format!("caption train said {SHORT} --threads 1"));
    assert!(said.starts_with("BLEU-1 ") && said.contains("runs/caption-said-1"), "{said}");
    let summary = json(&folder.join("runs/caption-said-1/summary.json"));
    assert_eq!((&summary["train_captions"], &summary["epochs"]), (&8.into(), &3.into()));
    // The recipe that it left makes the same bytes, with another number of threads.
    run(folder, "caption train -c runs/caption-said-1/recipe.toml --out again --threads 2");
    for name in ["model.safetensors", "history.csv", "recipe.toml", "model.json"] {
        let of = |run: &str| std::fs::read(folder.join(run).join(name)).unwrap();
        assert_eq!(of("runs/caption-said-1"), of("again"), "{name}");
    }

    let measured: serde_json::Value = serde_json::from_str(&run(folder, "caption eval again --json")).unwrap();
    assert_eq!((&measured["images"], &measured["metrics"]), (&2.into(), &summary["final"]));
    assert!(run(folder, "caption eval again said --part train").starts_with("4 pictures, 8 captions"));
    let said = run(folder, "caption predict again said/0.png --json --beam 4 --count 3");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let captions = said["captions"].as_array().unwrap();
    let score = |number: usize| captions[number]["score"].as_f64().unwrap();
    assert!(captions.len() == 3 && score(0) >= score(1) && score(0) < 0.0, "{said}");
    let plain = run(folder, "caption predict again said/0.png --beam 4");
    assert_eq!(plain.trim_end(), captions[0]["caption"].as_str().unwrap());
}

#[test]
#[cfg(unix)]
fn a_killed_captioner_goes_on_to_the_same_bits() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    captioned(folder);
    run(folder, &format!("caption train said {SHORT} --out whole"));
    let more = format!("caption train said {SHORT} --out killed --checkpoint-every 1");
    let mut command = command(folder, &more.split(' ').collect::<Vec<_>>());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // After its first checkpoint; should it be faster than this looks, it ends by itself.
    let (begun, checkpoints) = (Instant::now(), folder.join("killed/checkpoint"));
    let written = || {
        std::fs::read_dir(&checkpoints).is_ok_and(|mut all| {
            all.any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|end| end == "checkpoint")))
        })
    };
    while !written() && begun.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    child.wait().unwrap();
    if !folder.join("killed/summary.json").is_file() {
        run(folder, "caption resume killed --threads 1");
    }
    for name in ["model.safetensors", "history.csv"] {
        let of = |run: &str| std::fs::read(folder.join(run).join(name)).unwrap();
        assert_eq!(of("whole"), of("killed"), "{name}");
    }
    fails(&taper(folder, &["caption", "resume", "killed"]), 1, &["at its end"]);
}

#[test]
fn what_a_captioner_cannot_do_is_said() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let said = |text: &str| taper(folder, &text.split(' ').collect::<Vec<_>>());
    fails(&said("caption train nowhere"), 1, &["nowhere"]);
    fails(&said("caption train ."), 1, &["has no captions", "dataset*.json"]);
    fails(&said("caption eval nowhere"), 1, &["no run of a captioner"]);
    fails(&said("caption resume nowhere"), 1, &["no folder nowhere"]);
    captioned(folder);
    fails(&said("caption train said --lr=-1"), 2, &["optimize.lr must be a positive number"]);
    fails(&said("caption train said --dropout 1"), 2, &["dropout must be in [0, 1)"]);
    fails(&said("caption train said --model nothing"), 2, &["nothing"]);
    fails(&said("caption train said --min-count 100"), 2, &["words.least must be smaller"]);
    fails(&said("caption train said --min-count 1 --vectors no.txt"), 1, &["cannot read no.txt"]);
    std::fs::write(folder.join("v.txt"), "cat 1 2\ndog 1\n").unwrap();
    fails(&said("caption train said --min-count 1 --vectors v.txt"), 1, &["v.txt, line 2", "2 numbers"]);
    std::fs::write(folder.join("v.txt"), "cat 1 2\n").unwrap();
    fails(&said("caption train said --min-count 1 --vectors v.txt --embed 3"), 2, &["vectors of 2 numbers", "3"]);
    std::fs::remove_file(folder.join("said/2.png")).unwrap();
    fails(&said("caption train said"), 1, &["image 3 (\"2.png\")", "no such picture", "--images"]);
    std::fs::write(folder.join("r.toml"), "speed = 3\n").unwrap();
    fails(&said("caption train -c r.toml"), 2, &["r.toml is no recipe of a captioner", "speed"]);
    assert!(!folder.join("runs").exists());
}
