//! Which crate may know which.
//!
//! Dependencies point down: tensor <- {optim, regularize, augment, data} <- transfer <- trainer, where
//! transfer uses no more than tensor and regularize. Siblings do not know each other, in tests no more
//! than in code: each builds and tests alone. xtask builds without any of them; what its benchmark measures is
//! optional.

use anyhow::{Context, Result};
use toml::de::{DeTable, DeValue};

use super::{finding::Finding, tree::Tree};

/// The crates below the trainer, by folder.
pub const LIBRARIES: [&str; 6] = ["tensor", "optim", "regularize", "augment", "data", "transfer"];

/// The packages of the workspace that the crate in this folder may use; none for an unknown folder.
fn below(folder: &str) -> Option<&'static [&'static str]> {
    Some(match folder {
        "tensor" => &[],
        "optim" | "regularize" | "augment" | "data" => &["taper-tensor"],
        "transfer" => &["taper-tensor", "taper-regularize"],
        "trainer" => {
            &["taper-tensor", "taper-optim", "taper-regularize", "taper-augment", "taper-data", "taper-transfer"]
        }
        _ => return None,
    })
}

/// A package that a manifest names.
struct Dependency {
    package: String,
    line: usize,
    optional: bool,
}

/// Every dependency that points up or sideways, and every crate without a place in the layers.
///
/// # Errors
/// When a manifest is not TOML.
pub fn layers(tree: &Tree) -> Result<Vec<Finding>> {
    let top = tree.manifests.iter().find(|(path, _)| path == "Cargo.toml");
    let workspace = match top {
        Some((path, text)) => Some(parse(path, text)?),
        None => None,
    };
    let mut findings = vec![];
    for (path, text) in &tree.manifests {
        let Some(folder) = path.strip_suffix("/Cargo.toml") else {
            continue;
        };
        let mut report = |line, what: String, remedy: &str| {
            let (path, remedy) = (path.clone(), remedy.to_owned());
            findings.push(Finding { path, line, check: "layers", what, remedy });
        };
        let name = folder.strip_prefix("crates/");
        let allowed = match (folder, name.and_then(below)) {
            (_, Some(allowed)) => allowed,
            ("xtask", None) => &[],
            _ => {
                let remedy = "move the code into a crate that has one, or give this one its place in \
                              xtask/src/tidy/layers.rs and ARCHITECTURE.md";
                report(1, format!("{folder} has no place in the layers"), remedy);
                continue;
            }
        };
        let manifest = parse(path, text)?;
        for Dependency { package, line, optional } in dependencies(&manifest, workspace.as_ref(), text) {
            if folder == "xtask" && optional {
                continue;
            }
            let ours = package == "taper" || package.starts_with("taper-");
            if ours && !allowed.contains(&package.as_str()) {
                let remedy = match allowed {
                    [] if folder == "xtask" => "make it optional and part of the feature `bench`".to_owned(),
                    [] => "it uses no crate of the workspace; meet in the trainer".to_owned(),
                    _ => format!("it may use {}; others meet in the trainer", allowed.join(", ")),
                };
                report(line, format!("{folder} depends on {package}"), &remedy);
            } else if folder == "xtask" && package.starts_with("candle") {
                report(line, format!("xtask depends on {package}"), "make it optional and part of the feature `bench`");
            }
        }
    }
    Ok(findings)
}

fn parse<'a>(path: &str, text: &'a str) -> Result<DeTable<'a>> {
    let table = DeTable::parse(text).with_context(|| format!("cannot parse {path}"))?;
    Ok(table.into_inner())
}

fn table<'t, 'a>(of: &'t DeTable<'a>, key: &str) -> Option<&'t DeTable<'a>> {
    of.get(key).and_then(|value| value.get_ref().as_table())
}

/// The name behind `package = "..."`, if the dependency was renamed.
fn renamed<'t>(of: &'t DeTable<'_>, key: &str) -> Option<&'t str> {
    table(of, key)?.get("package")?.get_ref().as_str()
}

/// All dependencies of a manifest, those of tests, build scripts and single platforms included.
fn dependencies(manifest: &DeTable<'_>, workspace: Option<&DeTable<'_>>, text: &str) -> Vec<Dependency> {
    let shared = workspace.and_then(|w| table(table(w, "workspace")?, "dependencies"));
    let targets = table(manifest, "target").into_iter().flat_map(|t| t.values());
    let targets = targets.filter_map(|t| t.get_ref().as_table());
    let mut found = vec![];
    for part in std::iter::once(manifest).chain(targets) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(listed) = table(part, kind) else {
                continue;
            };
            for (key, value) in listed {
                let name = key.get_ref().as_ref();
                let inherits = matches!(value.get_ref(), DeValue::Table(t) if t.contains_key("workspace"));
                let shared = shared.filter(|_| inherits).and_then(|s| renamed(s, name));
                let package = renamed(listed, name).or(shared).unwrap_or(name).to_owned();
                let line = text[..key.span().start].matches('\n').count() + 1;
                let optional = value.get_ref().as_table().and_then(|t| t.get("optional"));
                let optional = optional.is_some_and(|o| o.get_ref().as_bool() == Some(true));
                found.push(Dependency { package, line, optional });
            }
        }
    }
    found
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
        let workspace = "[workspace.dependencies]\nhidden = { package = \"taper\", path = \"crates/trainer\" }";
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
    fn an_unknown_crate_is_found_and_a_broken_manifest_is_an_error() {
        let expected = [("crates/novel has no place in the layers".to_owned(), 1)];
        assert_eq!(found(&[("crates/novel/Cargo.toml", "")]), expected);
        assert!(layers(&made_up(&[("crates/data/Cargo.toml", "[")])).is_err());
    }
}
