//! `taper optimize`: how optimizers move.

use std::fmt::Write as _;

use anyhow::Result;
use clap::ArgGroup;
use serde_json::json;

use super::chart_files::ChartFiles;
use crate::output::line;
use taper_report::landscape::{
    Function, LandscapeError, Layout, NamedSchedule, Path, Walk, courses, draw_paths, draw_schedules, follow, schedules,
};

/// Draw how optimizers move on a function of two variables, or how schedules change the learning
/// rate.
#[derive(Debug, clap::Args)]
#[command(
    group(ArgGroup::new("output").args(["svg", "png", "csv"]).required(true).multiple(true)),
    after_help = "Examples:\n  taper optimize --on quadratic --condition 50 --rules sgd,momentum,adam --svg ravine.svg\n  taper optimize --on saddle --rules sgd=0.03,rmsprop,newton --steps 200 --png saddle.png --csv saddle.csv\n  taper optimize --rules adam,adam:correct=false,momentum=0.01:rho=0.99 --start=-1,0.8 --svg first.svg\n  taper optimize --schedules cosine,step-decay:every=30:factor=0.1 --steps 100 --svg schedules.svg\n\nRules: sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, amsgrad, adamw, adamax, nadam, radam, lion, lars, lamb,\nmuon, soap, prodigy, adafactor, schedule-free-adamw; of second order: newton, bfgs, lbfgs. `all` is every one. Each has a rate that suits the function.\nParameters follow a name, `:NAME=VALUE` each; one that a rule or schedule has not is told those it has."
)]
pub struct OptimizeArgs {
    /// The function: quadratic, rosenbrock, beale, saddle or bump
    #[arg(long, default_value = "quadratic", value_name = "FUNCTION")]
    on: String,
    /// How much steeper the quadratic function is across than along, 1 or more [default: 50]
    #[arg(long, allow_negative_numbers = true)]
    condition: Option<f64>,
    /// The rules, in the order of the legend; with a rate of its own as in adam=0.05, and with
    /// parameters as in adam:correct=false
    #[arg(long, default_value = "sgd,momentum,nesterov,adagrad,rmsprop,adam", value_name = "LIST")]
    rules: String,
    /// The learning rate of the rules that have none of their own
    /// [default: one for each rule and function]
    #[arg(long, allow_negative_numbers = true)]
    lr: Option<f64>,
    /// The momentum of `momentum` and `nesterov` where they have none of their own [default: 0.9]
    #[arg(long, value_name = "RHO", allow_negative_numbers = true)]
    momentum: Option<f64>,
    /// Where all begin, within the picture, as in -1.5,0.5 [default: one for each function]
    #[arg(long, value_name = "X,Y", allow_hyphen_values = true, value_parser = place)]
    start: Option<[f64; 2]>,
    /// The standard deviation of the noise on each element of a gradient
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    noise: f64,
    /// The seed of the noise
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Draw schedules instead: those of the list, or all
    #[arg(
        long, value_name = "LIST", num_args = 0..=1, default_missing_value = "all",
        conflicts_with_all = ["on", "condition", "rules", "lr", "momentum", "start", "noise", "seed"]
    )]
    schedules: Option<String>,
    /// How many updates
    #[arg(long, default_value_t = 100)]
    steps: u64,
    #[command(flatten)]
    files: ChartFiles,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb. Nothing is written before everything is drawn.
///
/// # Errors
/// When a name or a number is wrong, or a file cannot be written.
pub fn optimize(args: &OptimizeArgs) -> Result<i32> {
    args.files.check()?;
    match &args.schedules {
        Some(list) => {
            let drawn = schedules(list, args.steps)?;
            args.files.write(&draw_schedules(&drawn)?, &factors(&drawn))?;
            tell_schedules(args, &drawn)?;
        }
        None => {
            let function = function(args)?;
            let walk = Walk { steps: args.steps, noise: args.noise, seed: args.seed, start: args.start };
            let courses = courses(&rules(args), args.lr, &function)?;
            let paths: Vec<Path> =
                courses.iter().map(|course| follow(&function, course, walk)).collect::<Result<_, _>>()?;
            args.files.write(&draw_paths(&function, walk, &paths, Layout::Wide)?, &points(&paths))?;
            tell_paths(args, &function, &paths)?;
        }
    }
    Ok(0)
}

/// Two numbers with a comma between them.
fn place(text: &str) -> Result<[f64; 2], &'static str> {
    let wanted = "two numbers, as in -1.5,0.5";
    let (x, y) = text.split_once(',').ok_or(wanted)?;
    let number = |text: &str| text.trim().parse().map_err(|_| wanted);
    Ok([number(x)?, number(y)?])
}

/// The list of rules, with the momentum for those that take one.
fn rules(args: &OptimizeArgs) -> String {
    let Some(momentum) = args.momentum else { return args.rules.clone() };
    let with = |item: &str| {
        let name = item.split([':', '=']).next().unwrap_or_default().trim().to_lowercase();
        let takes = ["momentum", "nesterov"].contains(&name.as_str()) && !item.contains(":rho=");
        if takes { format!("{item}:rho={momentum}") } else { item.to_owned() }
    };
    args.rules.split(',').map(with).collect::<Vec<_>>().join(",")
}

fn function(args: &OptimizeArgs) -> Result<Function, LandscapeError> {
    let function = Function::named(&args.on, args.condition.unwrap_or(50.0))?;
    match (args.condition, function) {
        (Some(condition), other) if !matches!(other, Function::Quadratic { .. }) => Err(LandscapeError::Field {
            field: format!("--condition with --on {}", other.name()),
            wanted: "left out: only quadratic has one to choose",
            got: condition.to_string(),
        }),
        _ => Ok(function),
    }
}

/// The table of all paths.
fn points(paths: &[Path]) -> String {
    let mut csv = "rule,step,x,y,loss\n".to_owned();
    for path in paths {
        for (step, (point, loss)) in path.points.iter().zip(&path.losses).enumerate() {
            // Writing into a string cannot fail.
            let _ = writeln!(csv, "{},{step},{},{},{loss:e}", path.name, point[0], point[1]);
        }
    }
    csv
}

/// The table of all schedules.
fn factors(schedules: &[NamedSchedule]) -> String {
    let mut csv = "schedule,step,factor\n".to_owned();
    for schedule in schedules {
        for (step, factor) in schedule.factors.iter().enumerate() {
            let _ = writeln!(csv, "{},{step},{factor}", schedule.name);
        }
    }
    csv
}

fn tell_paths(args: &OptimizeArgs, function: &Function, paths: &[Path]) -> Result<()> {
    if args.json {
        let told: Vec<_> = paths
            .iter()
            .map(|path| {
                json!({
                    "rule": path.name, "rate": path.rate, "steps": path.points.len() - 1, "end": path.points.last(),
                    "loss": path.losses.last(), "diverged": path.diverged,
                })
            })
            .collect();
        let [svg, png, csv] = args.files.names();
        let condition = if let Function::Quadratic { condition } = function { Some(condition) } else { None };
        return line(json!({
            "schema": 1, "command": "optimize", "function": function.name(), "condition": condition,
            "start": args.start.unwrap_or_else(|| function.start()), "steps": args.steps, "noise": args.noise, "seed": args.seed, "paths": told,
            "svg": svg, "png": png, "csv": csv,
        }));
    }
    line(format_args!("{}: {}", function.name(), function.formula()))?;
    let width = paths.iter().map(|path| path.name.len()).max().unwrap_or(0);
    for path in paths {
        let rate = path.rate.map_or_else(String::new, |rate| format!("rate {rate}"));
        let steps = path.points.len() - 1;
        let (name, loss, [x, y]) = (&path.name, path.losses[steps], path.points[steps]);
        let end = if path.diverged {
            format!("diverged: lost after {steps} steps; the picture shows it up to the window's edge")
        } else {
            format!("loss {loss:<9.2e} at ({x:.3}, {y:.3}) after {steps} steps")
        };
        line(format_args!("  {name:width$}  {rate:<12} {end}"))?;
    }
    args.files.tell()
}

fn tell_schedules(args: &OptimizeArgs, schedules: &[NamedSchedule]) -> Result<()> {
    if args.json {
        let told: Vec<_> = schedules
            .iter()
            .map(|schedule| json!({"schedule": schedule.name, "expression": schedule.expression}))
            .collect();
        let [svg, png, csv] = args.files.names();
        return line(json!({
            "schema": 1, "command": "optimize", "steps": args.steps, "schedules": told,
            "svg": svg, "png": png, "csv": csv,
        }));
    }
    for schedule in schedules {
        line(format_args!("{:16} {}", schedule.name, schedule.expression))?;
    }
    args.files.tell()
}
