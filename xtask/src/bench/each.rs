//! Single transforms on decoded pictures, one thread, beside the libraries that Python has.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use taper_augment::{
    Border, ColorJitter, ColorJitterConfig, Elastic, GaussianNoise, HorizontalFlip, ImageOp, JpegArtifacts, Lighting,
    Principal, RandAugment, RandomAffine, RandomAffineConfig, RandomPerspective, RandomResizedCrop,
    RandomResizedCropConfig, RgbImage, Transform, Varied,
};
use taper_tensor::Rng;
use taper_trainer::build::transforms::train_transform;
use taper_trainer::recipe::AugmentRecipe;

use super::args::BenchArgs;
use super::augment::Photographs;
use super::clock::median;
use super::process::{Measurement, last_complaint};
use super::{machine, table};
use crate::output::{line, note};

/// The side of what is cropped.
const SIDE: u32 = 224;

/// Decoded pictures that go through each transform.
const PICTURES: usize = 24;

/// How long one measurement takes at least.
const AT_LEAST: Duration = Duration::from_millis(50);

/// The script that does the same in Python, from the top of the repository.
const SCRIPT: &str = "xtask/bench/augment_each.py";

/// What the script knows, and what the table calls it.
const LIBRARIES: [(&str, &str); 3] =
    [("albumentations", "AlbumentationsX"), ("v2", "torchvision v2, tensors"), ("pil", "torchvision v2, PIL")];

/// The transforms by the names that the script knows, with the same settings.
fn transforms() -> Result<Vec<(&'static str, Box<dyn Transform>)>> {
    let black = Border::default();
    let map = |config| RandomAffine::new(RandomAffineConfig { sampling: black.into(), ..config });
    let rotate = RandomAffineConfig { degrees: 30.0, ..Default::default() };
    let affine = RandomAffineConfig {
        degrees: 15.0,
        scale: (0.9, 1.1),
        translate: (0.1, 0.1),
        shear: (10.0, 0.0),
        ..Default::default()
    };
    let jitter = ColorJitterConfig { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
    Ok(vec![
        ("random_resized_crop", Box::new(RandomResizedCrop::new(RandomResizedCropConfig::default())?)),
        ("flip", Box::new(HorizontalFlip::new(1.0)?)),
        ("rotate", Box::new(map(rotate)?)),
        ("affine", Box::new(map(affine)?)),
        ("perspective", Box::new(RandomPerspective::new(0.3, black)?)),
        ("elastic", Box::new(Elastic::new(50.0, 5.0, black)?)),
        ("color_jitter", Box::new(ColorJitter::new(jitter)?)),
        ("gaussian_blur", Box::new(Varied::new("sigma", (0.1, 2.0), |sigma| ImageOp::Blur(sigma as f32))?)),
        ("jpeg", Box::new(JpegArtifacts::new((30, 95))?)),
        ("noise", Box::new(GaussianNoise::new(8.0)?)),
        ("pca_lighting", Box::new(Lighting::new(0.1, Principal::imagenet())?)),
        ("rand_augment", Box::new(RandAugment::new(2, 0.3, black)?)),
        ("default_list", Box::new(train_transform(&AugmentRecipe::default(), SIDE)?)),
    ])
}

/// Pictures a second. A transform takes the picture that it gets, as in training; copies are made
/// beforehand.
fn ours(transform: &dyn Transform, pictures: &[RgbImage], rng: &Rng) -> f64 {
    let (mut together, mut passes) = (Duration::ZERO, 0);
    while passes == 0 || together < AT_LEAST {
        let copies = pictures.to_vec();
        let start = Instant::now();
        for (picture, number) in copies.into_iter().zip(0..) {
            std::hint::black_box(transform.apply(picture, &mut rng.at(passes).at(number)));
        }
        together += start.elapsed();
        passes += 1;
    }
    (passes as usize * pictures.len()) as f64 / together.as_secs_f64()
}

/// A library in a process of its own, which waits for names of transforms.
struct Library {
    process: Child,
    names: ChildStdin,
    answers: BufReader<ChildStdout>,
    version: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Answer {
    per_second: Option<f64>,
}

impl Library {
    /// Ok(Err) says why the library does not work here.
    fn start(python: &Path, root: &Path, config: &str, photographs: &Photographs) -> Result<Result<Self, String>> {
        let mut command = Command::new(python);
        command.arg(root.join(SCRIPT)).args(["--config", config, "--size", &SIDE.to_string(), "--pictures"]);
        command.arg(photographs.folder()).env("OMP_NUM_THREADS", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().with_context(|| format!("cannot start {}", python.display()))?;
        let (Some(names), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            bail!("{} has neither input nor output", python.display());
        };
        let mut answers = BufReader::new(answers);
        let mut first = String::new();
        answers.read_line(&mut first)?;
        match serde_json::from_str(&first) {
            Ok(Version { version }) => Ok(Ok(Self { process, names, answers, version })),
            Err(_) => Ok(Err(last_complaint(&process.wait_with_output()?))),
        }
    }

    /// Pictures a second; none of a transform that it does not have.
    fn measure(&mut self, name: &str) -> Result<Option<f64>> {
        writeln!(self.names, "{name}")?;
        let mut text = String::new();
        self.answers.read_line(&mut text)?;
        let answer: Answer = serde_json::from_str(&text).with_context(|| format!("no measurement but {text:?}"))?;
        Ok(answer.per_second)
    }

    /// Lets it end.
    fn stop(self) -> Result<()> {
        drop(self.names);
        let Self { mut process, .. } = self;
        process.wait()?;
        Ok(())
    }
}

/// What came out of one transform: ours, and each library's; rounds of all.
struct Row {
    name: &'static str,
    ours: Vec<f64>,
    theirs: [Vec<f64>; LIBRARIES.len()],
}

/// Measures all transforms, ours and the libraries' in turns, and prints the medians.
pub(super) fn run(root: &Path, args: &BenchArgs) -> Result<()> {
    let photographs = Photographs::new(PICTURES)?;
    let pictures: Vec<RgbImage> =
        photographs.files().iter().map(|path| Ok(taper_data::decode(path)?)).collect::<Result<_>>()?;
    let mut libraries: [Option<Library>; LIBRARIES.len()] = [None, None, None];
    for ((config, name), library) in LIBRARIES.into_iter().zip(&mut libraries) {
        let Some(python) = &args.torch else { continue };
        match Library::start(python, root, config, &photographs)? {
            Ok(started) => *library = Some(started),
            Err(reason) => note(format_args!("{name} is left out: {reason}")),
        }
    }
    let mut rows = Vec::new();
    for (name, transform) in transforms()? {
        let mut row = Row { name, ours: Vec::new(), theirs: Default::default() };
        let rng = Rng::new(0).fork(name);
        ours(&*transform, &pictures, &rng);
        for round in 0..args.rounds.unwrap_or(5) {
            row.ours.push(ours(&*transform, &pictures, &rng.at(round.into())));
            for (library, rounds) in libraries.iter_mut().zip(&mut row.theirs) {
                let measure = |library: &mut Library| library.measure(name);
                rounds.extend(library.as_mut().map(measure).transpose()?.flatten());
            }
        }
        note(format_args!("{name}: done"));
        rows.push(row);
    }
    print(root, args, &rows, &libraries)?;
    libraries.into_iter().flatten().try_for_each(Library::stop)
}

fn print(root: &Path, args: &BenchArgs, rows: &[Row], libraries: &[Option<Library>]) -> Result<()> {
    if args.json {
        for row in rows {
            let theirs = LIBRARIES.iter().map(|(config, _)| *config).zip(&row.theirs);
            for (config, rounds) in std::iter::once(("taper", &row.ours)).chain(theirs).filter(|(_, r)| !r.is_empty()) {
                let (job, config) = (format!("augment_{}", row.name), config.to_owned());
                line(Measurement { job, config, per_second: median(rounds.clone()), peak_mb: None }.json()?);
            }
        }
        return Ok(());
    }
    let mut versions: Vec<&str> = libraries.iter().flatten().map(|library| &*library.version).collect();
    versions.dedup();
    let versions = (!versions.is_empty()).then(|| versions.join(", "));
    line(format_args!("{}\n", machine::line(root, 1, versions.as_deref())));
    line(beside(rows).trim_end());
    Ok(())
}

/// A table of the medians.
fn beside(rows: &[Row]) -> String {
    let head = ["pictures/s", "Taper", LIBRARIES[0].1, LIBRARIES[1].1, LIBRARIES[2].1, "Taper / Alb.", "Taper / v2"];
    let cells = rows.iter().map(|row| {
        let ours = median(row.ours.clone());
        let [albumentations, tensors, pil] = row.theirs.clone().map(median);
        let none = || "-".to_owned();
        let shown = |value: f64| if value.is_nan() { none() } else { table::number(value) };
        let ratio = |value: f64| if value.is_nan() { none() } else { format!("{:.2}", ours / value) };
        // Of a number and none the number.
        let fastest = tensors.max(pil);
        let [a, t, p] = [albumentations, tensors, pil].map(shown);
        [row.name.to_owned(), shown(ours), a, t, p, ratio(albumentations), ratio(fastest)]
    });
    table::table(head, cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transform_is_measured_and_the_script_knows_its_name() {
        let photographs = Photographs::new(1).unwrap();
        let pictures = [taper_data::decode(&photographs.files()[0]).unwrap()];
        let script = std::fs::read_to_string(crate::root().unwrap().join(SCRIPT)).unwrap();
        for (name, transform) in transforms().unwrap() {
            assert!(ours(&*transform, &pictures, &Rng::new(1)) > 0.0, "{name}");
            assert!(script.contains(&format!("\"{name}\"")), "{name}");
        }
    }

    #[test]
    fn a_library_that_is_missing_is_a_reason_and_leaves_its_columns_empty() {
        let photographs = Photographs::new(1).unwrap();
        let started = Library::start(Path::new("false"), Path::new("/"), "v2", &photographs).unwrap();
        assert!(started.is_err_and(|reason| reason.contains("exit")));
        assert!(Library::start(Path::new("/nowhere/python"), Path::new("/"), "v2", &photographs).is_err());
        let row = Row { name: "flip", ours: vec![4.0, 1.0, 2.0], theirs: [vec![4.0], Vec::new(), vec![0.5]] };
        let text = beside(&[row]);
        let cells: Vec<&str> = text.lines().last().unwrap().split('|').map(str::trim).collect();
        assert_eq!(cells, ["", "flip", "2.00", "4.00", "-", "0.50", "0.50", "4.00", ""]);
    }
}
