//! The licenses of what the binary is made of.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::metadata::Package;

/// How the names of files begin that say what one may do with a package, in capitals: of
/// the first there are two spellings.
const FILES: [&str; 5] = ["LICEN", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// What the page begins with. The standard library is in every binary and in no list of cargo's.
const HEAD: &str = "The binary taper holds the standard library of Rust (MIT OR Apache-2.0) and these packages of others, \
                    each under its license:\n\n";

/// A line between two texts.
const RULE: &str = "--------------------------------------------------------------------------------";

/// A page with every package and what it is under, then the texts, each once with those that share
/// it.
///
/// # Errors
/// When the source of a package cannot be read.
pub(super) fn page(packages: &[Package]) -> Result<String> {
    let mut page = HEAD.to_owned();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages {
        let Package { name, version, .. } = package;
        let found = files(package)?;
        let license = package.license.as_deref().unwrap_or("in a file of its own");
        let alone = if found.is_empty() { " (the package has no text of it)" } else { "" };
        page += &format!("{name} {version}: {license}{alone}\n");
        for text in found {
            let users = texts.entry(text).or_default();
            if users.last() != Some(&format!("{name} {version}")) {
                users.push(format!("{name} {version}"));
            }
        }
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|(_, a), (_, b)| a.cmp(b));
    for (text, users) in texts {
        page += &format!("\n{RULE}\n{}\n{RULE}\n\n{text}\n", users.join(", "));
    }
    Ok(page)
}

/// The texts in the folder of a package, by the names of their files.
fn files(package: &Package) -> Result<Vec<String>> {
    let folder = package.folder();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = vec![];
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if FILES.iter().any(|file| name.starts_with(file)) && entry.path().is_file() {
            paths.push(entry.path());
        }
    }
    paths.extend(package.license_file.as_ref().map(|file| folder.join(file)));
    paths.sort();
    paths.dedup();
    paths.iter().map(|path| read(path)).collect()
}

/// A text without what does not show, so that what reads the same is the same.
fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.trim_start_matches('\u{feff}').lines().map(str::trim_end).collect();
    Ok(lines.join("\n").trim_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::metadata::made_up;
    use super::*;

    #[test]
    fn a_text_is_printed_once_for_all_that_share_it() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("a/LICENSE-APACHE", "\n   Apache\nLicense\n");
        put("a/license.md", "mine\n");
        put("a/src/LICENSE", "not looked for");
        put("b/LICENSE", "   Apache\r\nLicense  \r\n");
        put("b/README.md", "b");
        let packages = made_up(dir.path()).behind("taper").unwrap();
        let page = page(&packages).unwrap();
        let expected = format!(
            "{HEAD}a 2.0.0: MIT OR Apache-2.0\nb 1.0.0: MIT OR Apache-2.0\n\
             \n{RULE}\na 2.0.0\n{RULE}\n\nmine\n\
             \n{RULE}\na 2.0.0, b 1.0.0\n{RULE}\n\n   Apache\nLicense\n"
        );
        assert_eq!(page, expected);
    }

    #[test]
    fn a_package_without_a_text_says_its_expression() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a")).unwrap();
        fs::create_dir_all(dir.path().join("b")).unwrap();
        let page = page(&made_up(dir.path()).behind("taper").unwrap()).unwrap();
        assert!(page.contains("b 1.0.0: MIT OR Apache-2.0 (the package has no text of it)\n"), "{page}");
        assert!(!page.contains(RULE));
    }
}
