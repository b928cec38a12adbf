//! An error in words: what happened, by its causes, and the command that helps.

use std::error::Error;

use taper_trainer::Error as TrainerError;
use taper_trainer::build::{BuildError, Unfit};
use taper_trainer::fit::divergence::Diverged;
use taper_trainer::recipe::RecipeError;
use taper_trainer::store::{Changed, FormatError, PicturesMissing, StoreError, WayOut};
use taper_trainer::study::StudyError;
use taper_transfer::{FetchError, TransferError};

use crate::output::shell;

/// The error and its causes, but for those whose words stand in it already.
pub fn said(error: &anyhow::Error) -> String {
    causes(error).map(with_remedy).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        whole if whole.contains(cause.trim_end()) => said,
        whole => format!("{}: {cause}", whole.trim_end()),
    })
}

/// An error and its causes; of one of the trainer's that only holds another, that one.
pub fn causes(error: &anyhow::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    error.chain().map(|cause| {
        let boxed = || cause.downcast_ref::<Box<TrainerError>>().map(|error| &**error);
        cause.downcast_ref().or_else(boxed).map_or(cause, TrainerError::failure)
    })
}

/// The first of an error and its causes that is of a type.
pub(crate) fn find<E: Error + 'static>(error: &anyhow::Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// What an error says, and what to do where that is a matter of commands.
fn with_remedy(error: &(dyn Error + 'static)) -> String {
    if let Some(Changed { way_out, .. }) = error.downcast_ref() {
        return format!("{error}\nBring back what it was, or {}", other_way(way_out));
    }
    if let Some(PicturesMissing { run, .. }) = error.downcast_ref() {
        return format!(
            "{error}. Bring them back, write where they are now into data.path of {}/recipe.toml, or, to measure the run on others, name \
             them: taper eval {} DATA",
            run.display(),
            shell(run)
        );
    }
    if let Some(StudyError::OtherSearch { path, file, what, .. }) = error.downcast_ref() {
        let what = what.iter().map(|line| format!("\n  {line}")).collect::<String>();
        let path = path.display();
        return format!(
            "{path} is a search with another {file}: choose another --out, or call it as it was begun{what}"
        );
    }
    let remedy = error.downcast_ref().and_then(of_store);
    let remedy = remedy.or_else(|| error.downcast_ref().and_then(of_build));
    let remedy = remedy.or_else(|| error.downcast_ref().and_then(of_study));
    let remedy = remedy.or_else(|| match error.downcast_ref()? {
        FormatError::OtherVersion { .. } => Some(": go on with that one, or begin a new run with another --out"),
        _ => None,
    });
    let remedy = remedy.or_else(|| error.downcast_ref().and_then(of_weights));
    let remedy = remedy.or_else(|| error.downcast_ref().and_then(of_recipe));
    let remedy = remedy.or_else(|| {
        error
            .is::<Diverged>()
            .then_some("\ntaper lr-find shows where the loss breaks, taper data stats reads the pictures")
    });
    let remedy = remedy.or_else(|| match error.downcast_ref()? {
        TrainerError::Misfit { .. } => Some(": without it `taper resume` begins at the checkpoint before"),
        _ => None,
    });
    format!("{error}{}", remedy.unwrap_or_default())
}

/// How to go on without a run that has changed.
fn other_way(way_out: &WayOut) -> String {
    match way_out {
        WayOut::Anew { recipe, pretrained, out } => {
            let verb = if *pretrained { "fine-tune" } else { "train" };
            format!("begin anew:\n  taper {verb} -c {} --out {}", shell(recipe), shell(out))
        }
        WayOut::AnotherFolder => "choose another --out".to_owned(),
    }
}

fn of_store(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::MakeRuns { .. } => Some(": choose a place with --out"),
        StoreError::MakeRun { .. } => Some(": choose a writable place with --out"),
        StoreError::IsFile { .. } => Some(": choose another --out"),
        StoreError::NotEmpty { .. } => Some(": remove it, or choose another --out"),
        StoreError::Unreadable(_) => {
            Some("\n(--strict stops at the first unreadable picture; without it a run goes on without them)")
        }
        _ => None,
    }
}

fn of_weights(error: &TransferError) -> Option<&'static str> {
    match error {
        TransferError::Fetch(FetchError::Unverified { .. }) => {
            Some("; `taper models pull --unverified` takes it as it comes")
        }
        TransferError::NoSource { .. } => Some(" (--weights FILE)"),
        _ => None,
    }
}

fn of_recipe(error: &RecipeError) -> Option<&'static str> {
    match error {
        RecipeError::Stage { field: "cut", .. } => Some(" (--cut STAGE)"),
        RecipeError::Stage { .. } | RecipeError::TooManyFrozen { .. } => Some(" (--freeze STAGE)"),
        _ => None,
    }
}

fn of_build(error: &BuildError) -> Option<&'static str> {
    match error {
        BuildError::Unfinished { .. } => Some(" (`taper fine-tune DATA` makes runs)"),
        BuildError::OwnWeights { .. } => Some(": leave out --weights"),
        BuildError::Unfit(Unfit { file: Some(_), may_be_partial: true, .. }) => Some(" (--partial takes what fits)"),
        _ => None,
    }
}

fn of_study(error: &StudyError) -> Option<&'static str> {
    match error {
        StudyError::NoSearch { .. } => Some(": choose another --out"),
        StudyError::OtherPictures { .. } => Some(": bring them back, or choose another --out"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use taper_optim::OptimError;
    use taper_trainer::recipe::Recipe;
    use taper_trainer::store::origin::require_pictures;

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
        let mut recipe = Recipe::default();
        recipe.data.path = "pics".into();
        let missing = require_pictures(Path::new("a run"), &recipe).unwrap_err();
        assert!(find::<PicturesMissing>(&require_pictures(Path::new("a run"), &recipe).unwrap_err().into()).is_some());
        let text = said(&anyhow::Error::from(missing).context("outside"));
        let wanted = "outside: the pictures of a run are missing: its recipe.toml has path = \"pics\", which is not there. Bring them back, \
                      write where they are now into data.path of a run/recipe.toml, or, to measure the run on others, name them: taper eval \
                      'a run' DATA";
        assert_eq!(text, wanted);
    }

    #[test]
    fn what_an_error_of_the_trainer_holds_is_found_however_deep_it_lies() {
        let changed = Changed::new(Path::new("runs/x"), &Recipe::default(), vec!["seed: was 0, is 1".into()]);
        let trial = TrainerError::Trial { path: "trials/0001".into(), source: Box::new(changed.into()) };
        let error = anyhow::Error::from(trial).context("outside");
        assert!(find::<Changed>(&error).is_some_and(|changed| changed.run == Path::new("runs/x")));
        let text = said(&error);
        assert!(text.starts_with("outside: the trial trials/0001: runs/x cannot go on: it has changed"), "{text}");
        assert!(text.contains("is 1\nBring back what it was, or begin anew:\n  taper fine-tune -c"), "{text}");
        let unusual = OptimError::BadConfig { field: "lr", wanted: "above 0", got: 0.0 };
        let step = TrainerError::Step { epoch: 1, step: 2, source: Box::new(unusual.into()) }.into();
        assert!(matches!(find(&step), Some(OptimError::BadConfig { .. })));
    }

    #[test]
    fn words_are_said_once() {
        let error = anyhow::anyhow!("cannot read x").context("cannot read x: it is no file");
        assert_eq!(said(&error), "cannot read x: it is no file");
    }
}
