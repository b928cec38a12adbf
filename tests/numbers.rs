//! Numbers from outside: whatever stands in a file, it is refused by its name or used, and never
//! takes more than there is.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taper_trainer::build::transforms::train_transform;
use taper_trainer::recipe::{AverageRecipe, Plan, Recipe, RecipeError, Rule, ScheduleRecipe};
use taper_trainer::study::search::{Method, Space};

use crate::support::{fails, fine_tune, small, taper};

/// A text with a hole in the place of one number, and the place.
type Hole = (String, String);

const HOLE: &str = "@@";

/// The text with each of its numbers left out in turn.
fn holes<V>(whole: &V, numbers: impl Fn(&mut V, &mut dyn FnMut(&str, &mut V)), text: impl Fn(&V) -> String) -> Vec<Hole>
where
    V: Clone + From<&'static str>,
{
    let mut found = Vec::new();
    loop {
        let (mut copy, mut number, mut place) = (whole.clone(), 0, None);
        numbers(&mut copy, &mut |at, value| {
            if number == found.len() {
                *value = HOLE.into();
                place = Some(at.to_owned());
            }
            number += 1;
        });
        let Some(place) = place else { return found };
        found.push((place, text(&copy)));
    }
}

fn in_toml(value: &mut toml::Value, see: &mut dyn FnMut(&str, &mut toml::Value)) {
    fn below(place: &str, value: &mut toml::Value, see: &mut dyn FnMut(&str, &mut toml::Value)) {
        match value {
            toml::Value::Table(table) => table.iter_mut().for_each(|(name, value)| below(name, value, see)),
            toml::Value::Array(list) => list.iter_mut().for_each(|value| below(place, value, see)),
            toml::Value::Integer(_) | toml::Value::Float(_) => see(place, value),
            _ => {}
        }
    }
    below("", value, see);
}

fn in_json(value: &mut serde_json::Value, see: &mut dyn FnMut(&str, &mut serde_json::Value)) {
    fn below(place: &str, value: &mut serde_json::Value, see: &mut dyn FnMut(&str, &mut serde_json::Value)) {
        match value {
            serde_json::Value::Object(table) => table.iter_mut().for_each(|(name, value)| below(name, value, see)),
            serde_json::Value::Array(list) => list.iter_mut().for_each(|value| below(place, value, see)),
            serde_json::Value::Number(_) => see(place, value),
            _ => {}
        }
    }
    below("", value, see);
}

/// Recipes that have every setting there is, from scratch, so that a network is built in no time.
fn recipe_holes() -> Vec<Hole> {
    let base = Recipe::from_scratch();
    let mut recipes = vec![base.clone()];
    let change = |change: &dyn Fn(&mut Recipe)| {
        let mut recipe = base.clone();
        change(&mut recipe);
        recipe
    };
    recipes.extend(Rule::NAMES.map(|name| {
        change(&|r| {
            // A method without steps wants a loss without noise.
            *r = if name == "lbfgs" { Recipe { plan: Plan::Probe, ..r.quiet() } } else { r.clone() };
            r.optimize.rule = Rule::named(name).unwrap();
        })
    }));
    recipes.extend(
        ScheduleRecipe::NAMES.map(|name| change(&|r| r.optimize.schedule = ScheduleRecipe::named(name).unwrap())),
    );
    recipes
        .extend(AverageRecipe::NAMES.map(|name| change(&|r| r.optimize.average = AverageRecipe::named(name).unwrap())));
    let names = taper_trainer::recipe::TransformRecipe::named("").unwrap_err().to_string();
    for name in names.split('`').skip(3).step_by(2) {
        let needs = match name {
            "resize" => ", short_side = 20",
            "cutout" => ", side = 5",
            "maybe" => ", transform = \"jpeg\"",
            "one_of" | "sequence" => ", transforms = [\"posterize\"]",
            _ => "",
        };
        let text = format!("[augment]\ntrain = [{{ name = \"{name}\"{needs} }}, \"center_crop\"]");
        recipes.push(Recipe::parse_over(&base, &text, "r".as_ref()).unwrap());
    }
    let of = |recipe: &Recipe| {
        holes(&toml::Value::try_from(recipe).unwrap(), in_toml, |value| toml::to_string(value).unwrap())
    };
    let mut all: Vec<Hole> = recipes.iter().flat_map(of).collect();
    all.sort();
    all.dedup();
    all
}

/// What may stand in the place of a number.
fn numbers() -> impl Strategy<Value = String> {
    let extremes = [
        "0",
        "-1",
        "1",
        "2",
        "3",
        "65535",
        "65536",
        "65537",
        "1000000000",
        "4294967295",
        "4294967296",
        "9000000000000",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "0.0",
        "-0.0",
        "0.5",
        "0.999999999999999999",
        "1.0",
        "-1.5",
        "1e-320",
        "1e308",
        "-1e308",
        "1e18",
        "9.3e18",
    ];
    prop_oneof![
        4 => proptest::sample::select(extremes.to_vec()).prop_map(str::to_owned),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| format!("{number:?}")),
        1 => (-200i32..200).prop_map(|number| number.to_string()),
    ]
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(0), ..ProptestConfig::default() }
}

/// Reads a recipe and, where it is one, does what a run does with its numbers before it has
/// pictures.
fn recipe(text: &str) -> Result<(), RecipeError> {
    let recipe = Recipe::parse(text, "r.toml".as_ref())?;
    recipe.check()?;
    let size = recipe.data.image_size.min(64);
    let transform = train_transform(&recipe.augment, size)?;
    let picture = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8, 3 * y as u8, 90]));
    let seen = taper_augment::Transform::apply(&transform, picture, &mut taper_tensor::Rng::new(1));
    assert_eq!(seen.dimensions(), (size, size));
    let stages = taper_transfer::architecture("small_cnn").unwrap().stages();
    for phase in taper_trainer::build::phases::phases(&recipe, &stages)? {
        assert!(phase.epochs > 0);
    }
    // What a run is written down as is read again.
    let written = toml::to_string(&recipe)?;
    assert_eq!(Recipe::parse(&written, "r.toml".as_ref())?, recipe);
    Ok(())
}

proptest! {
    #![proptest_config(config(3000))]
    #[test]
    fn any_number_in_a_recipe_is_used_or_refused_by_its_name(
        hole in proptest::sample::select(recipe_holes()),
        number in prop_oneof![9 => numbers(), 1 => proptest::sample::select(vec!["nan", "inf", "-inf"]).prop_map(str::to_owned)],
    ) {
        let (place, text) = hole;
        let text = text.replace(&format!("\"{HOLE}\""), &number);
        if let Err(error) = recipe(&text) {
            let said = taper_cli::said(&error.into());
            // A line of TOML, or the field; a schedule may name its own word for it, and the plan
            // both counts of epochs.
            prop_assert!(
                said.contains(&place) || said.contains("line ") || said.contains("optimize.schedule"),
                "{place} = {number}: {said}"
            );
        }
    }
}

const SPACE: &str = r#"
trials = 3
seed = 1
space = { "optimize.lr" = { log = [1e-4, 1e-1] }, "head.dropout" = { uniform = [0.0, 0.7] }, "optimize.epochs" = { integer = [2, 5] }, "head.hidden" = { choice = [0, 64] } }
"#;

fn space_holes() -> Vec<Hole> {
    let stages = format!(
        "{SPACE}[[stages]]\ntrials = 2\naround = 1\nset = {{ \"optimize.epochs\" = 2 }}\n[[stages]]\ntrials = 2\n"
    );
    let halving = format!("{SPACE}[halving]\nfactor = 2\nrungs = 3\n");
    let grid = format!("method = \"grid\"\n{SPACE}");
    let of = |text: String| {
        let value: toml::Table = text.parse().unwrap();
        holes(&toml::Value::Table(value), in_toml, |value| toml::to_string(value).unwrap())
    };
    [SPACE.to_owned(), stages, halving, grid].into_iter().flat_map(of).collect()
}

proptest! {
    #![proptest_config(config(2000))]
    #[test]
    fn any_number_in_a_space_is_used_or_refused(
        hole in proptest::sample::select(space_holes()),
        number in prop_oneof![9 => numbers(), 1 => proptest::sample::select(vec!["nan", "inf"]).prop_map(str::to_owned)],
    ) {
        let text = hole.1.replace(&format!("\"{HOLE}\""), &number);
        match Space::parse(&text, "space.toml".as_ref()) {
            Err(error) => {
                let said = taper_cli::said(&error.into());
                prop_assert!(said.starts_with("space.toml: "), "{said}");
            }
            Ok(space) => {
                let scores = taper_trainer::study::search::Scores::new();
                let known = if space.method == Method::Random { space.trials.min(3) } else { 1 };
                for number in (0..known).filter(|_| space.stages.is_empty()) {
                    let trial = taper_trainer::study::search::Trial { number, rung: 0 };
                    let settings = space.settings_of(trial, &scores);
                    prop_assert!(settings["optimize.lr"].as_float().is_some_and(f64::is_finite));
                    prop_assert!(space.places(trial, &scores).iter().all(|share| (0.0..=1.0).contains(share)));
                }
            }
        }
    }
}

/// A run folder of a small network, whose `model.json` is written anew again and again.
fn run_folder(folder: &Path) -> serde_json::Value {
    small(folder, 2);
    let ran = taper(folder, &["train", "pictures", "--epochs", "1", "--batch-size", "3", "--out", "run", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    crate::support::json(&folder.join("run/model.json"))
}

#[test]
fn any_number_in_a_model_card_is_used_or_refused_with_the_name_of_the_file() {
    let place = tempfile::tempdir().unwrap();
    let card = run_folder(place.path());
    let mut cards = vec![card];
    for head in [
        r#"{"mlp": {"hidden": 8, "dropout": 0.1}}"#,
        r#"{"concat_pool": {"hidden": 8, "dropout": 0.1, "drop_connect": 0.1}}"#,
        r#"{"vgg": {"hidden": 8, "dropout": 0.1}}"#,
        r#"{"conv": {"dropout": 0.1}}"#,
    ] {
        let mut other = cards[0].clone();
        other["head"] = serde_json::from_str(head).unwrap();
        cards.push(other);
    }
    let of = |card: &serde_json::Value| holes(card, in_json, |card| card.to_string());
    let all: Vec<Hole> = cards.iter().flat_map(of).collect();
    assert!(all.iter().any(|(place, _)| place == "hidden") && all.len() > 30);
    let (run, json) = (place.path().join("run"), place.path().join("run/model.json"));
    let what = run.to_string_lossy().into_owned();
    let cases = (proptest::sample::select(all), numbers());
    proptest::test_runner::TestRunner::new(config(400))
        .run(&cases, |((place, text), number)| {
            fs::write(&json, text.replace(&format!("\"{HOLE}\""), &number)).unwrap();
            if let Err(error) = taper_trainer::build::model::open(&what, None, &taper_trainer::Silent) {
                let said = format!("{error:#}");
                prop_assert!(said.contains("model.json"), "{place} = {number}: {said}");
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn sizes_are_refused_before_there_is_a_folder_or_memory_is_taken() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 4));
    for (setting, words) in [
        ("head.hidden=1000000000", vec!["head.hidden", "from 0 to 65536", "1000000000"]),
        ("head.hidden=9000000000000", vec!["head.hidden"]),
        ("optimize.epochs=9223372036854775807", vec!["optimize.epochs", "from 0 to 1000000"]),
        ("data.batch_size=1", vec!["data.batch_size", "from 2 to 65536"]),
        ("data.image_size=4096", vec!["data.image_size", "from 8 to 2048"]),
        ("optimize.lr=nan", vec!["optimize.lr", "positive"]),
        ("augment.train=[{name=\"random_affine\",degrees=inf}]", vec!["augment.train[0].degrees", "finite"]),
        ("members=100000000000", vec!["members", "from 1 to 1000"]),
        ("cut=\"nowhere\"", vec!["cut", "stem"]),
    ] {
        let ran = fine_tune(folder, &["--set", setting, "--out", "run"]);
        fails(&ran, 2, &words);
        assert!(!folder.join("run").exists(), "{setting}");
    }
    for flags in [["--threads", "65535"], ["--checkpoint-every", "99999999999999999999"], ["--max-time", "nans"]] {
        fails(&fine_tune(folder, &[&flags[..], &["--out", "run"]].concat()), 2, &[flags[0]]);
    }
    assert!(!folder.join("run").exists());
}

/// `ulimit -v` stands for a machine with little memory.
#[test]
#[cfg(target_os = "linux")]
fn what_this_machine_has_no_memory_for_is_refused_with_what_fits() {
    let place = tempfile::tempdir().unwrap();
    small(place.path(), 8);
    let limited = |flags: &str| {
        let line = format!(
            "ulimit -v 4000000; exec '{}' train pictures --threads 1 --epochs 1 {flags}",
            env!("CARGO_BIN_EXE_taper")
        );
        let output = std::process::Command::new("sh").current_dir(place.path()).args(["-c", &line]).output().unwrap();
        crate::support::Ran::from(output)
    };
    let words = ["24 pictures of 2048x2048 pixels", "GB", "data.batch_size", "would fit"];
    fails(&limited("--image-size 2048 --batch-size 24 --out run"), 2, &words);
    assert!(!place.path().join("run").exists());
    let ran = limited("--image-size 28 --batch-size 8 --out run");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // To look at pictures takes memory too.
    let json = place.path().join("run/model.json");
    let card = fs::read_to_string(&json).unwrap();
    fs::write(&json, card.replace("\"input_size\": 28", "\"input_size\": 2048")).unwrap();
    for (verb, words) in [
        ("eval run", ["24 pictures of 2048x2048 pixels", "would fit"]),
        ("explain run none.png --png x.png", ["13 pictures of 2048x2048 pixels", "would fit"]),
    ] {
        let line = format!("ulimit -v 4000000; exec '{}' {verb} --threads 1", env!("CARGO_BIN_EXE_taper"));
        let output = std::process::Command::new("sh").current_dir(place.path()).args(["-c", &line]).output().unwrap();
        fails(&output.into(), 2, &words);
    }
    // A head that its weights are far too small for.
    let card = card.replace("\"linear\"", r#"{"concat_pool": {"hidden": 65536, "dropout": 0.1}}"#);
    fs::write(&json, card.replace("\"small_cnn\"", "\"resnet50\"")).unwrap();
    let line = format!("ulimit -v 2000000; exec '{}' predict run none.png", env!("CARGO_BIN_EXE_taper"));
    let output = std::process::Command::new("sh").current_dir(place.path()).args(["-c", &line]).output().unwrap();
    fails(&output.into(), 1, &["run/model.json", "model.safetensors", "head.fc1.weight", "more than"]);
}
