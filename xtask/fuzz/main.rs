//! libFuzzer around the body that the environment variable `TAPER_FUZZ` names, as
//! `cargo xtask fuzz` runs it.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use xtask::output::note;

/// What the inputs are given to.
static BODY: OnceLock<fn(&[u8])> = OnceLock::new();

/// Puts the seeds where libFuzzer reads its corpus.
fn start() {
    // A panic that a body catches, as that of a decoder, ends nothing; one that leaves it does.
    std::panic::set_hook(Box::new(|panic| note(panic)));
    let name = std::env::var("TAPER_FUZZ").unwrap_or_default();
    let Some(body) = xtask::fuzz::body(&name) else {
        note(format_args!("TAPER_FUZZ must be one of {}", xtask::fuzz::TARGETS.join(", ")));
        std::process::exit(2);
    };
    BODY.get_or_init(|| body);
    if let Some(folder) = std::env::var_os("TAPER_FUZZ_SEEDS") {
        for (i, seed) in xtask::fuzz::seeds(&name).into_iter().enumerate() {
            if let Err(error) = std::fs::write(Path::new(&folder).join(format!("seed-{i}")), seed) {
                note(format_args!("cannot write a seed: {error}"));
                std::process::exit(1);
            }
        }
    }
}

libfuzzer_sys::fuzz_target!(init: start(), |bytes: &[u8]| {
    if let Some(body) = BODY.get() {
        body(bytes);
    }
});
