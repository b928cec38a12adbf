//! Flags that leave nothing to do for each other, or for what a recipe has.

use taper_trainer::recipe::{HeadKind, Plan, Recipe, RecipeError, Rule, ScheduleRecipe};

/// Flags that are not given together.
const CONFLICTS: &[[&str; 2]] = &[["snapshots", "schedule"]];

/// The flags that one is not given with.
pub(super) fn with(flag: &str) -> Vec<&'static str> {
    let other = |[a, b]: &[&'static str; 2]| match flag {
        flag if flag == *a => Some(*b),
        flag if flag == *b => Some(*a),
        _ => None,
    };
    CONFLICTS.iter().filter_map(other).collect()
}

/// What a recipe must be once a flag is given.
struct Requirement {
    given: Given,
    field: &'static str,
    wanted: &'static str,
    /// What it is, where it is something else.
    broken: fn(&Recipe) -> Option<String>,
}

/// A flag that wants something of the recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// `--plan auto`.
    Auto,
    /// `--schedule NAME`.
    Schedule,
    /// `--snapshots M`.
    Snapshots,
}

const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        given: Given::Schedule,
        field: "optimize.schedule",
        wanted: "left alone with the rule lbfgs: a line search finds the length of its steps",
        broken: |r| lbfgs(r).then(|| r.optimize.schedule.name().to_owned()),
    },
    Requirement {
        given: Given::Snapshots,
        field: "optimize.epochs",
        wanted: "a multiple of the number of snapshots: each is taken at the end of an epoch",
        broken: within_an_epoch,
    },
    Requirement {
        given: Given::Auto,
        field: "plan",
        wanted: "one of its own: `train` begins with random weights, which say nothing",
        broken: |r| (!r.pretrained).then(|| "auto".into()),
    },
    Requirement {
        given: Given::Auto,
        field: "plan",
        wanted: "probe with the rule lbfgs, which trains a head alone",
        broken: |r| lbfgs(r).then(|| "auto".into()),
    },
    Requirement {
        given: Given::Auto,
        field: "head.kind",
        wanted: "concat_pool or mlp with --plan auto: an own head belongs to the last stage",
        broken: |r| (r.head.kind == HeadKind::Own).then(|| "own".into()),
    },
    Requirement {
        given: Given::Auto,
        field: "cut",
        wanted: "left to --plan auto, which finds the stage",
        broken: |r| r.cut.clone(),
    },
];

/// Refuses a recipe in which a flag has nothing to do.
///
/// # Errors
/// Names the setting that is in the way.
pub(super) fn refuse(given: &[Given], recipe: &Recipe) -> Result<(), RecipeError> {
    let wanted = REQUIREMENTS.iter().filter(|requirement| given.contains(&requirement.given));
    for Requirement { field, wanted, broken, .. } in wanted {
        if let Some(got) = broken(recipe) {
            return Err(RecipeError::Field { field, wanted, got });
        }
    }
    Ok(())
}

fn lbfgs(recipe: &Recipe) -> bool {
    matches!(recipe.optimize.rule, Rule::Lbfgs(_))
}

/// Cycles that end within an epoch, of which no snapshots are kept.
fn within_an_epoch(recipe: &Recipe) -> Option<String> {
    let ScheduleRecipe::SnapshotCycles { cycles } = recipe.optimize.schedule else { return None };
    let o = &recipe.optimize;
    let (epochs, got) = match recipe.plan {
        Plan::Probe => (o.head_epochs + o.epochs, "head_epochs and epochs together"),
        Plan::Top | Plan::Full => (o.epochs, "epochs"),
        Plan::Gradual => (1, "the plan gradual, whose last phase has a share of them"),
    };
    if (epochs as u64).is_multiple_of(cycles) {
        return None;
    }
    Some(if recipe.plan == Plan::Gradual { got.into() } else { format!("{got} = {epochs}, snapshots = {cycles}") })
}
