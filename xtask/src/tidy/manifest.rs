//! What the manifests of the crates say.

use anyhow::{Context, Result};
use toml::de::{DeTable, DeValue};

use super::tree::Tree;

/// The manifest of a crate.
#[derive(Debug)]
pub struct Manifest<'a> {
    /// Relative to the top of the repository, with `/`.
    pub path: &'a str,
    /// The folder that it lies in.
    pub folder: &'a str,
    text: &'a str,
    table: DeTable<'a>,
    /// What the crates of the workspace share, `workspace.dependencies`.
    shared: DeTable<'a>,
}

/// When a dependency is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By the code of the crate.
    Normal,
    /// By its tests, examples and benchmarks.
    Test,
    /// By its build script.
    Build,
}

/// A package that a manifest names.
#[derive(Debug)]
pub struct Dependency {
    /// Its own name, whatever the manifest calls it.
    pub package: String,
    /// Where it is named, counted from 1.
    pub line: usize,
    /// When it is needed.
    pub kind: Kind,
    /// Whether a feature turns it on.
    pub optional: bool,
}

impl<'a> Manifest<'a> {
    /// Those of all crates, that is all but the one at the top.
    ///
    /// # Errors
    /// When one is not TOML.
    pub fn of_crates(tree: &'a Tree) -> Result<Vec<Self>> {
        let top = tree.manifests.iter().find(|(path, _)| path == "Cargo.toml");
        let top = top.map(|(path, text)| parse(path, text)).transpose()?;
        let shared = top.as_ref().and_then(|top| table(table(top, "workspace")?, "dependencies"));
        let shared = shared.cloned().unwrap_or_default();
        let crates =
            tree.manifests.iter().filter_map(|(path, text)| Some((path, path.strip_suffix("/Cargo.toml")?, text)));
        crates
            .map(|(path, folder, text)| {
                Ok(Self { path, folder, text, table: parse(path, text)?, shared: shared.clone() })
            })
            .collect()
    }

    /// The name of the package.
    #[must_use]
    pub fn package(&self) -> Option<&str> {
        table(&self.table, "package")?.get("name")?.get_ref().as_str()
    }

    /// The files that it names which go into a package: of the package itself, its library,
    /// binaries and examples.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let package = table(&self.table, "package").into_iter();
        let named = package.flat_map(|p| ["readme", "license-file", "build"].into_iter().filter_map(|key| p.get(key)));
        let lists = ["bin", "example"].into_iter().filter_map(|key| self.table.get(key)?.get_ref().as_array());
        let targets = lists.flat_map(|list| list.iter()).filter_map(|target| target.get_ref().as_table());
        let paths = table(&self.table, "lib").into_iter().chain(targets).filter_map(|target| target.get("path"));
        named.chain(paths).filter_map(|value| value.get_ref().as_str())
    }

    /// All that it depends on, in tests, build scripts and on single platforms too.
    #[must_use]
    pub fn dependencies(&self) -> Vec<Dependency> {
        let targets = table(&self.table, "target").into_iter().flat_map(|t| t.values());
        let targets = targets.filter_map(|t| t.get_ref().as_table());
        let mut found = vec![];
        for part in std::iter::once(&self.table).chain(targets) {
            let kinds =
                [("dependencies", Kind::Normal), ("dev-dependencies", Kind::Test), ("build-dependencies", Kind::Build)];
            for (name, kind) in kinds {
                let Some(listed) = table(part, name) else {
                    continue;
                };
                for (key, value) in listed {
                    let name = key.get_ref().as_ref();
                    let inherits = matches!(value.get_ref(), DeValue::Table(t) if t.contains_key("workspace"));
                    let shared = if inherits { renamed(&self.shared, name) } else { None };
                    let package = renamed(listed, name).or(shared).unwrap_or(name).to_owned();
                    let line = self.text[..key.span().start].matches('\n').count() + 1;
                    let optional = value.get_ref().as_table().and_then(|t| t.get("optional"));
                    let optional = optional.is_some_and(|o| o.get_ref().as_bool() == Some(true));
                    found.push(Dependency { package, line, kind, optional });
                }
            }
        }
        found
    }
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
