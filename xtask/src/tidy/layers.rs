//! Which crate may know which.
//!
//! Dependencies point down: tensor <- nn <- {regularize, transfer}, where transfer may use
//! regularize too; tensor <- {augment, data}; optim needs nothing of ours. The trainer uses all of
//! them, the report draws what the trainer returns, detect trains detectors and caption captioners,
//! the gallery shows what a lecture claims, and cli, the binary, is on top. Siblings do not know
//! each other, in tests no more than in code: each builds and tests alone. Errors without a type
//! are for the binary and for xtask. xtask builds without any of these crates; what its benchmark
//! measures is optional.

use anyhow::Result;

use super::finding::Finding;
use super::manifest::{Dependency, Kind, Manifest};
use super::tree::Tree;

/// A crate of the workspace.
struct Layer {
    /// Its folder in `crates/`.
    folder: &'static str,
    package: &'static str,
    below: Below,
}

/// The crates that one may use, by their folders.
enum Below {
    These(&'static [&'static str]),
    /// All that stand before it.
    All,
}

use Below::{All, These};

/// From the bottom to the top.
const LAYERS: [Layer; 13] = [
    Layer { folder: "tensor", package: "taper-tensor", below: These(&[]) },
    Layer { folder: "nn", package: "taper-nn", below: These(&["tensor"]) },
    Layer { folder: "optim", package: "taper-optim", below: These(&[]) },
    Layer { folder: "regularize", package: "taper-regularize", below: These(&["tensor", "nn"]) },
    Layer { folder: "augment", package: "taper-augment", below: These(&["tensor"]) },
    Layer { folder: "data", package: "taper-data", below: These(&["tensor"]) },
    Layer { folder: "transfer", package: "taper-transfer", below: These(&["tensor", "nn", "regularize"]) },
    Layer { folder: "trainer", package: "taper-trainer", below: All },
    Layer { folder: "report", package: "taper-report", below: All },
    Layer { folder: "detect", package: "taper-detect", below: All },
    Layer { folder: "caption", package: "taper-caption", below: These(&CAPTION) },
    Layer { folder: "gallery", package: "taper-gallery", below: All },
    Layer { folder: BINARY, package: "taper", below: All },
];

/// What captioning may use: all but the report, and detection, which is its sibling.
const CAPTION: [&str; 8] = ["tensor", "nn", "optim", "regularize", "augment", "data", "transfer", "trainer"];

/// The folder of the crate that has the binary.
const BINARY: &str = "cli";

/// The folders of the crates that print nothing: all but the binary's.
pub fn libraries() -> impl Iterator<Item = &'static str> {
    LAYERS.iter().map(|layer| layer.folder).filter(|folder| *folder != BINARY)
}

/// The packages that the crate at this place in `LAYERS` may use.
fn below(place: usize) -> Vec<&'static str> {
    let these = |layer: &&Layer| match LAYERS[place].below {
        These(folders) => folders.contains(&layer.folder),
        All => true,
    };
    LAYERS[..place].iter().filter(these).map(|layer| layer.package).collect()
}

/// Every dependency that points up or sideways, and every crate without a place in the layers.
///
/// # Errors
/// When a manifest is not TOML.
pub fn layers(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = vec![];
    for manifest in Manifest::of_crates(tree)? {
        let mut report = |line, what: String, remedy: &str| {
            let (path, remedy) = (manifest.path.to_owned(), remedy.to_owned());
            findings.push(Finding { path, line, check: "layers", what, remedy });
        };
        let folder = manifest.folder;
        if folder == "xtask" {
            chores(&manifest, &mut report);
            continue;
        }
        let name = folder.strip_prefix("crates/");
        let Some(place) = name.and_then(|name| LAYERS.iter().position(|layer| layer.folder == name)) else {
            let remedy = "move the code into a crate that has one, or give this one its place in \
                          xtask/src/tidy/layers.rs and ARCHITECTURE.md";
            report(1, format!("{folder} has no place in the layers"), remedy);
            continue;
        };
        let Layer { folder: name, package, .. } = LAYERS[place];
        if manifest.package().is_some_and(|found| found != package) {
            report(1, format!("{folder} is not called {package}"), "give the package the name that it is known by");
        }
        let allowed = below(place);
        for Dependency { package, line, kind, .. } in manifest.dependencies() {
            if is_ours(&package) && !allowed.contains(&package.as_str()) {
                let remedy = match allowed.as_slice() {
                    [] => "it uses no crate of the workspace; meet in the trainer".to_owned(),
                    _ => format!("it may use {}; others meet in the trainer", allowed.join(", ")),
                };
                report(line, format!("{folder} depends on {package}"), &remedy);
            } else if package == "anyhow" && kind == Kind::Normal && name != BINARY {
                let remedy = "give its errors a type with thiserror; anyhow is for the binary, xtask and tests";
                report(line, format!("{folder} depends on anyhow"), remedy);
            }
        }
    }
    Ok(findings)
}

fn is_ours(package: &str) -> bool {
    package == "taper" || package.starts_with("taper-")
}

/// xtask links candle and the crates above it only when it is asked to.
fn chores(manifest: &Manifest<'_>, report: &mut impl FnMut(usize, String, &str)) {
    for Dependency { package, line, optional, .. } in manifest.dependencies() {
        if !optional && (is_ours(&package) || package.starts_with("candle")) {
            report(line, format!("xtask depends on {package}"), "make it optional and part of the feature `bench`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let findings = layers(&made_up(files)).unwrap();
        findings.into_iter().map(|f| (f.what, f.line)).collect()
    }

    #[test]
    fn dependencies_that_point_down_are_fine() {
        let all = "[dependencies]\ntaper-tensor.workspace = true\ntaper-data.workspace = true\n\
                   taper-transfer.workspace = true";
        let transfer = "[dependencies]\ntaper-tensor.workspace = true\ntaper-regularize.workspace = true";
        assert!(
            found(&[
                ("Cargo.toml", "[workspace.dependencies]\ntaper-data = { path = \"crates/data\" }"),
                ("crates/tensor/Cargo.toml", "[dependencies]\ncandle-core.workspace = true"),
                ("crates/transfer/Cargo.toml", transfer),
                ("crates/trainer/Cargo.toml", all),
                ("xtask/Cargo.toml", "[dependencies]\ntoml = \"1\""),
            ])
            .is_empty()
        );
    }

    #[test]
    fn up_and_sideways_are_found_in_every_table() {
        let tensor = "[dependencies]\nrand = \"1\"\ntaper-optim.workspace = true";
        let optim = "[dev-dependencies]\ntaper-augment = { path = \"../augment\" }";
        let data = "[target.'cfg(unix)'.dependencies.taper-transfer]\nworkspace = true";
        let transfer = "[build-dependencies]\ntaper-data.workspace = true";
        assert_eq!(
            found(&[
                ("crates/data/Cargo.toml", data),
                ("crates/optim/Cargo.toml", optim),
                ("crates/tensor/Cargo.toml", tensor),
                ("crates/transfer/Cargo.toml", transfer),
            ]),
            [
                ("crates/data depends on taper-transfer".to_owned(), 1),
                ("crates/optim depends on taper-augment".to_owned(), 2),
                ("crates/tensor depends on taper-optim".to_owned(), 3),
                ("crates/transfer depends on taper-data".to_owned(), 2),
            ]
        );
    }

    #[test]
    fn another_name_hides_nothing() {
        let workspace = "[workspace.dependencies]\nhidden = { package = \"taper\", path = \"crates/cli\" }";
        let data = "[dependencies]\nhidden.workspace = true\nother = { package = \"taper-optim\", version = \"1\" }";
        assert_eq!(
            found(&[("Cargo.toml", workspace), ("crates/data/Cargo.toml", data)]),
            [("crates/data depends on taper".to_owned(), 2), ("crates/data depends on taper-optim".to_owned(), 3),]
        );
    }

    #[test]
    fn xtask_links_no_candle_and_no_crate_of_ours_unless_asked() {
        let xtask = "[dependencies]\ncandle-core = \"0.11\"\ntaper.workspace = true\n\
                     taper-optim = { workspace = true, optional = true }\n\
                     candle-nn = { version = \"0.11\", optional = true }";
        let expected = ["xtask depends on candle-core", "xtask depends on taper"];
        let found = found(&[("xtask/Cargo.toml", xtask)]);
        assert_eq!(found.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_layer_has_its_neighbors_below() {
        let uses = |folder: &str, package: &str| {
            let place = LAYERS.iter().position(|layer| layer.folder == folder).unwrap();
            below(place).contains(&package)
        };
        assert!(uses("transfer", "taper-nn") && uses("transfer", "taper-regularize") && uses("nn", "taper-tensor"));
        assert!(uses("trainer", "taper-optim") && uses("report", "taper-trainer") && uses("cli", "taper-report"));
        assert!(!uses("optim", "taper-tensor") && !uses("regularize", "taper-transfer") && !uses("data", "taper-nn"));
        assert!(!uses("trainer", "taper-report") && !uses("report", "taper") && !uses("trainer", "taper-detect"));
        assert!(uses("detect", "taper-trainer") && uses("cli", "taper-detect"));
        assert!(uses("caption", "taper-trainer") && uses("cli", "taper-caption") && !uses("caption", "taper-detect"));
        assert!(uses("gallery", "taper-report") && !uses("report", "taper-gallery") && uses("cli", "taper-gallery"));
        assert_eq!(libraries().count(), 12);
    }

    #[test]
    fn errors_without_a_type_are_for_the_binary_and_for_tests() {
        let (normal, test) = ("[dependencies]\nanyhow = \"1\"", "[dev-dependencies]\nanyhow = \"1\"");
        let found = found(&[
            ("crates/cli/Cargo.toml", normal),
            ("crates/data/Cargo.toml", test),
            ("crates/trainer/Cargo.toml", normal),
            ("xtask/Cargo.toml", normal),
        ]);
        assert_eq!(found, [("crates/trainer depends on anyhow".to_owned(), 2)]);
    }

    #[test]
    fn a_package_is_called_as_it_is_known() {
        let found = found(&[("crates/trainer/Cargo.toml", "[package]\nname = \"taper\"")]);
        assert_eq!(found, [("crates/trainer is not called taper-trainer".to_owned(), 1)]);
    }

    #[test]
    fn an_unknown_crate_is_found_and_a_broken_manifest_is_an_error() {
        let expected = [("crates/novel has no place in the layers".to_owned(), 1)];
        assert_eq!(found(&[("crates/novel/Cargo.toml", "")]), expected);
        assert!(layers(&made_up(&[("crates/data/Cargo.toml", "[")])).is_err());
    }
}
