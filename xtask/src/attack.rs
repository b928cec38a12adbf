//! Whether a training that is killed ends as if nothing had happened to it.
//!
//! [`run`] trains with each of a table of recipes once undisturbed. Then it kills others, of the
//! same recipes, at moments that a seed draws over the time that those took, goes on with them,
//! perhaps kills them again, and compares every file that they leave in the end, byte for byte. It
//! links none of Taper's crates: what is attacked is the release binary.

mod args;
mod plan;
mod process;
mod table;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub use args::AttackArgs;

use plan::Plan;
use process::{Ended, Place, WHOLE};
use table::{Row, table};

use crate::output::{line, note};
use crate::runs::binary::release;
use crate::runs::compare::differences;
use crate::runs::recipes::{HEAD_THEN_ALL, MEMBERS, PLATEAU, Recipe, SCRATCH, SEARCH, SNAPSHOTS};

/// What is attacked: together they need everything that a checkpoint has to remember.
const RECIPES: [Recipe; 6] = [HEAD_THEN_ALL, SCRATCH, MEMBERS, SNAPSHOTS, PLATEAU, SEARCH];

/// A process takes no longer than so many times what the undisturbed one took, and this.
const PATIENCE: (u32, Duration) = (20, Duration::from_secs(30));

/// Does what the arguments say in the repository at `root`; true when every run ended like the
/// undisturbed one.
///
/// # Errors
/// When the binary cannot be built, or an undisturbed run fails.
pub fn run(root: &Path, args: &AttackArgs) -> Result<bool> {
    let place = Place::new(root, release(root)?)?;
    let wholes = RECIPES
        .iter()
        .map(|recipe| {
            let took = place.whole(recipe)?;
            note(format_args!("{}: {:.2} s undisturbed", recipe.name, took.as_secs_f64()));
            Ok(took)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut rows: Vec<Row> = RECIPES.iter().map(|recipe| Row::new(recipe.name)).collect();
    let mut plan = Plan::new(args.seed, RECIPES.len());
    for number in 0.. {
        let killed: u32 = rows.iter().map(Row::kills).sum();
        if killed >= args.kills {
            break;
        }
        let trial = plan.trial(args.kills - killed);
        let (recipe, whole, row) = (&RECIPES[trial.recipe], wholes[trial.recipe], &mut rows[trial.recipe]);
        let name = format!("run-{number}-{}", recipe.name);
        let patience = PATIENCE.0 * whole + PATIENCE.1;
        // After the last kill it comes to its end.
        let mut kills = trial.moments.iter().map(|share| Some(whole.mul_f64(*share))).chain([None]);
        let said = loop {
            let kill = kills.next().flatten();
            match place.go_on(recipe, &name, kill, patience)? {
                Ended::Killed(when) if kill.is_some() => row.killed(when),
                Ended::Killed(_) => break vec!["it does not come to its end".to_owned()],
                Ended::Badly(how) => break vec![how],
                Ended::Well => {
                    let differ = differences(&place.path(WHOLE, recipe), &place.path(&name, recipe))?;
                    break differ.iter().map(ToString::to_string).collect();
                }
            }
        };
        row.ended(said.is_empty());
        if said.is_empty() {
            place.remove(&name, recipe).with_context(|| format!("cannot remove {name}"))?;
        } else {
            note(format_args!("{name} differs:\n  {}", said.join("\n  ")));
        }
        if number > 100 * args.kills {
            bail!("too many runs ended before they could be killed");
        }
    }
    line(table(&rows));
    let well = rows.iter().all(Row::well);
    if !well {
        line(format_args!("what differs lies in {}", place.folder().display()));
    }
    Ok(well)
}
