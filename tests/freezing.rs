//! Which stages keep their weights, by name, and what a run says of those that it trains.

use std::fs;

use crate::support::{fails, fine_tune, small, taper};

#[test]
fn stages_are_frozen_by_name_and_what_is_trained_is_told() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 4);
    let ran = fine_tune(folder, &["--freeze", "fire4-5", "--hidden", "0", "--dropout", "0", "--out", "run"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for said in [
        "head: trained head (1539 at 2.0e-3); as it is: stem, fire2-3, fire4-5, fire6-9\n",
        "all: trained fire6-9 (602080 at 1.0e-4), head (1539 at 1.0e-3); as it is: stem, fire2-3, fire4-5\n",
    ] {
        assert!(ran.stderr.contains(said), "no {said:?} in {}", ran.stderr);
    }
    let recipe = fs::read_to_string(folder.join("run/recipe.toml")).unwrap();
    assert!(recipe.contains("frozen_stages = \"fire4-5\""), "{recipe}");
    // A number says the same, and the run is the same one.
    fs::write(folder.join("number.toml"), recipe.replace("\"fire4-5\"", "3")).unwrap();
    let again = taper(folder, &["fine-tune", "-c", "number.toml", "--out", "again"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let weights = |run: &str| fs::read(folder.join(run).join("model.safetensors")).unwrap();
    assert!(weights("run") == weights("again"));
    fails(&fine_tune(folder, &["--freeze", "fire4"]), 2, &["frozen_stages", "nearest first one of fire4-5, "]);
    let many = fine_tune(folder, &["--set", "optimize.frozen_stages=9"]);
    fails(&many, 2, &["at most 4", "stem, fire2-3, fire4-5, fire6-9", "got 9"]);
    fails(&fine_tune(folder, &["--model", "vgg16", "--freeze", "fc6"]), 2, &["one of conv"]);
}
