//! Names of files that are no text, or more than a line of it.
#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::support::{EMOJI, Ran, command, fails, listing, small, taper};

#[test]
fn names_that_are_not_utf8_end_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (folder, name) = (place.path(), OsStr::from_bytes(b"caf\xe9"));
    fs::rename(small(folder, 4), folder.join(name)).unwrap();
    let ran = |args: &[&str]| Ran::from(command(folder, args).arg(name).output().unwrap());
    fails(&ran(&["fine-tune"]), 2, &["data.path", "UTF-8"]);
    assert!(!folder.join("runs").exists());
    let stats = ran(&["data", "stats", "--json"]);
    assert_eq!(stats.code, Some(0), "{}", stats.stderr);
    assert!(stats.stdout.contains("caf\u{fffd}"), "{}", stats.stdout);

    let file = OsStr::from_bytes(b"x\xff.png");
    for args in [
        &["inspect", "init", "--layers", "1", "--width", "8", "--json", "--png"][..],
        &["optimize", "--rules", "sgd", "--steps", "2", "--json", "--png"],
        &["optimize", "--schedules", "cosine", "--steps", "10", "--json", "--png"],
        &["augment", EMOJI, "--rows", "1", "--cols", "1", "--json", "--preview"],
    ] {
        let ran = Ran::from(command(folder, args).arg(file).output().unwrap());
        assert!(ran.code == Some(0) && ran.stdout.contains("x\u{fffd}.png"), "{args:?}: {}{}", ran.stdout, ran.stderr);
        fs::remove_file(folder.join(file)).unwrap();
    }
}

#[test]
fn a_run_may_lie_in_a_folder_whose_name_is_not_utf8() {
    let place = tempfile::tempdir().unwrap();
    let (folder, data) = (place.path(), small(place.path(), 4));
    let run = Path::new(OsStr::from_bytes(b"run\xff"));
    let ran = |verb: &[&str], run: &Path, more: &[&str]| {
        let ran = Ran::from(command(folder, verb).arg(run).args(more).output().unwrap());
        assert_eq!(ran.code, Some(0), "{verb:?}: {}", ran.stderr);
        ran.stdout
    };
    let train = ["train", "pictures", "--epochs", "1", "--batch-size", "4", "--members", "2", "--out"];
    ran(&train, run, &[]);
    let (member, flags) = (run.join("member-1"), data.join("val/flag"));
    let picture = flags.join(&listing(&flags)[0]);
    let picture = picture.to_str().unwrap();
    assert!(ran(&["eval"], &member, &[]).contains("12 pictures"));
    ran(&["predict"], run, &[picture]);
    ran(&["explain"], &member, &[picture, "--png", "why.png", "--side", "64"]);
    assert!(ran(&["ensemble"], run, &["--json"]).contains("run\u{fffd}/member-2"));
}

#[test]
fn a_name_with_a_line_in_it_forges_no_error() {
    let place = tempfile::tempdir().unwrap();
    let ran = taper(place.path(), &["eval", "x\nerror: all pictures deleted"]);
    fails(&ran, 2, &["\n  error: all pictures deleted"]);
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("error:")).count(), 1, "{}", ran.stderr);
}
