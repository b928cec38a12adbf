//! What a package of the binary holds beside it: completions for shells, pages for `man`, and the
//! licenses of what it is made of.

#[cfg(feature = "bench")]
mod metadata;

#[cfg(feature = "bench")]
mod licenses;

use std::path::{Path, PathBuf};

use anyhow::Result;

#[cfg(feature = "bench")]
use crate::output::line;

/// Write completions for shells, manual pages and the licenses of others.
#[derive(Clone, Debug, clap::Args)]
pub struct DistArgs {
    /// The folder [default: target/dist]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Writes them from the command line as it is built; true when all worked.
///
/// # Errors
/// When a file cannot be written.
#[cfg(feature = "bench")]
pub fn run(root: &Path, args: &DistArgs) -> Result<bool> {
    use anyhow::Context;
    use clap::{CommandFactory, ValueEnum};
    use clap_complete::{Shell, generate_to};

    let out = args.out.clone().unwrap_or_else(|| root.join("target/dist"));
    let [completions, man] = ["completions", "man"].map(|part| out.join(part));
    for folder in [&completions, &man] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    for shell in Shell::value_variants() {
        let mut command = taper_cli::Cli::command();
        let path = generate_to(*shell, &mut command, "taper", &completions);
        line(format_args!(
            "wrote {}",
            path.with_context(|| format!("cannot write into {}", completions.display()))?.display()
        ));
    }
    clap_mangen::generate_to(taper_cli::Cli::command(), &man)
        .with_context(|| format!("cannot write into {}", man.display()))?;
    line(format_args!("wrote {} pages to {}", std::fs::read_dir(&man)?.count(), man.display()));
    let packages = metadata::Metadata::read(root)?.behind("taper")?;
    let file = out.join("third-party-licenses.txt");
    std::fs::write(&file, licenses::page(&packages)?).with_context(|| format!("cannot write {}", file.display()))?;
    line(format_args!("wrote the licenses of {} packages to {}", packages.len(), file.display()));
    Ok(true)
}

/// Does it in a release build.
///
/// # Errors
/// When cargo cannot be started.
#[cfg(not(feature = "bench"))]
pub fn run(root: &Path, _: &DistArgs) -> Result<bool> {
    crate::release::again(root)
}
