//! One training of several processes, by the `mpirun` that is installed.
//!
//! [`run`] trains by each of a few recipes in one process and with 2 and 4 ranks, which must leave
//! the same bytes, also where a picture is damaged; kills a rank, and goes on with another number
//! of them; holds what is refused to its words; and measures what two ranks on two cores make of
//! the time of one process. No part of what every change has to pass: it needs an MPI and clang, on
//! Debian `apt-get install libopenmpi-dev openmpi-bin libclang-dev`.

mod command;
mod scaling;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use self::command::{Started, kill, pid, started, wait_for};
use self::scaling::scaling;
use crate::output::{line, note};
use crate::runs::binary::release_with;
use crate::runs::compare::{differences, files};
use crate::runs::pictures::{fresh, put};
use crate::runs::recipes::{SPACE, SPACE_FILE};

/// Train with several ranks on this machine: the same bytes for 1, 2 and 4, a killed rank, a resume
/// on fewer, and how fast.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  cargo xtask mpi\n  cargo xtask mpi --scaling")]
pub struct MpiArgs {
    /// Measure the speed alone
    #[arg(long)]
    pub scaling: bool,
    /// A binary that was built with the feature mpi [default: built from this tree]
    #[arg(long, value_name = "BINARY")]
    pub binary: Option<PathBuf>,
}

/// What is trained, by name: together they go through all that ranks share.
const RECIPES: [(&str, &str); 4] = [
    ("fine-tune", "fine-tune pictures --image-size 64 --batch-size 18 --head-epochs 1 --epochs 2"),
    (
        "noise",
        "train pictures --model resnet18_narrow --image-size 32 --batch-size 16 --epochs 2 --stochastic-depth 0.5 \
         --mixup 0.2 --erasing 0.3 --average ema --accumulate 2",
    ),
    (
        "norms",
        "train pictures --model resnet18_narrow --head mlp --set head.hidden=32 --image-size 32 --batch-size 17 \
         --epochs 2 --schedule reduce_on_plateau --patience 1 --optimizer momentum --set optimize.sam.rho=0.05",
    ),
    ("features", "fine-tune pictures --plan probe --image-size 64 --batch-size 16 --epochs 3 --set data.variants=2"),
];

/// Does what the arguments say in the repository at `root`; true when all is as it must be.
///
/// # Errors
/// When the binary cannot be built, or a training fails that must not.
pub fn run(root: &Path, args: &MpiArgs) -> Result<bool> {
    let binary = match &args.binary {
        Some(binary) => binary.canonicalize().with_context(|| format!("cannot find {}", binary.display()))?,
        None => release_with(root, &["mpi"])?,
    };
    let folder = root.join("target/mpi");
    fresh(root, &folder)?;
    fs::write(folder.join(SPACE_FILE), SPACE)?;
    let place = Started { binary, folder };
    if !args.scaling {
        let mut same = true;
        for (name, words) in RECIPES {
            same &= equal(&place, name, words)?;
        }
        ensure!(same, "what differs lies in {}", place.folder.display());
        damaged(root, &place)?;
        killed(&place)?;
        refused(&place)?;
        searched(&place)?;
        answered(&place)?;
    }
    line(scaling(root, &place)?);
    Ok(true)
}

/// Trains in one process and with 2 and 4 ranks; whether the runs are the same to the byte.
fn equal(place: &Started, name: &str, words: &str) -> Result<bool> {
    let mut same = true;
    for ranks in [1, 2, 4] {
        let out = format!("{name}-{ranks}");
        let line = format!("{words} --shards 8 --seed 7 --threads 1 --out {out}");
        let said = started(place, ranks, &line, "")?;
        ensure!(said.ok, "{name} with {ranks} ranks fails: {}", said.text);
        if ranks > 1 {
            let found = differences(&place.folder.join(format!("{name}-1")), &place.folder.join(&out))?;
            let words = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let words = if words.is_empty() { "the bytes of one process".to_owned() } else { words };
            note(format_args!("{name} with {ranks} ranks: {words}"));
            same &= found.is_empty();
        }
    }
    Ok(same)
}

/// Trains where one picture is damaged behind its header, which is left out by all.
fn damaged(root: &Path, place: &Started) -> Result<()> {
    put(root, &place.folder.join("damaged"), [("train", 20), ("val", 4)])?;
    let class = place.folder.join("damaged/train/flag");
    let name = files(&class)?.into_iter().next_back().context("there are no pictures")?;
    let mut bytes = fs::read(class.join(&name))?;
    let half = bytes.len() / 2;
    bytes[half..half + 16].fill(0);
    fs::write(class.join(&name), bytes)?;
    let words = "fine-tune damaged --image-size 64 --batch-size 16 --head-epochs 1 --epochs 1 --shards 8 --threads 1";
    for ranks in [1, 2, 4] {
        let said = started(place, ranks, &format!("{words} --out damaged-{ranks}"), "")?;
        ensure!(said.ok && said.text.contains(&name), "a damaged picture and {ranks} ranks: {}", said.text);
        let found = differences(&place.folder.join("damaged-1"), &place.folder.join(format!("damaged-{ranks}")))?;
        ensure!(found.is_empty(), "{ranks} ranks train otherwise without a damaged picture");
    }
    note("a damaged picture with 2 and 4 ranks: left out, and the bytes of one process");
    Ok(())
}

/// Kills one of 4 ranks in its work, goes on with 2, and compares with a training that was let be.
fn killed(place: &Started) -> Result<()> {
    let words =
        "train pictures --model resnet18_narrow --image-size 32 --batch-size 16 --epochs 10 --shards 8 --seed 7";
    let rest = "--threads 1 --checkpoint-every 20";
    let whole = started(place, 1, &format!("{words} {rest} --out whole"), "")?;
    ensure!(whole.ok, "{}", whole.text);
    let line = format!("{words} {rest} --out broken");
    let said = std::thread::scope(|scope| {
        let training = scope.spawn(|| started(place, 4, &line, "echo $$ > pid-$RANK; "));
        let checkpoint = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with("step-");
        let folder = place.folder.join("broken/checkpoint");
        wait_for(|| fs::read_dir(&folder).is_ok_and(|all| all.flatten().any(checkpoint)))?;
        kill(pid(place, 2)?)?;
        training.join().unwrap_or_else(|_| bail!("the training cannot be watched"))
    })?;
    ensure!(!said.ok && said.text.to_lowercase().contains("rank 2"), "a killed rank is not named: {}", said.text);
    note(format_args!("rank 2 of 4 is killed: {}", naming(&said.text, "rank 2")));
    let said = started(place, 2, "resume broken --threads 1", "")?;
    ensure!(said.ok, "2 ranks do not go on: {}", said.text);
    ensure!(said.text.contains("going on after"), "it has begun again: {}", said.text);
    let found = differences(&place.folder.join("whole"), &place.folder.join("broken"))?;
    let words = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    ensure!(found.is_empty(), "4 ranks, then 2, are not one training: {words}");
    note("4 ranks, one killed, then 2: the bytes of a training of one process that was let be");
    Ok(())
}

/// What must end with these words.
fn refused(place: &Started) -> Result<()> {
    let words = "train pictures --model resnet18_narrow --image-size 32 --batch-size 16 --epochs 1 --threads 1";
    let odd = "[ $RANK = 1 ] && export TAPER_SIMD=portable; ";
    for (ranks, line, before, wanted) in [
        (3, format!("{words} --out uneven"), "", "8 shards of a batch cannot be shared out among 3 ranks"),
        (2, format!("{words} --out odd"), odd, "rank 1 has another instruction set: Portable"),
        (2, format!("{words} --members 2 --out members"), "", "is not shared out among 2 ranks"),
        (2, "eval whole --compare".to_owned(), "", "is not shared out among 2 ranks"),
        (2, "eval whole".to_owned(), odd, "rank 1 has another instruction set: Portable"),
        (2, "probe pictures".to_owned(), "", "is not shared out among 2 ranks"),
        (2, format!("{words} --shards 1 --out piece"), "", "a batch in one piece cannot be shared out"),
    ] {
        let said = started(place, ranks, &line, before)?;
        ensure!(!said.ok && said.text.contains(wanted), "{line} with {ranks} ranks: {}", said.text);
        note(format_args!("refused: {}", naming(&said.text, wanted)));
    }
    let said = started(place, 2, &format!("{words} --mixed --out mixed"), odd)?;
    ensure!(said.ok, "--mixed: {}", said.text);
    Ok(())
}

/// Searches with two ranks, each with trials of its own.
fn searched(place: &Started) -> Result<()> {
    let words = "search pictures --space space.toml --plan probe --image-size 64 --batch-size 4 --epochs 3 --threads 1";
    for (ranks, out) in [(1, "search-1"), (2, "search-2")] {
        let said = started(place, ranks, &format!("{words} --out {out}"), "")?;
        ensure!(said.ok, "a search of {ranks} ranks: {}", said.text);
    }
    let read = |out: &str| fs::read_to_string(place.folder.join(out).join("best.toml"));
    ensure!(read("search-1")? == read("search-2")?, "a search of two ranks finds another best");
    note("a search of 2 ranks: the best of one process");
    Ok(())
}

/// Measures a run, and writes features, with 1 to 4 ranks: the same words, the same file.
fn answered(place: &Started) -> Result<()> {
    let run = |ranks: usize, line: &str| {
        let said = started(place, ranks, line, "")?;
        ensure!(said.ok, "{line} with {ranks} ranks: {}", said.text);
        Ok::<_, anyhow::Error>(said.text)
    };
    let eval = |ranks| run(ranks, "eval fine-tune-1 --marginalize 2 --threads 1");
    let features = |ranks: usize| {
        let out = format!("features-{ranks}.npy");
        run(ranks, &format!("features squeezenet1_1 pictures --image-size 64 --pool none --threads 1 --out {out}"))?;
        fs::read(place.folder.join(&out)).with_context(|| format!("cannot read {out}"))
    };
    let (words, file) = (eval(1)?, features(1)?);
    for ranks in 2..=4 {
        let found = eval(ranks)?;
        ensure!(found == words, "{ranks} ranks measure {found}, and one process {words}");
        ensure!(features(ranks)? == file, "{ranks} ranks write other features than one process");
    }
    note("eval and features with 2, 3 and 4 ranks: the words and bytes of one process");
    Ok(())
}

/// The line that has these words.
fn naming<'a>(text: &'a str, words: &str) -> &'a str {
    text.lines().find(|line| line.to_lowercase().contains(&words.to_lowercase())).unwrap_or_default().trim()
}
