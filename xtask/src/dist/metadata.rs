//! What cargo says of the packages behind a binary.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// What `cargo metadata` prints, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

/// A package in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// An SPDX expression, such as `MIT OR Apache-2.0`.
    pub(super) license: Option<String>,
    /// A file in place of the expression.
    pub(super) license_file: Option<PathBuf>,
    manifest_path: PathBuf,
    id: String,
    /// The registry that it comes from; ours come from none.
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    /// `dev` or `build`; none for what code needs.
    kind: Option<String>,
}

impl Package {
    /// The folder of its source.
    pub(super) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }
}

impl Metadata {
    /// Asks cargo, for the machine that this runs on.
    ///
    /// # Errors
    /// When cargo or rustc fails, or says what is no metadata.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let said = output(Command::new("rustc").arg("-vV"))?;
        let host = said.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host]);
        let said = output(cargo.current_dir(root))?;
        serde_json::from_str(&said).context("cannot read what cargo metadata says")
    }

    /// All that the code of a package needs of others', each by name and version, in order.
    ///
    /// # Errors
    /// When there is no such package.
    pub(super) fn behind(&self, name: &str) -> Result<Vec<Package>> {
        let ours = |package: &&Package| package.name == name && package.source.is_none();
        let start = self.packages.iter().find(ours).with_context(|| format!("there is no package {name}"))?;
        let mut needed = BTreeSet::from([start.id.as_str()]);
        let mut open = vec![start.id.as_str()];
        while let Some(id) = open.pop() {
            let deps = self.resolve.nodes.iter().filter(|node| node.id == id).flat_map(|node| &node.deps);
            let normal = deps.filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            open.extend(normal.map(|dep| dep.pkg.as_str()).filter(|&dep| needed.insert(dep)));
        }
        let theirs = |package: &&Package| package.source.is_some() && needed.contains(package.id.as_str());
        let mut found: Vec<Package> = self.packages.iter().filter(theirs).cloned().collect();
        found.sort();
        Ok(found)
    }
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{command:?} prints what is not UTF-8"))
}

/// Made-up metadata: `taper` needs `ours` and `b` 1.0, `ours` needs `a` 2.0, whose tests need `c`
/// 3.0. The sources of the others lie in a folder, by name.
#[cfg(test)]
pub(super) fn made_up(folder: &Path) -> Metadata {
    let package = |name: &str, version: &str, theirs: bool| {
        serde_json::json!({
            "name": name, "version": version, "id": name, "license": "MIT OR Apache-2.0", "license_file": null,
            "manifest_path": folder.join(name).join("Cargo.toml"), "source": theirs.then_some("registry"),
        })
    };
    let dep = |name: &str, kind: Option<&str>| serde_json::json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
    let said = serde_json::json!({
        "packages": [
            package("b", "1.0.0", true), package("taper", "0.1.0", false), package("ours", "0.1.0", false),
            package("a", "2.0.0", true), package("c", "3.0.0", true),
        ],
        "resolve": {"nodes": [
            {"id": "taper", "deps": [dep("ours", None), dep("b", None)]},
            {"id": "ours", "deps": [dep("a", None)]},
            {"id": "a", "deps": [dep("c", Some("dev")), dep("b", None)]},
            {"id": "b", "deps": []},
            {"id": "c", "deps": []},
        ]},
    });
    serde_json::from_value(said).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_code_needs_of_others_is_found_once_and_in_order() {
        let metadata = made_up(Path::new("registry"));
        let names = |of: &str| metadata.behind(of).unwrap().into_iter().map(|p| p.name).collect::<Vec<_>>();
        assert_eq!(names("taper"), ["a", "b"]);
        assert_eq!(names("ours"), ["a", "b"]);
        assert!(metadata.behind("a").is_err() && metadata.behind("nobody").is_err());
    }
}
