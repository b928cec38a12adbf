//! Flags that leave nothing to do for each other.

use taper_trainer::recipe::{HeadKind, Plan, Recipe, RecipeError, Rule, ScheduleRecipe};

/// Refuses what takes the choice from `--plan auto`.
pub(super) fn leaves_a_choice(recipe: &Recipe) -> Result<(), RecipeError> {
    let lbfgs = matches!(recipe.optimize.rule, Rule::Lbfgs(_));
    for (refused, field, wanted, got) in [
        (!recipe.pretrained, "plan", "one of its own: `train` begins with random weights, which say nothing", "auto"),
        (lbfgs, "plan", "probe with the rule lbfgs, which trains a head alone", "auto"),
        (
            recipe.head.kind == HeadKind::Own,
            "head.kind",
            "concat_pool or mlp with --plan auto: an own head belongs to the last stage",
            "own",
        ),
        (
            recipe.cut.is_some(),
            "cut",
            "left to --plan auto, which finds the stage",
            recipe.cut.as_deref().unwrap_or(""),
        ),
    ] {
        if refused {
            return Err(RecipeError::Field { field, wanted, got: got.to_owned() });
        }
    }
    Ok(())
}

/// Refuses cycles that end within an epoch, of which no snapshots are kept.
pub(super) fn snapshots_end_with_epochs(recipe: &Recipe) -> Result<(), RecipeError> {
    let ScheduleRecipe::SnapshotCycles { cycles } = recipe.optimize.schedule else { return Ok(()) };
    let o = &recipe.optimize;
    let (epochs, got) = match recipe.plan {
        Plan::Probe => (o.head_epochs + o.epochs, "head_epochs and epochs together"),
        Plan::Top | Plan::Full => (o.epochs, "epochs"),
        Plan::Gradual => (1, "the plan gradual, whose last phase has a share of them"),
    };
    if (epochs as u64).is_multiple_of(cycles) {
        return Ok(());
    }
    let wanted = "a multiple of the number of snapshots: each is taken at the end of an epoch";
    let got = if recipe.plan == Plan::Gradual { got.into() } else { format!("{got} = {epochs}, snapshots = {cycles}") };
    Err(RecipeError::Field { field: "optimize.epochs", wanted, got })
}
