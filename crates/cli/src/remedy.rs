//! An error in words: what happened, by its causes, and the command that helps.

use std::error::Error;

use taper_trainer::store::identity::{Changed, WayOut};
use taper_trainer::store::origin::PicturesMissing;

use crate::output::shell;

/// The error and its causes, but for those whose words stand in it already.
pub fn said(error: &anyhow::Error) -> String {
    error.chain().map(with_remedy).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        whole if whole.contains(cause.trim_end()) => said,
        whole => format!("{}: {cause}", whole.trim_end()),
    })
}

/// What an error says, and what to do where that is a matter of commands.
fn with_remedy(error: &(dyn Error + 'static)) -> String {
    if let Some(Changed { way_out, .. }) = error.downcast_ref() {
        let way_out = match way_out {
            WayOut::Anew { recipe, pretrained, out } => {
                let verb = if *pretrained { "fine-tune" } else { "train" };
                format!("begin anew:\n  taper {verb} -c {} --out {}", shell(recipe), shell(out))
            }
            WayOut::AnotherFolder => "choose another --out".to_owned(),
        };
        return format!("{error}\nBring back what it was, or {way_out}");
    }
    if let Some(PicturesMissing { run, .. }) = error.downcast_ref() {
        return format!(
            "{error}. Bring them back, write where they are now into data.path of {}/recipe.toml, or, to measure the run on others, name \
             them: taper eval {} DATA",
            run.display(),
            shell(run)
        );
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use taper_trainer::recipe::Recipe;

    use super::*;

    #[test]
    fn a_run_that_has_changed_is_begun_anew_by_a_command() {
        let of =
            |run: &Path| said(&Changed::new(run, &Recipe::from_scratch(), vec!["seed: was 0, is 1".into()]).into());
        let text = of("runs/x/".as_ref());
        assert!(text.ends_with("or begin anew:\n  taper train -c runs/x/recipe.toml --out runs/x-2"), "{text}");
        assert!(text.contains("begun\n  seed: was 0, is 1\nBring back"), "{text}");
        let here = std::env::current_dir().unwrap_or_default();
        let text = of(".".as_ref());
        assert!(text.contains(&format!("--out {}-2", shell(&here))), "{text}");
    }

    #[test]
    fn pictures_that_are_missing_may_be_named() {
        let missing = PicturesMissing { run: "a run".into(), path: "pics".into(), origin: None };
        let text = said(&anyhow::Error::from(missing).context("outside"));
        let wanted = "outside: the pictures of a run are missing: its recipe.toml has path = \"pics\", which is not there. Bring them back, \
                      write where they are now into data.path of a run/recipe.toml, or, to measure the run on others, name them: taper eval \
                      'a run' DATA";
        assert_eq!(text, wanted);
    }

    #[test]
    fn words_are_said_once() {
        let error = anyhow::anyhow!("cannot read x").context("cannot read x: it is no file");
        assert_eq!(said(&error), "cannot read x: it is no file");
    }
}
