//! Output decides about no work, and can do nothing to a terminal or a shell.
#![cfg(unix)]

use std::fs::{self, File};
use std::process::{Command, Stdio};

use crate::support::{EMOJI, SHORT, command, json, small, succeed};

/// A short training whose output goes elsewhere.
fn train(folder: &std::path::Path, more: &[&str]) -> Command {
    command(folder, &[&["fine-tune", "pictures", "--out", "run"], &SHORT[..], more].concat())
}

#[test]
fn a_training_outlives_its_readers() {
    for (flags, stdout, stderr, lost) in [
        (&["--log", "json"][..], true, false, "stdout"),
        (&["--log", "json", "--members", "2"], true, true, "std"),
        (&[], false, true, "stderr"),
    ] {
        let place = tempfile::tempdir().unwrap();
        small(place.path(), 4);
        let closed = |closed: bool| if closed { Stdio::piped() } else { Stdio::null() };
        let mut child = train(place.path(), flags).stdout(closed(stdout)).stderr(closed(stderr)).spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{flags:?}");
        let run = place.path().join(if flags.len() > 2 { "run/member-1" } else { "run" });
        assert!(run.join("model.safetensors").is_file());
        let said = json(&run.join("summary.json"))["output_lost"].as_str().unwrap().to_owned();
        assert!(said.starts_with(lost) && said.contains("pipe"), "{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_training_outlives_a_full_disk_behind_its_output() {
    let place = tempfile::tempdir().unwrap();
    small(place.path(), 4);
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let ended = train(place.path(), &["--json"]).stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(ended.code(), Some(0));
    let summary = json(&place.path().join("run/summary.json"));
    assert!(summary["output_lost"].as_str().unwrap().starts_with("stderr"), "{summary}");
    // Who only prints has failed.
    let printing = command(place.path(), &["models", "list"]).stdout(full()).output().unwrap();
    assert_eq!(printing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&printing.stderr).contains("cannot print the result"));
}

#[test]
fn the_commands_that_a_run_prints_can_be_pasted_and_names_move_no_cursor() {
    for name in ["my pictures", "it's $HOME `date` \u{1b}[31m\u{9b}2J\nred"] {
        let place = tempfile::tempdir().unwrap();
        fs::rename(small(place.path(), 4), place.path().join(name)).unwrap();
        let ran = succeed(place.path(), &[&["fine-tune", name], &SHORT[..]].concat());
        let acts = |c: char| c.is_control() && c != '\n';
        assert!(!ran.stdout.contains(acts) && !ran.stderr.contains(acts), "{}{}", ran.stdout, ran.stderr);
        let next: Vec<&str> = ran.stdout.lines().filter_map(|line| line.strip_prefix("  taper ")).collect();
        assert!(!next.is_empty(), "{}", ran.stdout);
        for words in next {
            let script = format!("{} {words}", env!("CARGO_BIN_EXE_taper"));
            let typed = Command::new("bash").current_dir(place.path()).args(["-c", &script]).output().unwrap();
            assert!(typed.status.success(), "{script}: {}", String::from_utf8_lossy(&typed.stderr));
        }
    }
}

#[test]
fn a_reader_that_leaves_hides_no_picture_that_failed() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("bad.png"), "no picture").unwrap();
    let good = format!("{EMOJI}/val/food/apple.png");
    let mut predict = command(place.path(), &["predict", "squeezenet1_1", "bad.png", &good]);
    let mut child = predict.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
